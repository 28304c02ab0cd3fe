"""From a configuration to an untrained network: what it hears, how it is shaped, where its numbers start."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lipsync_core.audio.features import FeatureSpec
from lipsync_core.model.encoders import WINDOW_COLUMNS, EncoderSpec
from lipsync_core.phones.classes import PHONE_CLASSES

from .config import ModelConfig, TrainingConfig
from .dataset import Footage, Hearing
from .networks import PaperEncoder, SpeakerNetwork, TrackEncoder, direct_geometry, paper_geometry, posed_geometry
from .texture_ground import TextureGround
from .texture_networks import TextureNetwork, paper_texture, sheet_texture


def feature_spec(config: ModelConfig) -> FeatureSpec:
    """Return what the configured encoder hears."""
    if config.encoder == "track":
        return FeatureSpec(kind="log_mel", channel_seconds=config.channel_seconds, rumble=False)
    return FeatureSpec(kind="complex_stft", rumble=False)


def encoder_spec(config: ModelConfig) -> EncoderSpec:
    """Return the shape of the configured encoder."""
    return EncoderSpec(
        kind=config.encoder,
        code_size=config.code_size,
        code_stride=config.code_stride if config.encoder == "track" else 1,
        fast_dilations=config.fast_dilations if config.encoder == "track" else (),
        slow_dilations=config.slow_dilations if config.encoder == "track" else (),
        phones=PHONE_CLASSES if config.phones and config.encoder == "track" else (),
    )


def hearing(config: ModelConfig) -> Hearing:
    """Return what the configured encoder wants to hear of a piece of footage: the paper's, no more than its window."""
    spec, rate = encoder_spec(config), feature_spec(config).column_rate
    context = {"track": Hearing().context, "paper": WINDOW_COLUMNS // 2 + 1}
    return Hearing(rate, spec.code_stride, context[config.encoder])


def build_network(
    config: ModelConfig,
    blendshape_count: int,
    components: NDArray[np.float32],
    ground: TextureGround | None = None,
) -> SpeakerNetwork:
    """Make an untrained network.

    Args:
        config: Its shape.
        blendshape_count: Number of blendshapes.
        components: `(K, 1404)` principal components of the face's motion, for the geometry decoder.
        ground: What the texture is made on; None for motion alone.
    """
    spec, size = encoder_spec(config), config.code_size
    encoder: TrackEncoder | PaperEncoder
    if config.encoder == "track":
        encoder = TrackEncoder(spec, feature_spec(config).size, config.width, config.dropout)
    else:
        encoder = PaperEncoder(spec)
    geometry: nn.Module
    if config.geometry == "paper":
        geometry = paper_geometry(components, size, config.geometry_units, config.geometry_dropout)
    else:
        geometry = direct_geometry(components, size)
    network = SpeakerNetwork(encoder, geometry, size, blendshape_count, _texture_network(config, ground))
    if config.geometry == "posed":
        network.geometry = posed_geometry(network.blendshapes)
    return network


def _texture_network(config: ModelConfig, ground: TextureGround | None) -> TextureNetwork | None:
    if ground is None:
        return None
    if ground.appearance is None:
        return paper_texture(config.code_size, config.memory_size)
    scale = torch.from_numpy(ground.appearance.scale)
    return sheet_texture(config.code_size, config.memory_size, config.texture_units, scale)


def principal_components(offsets: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return the `(K, 1404)` main motions of `(T, 468, 3)` offsets, each as long as its standard deviation."""
    flat = offsets.reshape(len(offsets), -1).astype(np.float64)
    centred = flat - flat.mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(flat))
    order = np.argsort(values)[::-1][:count]
    return (vectors[:, order] * np.sqrt(np.clip(values[order], 0, None))).T.astype(np.float32)


def untrained_network(footage: Footage, config: TrainingConfig, ground: TextureGround | None = None) -> SpeakerNetwork:
    """Make the network, started from the statistics of the footage."""
    sample = footage.sample()
    components = principal_components(sample.offsets.numpy(), max(config.model.code_size, config.model.geometry_units))
    network = build_network(config.model, footage.blendshapes.shape[1], components, ground)
    network.offset_mean.copy_(sample.offsets.flatten(1).mean(0))
    network.blendshapes.bias.data.copy_(sample.blendshapes.mean(0))
    if isinstance(network.encoder, TrackEncoder):
        network.encoder.band_mean.copy_(footage.features.mean(0))
        network.encoder.band_deviation.copy_(footage.features.std(0).clamp(min=1e-3))
    return network
