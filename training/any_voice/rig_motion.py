"""Motion of a production rig beside its voice: FACEGOOD's Mandarin recordings (MIT), in ARKit's shapes.

A take is a sound and an array file of the same name with `weights (T, W)`, `names (W,)` and `fps`. Each of the rig's
names was matched to the ARKit shapes that move the lips in the same way. A frame of the rig stands for the moment at
which it begins: so its lips follow the loudness as filmed ones do, some 15 ms behind it, not 30.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipsync_core.arrays import FloatArray
from lipsync_core.audio.decoding import read_speech
from lipsync_core.errors import FormatError

from .corpus import SHAPES
from .real_motion import MovingTake

_SIDES = (("_l", "Left"), ("_r", "Right"))


def _both(rig: str, arkit: str, share: float) -> dict[str, dict[str, float]]:
    return {f"{rig}{end}": {f"{arkit}{side}": share} for end, side in _SIDES}


ARKIT_OF_RIG: Mapping[str, Mapping[str, float]] = {
    "mouth_stretch_c": {"jawOpen": 0.9},
    "mouth_oh_c": {"jawOpen": 0.22, "mouthFunnel": 0.45, "mouthPucker": 0.2},
    "mouth_oo_c": {"jawOpen": 0.05, "mouthFunnel": 0.2, "mouthPucker": 0.7},
    "jaw_sideways_l": {"jawLeft": 1.0},
    "jaw_sideways_r": {"jawRight": 1.0},
    **{f"mouth_funnel_{corner}": {"mouthFunnel": 0.25} for corner in ("dl", "dr", "ul", "ur")},
    **{f"mouth_suck_d{side}": {"mouthRollLower": 0.5} for side in "lr"},
    **{f"mouth_suck_u{side}": {"mouthRollUpper": 0.5} for side in "lr"},
    **{f"mouth_pucker_{side}": {"mouthPucker": 0.5} for side in "lr"},
    **_both("mouth_lowerLipDepress", "mouthLowerDown", 1.0),
    **_both("mouth_upperLipRaise", "mouthUpperUp", 1.0),
    **_both("mouth_lipCornerPull", "mouthSmile", 1.0),
    **_both("mouth_lipStretch", "mouthStretch", 1.0),
    **_both("mouth_press", "mouthPress", 1.0),
    **_both("mouth_dimple", "mouthDimple", 1.0),
    "mouth_chinRaise_u": {"mouthShrugUpper": 1.0},
    "mouth_chinRaise_d": {"mouthShrugLower": 1.0},
}
"""For each moving name of the rig, how much of which ARKit shapes its full weight amounts to."""

_SHUT_ROLL = 0.1  # of each lip, at which both are met
_PARTING_SHAPES = (
    *("mouthFunnel", "mouthUpperUpLeft", "mouthUpperUpRight"),
    *("mouthLowerDownLeft", "mouthLowerDownRight", "mouthStretchLeft", "mouthStretchRight"),
)

RIG_LICENCE = "MIT, The FACEGOOD Authors"


def rig_takes(folder: Path) -> Iterator[MovingTake]:
    """Read the takes of a folder.

    Raises:
        FormatError: If an array file is not of this kind, or its sound is missing.
    """
    for path in sorted(folder.glob("*.npz")):
        sound = next((s for s in (path.with_suffix(end) for end in (".flac", ".wav")) if s.is_file()), None)
        if sound is None:
            raise FormatError(f"{path} has no sound beside it; put {path.stem}.flac or {path.stem}.wav there.")
        try:
            with np.load(path) as arrays:
                weights, names, fps = arrays["weights"], [str(name) for name in arrays["names"]], float(arrays["fps"])
        except (OSError, ValueError, KeyError) as fault:
            raise FormatError(f"{path} holds no rig motion ({fault}); it needs weights, names and fps.") from fault
        yield MovingTake(read_speech(sound), np.arange(len(weights)) / fps, arkit_weights(weights, names))


def arkit_weights(weights: FloatArray, names: list[str]) -> NDArray[np.float32]:
    """Turn a rig's weights `(T, W)` into those of `SHAPES`, `(T, B)`, 0 to 1.

    Where the rig sucks both lips in, as animators close them for p, b and m, they are met whatever the jaw does.
    """
    matrix = np.zeros((len(names), len(SHAPES)))
    for row, name in enumerate(names):
        for shape, share in ARKIT_OF_RIG.get(name, {}).items():
            matrix[row, SHAPES.index(shape)] = share
    moved = np.clip(weights @ matrix, 0, 1)
    lower, upper, close, jaw = (
        moved[:, SHAPES.index(name)] for name in ("mouthRollLower", "mouthRollUpper", "mouthClose", "jawOpen")
    )
    shut = np.clip(np.minimum(lower, upper) / _SHUT_ROLL, 0, 1)
    close += shut * jaw
    moved[:, [SHAPES.index(name) for name in _PARTING_SHAPES]] *= 1 - shut[:, None]
    return moved.astype(np.float32)
