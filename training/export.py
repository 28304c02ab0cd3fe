"""From a run folder to a `.lipsync3d` file: torch's weights in NumPy's order, the decoders folded into shapes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lipsync_core.model.model_file import ModelDescription, SpeechModel

from .checkpoint import Checkpoint, read_checkpoint
from .config import TrainingConfig, read_config
from .networks import SpeakerNetwork
from .run_folder import CONFIG_NAME, read_held_out
from .trainer import build_network, encoder_spec, feature_spec

Array = NDArray[np.float32]


def export_run(run_folder: Path, notes: str = "") -> SpeechModel:
    """Make the model that a run folder holds.

    Args:
        run_folder: What `lipsync3d train -o` wrote.
        notes: For the model's description.

    Raises:
        FormatError: If there is no checkpoint.
    """
    saved = read_checkpoint(run_folder)
    config = read_config(run_folder / CONFIG_NAME)
    description = _description(saved, read_held_out(run_folder), notes)
    return model_from_network(restored_network(saved, config), config, saved.neutral.numpy(), description, saved)


def restored_network(saved: Checkpoint, config: TrainingConfig) -> SpeakerNetwork:
    """Return the averaged network of a checkpoint, ready to predict."""
    network = build_network(config.model, len(saved.about["blendshapes"]), np.zeros((0, 468 * 3), np.float32))
    network.load_state_dict(saved.average)
    return network.eval()


def model_from_network(
    network: SpeakerNetwork,
    config: TrainingConfig,
    neutral: Array,
    description: ModelDescription,
    saved: Checkpoint,
) -> SpeechModel:
    """Turn a network into what inference reads.

    The code is turned and scaled so that its numbers are uncorrelated main motions of the mesh, largest first, each of
    about unit deviation: the encoder's last layer and the decoders are linear, so nothing else changes.
    """
    weight, bias = _folded_geometry(network.geometry)
    turn, back = _principal_turn(weight)
    encoder = _encoder_weights(network.encoder.state_dict())
    encoder["exit.weight"], encoder["exit.bias"] = encoder["exit.weight"] @ turn, encoder["exit.bias"] @ turn
    offset = network.offset_mean.numpy() + bias
    return SpeechModel(
        description=description,
        features=feature_spec(config.model),
        encoder=encoder_spec(config.model),
        encoder_weights=encoder,
        neutral=neutral,
        base=(neutral + offset.reshape(468, 3)).astype(np.float32),
        shapes=(back @ weight.T).reshape(-1, 468, 3).astype(np.float32),
        blendshape_names=tuple(saved.about["blendshapes"]),
        blendshape_weights=(back @ network.blendshapes.weight.detach().numpy().T).astype(np.float32),
        blendshape_bias=network.blendshapes.bias.detach().numpy().astype(np.float32),
    )


def _folded_geometry(geometry: nn.Module) -> tuple[Array, Array]:
    """Return the `(1404, N)` matrix and `(1404,)` bias that all linear layers amount to."""
    layers = [layer for layer in geometry.modules() if isinstance(layer, nn.Linear)]
    weight = layers[0].weight.detach().double()
    bias = layers[0].bias.detach().double()
    for layer in layers[1:]:
        matrix = layer.weight.detach().double()
        weight, bias = matrix @ weight, matrix @ bias + layer.bias.detach().double()
    return weight.numpy(), bias.numpy()


def _principal_turn(weight: Array) -> tuple[Array, Array]:
    """Return the `(N, N)` matrix that turns codes to principal motions, and its inverse.

    With `weight = U S V^T` and codes as rows, `code @ V S` are the amounts of the unit motions `U^T`, scaled by the
    largest singular value so that they stay small numbers.
    """
    _, singular, vt = np.linalg.svd(weight, full_matrices=False)
    scale = np.maximum(singular, 1e-6 * singular[0]) / singular[0]
    return vt.T * scale, vt / scale[:, None]


def _encoder_weights(state: Mapping[str, Tensor]) -> dict[str, Array]:
    """Bring convolutions `(O, C, K)` and matrices `(O, I)` into the order `(K, C, O)` and `(I, O)`."""
    return {name: np.ascontiguousarray(_turned(value.double().numpy()), np.float64) for name, value in state.items()}


def _turned(array: Array) -> Array:
    return array.transpose(2, 1, 0) if array.ndim == 3 else array.T


def _description(saved: Checkpoint, held_out: Mapping[str, float], notes: str) -> ModelDescription:
    about = saved.about
    return ModelDescription(
        speaker=about["speaker"],
        fps=about["fps"],
        created=date.today().isoformat(),
        training_seconds=round(about["training_seconds"], 1),
        held_out=dict(held_out),
        consent=about["consent"],
        licence=about["licence"],
        notes=notes,
    )


def pick_device(name: str) -> torch.device:
    """Return the device of a name: `cpu`, `cuda`, or the better of what is there for `auto`."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
