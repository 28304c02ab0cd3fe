"""The reference cylinder: where every point of a face lies in the texture (Lahiri et al. 2021, section 3.1.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray

_SIDE_MARGIN = 0.05  # of the face's angle left free at either side of the texture
_TOP_MARGIN, _BOTTOM_MARGIN = 0.02, 0.11  # of the face's height left free; the jaw falls by a tenth of it


@dataclass(frozen=True)
class ReferenceCylinder:
    """An upright cylinder about the head.

    Attributes:
        axis_depth: z of its axis (x is 0), face units.
        radius: Face units.
        half_angle: Angle about the axis at the left and right borders of the texture, radians.
        bottom: y at the lower border of the texture, face units.
        top: y at the upper border of the texture, face units.
    """

    axis_depth: float
    radius: float
    half_angle: float
    bottom: float
    top: float

    def texture_coordinates(self, vertices: FloatArray) -> NDArray[np.float32]:
        """Project `(..., 3)` points onto the cylinder.

        Returns:
            `(..., 2)`: u from 0 (the speaker's right) to 1, v from 0 (chin) to 1 (forehead).
        """
        angle = np.arctan2(vertices[..., 0], vertices[..., 2] - self.axis_depth)
        u = 0.5 + 0.5 * angle / self.half_angle
        v = (vertices[..., 1] - self.bottom) / (self.top - self.bottom)
        return np.stack([u, v], axis=-1).astype(np.float32)


def fit_cylinder(neutral: FloatArray) -> ReferenceCylinder:
    """Find the cylinder that most points of a `(468, 3)` face are nearest to.

    Kåsa's linear fit of a circle to (x, z), its centre held in the mirror plane x = 0.
    """
    x, y, z = neutral.astype(np.float64).T
    terms = np.stack([2 * z, np.ones_like(z)], axis=1)
    (depth, rest), *_ = np.linalg.lstsq(terms, x**2 + z**2, rcond=None)
    angle = np.abs(np.arctan2(x, z - depth)).max()
    height = y.max() - y.min()
    return ReferenceCylinder(
        axis_depth=float(depth),
        radius=float(np.sqrt(rest + depth**2)),
        half_angle=float(angle * (1 + _SIDE_MARGIN)),
        bottom=float(y.min() - _BOTTOM_MARGIN * height),
        top=float(y.max() + _TOP_MARGIN * height),
    )
