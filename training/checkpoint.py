"""A run's state on disk, from which training goes on and models are exported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lipsync_core.archive import replacing
from lipsync_core.errors import FormatError

CHECKPOINT_NAME = "checkpoint.pt"


@dataclass(frozen=True)
class Checkpoint:
    """Everything that training goes on from.

    Attributes:
        step: Batches shown so far.
        network: The weights.
        average: Their running average, which is exported.
        optimizer: The optimiser's state.
        schedule: The learning rate's state.
        random_state: State of the sampler's generator.
        dropout_state: State of torch's own generator on the CPU.
        neutral: `(468, 3)`, face units.
        texture: What the texture is made on (`TextureGround.to_values`); None for motion alone.
        about: The clip's speaker, fps, consent, licence, blendshapes and training seconds.
    """

    step: int
    network: dict[str, Tensor]
    average: dict[str, Tensor]
    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    random_state: Tensor
    dropout_state: Tensor
    neutral: Tensor
    texture: dict[str, Any] | None
    about: dict[str, Any]


def write_checkpoint(run_folder: Path, checkpoint: Checkpoint) -> None:
    """Write the state, whole or not at all."""
    values = {name: getattr(checkpoint, name) for name in checkpoint.__dataclass_fields__}
    with replacing(run_folder / CHECKPOINT_NAME) as partial:
        torch.save(values, partial)


def read_checkpoint(run_folder: Path) -> Checkpoint:
    """Read what `write_checkpoint` wrote.

    Raises:
        FormatError: If the folder holds no checkpoint.
    """
    path = run_folder / CHECKPOINT_NAME
    if not path.is_file():
        raise FormatError(f"{run_folder} holds no checkpoint; give the folder that `lipsync3d train -o` wrote.")
    return Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
