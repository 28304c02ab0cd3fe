"""From a finished model back to a network that learns on: its encoder, with decoders fitted to a new face.

A model holds each batch norm as the gain and bias that it amounts to. Where the network learns on, the norm needs the
statistics again; they are measured on the new footage, so that nothing the encoder says changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lipsync_core.errors import ConfigError
from lipsync_core.model.model_file import SpeechModel, read_model

from .building import encoder_spec, feature_spec
from .config import ModelConfig
from .dataset import Footage
from .networks import SpeakerNetwork, TrackEncoder

Array = NDArray[np.float32]

BUILT_IN = "built-in"
"""What the model for any voice is called where a model's path may be given."""

DEFAULT_MODEL = "any_voice.lipsync3d"
_RIDGE = 1e-3  # share of the codes' mean power added when decoders are fitted
_MOST_COLUMNS = 60_000  # of the footage, on which norms are measured and decoders fitted: ten minutes


def default_model_path() -> Path | None:
    """Return where the model for any voice lies, in a checkout or beside an installed package; None if nowhere."""
    package = Path(__file__).parent
    places = (package.parent / "addon" / "models" / DEFAULT_MODEL, package / DEFAULT_MODEL)
    return next((place for place in places if place.is_file()), None)


def begin_with(start: str, config: ModelConfig) -> Callable[[SpeakerNetwork, Footage], None]:
    """Return what puts a model into a network that is about to be trained.

    Args:
        start: The model's file; `BUILT_IN`: the one for any voice.
        config: The network's shape.

    Raises:
        ConfigError: If there is no model for any voice.
        FormatError: If the file is no model.
    """
    model = read_model(built_in_model() if start == BUILT_IN else Path(start))
    return partial(start_from, model, config=config)


def built_in_model() -> Path:
    """Return where the model for any voice lies.

    Raises:
        ConfigError: If it is nowhere.
    """
    path = default_model_path()
    if path is None:
        raise ConfigError("The model for any voice is not here to start from; install LipSync3D again.")
    return path


def fits(model: SpeechModel, config: ModelConfig) -> bool:
    """Tell whether a network of this configuration can start from a model's encoder."""
    width = model.encoder_weights["entry.weight"].shape[-1] if "entry.weight" in model.encoder_weights else 0
    return (model.encoder, model.features, width) == (encoder_spec(config), feature_spec(config), config.width)


def start_from(model: SpeechModel, network: SpeakerNetwork, footage: Footage, config: ModelConfig) -> None:
    """Put a model's encoder into a network, and fit the network's linear decoders to footage.

    Args:
        model: What to start from.
        network: What is about to be trained; changed in place.
        footage: What it will be trained on.
        config: The network's shape.

    Raises:
        ConfigError: If the shapes differ.
    """
    encoder = network.encoder
    if not fits(model, config) or not isinstance(encoder, TrackEncoder):
        raise ConfigError("The starting model's encoder has another shape; leave [model] as it is, or start from none.")
    load_encoder(encoder, model.encoder_weights)
    features = encoder.standardise(footage.features[:_MOST_COLUMNS])[None]
    heard = torch.nonzero(footage.columns < features.shape[1])[:, 0]
    codes = _measured_codes(encoder, features, footage.columns[heard][None])
    _fit_decoders(network, codes, footage, heard)


def load_encoder(encoder: TrackEncoder, weights: Mapping[str, Array]) -> None:
    """Put exported weights back, as the export wrote them; the batch norms' statistics become 0 and 1."""
    with torch.no_grad():
        encoder.band_mean.copy_(torch.from_numpy(weights["band_mean"]))
        encoder.band_deviation.copy_(torch.from_numpy(weights["band_deviation"]))
        for name, layer in encoder.named_modules():
            if isinstance(layer, nn.Conv1d | nn.Linear | nn.BatchNorm1d):
                weight = torch.from_numpy(weights[f"{name}.weight"].copy())
                layer.weight.copy_(weight.permute(*reversed(range(weight.ndim))))
                layer.get_parameter("bias").copy_(torch.from_numpy(weights[f"{name}.bias"]))
            if isinstance(layer, nn.BatchNorm1d):
                layer.get_buffer("running_mean").zero_()
                layer.get_buffer("running_var").fill_(1 - layer.eps)


@torch.no_grad()
def _measured_codes(encoder: TrackEncoder, features: Tensor, columns: Tensor) -> Tensor:
    """Run a track through, give every batch norm the statistics of what passes it, and return the codes `(T, N)`."""
    norms = [layer for layer in encoder.modules() if isinstance(layer, nn.BatchNorm1d)]
    watches = [norm.register_forward_hook(partial(_take_statistics)) for norm in norms]
    encoder.eval()
    try:
        return encoder(features, columns)[0]
    finally:
        for watch in watches:
            watch.remove()


def _take_statistics(norm: nn.BatchNorm1d, inputs: tuple[Tensor], _: Tensor) -> None:
    """Give a norm the mean and variance of its input `(1, C, T)`, with a gain and bias that undo the change."""
    mean, variance = inputs[0].mean((0, 2)), inputs[0].var((0, 2), correction=0)
    gain = norm.weight.clone()
    norm.bias.add_(mean * gain)
    norm.weight.mul_((variance + norm.eps).sqrt())
    norm.get_buffer("running_mean").copy_(mean)
    norm.get_buffer("running_var").copy_(variance)


@torch.no_grad()
def _fit_decoders(network: SpeakerNetwork, codes: Tensor, footage: Footage, frames: Tensor) -> None:
    """Fit the geometry and the blendshapes to the codes of some frames by ridge regression."""
    known = footage.known[frames] > 0
    codes, face = codes[known], footage.face(frames[known])
    mean = codes.mean(0)
    moved = (codes - mean).double()
    curvature = moved.T @ moved
    curvature += _RIDGE * curvature.diagonal().mean() * torch.eye(len(curvature), device=codes.device)
    if isinstance(network.geometry, nn.Linear):
        offsets = face.offsets.flatten(1) - network.offset_mean
        _regress(network.geometry, curvature, moved, mean, offsets)
    _regress(network.blendshapes, curvature, moved, mean, face.blendshapes)


def _regress(layer: nn.Linear, curvature: Tensor, moved: Tensor, mean: Tensor, wanted: Tensor) -> None:
    centre = wanted.mean(0)
    slope = torch.linalg.solve(curvature, moved.T @ (wanted - centre).double()).to(layer.weight.dtype)
    layer.weight.copy_(slope.T)
    layer.bias.copy_(centre - mean @ slope)
