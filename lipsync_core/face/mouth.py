"""How far a mouth is open and how wide it is, and when its lips touch: the measures that closures are stated in.

A closure is contact. Lips touch while the lip gap is within `CONTACT_GAP` of what it is where the same face's lips are
closed: at rest, or, for a tracked face, in the most closed of its own frames, since a tracker's neutral face may be a
little open. 2 % of a mouth 50 mm wide is 1 mm; 8 %, 4 mm, is seen as an open mouth, and counts as nearly closed alone.
One bar holds for all: when a film's lips close, when a prediction's do, and when the one hits the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray
from .topology import LIP_GAP, MOUTH_CORNERS

CONTACT_GAP = 0.02  # share of the mouth's width beyond closed lips under which they touch: 1 mm of 50
NEARLY_CLOSED_GAP = 0.08  # the same under which they are nearly closed: 4 mm
CLOSURES_EXPLAINED = (
    "Lips close where they touch: where their gap is within 2 % of the mouth's width of that on closed lips, 1 mm "
    "of a mouth 50 mm wide. *Nearly* is within 8 %, 4 mm, which is seen as an open mouth."
)
_CLOSED_SHARE = 0.02  # of a tracked face's frames are more closed than what counts as closed


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


def gap_in_widths(vertices: FloatArray, neutral: FloatArray) -> NDArray[np.float32]:
    """Return the lip gap of faces `(..., 468, 3)` in widths of the neutral face's mouth, `(...,)`."""
    return lip_gap(vertices) / np.float32(mouth_width(neutral))


def closed_gap(neutral: FloatArray, tracked: FloatArray | None = None) -> float:
    """Return the lip gap of a face whose lips are closed, in mouth widths.

    Args:
        neutral: `(468, 3)` the face at rest; lips that rest further apart than contact are not closed.
        tracked: `(T,)` lip gaps of the tracked face, in mouth widths, where it is one.
    """
    at_rest = min(float(gap_in_widths(neutral, neutral)), CONTACT_GAP)
    if tracked is None or len(tracked) == 0:
        return at_rest
    return min(at_rest, float(np.quantile(tracked, _CLOSED_SHARE)))
