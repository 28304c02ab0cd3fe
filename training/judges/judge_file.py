"""The file of a judge: its weights, and what is needed to build its network again."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lipsync_core.archive import replacing
from lipsync_core.errors import FormatError

_FORMAT = "lipsync3d-judge"
_VERSION = 1


def write_judge(path: Path, kind: str, shape: dict[str, Any], weights: dict[str, Tensor]) -> None:
    """Write a judge, whole or not at all.

    Args:
        path: Where.
        kind: What it is, as `lip reader`.
        shape: Numbers that its network is built from.
        weights: Its state.
    """
    with replacing(path) as partial:
        torch.save({"format": _FORMAT, "version": _VERSION, "kind": kind, "shape": shape, "weights": weights}, partial)


def read_judge(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read the shape and the weights that `write_judge` wrote.

    Raises:
        FormatError: If the file is missing, damaged, of another kind, or newer than this version.
    """
    if not path.is_file():
        raise FormatError(f"There is no {kind} at {path}; check the path.")
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as fault:
        raise FormatError(f"{path} is no {kind}, or is damaged; train it again.") from fault
    if not isinstance(values, dict) or values.get("format") != _FORMAT or values.get("kind") != kind:
        raise FormatError(f"{path} is no {kind}; give a file that was saved as one.")
    if values["version"] > _VERSION:
        raise FormatError(f"{path} is of a newer version than this LipSync3D reads; update LipSync3D.")
    return values["shape"], values["weights"]
