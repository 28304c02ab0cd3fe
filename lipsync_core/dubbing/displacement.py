"""The filmed skin moved to where the new face has it: under the chin too, and fading out beyond (section 3.3).

A frame's own pixels are sharper than any predicted texture, and lit as they are. So all that is not the mouth itself
is the target's own picture, warped by a smooth field.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray, IntArray
from ..face.topology import face_triangles, generic_face
from ..texture.warping import rasterise

Array = NDArray[np.float32]

_REACH = 0.4  # face units beyond the face's outline over which its motion fades out
_CELLS = 40  # of the field in a face unit
_EASING = 0.06  # face units over which the field is smoothed beyond the outline
_MARGIN = 2  # cells of no motion at the border
_STILL_ABOVE = 0.1  # face units above the nose tip in the generic face: triangles wholly above never move


@dataclass(frozen=True)
class Region:
    """A rectangle of a picture.

    Attributes:
        left, top: Its first column and row.
        width, height: px.
    """

    left: int
    top: int
    width: int
    height: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index a picture with."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    @property
    def corner(self) -> Array:
        """`(2,)` its first column and row."""
        return np.array([self.left, self.top], np.float32)


def region_around(points: FloatArray, margin: float, width: int, height: int) -> Region:
    """Return the part of a `width` x `height` picture that holds `(N, 2)` points, and so many px around."""
    low = np.clip(np.floor(points.min(axis=0) - margin), 0, (width, height)).astype(int)
    high = np.clip(np.ceil(points.max(axis=0) + margin), 0, (width, height)).astype(int)
    left, top = (int(value) for value in low)
    return Region(left, top, int(high[0]) - left, int(high[1]) - top)


def moved_region(filmed: FloatArray, spoken: FloatArray, unit: float, width: int, height: int) -> Region:
    """Return the part of a picture in which the skin may move, `unit` px being one of the face; it may be empty."""
    both = np.concatenate([filmed[moving_points()], spoken[moving_points()]])
    return region_around(both, _REACH * unit + (_MARGIN + 1) * _cell(unit), width, height)


def displacement(filmed: FloatArray, spoken: FloatArray, unit: float, region: Region) -> Array:
    """Return from where each pixel of a region is filled, less where it lies.

    Args:
        filmed: `(468, 2)` where the face's points were filmed, px.
        spoken: `(468, 2)` where they are to be, px.
        unit: px of a face unit.
        region: From `moved_region`.

    Returns:
        `(height, width, 2)` float32 px; 0 at the region's border unless that is the picture's.
    """
    import cv2

    cell = _cell(unit)
    rows, columns = (-(-side // cell) + 1 for side in (region.height, region.width))
    at = (spoken - region.corner) / cell
    surface = rasterise(at[None], moving_triangles(), rows, columns)
    moved = surface.carry((filmed - spoken)[None])[0]
    field = _continued(moved, surface.covered[0], unit / cell)
    wide = cv2.resize(field, (columns * cell, rows * cell), interpolation=cv2.INTER_LINEAR)
    return np.asarray(wide[: region.height, : region.width], np.float32)


def _continued(moved: Array, covered: NDArray[np.bool_], unit: float) -> Array:
    """Let a field go on beyond where it is known, ever weaker; `unit` is in cells."""
    import cv2

    outside = (~covered).astype(np.uint8)
    if not covered.any():
        return np.zeros_like(moved)
    distance, nearest = cv2.distanceTransformWithLabels(
        outside, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    values = np.zeros((nearest.max() + 1, 2), np.float32)
    values[nearest[covered]] = moved[covered]
    rest = 1 - np.clip(distance / (_REACH * unit), 0, 1)
    fading = (rest * rest * (3 - 2 * rest))[..., None]
    carried = values[nearest] * fading
    smooth = cv2.GaussianBlur(carried, (0, 0), _EASING * unit)
    share = np.clip(distance / (2 * _EASING * unit), 0, 1)[..., None]
    ends = np.clip(rest * _REACH * unit / 3, 0, 1)[..., None]  # the blur must not reach further than the fading
    return np.asarray((carried + share * (smooth - carried)) * ends, np.float32)


def _cell(unit: float) -> int:
    """Return the side of the field's cells in px, where a face unit has so many."""
    return max(1, round(unit / _CELLS))


@cache
def moving_points() -> IntArray:
    """Return the numbers of the points that speech moves: all from the nose tip downwards."""
    return np.unique(moving_triangles())


@cache
def moving_triangles() -> NDArray[np.int32]:
    """Return the triangles of skin and mouth that speech moves."""
    low = generic_face()[:, 1] < generic_face()[4, 1] + _STILL_ABOVE
    triangles = face_triangles()
    return triangles[low[triangles].any(axis=1)]
