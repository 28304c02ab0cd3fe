"""Animations as Live Link Face takes: a CSV of 61 channels that other tools read."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from .animation import FaceAnimation
from .archive import replacing
from .face.arkit import ARKIT_NAMES

_HEAD_AND_EYES = (
    "HeadYaw", "HeadPitch", "HeadRoll",
    "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw", "RightEyePitch", "RightEyeRoll",
)  # fmt: skip


def write_livelink(path: Path, animation: FaceAnimation) -> None:
    """Write `(T, 52)` blendshapes in Live Link Face's columns; channels that the model lacks are zero.

    The timecode is `hours:minutes:seconds:frame.thousandths` from zero, as the app writes it.
    """
    columns = [name[0].upper() + name[1:] for name in ARKIT_NAMES] + list(_HEAD_AND_EYES)
    values = np.zeros((animation.frame_count, len(columns)), np.float32)
    for source, name in enumerate(animation.blendshape_names):
        if name in ARKIT_NAMES:
            values[:, ARKIT_NAMES.index(name)] = animation.blendshapes[:, source]
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["Timecode", "BlendshapeCount", *columns])
        for frame, row in enumerate(values):
            writer.writerow([_timecode(frame, animation.fps), len(columns), *(f"{value:.10f}" for value in row)])


def _timecode(frame: int, fps: float) -> str:
    seconds, inner = divmod(frame / fps + 1e-9, 1)
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}:{minute:02d}:{second:02d}:{inner * fps:06.3f}"
