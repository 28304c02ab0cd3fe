"""How far a mouth is open and how wide it is: the measures that closures and errors are stated in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray
from .topology import LIP_GAP, MOUTH_CORNERS

CLOSED_GAP = 0.08  # share of the mouth's width under which the lips count as met


def lip_gap(vertices: FloatArray) -> NDArray[np.float32]:
    """Return the distance between the middles of the inner lips, `(..., 468, 3)` to `(...,)`, seen from the front.

    Depth does not count: a lower lip that rolls in is no open mouth, and a tracker only guesses the depth of lips.
    """
    upper, lower = LIP_GAP
    across = vertices[..., upper, :2] - vertices[..., lower, :2]
    return np.asarray(np.linalg.norm(across, axis=-1), np.float32)


def mouth_width(neutral: FloatArray) -> float:
    """Return the distance of the mouth's corners in a `(468, 3)` face."""
    right, left = MOUTH_CORNERS
    return float(np.linalg.norm(neutral[right] - neutral[left]))
