"""One picture of a dub: the skin moved, the mouth laid in, both blended over gradually (section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray
from ..face.topology import LIPS, LOWER_MIDDLE_LIP, UPPER_MIDDLE_LIP, face_triangles, mouth_triangles
from ..texture.warping import rasterise
from .displacement import Region, displacement, moved_region, region_around

Array = NDArray[np.float32]
Picture = NDArray[np.uint8]

_FEATHER = 0.06  # face units over which the predicted mouth goes over into the filmed skin
_RINGS = 4  # of triangles around the lips that the predicted texture is read from
_FINENESS = 3  # samples per pixel and axis at the edge of the lips
_FINE = 4  # binary places of px in which outlines are drawn


@dataclass(frozen=True)
class FaceInPicture:
    """What is to be shown on one face of one picture.

    Attributes:
        filmed: `(468, 2)` where the face's points were filmed, px.
        spoken: `(468, 2)` where they are to be, px.
        unit: px of a face unit.
        skin: `(128, 128, 3)` float32 the predicted lips in the picture's light, 0 to 255.
        skin_points: `(468, 2)` where the face's points lie in `skin`, px.
        inside: `(128, 128, 3)` float32 the inside of the mouth in the picture's light, 0 to 255.
        inside_points: `(468, 2)` where the face's points lie in `inside`, px.
        strength: How much of it is shown, 0 to 1.
    """

    filmed: FloatArray
    spoken: FloatArray
    unit: float
    skin: Array
    skin_points: FloatArray
    inside: Array
    inside_points: FloatArray
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
    """Draw the predicted mouth where the mesh lies, `(h, w, 3)`, and tell where it does.

    Lips and inside are read where they are painted, and only here laid on the mesh: at the picture's own size.
    """
    surface = rasterise(at[None], _triangles_about_lips(), inner.height, inner.width)
    both = surface.carry(np.concatenate([face.skin_points, face.inside_points], axis=-1)[None])[0] - np.float32(0.5)
    skin, inside = _read(face.skin, both[..., :2]), _read(face.inside, both[..., 2:])
    share = opening_share(at, inner.height, inner.width)
    return skin + share[..., None] * (inside - skin), surface.covered[0]


def _read(picture: Array, positions: Array) -> Array:
    """Read a picture at `(h, w, 2)` px from the middle of its first pixel."""
    import cv2

    x, y = np.ascontiguousarray(positions[..., 0]), np.ascontiguousarray(positions[..., 1])
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.float32)


def opening_share(at: FloatArray, height: int, width: int) -> Array:
    """Return how much of each pixel lies between the inner lips, `(height, width)`; lips that overlap leave none."""
    import cv2

    corners = at[mouth_triangles()]
    (x1, y1), (x2, y2) = ((corners[:, k] - corners[:, 0]).T for k in (1, 2))
    fine = np.zeros((height * _FINENESS, width * _FINENESS), np.uint8)
    for triangle in corners[x1 * y2 < x2 * y1]:  # clockwise where y points down: seen from the front
        places = np.rint((triangle * _FINENESS - 0.5) * 2**_FINE).astype(np.int32)
        cv2.fillConvexPoly(fine, places, (255,), cv2.LINE_8, _FINE)
    small = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


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
