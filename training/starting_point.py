"""From a finished model back to a network that learns on: its encoder, with a code fitted to a new face.

A model holds each batch norm as the gain and bias that it amounts to. Where the network learns on, the norm needs the
statistics again; they are measured on the new footage, so that nothing the encoder says changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
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
from .networks import SpeakerNetwork, TrackEncoder, interpolate

Array = NDArray[np.float32]

BUILT_IN = "built-in"
"""What the model for any voice is called where a model's path may be given."""

DEFAULT_MODEL = "any_voice.lipsync3d"
_RIDGE = 1e-3  # share of the codes' mean power added when blendshapes are fitted to them
_CODE_RIDGE = 0.1  # the same, when the code is fitted to a face
_LEAST_POWER = 1e-6  # of the largest component's: what a face does not have has less
_MOST_COLUMNS = 60_000  # of the footage, on which norms are measured and the code is fitted: ten minutes


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
    """Tell whether a network of this configuration can start from a model's encoder, one that heard rumble included."""
    width = model.encoder_weights["entry.weight"].shape[-1] if "entry.weight" in model.encoder_weights else 0
    features = replace(model.features, rumble=False)
    encoder, wanted = (replace(spec, phones=()) for spec in (model.encoder, encoder_spec(config)))
    return (encoder, features, width) == (wanted, feature_spec(config), config.width)


def start_from(model: SpeechModel, network: SpeakerNetwork, footage: Footage, config: ModelConfig) -> None:
    """Put a model's encoder into a network, and fit its code to footage: its numbers are the main motions of the face.

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
    measure_norms(encoder, features)
    frames = torch.nonzero((footage.columns < features.shape[1]) & (footage.known > 0))[:, 0]
    _fit_code(network, encoder, features, footage, frames)


def load_encoder(encoder: TrackEncoder, weights: Mapping[str, Array]) -> None:
    """Put exported weights back, as the export wrote them; the batch norms' statistics become 0 and 1.

    A head for phones that the weights lack stays as it is.
    """
    with torch.no_grad():
        encoder.band_mean.copy_(torch.from_numpy(weights["band_mean"]))
        encoder.band_deviation.copy_(torch.from_numpy(weights["band_deviation"]))
        for name, layer in encoder.named_modules():
            if isinstance(layer, nn.Conv1d | nn.Linear | nn.BatchNorm1d) and f"{name}.weight" in weights:
                weight = torch.from_numpy(weights[f"{name}.weight"].copy())
                layer.weight.copy_(weight.permute(*reversed(range(weight.ndim))))
                layer.get_parameter("bias").copy_(torch.from_numpy(weights[f"{name}.bias"]))
            if isinstance(layer, nn.BatchNorm1d):
                layer.get_buffer("running_mean").zero_()
                layer.get_buffer("running_var").fill_(1 - layer.eps)


@torch.no_grad()
def measure_norms(encoder: TrackEncoder, features: Tensor) -> None:
    """Give every batch norm the statistics of what passes it, such that nothing changes that the encoder says.

    Args:
        encoder: As `load_encoder` leaves it; is in evaluation mode afterwards.
        features: `(1, C, F)`, standardised.
    """
    norms = [layer for layer in encoder.modules() if isinstance(layer, nn.BatchNorm1d)]
    watches = [norm.register_forward_hook(_take_statistics) for norm in norms]
    encoder.eval()
    try:
        encoder.hear(features)
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
def _fit_code(
    network: SpeakerNetwork, encoder: TrackEncoder, features: Tensor, footage: Footage, frames: Tensor
) -> None:
    """Fit the code to the main motions that the geometry shows, and the blendshapes to the code (ridge regression)."""
    positions = footage.columns[frames] / encoder.spec.code_stride
    heard, face = interpolate(encoder.hear(features), positions[None])[0], footage.face(frames)
    if isinstance(network.geometry, nn.Linear):
        amounts = _amounts(face.offsets.flatten(1) - network.offset_mean, network.geometry.weight)
        _regress(encoder.exit, heard, amounts, _CODE_RIDGE)
    _regress(network.blendshapes, encoder.exit(heard), face.blendshapes, _RIDGE)


def _amounts(offsets: Tensor, components: Tensor) -> Tensor:
    """Return how much `(T, 1404)` offsets have of each of `(1404, N)` components; 0 of components that are nothing."""
    power = components.square().sum(0)
    return torch.where(power > _LEAST_POWER * power.max(), offsets @ components / power.clamp(min=1e-12), 0.0)


def _regress(layer: nn.Linear, inputs: Tensor, wanted: Tensor, ridge: float) -> None:
    mean, centre = inputs.mean(0), wanted.mean(0)
    moved = (inputs - mean).double()
    curvature = moved.T @ moved
    curvature += ridge * curvature.diagonal().mean() * torch.eye(len(curvature), device=inputs.device)
    slope = torch.linalg.solve(curvature, moved.T @ (wanted - centre).double()).to(layer.weight.dtype)
    layer.weight.copy_(slope.T)
    layer.bias.copy_(centre - mean @ slope)
