"""Visemes: mouth poses that some characters have in place of ARKit's shapes, found from ARKit's weights.

Each of the fifteen poses of the Oculus set is written down in ARKit's shapes. Weights of the poses are those whose
mouth lies nearest to the wanted one, in the displacements of the generic face: least squares with weights from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray, check_shape
from ..face.arkit import ARKIT_NAMES
from ..face.basis import arkit_basis
from ..face.solver import minimise_in_box
from ..face.topology import LIP_GAP, LIPS, generic_face

_POSES: dict[str, dict[str, float]] = {
    "viseme_sil": {},
    "viseme_PP": {"mouthPress": 0.45, "mouthRollLower": 0.25, "mouthRollUpper": 0.2},
    "viseme_FF": {"jawOpen": 0.06, "mouthRollLower": 0.5, "mouthUpperUp": 0.3, "mouthShrugLower": 0.15},
    "viseme_TH": {"jawOpen": 0.13, "mouthLowerDown": 0.2, "mouthUpperUp": 0.15, "tongueOut": 0.35},
    "viseme_DD": {"jawOpen": 0.1, "mouthLowerDown": 0.25, "mouthUpperUp": 0.15, "mouthStretch": 0.1},
    "viseme_kk": {"jawOpen": 0.16, "mouthLowerDown": 0.2, "mouthUpperUp": 0.1, "mouthStretch": 0.1},
    "viseme_CH": {"jawOpen": 0.08, "mouthFunnel": 0.5, "mouthPucker": 0.15},
    "viseme_SS": {"jawOpen": 0.04, "mouthLowerDown": 0.25, "mouthUpperUp": 0.15, "mouthStretch": 0.25},
    "viseme_nn": {"jawOpen": 0.1, "mouthLowerDown": 0.2, "mouthUpperUp": 0.1},
    "viseme_RR": {"jawOpen": 0.1, "mouthFunnel": 0.3, "mouthPucker": 0.2},
    "viseme_aa": {"jawOpen": 0.55, "mouthLowerDown": 0.3, "mouthUpperUp": 0.15},
    "viseme_E": {"jawOpen": 0.25, "mouthLowerDown": 0.3, "mouthUpperUp": 0.15, "mouthStretch": 0.3},
    "viseme_I": {"jawOpen": 0.12, "mouthLowerDown": 0.3, "mouthUpperUp": 0.15, "mouthSmile": 0.4},
    "viseme_O": {"jawOpen": 0.35, "mouthFunnel": 0.5, "mouthPucker": 0.2},
    "viseme_U": {"jawOpen": 0.1, "mouthFunnel": 0.25, "mouthPucker": 0.65},
}
VISEMES: tuple[str, ...] = tuple(_POSES)
"""The fifteen poses, in the order and under the names of the Oculus set."""

_ITERATIONS = 100
_SMOOTHNESS = 0.02  # on the change from frame to frame, relative to the mean curvature
_EASE = 0.003  # on the square of each weight, relative to its curvature: poses that look alike share the work
_LIP_EMPHASIS = 4.0  # a lip vertex counts as much as so many others


def viseme_weights(weights: FloatArray, names: Sequence[str], visemes: Sequence[str]) -> NDArray[np.float32]:
    """Find the visemes that come nearest to ARKit weights.

    Args:
        weights: `(T, B)` of ARKit's shapes.
        names: Their `B` names.
        visemes: The `K` poses that a character has, of `VISEMES`.

    Returns:
        `(T, K)` from 0 to 1. Closed lips are the rest pose of a character, which is no viseme at all.
    """
    check_shape("weights", weights, f"T {len(names)}")
    poses = np.array([viseme_pose(viseme) for viseme in visemes]).reshape(-1, len(ARKIT_NAMES))
    known = [index for index, name in enumerate(names) if name in ARKIT_NAMES]
    columns = [ARKIT_NAMES.index(names[index]) for index in known]
    metric = _metric()
    pull = weights[:, known] @ (metric[columns] @ poses.T)
    curvature = poses @ metric @ poses.T
    curvature += _EASE * np.diag(np.diag(curvature) + _EASE * np.trace(curvature))
    smoothness = _SMOOTHNESS * np.trace(curvature) / max(len(visemes), 1)
    found = minimise_in_box(curvature, pull, smoothness, _ITERATIONS)
    opening = _opening()
    return _no_wider(found, poses @ opening, weights[:, known] @ opening[columns]).astype(np.float32)


def _no_wider(found: FloatArray, opening: FloatArray, wanted: FloatArray) -> FloatArray:
    """Hold the poses that open the mouth back where they would open it further than it should be: at closures.

    Args:
        found: `(T, K)` weights.
        opening: `(K,)` how far each pose parts the lips, face units.
        wanted: `(T,)` how far they should be parted.
    """
    parting = np.maximum(opening, 0)
    made = found @ parting
    share = np.clip(wanted / np.maximum(made, 1e-9), 0, 1)[:, None]
    return np.where(parting > 0, found * share, found)


def viseme_pose(viseme: str) -> NDArray[np.float64]:
    """Return the ARKit weights of one of `VISEMES`, `(52,)`."""
    pose = np.zeros(len(ARKIT_NAMES))
    for stem, weight in _POSES[viseme].items():
        for name in (stem, f"{stem}Left", f"{stem}Right"):
            if name in ARKIT_NAMES:
                pose[ARKIT_NAMES.index(name)] = weight
    return pose


@lru_cache(maxsize=1)
def _opening() -> NDArray[np.float64]:
    """Return how far each of ARKit's shapes parts the middles of the lips on the generic face, `(52,)`, face units."""
    upper, lower = LIP_GAP
    deltas = arkit_basis(generic_face()).deltas
    return np.asarray(deltas[:, upper, 1] - deltas[:, lower, 1], np.float64)


@lru_cache(maxsize=1)
def _metric() -> NDArray[np.float64]:
    """Return how alike the displacements of two shapes are on the generic face, `(52, 52)`, lips emphasised."""
    basis = arkit_basis(generic_face())
    emphasis = np.ones(len(basis.neutral))
    emphasis[list(LIPS)] = _LIP_EMPHASIS
    shapes = basis.deltas.reshape(len(basis.names), -1).astype(np.float64)
    return np.asarray((shapes * np.repeat(emphasis, 3)) @ shapes.T, np.float64)
