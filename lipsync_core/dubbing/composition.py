"""One picture of a dub: the skin moved, the mouth laid in, both blended over gradually (section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray
from ..face.topology import LIPS, LOWER_MIDDLE_LIP, UPPER_MIDDLE_LIP, face_triangles
from ..texture.warping import rasterise
from .displacement import Region, displacement, moved_region, region_around

Array = NDArray[np.float32]
Picture = NDArray[np.uint8]

_FEATHER = 0.06  # face units over which the predicted mouth goes over into the filmed skin
_RINGS = 4  # of triangles around the lips that the predicted texture is read from
_FINE = 4  # binary places of px in which outlines are drawn


@dataclass(frozen=True)
class FaceInPicture:
    """What is to be shown on one face of one picture.

    Attributes:
        filmed: `(468, 2)` where the face's points were filmed, px.
        spoken: `(468, 2)` where they are to be, px.
        unit: px of a face unit.
        crop: `(128, 128, 3)` float32 the predicted lip crop in the picture's light, 0 to 255.
        crop_points: `(468, 2)` where the face's points lie in it, px.
        strength: How much of it is shown, 0 to 1.
    """

    filmed: FloatArray
    spoken: FloatArray
    unit: float
    crop: Array
    crop_points: FloatArray
    strength: float


def compose(picture: Picture, face: FaceInPicture) -> Region:
    """Lay a face into a picture `(H, W, 3)`, in place.

    Returns:
        The region outside which nothing changed.
    """
    height, width = picture.shape[:2]
    region = moved_region(face.filmed, face.spoken, face.unit, width, height)
    if face.strength <= 0 or not region.width or not region.height:
        return Region(region.left, region.top, 0, 0)
    warped = warp(picture, displacement(face.filmed, face.spoken, face.unit, region), region)
    mouth = lay_mouth(warped, region, face)
    picture[region.slices] = mouth
    return region


def warp(picture: Picture, field: Array, region: Region) -> Picture:
    """Fill a region of a picture from where a displacement `(height, width, 2)` px says; `(height, width, 3)` uint8."""
    import cv2

    x = field[..., 0] + np.arange(region.left, region.left + region.width, dtype=np.float32)
    y = field[..., 1] + np.arange(region.top, region.top + region.height, dtype=np.float32)[:, None]
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def lay_mouth(skin: Picture, region: Region, face: FaceInPicture) -> Picture:
    """Lay the predicted mouth over the moved skin of a region, in place."""
    margin = 2 * _FEATHER * face.unit
    inner = region_around(face.spoken[list(LIPS)] - region.corner, margin, region.width, region.height)
    if not inner.width or not inner.height:
        return skin
    at = face.spoken - region.corner - inner.corner
    predicted, covered = _rendered(at, face, inner)
    share = mouth_share(at, face.unit, inner.height, inner.width) * covered * np.float32(face.strength)
    under = skin[inner.slices].astype(np.float32)
    skin[inner.slices] = np.clip(np.rint(under + share[..., None] * (predicted - under)), 0, 255).astype(np.uint8)
    return skin


def _rendered(at: FloatArray, face: FaceInPicture, inner: Region) -> tuple[Array, NDArray[np.bool_]]:
    """Read the predicted crop where the mesh lies, `(h, w, 3)`, and tell where it does."""
    import cv2

    surface = rasterise(at[None], _triangles_about_lips(), inner.height, inner.width)
    positions = surface.carry(face.crop_points[None])[0] - np.float32(0.5)
    x, y = np.ascontiguousarray(positions[..., 0]), np.ascontiguousarray(positions[..., 1])
    read = cv2.remap(face.crop, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(read, np.float32), surface.covered[0]


def mouth_share(at: FloatArray, unit: float, height: int, width: int) -> Array:
    """Return how much of each pixel the predicted mouth fills, `(height, width)`.

    All of it up to the middle of the lip red; from there it fades into the filmed lips and skin, which are sharper.
    """
    import cv2

    outline = at[list(UPPER_MIDDLE_LIP + LOWER_MIDDLE_LIP[-2:0:-1])]
    mask = np.ones((height, width), np.uint8)
    fine = np.rint((outline - 0.5) * 2**_FINE).astype(np.int32)
    cv2.fillPoly(mask, [fine], (0,), cv2.LINE_8, _FINE)
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_5)
    rest = 1 - np.clip(distance / (_FEATHER * unit), 0, 1)
    return np.asarray(rest * rest * (3 - 2 * rest), np.float32)


@cache
def _triangles_about_lips() -> NDArray[np.int32]:
    """Return the triangles of the lips, of the mouth, and some rings of skin around."""
    triangles, reached = face_triangles(), np.array(LIPS)
    for _ in range(_RINGS):
        touching = np.isin(triangles, reached).any(axis=1)
        reached = np.unique(triangles[touching])
    return triangles[touching]
