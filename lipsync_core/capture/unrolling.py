"""The pictures of a tracked face, unrolled onto the reference cylinder (Lahiri et al. 2021, section 3.1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray
from ..face.topology import OUTER_EYE_CORNERS, face_triangles
from ..texture.layout import ATLAS_SIZE, AtlasLayout
from ..texture.warping import SurfaceMap, rasterise
from .normalisation import NormalisedFace


@dataclass(frozen=True)
class UnrolledFrames:
    """Some frames' atlases.

    Attributes:
        atlases: `(T, 256, 256, 3)` float32, 0 to 1, as filmed; black where there is no face. Smaller where asked for.
        surface: Which triangle covers each of their pixels.
    """

    atlases: NDArray[np.float32]
    surface: SurfaceMap


def picture_points(face: NormalisedFace) -> NDArray[np.float32]:
    """Return where a face's points lie in the pictures it was tracked in, `(T, 468, 2)` px, y down."""
    points = face.head.restore(face.vertices)[..., :2]
    return np.asarray(points * (1, -1), np.float32)


def unroll(
    pictures: Sequence[NDArray[np.uint8]],
    points: FloatArray,
    vertices: FloatArray,
    layout: AtlasLayout,
    size: int = ATLAS_SIZE,
) -> UnrolledFrames:
    """Unroll pictures, all at once.

    Args:
        pictures: `T` pictures `(H, W, 3)`.
        points: `(T, 468, 2)` where the face's points lie in them, px, y down.
        vertices: `(T, 468, 3)` where they lie in face space: this places them in the atlas.
        layout: The atlas.
        size: Width and height of the atlases, px.
    """
    at = layout.atlas_points(vertices) * np.float32(size / ATLAS_SIZE)
    surface = rasterise(at, face_triangles(), size, size)
    positions = surface.carry(points)
    share = min(1.0, _fitting(points, layout) * size / ATLAS_SIZE)
    atlases = np.stack([_read(picture, at, share) for picture, at in zip(pictures, positions, strict=True)])
    atlases *= surface.covered[..., None]
    return UnrolledFrames(atlases, surface)


def _fitting(points: FloatArray, layout: AtlasLayout) -> float:
    """Return how much larger pictures would have the scale of the whole atlas: below 1, it would leave out pixels."""
    right, left = (points[:, corner] for corner in OUTER_EYE_CORNERS)
    seen = float(np.median(np.linalg.norm(left - right, axis=1)))
    unrolled = ATLAS_SIZE / (layout.cylinder.top - layout.cylinder.bottom)  # px per face unit
    return unrolled / seen


def _read(picture: NDArray[np.uint8], positions: FloatArray, share: float) -> NDArray[np.float32]:
    """Read one picture at `(h, w, 2)` positions: `(h, w, 3)` float32, 0 to 1."""
    import cv2

    shrunk: Any = picture
    if share < 1:
        shrunk = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    height, width = shrunk.shape[:2]
    at = (positions * share - 0.5).astype(np.float32)
    x, y = np.clip(at[..., 0], 0, width - 1), np.clip(at[..., 1], 0, height - 1)
    return np.asarray(cv2.remap(shrunk, x, y, cv2.INTER_CUBIC), np.float32) / np.float32(255)
