"""The cartoon look: skin smoothed up to its edges, and the face's contours drawn (Lahiri et al. 2021, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray
from ..face.topology import FACE_OVAL, LOWER_INNER_LIP, LOWER_OUTER_LIP, UPPER_INNER_LIP, UPPER_OUTER_LIP

Picture = NDArray[np.uint8]

_NOSE_WINGS = ((129, 64, 98, 97, 2, 326, 327, 294, 358),)  # from the speaker's right wing, under the tip, to the left
_CHEEKS_AND_CHIN = (FACE_OVAL[FACE_OVAL.index(454) : FACE_OVAL.index(234) + 1],)  # from ear to ear under the chin
_LIPS = (UPPER_OUTER_LIP, LOWER_OUTER_LIP, UPPER_INNER_LIP, LOWER_INNER_LIP)
CONTOURS: tuple[tuple[tuple[int, ...], float], ...] = (
    *((line, 1.0) for line in _LIPS),
    *((line, 1.0) for line in _NOSE_WINGS),
    *((line, 1.4) for line in _CHEEKS_AND_CHIN),
)
"""Points along each line that is drawn, and its thickness over the usual one."""

_THICKNESS = 0.011  # face units
_INK = (58, 34, 30)  # sRGB
_SUBDIVISIONS = 6  # between two points of a line
_FINE = 4  # binary places of px in which lines are drawn
_PASSES = 3  # of the bilateral filter
_REACH = 0.03  # face units that the filter sees to either side
_TONES = 28.0  # grey levels that it holds for one
_LARGEST_REACH = 4  # px: pictures in which more would be needed are made smaller first


def draw_cartoon(picture: Picture, points: FloatArray | None, unit: float) -> Picture:
    """Return a picture `(H, W, 3)` as a cartoon.

    Args:
        picture: sRGB.
        points: `(468, 2)` where the face's points lie in it, px, y down; None without a face.
        unit: px of a face unit.
    """
    drawn = smooth_up_to_edges(picture, unit)
    if points is not None:
        draw_contours(drawn, points, unit)
    return drawn


def smooth_up_to_edges(picture: Picture, unit: float) -> Picture:
    """Even out tones and leave edges, by a bilateral filter (Tomasi and Manduchi 1998)."""
    import cv2

    share = min(1.0, _LARGEST_REACH / max(_REACH * unit, 1.0))
    small = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA) if share < 1 else picture
    reach = max(1, round(_REACH * unit * share))
    for _ in range(_PASSES):
        small = cv2.bilateralFilter(small, 2 * reach + 1, _TONES, reach)
    height, width = picture.shape[:2]
    return np.asarray(
        cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC) if share < 1 else small, np.uint8
    )


def draw_contours(picture: Picture, points: FloatArray, unit: float) -> None:
    """Draw the contours of nose, lips, cheeks and chin of a mesh into a picture, in place."""
    import cv2

    for line, weight in CONTOURS:
        curve = np.rint((_curve(points[list(line)]) - 0.5) * 2**_FINE).astype(np.int32)
        thickness = max(1, round(weight * _THICKNESS * unit))
        cv2.polylines(picture, [curve], False, _INK, thickness, cv2.LINE_AA, _FINE)


def _curve(points: FloatArray) -> FloatArray:
    """Round a line of `(n, 2)` points off (Catmull and Rom 1974), through all of them."""
    ends = np.concatenate([points[:1], points, points[-1:]])
    before, start, end, after = ends[:-3], ends[1:-2], ends[2:-1], ends[3:]
    t = (np.arange(_SUBDIVISIONS) / _SUBDIVISIONS)[:, None, None]
    terms: Sequence[FloatArray] = (
        2 * start,
        (end - before) * t,
        (2 * before - 5 * start + 4 * end - after) * t**2,
        (3 * start - before - 3 * end + after) * t**3,
    )
    curve = 0.5 * sum(terms[1:], terms[0] + 0 * t)
    return np.concatenate([np.swapaxes(curve, 0, 1).reshape(-1, 2), points[-1:]])
