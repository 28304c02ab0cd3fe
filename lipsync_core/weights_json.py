"""Animations as JSON: blendshape weights with the time of each frame, for any other program."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from .animation import FaceAnimation
from .archive import replacing

_FORMAT = "lipsync3d-weights"
_DIGITS = 4  # after the point: a ten-thousandth of a blendshape is not seen


def write_weights_json(path: Path, animation: FaceAnimation) -> None:
    """Write the times, s, and the `(T, B)` weights of an animation's blendshapes, one list for each shape."""
    weights = np.round(animation.blendshapes.T.astype(np.float64), _DIGITS)
    content = {
        "format": _FORMAT,
        "version": 1,
        "fps": animation.fps,
        "speaker": animation.description.speaker,
        "times": np.round(animation.times, 6).tolist(),
        "weights": dict(zip(animation.blendshape_names, weights.tolist(), strict=True)),
    }
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
