"""The atlas: a square picture that the reference cylinder is unrolled to, and the lip crop in it that moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray
from ..errors import FormatError
from ..face.cylinder import ReferenceCylinder
from ..face.topology import LIPS

ATLAS_SIZE = 256  # px, width and height (Lahiri et al. 2021, section 3.1.1)
CROP_SIZE = 128  # px of the same atlas, not scaled (section 3.2)
_LIPS_IN_CROP = 0.42  # height of the lips' middle in the crop, from its top: the chin falls further than the nose rises


@dataclass(frozen=True)
class AtlasLayout:
    """Where things lie in the atlas of one speaker.

    Attributes:
        cylinder: What is unrolled.
        top: Row of the atlas where the lip crop begins.
        left: Column of the atlas where the lip crop begins.
    """

    cylinder: ReferenceCylinder
    top: int
    left: int

    def __post_init__(self) -> None:
        if min(self.top, self.left) < 0 or max(self.top, self.left) + CROP_SIZE > ATLAS_SIZE:
            raise FormatError(f"A lip crop at row {self.top}, column {self.left} is not inside the atlas.")

    @property
    def crop(self) -> tuple[slice, slice]:
        """Rows and columns of the lip crop, to index an atlas `(256, 256, 3)` with."""
        return slice(self.top, self.top + CROP_SIZE), slice(self.left, self.left + CROP_SIZE)

    def atlas_points(self, vertices: FloatArray) -> NDArray[np.float32]:
        """Return where `(..., 3)` points of a face lie in the atlas.

        Returns:
            `(..., 2)` px: x right, y down, from the outer corner of the top left pixel, whose middle is (.5, .5).
        """
        u, v = np.moveaxis(self.cylinder.texture_coordinates(vertices), -1, 0)
        return np.stack([u * ATLAS_SIZE, (1 - v) * ATLAS_SIZE], axis=-1)

    def crop_points(self, vertices: FloatArray) -> NDArray[np.float32]:
        """Return where `(..., 3)` points of a face lie in the lip crop, `(..., 2)` px, as `atlas_points` does."""
        return self.atlas_points(vertices) - np.array([self.left, self.top], np.float32)


def layout_of(neutral: FloatArray, cylinder: ReferenceCylinder) -> AtlasLayout:
    """Lay the lip crop around the lips of a `(468, 3)` neutral face."""
    whole = AtlasLayout(cylinder, 0, 0)
    x, y = whole.atlas_points(neutral[list(LIPS)]).mean(axis=0)
    left = round(float(x)) - CROP_SIZE // 2
    top = round(float(y) - _LIPS_IN_CROP * CROP_SIZE)
    furthest = ATLAS_SIZE - CROP_SIZE
    return AtlasLayout(cylinder, min(max(top, 0), furthest), min(max(left, 0), furthest))
