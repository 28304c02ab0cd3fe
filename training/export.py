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
from lipsync_core.model.texture import PicturePainter, SheetPainter, TextureModel

from .building import build_network, encoder_spec, feature_spec
from .checkpoint import Checkpoint, read_checkpoint
from .config import TrainingConfig, read_config
from .networks import SpeakerNetwork
from .run_folder import CONFIG_NAME, read_held_out
from .texture_export import decoder_layers, memory_layers
from .texture_ground import TextureGround

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
    no_components = np.zeros((0, 468 * 3), np.float32)
    network = build_network(config.model, len(saved.about["blendshapes"]), no_components, _ground(saved))
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
    encoder = _encoder_weights(network.encoder)
    encoder |= {name: encoder[name] @ turn for name in ("exit.weight", "exit.bias")}
    offset = network.offset_mean.numpy() + bias
    return SpeechModel(
        description=description,
        features=feature_spec(config.model),
        encoder=encoder_spec(config.model),
        encoder_weights={name: array.astype(np.float32) for name, array in encoder.items()},
        neutral=neutral,
        base=(neutral + offset.reshape(468, 3)).astype(np.float32),
        shapes=(back @ weight.T).reshape(-1, 468, 3).astype(np.float32),
        blendshape_names=tuple(saved.about["blendshapes"]),
        blendshape_weights=(back @ network.blendshapes.weight.detach().numpy().T).astype(np.float32),
        blendshape_bias=network.blendshapes.bias.detach().numpy().astype(np.float32),
        texture=_texture(network, saved, back),
    )


def _ground(saved: Checkpoint) -> TextureGround | None:
    return TextureGround.from_values(saved.texture) if saved.texture else None


def _texture(network: SpeakerNetwork, saved: Checkpoint, back: Array) -> TextureModel | None:
    """Turn the texture network into what inference reads; `back` `(N, N)` turns exported codes into the network's."""
    ground = _ground(saved)
    if ground is None or network.texture is None:
        return None
    decoder, memory = decoder_layers(network.texture.decoder, back), memory_layers(network.texture.memory)
    painter: SheetPainter | PicturePainter
    if ground.appearance is None:
        painter = PicturePainter(decoder, memory)
    else:
        shown = ground.appearance
        painter = SheetPainter(shown.layout, shown.shown_mean, shown.shown_components, decoder, memory)
    return TextureModel(ground.reference.layout, ground.reference.picture, painter, ground.reference.light)


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


def _encoder_weights(encoder: nn.Module) -> dict[str, Array]:
    """Name every array as inference reads it.

    Convolutions `(O, C, K)` become `(K, C, O)`, matrices `(O, I)` become `(I, O)`, and a batch norm becomes the gain
    and bias that it amounts to.
    """
    weights = {name: buffer.double().numpy() for name, buffer in encoder.named_buffers(recurse=False)}
    for name, layer in encoder.named_modules():
        if isinstance(layer, nn.Conv1d | nn.Linear):
            axes = (2, 1, 0) if isinstance(layer, nn.Conv1d) else (1, 0)
            weights[f"{name}.weight"] = layer.weight.detach().double().numpy().transpose(axes)
            weights[f"{name}.bias"] = _bias(layer).double().numpy()
        elif isinstance(layer, nn.BatchNorm1d):
            gain, bias = _folded_norm(layer)
            weights |= {f"{name}.weight": gain, f"{name}.bias": bias}
    return weights


def _folded_norm(norm: nn.BatchNorm1d) -> tuple[Array, Array]:
    if norm.running_mean is None or norm.running_var is None:
        raise TypeError("a batch norm without running statistics cannot be exported")
    gain = norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()
    return gain.numpy(), (norm.bias.detach().double() - norm.running_mean.double() * gain).numpy()


def _bias(layer: nn.Conv1d | nn.Linear) -> Tensor:
    return torch.zeros(layer.weight.shape[0]) if layer.bias is None else layer.bias.detach()


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
