"""The sheet: the texture of the lip crop with the face's motion taken out of it.

The skin lies on the sheet where it lies in the crop while the mouth is open; its triangles carry it from there to any
other pose. The inside of the mouth has no points to carry it: it stays where it is in the crop, behind the lips, as
the upper teeth do. What remains to be predicted for each frame is small, and edges stay as sharp as the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray, check_shape
from ..face.mouth import lip_gap
from ..face.topology import face_triangles, mouth_triangles, skin_triangles
from .layout import CROP_SIZE, AtlasLayout
from .warping import SurfaceMap, rasterise, sample

_FIRST_MOUTH = len(skin_triangles())
_LAST_MOUTH = _FIRST_MOUTH + len(mouth_triangles())
_OPEN_SHARE = (0.9, 0.97)  # of all frames, by lip gap: those whose mean is the pose of the sheet
_SEEN_SHARE = 0.002  # of all frames in which a pixel must show the inside of the mouth to count as such
_FINENESS = 3  # samples per pixel and axis at the edge of the lips
_NEIGHBOURS = ((0, 1), (0, -1), (1, 0), (-1, 0))


@dataclass(frozen=True)
class SheetLayout:
    """Where things lie on a speaker's sheet.

    A sheet is a vector of `P` values: red, green and blue of every skin pixel, then of every pixel of the inside.

    Attributes:
        points: `(468, 2)` float32, where the face's points lie on the sheet, px of the crop.
        inside: `(128, 128)` bool, where the inside of the mouth can be seen in the crop.
    """

    points: NDArray[np.float32]
    inside: NDArray[np.bool_]

    def __post_init__(self) -> None:
        check_shape("SheetLayout.points", self.points, "468 2")
        check_shape("SheetLayout.inside", self.inside, f"{CROP_SIZE} {CROP_SIZE}")

    @cached_property
    def _surface(self) -> SurfaceMap:
        return rasterise(self.points[None], face_triangles(), CROP_SIZE, CROP_SIZE)

    @cached_property
    def skin(self) -> NDArray[np.bool_]:
        """`(128, 128)`: the pixels of the sheet that hold skin."""
        return np.asarray(self._surface.covered[0] & ~mouth_mask(self._surface)[0])

    @property
    def skin_size(self) -> int:
        """Number of values that belong to the skin; the others belong to the inside."""
        return 3 * int(self.skin.sum())

    @property
    def size(self) -> int:
        """Number of values of a sheet, `P`."""
        return self.skin_size + 3 * int(self.inside.sum())

    def lift(self, crops: NDArray[np.uint8], points: FloatArray) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Take sheets off lip crops.

        Args:
            crops: `(T, 128, 128, 3)`.
            points: `(T, 468, 2)` where the face's points lie in them, px.

        Returns:
            `(T, P)` values, 0 to 1, and `(T, Q)`: which of the `Q` pixels of the inside are seen.
        """
        positions = self._carried(points)[:, None]  # (T, 1, skin pixels, 2)
        skin = sample(crops, positions).reshape(len(crops), -1)
        mouth = mouth_mask(rasterise(points, face_triangles(), CROP_SIZE, CROP_SIZE))
        inside = crops[:, self.inside].reshape(len(crops), -1)
        return np.concatenate([skin, inside], axis=1, dtype=np.float32) / np.float32(255), mouth[:, self.inside]

    def lay(self, values: FloatArray, points: FloatArray) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Lay sheets onto a moving face.

        Args:
            values: `(T, P)`, 0 to 1.
            points: `(T, 468, 2)` where the face's points lie in the crop, px.

        Returns:
            `(T, 128, 128, 3)` float32 crops, 0 to 1, and `(T, 128, 128)`: where the face is; elsewhere they mean
            nothing.
        """
        surface = rasterise(points, face_triangles(), CROP_SIZE, CROP_SIZE)
        skin, inside = self.pictures(values)
        crops = sample(skin, surface.carry(self.points))
        share = _mouth_share(points)
        seen = share > 0
        crops[seen] += share[seen][:, None] * (inside[seen] - crops[seen])
        return crops, surface.covered

    def pictures(self, values: FloatArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return sheets `(T, P)` as pictures, `(T, 128, 128, 3)`: the skin, and the inside of the mouth.

        Beyond what each of them holds they go on like their nearest pixel.
        """
        skin, inside = np.split(values.astype(np.float32), [self.skin_size], axis=1)
        frames = len(values)
        return (
            skin.reshape(frames, -1, 3)[:, self._nearest_skin],
            inside.reshape(frames, -1, 3)[:, self._nearest_inside],
        )

    def _carried(self, points: FloatArray) -> NDArray[np.float32]:
        """Return where the sheet's skin pixels lie in crops, `(T, skin pixels, 2)`, px."""
        corners, shares = self._corners
        return np.einsum("tpkc,pk->tpc", np.asarray(points, np.float32)[:, corners], shares)

    @cached_property
    def _corners(self) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The three points around each skin pixel and their shares in it, both `(skin pixels, 3)`."""
        corners = face_triangles()[self._surface.covering[0][self.skin]]
        a, b, c = np.moveaxis(self.points[corners].astype(np.float64), 1, 0)
        pixel = np.argwhere(self.skin)[:, ::-1] + 0.5
        area = _cross(b - a, c - a)
        second, third = _cross(pixel - a, c - a) / area, _cross(b - a, pixel - a) / area
        return corners, np.stack([1 - second - third, second, third], axis=1).astype(np.float32)

    @cached_property
    def _nearest_skin(self) -> NDArray[np.int32]:
        return nearest_pixel(self.skin)

    @cached_property
    def _nearest_inside(self) -> NDArray[np.int32]:
        return nearest_pixel(self.inside)


def sheet_layout(vertices: FloatArray, layout: AtlasLayout) -> SheetLayout:
    """Choose a speaker's sheet from `(T, 468, 3)` faces of all that is said, face units."""
    points = layout.crop_points(vertices)
    order = np.argsort(lip_gap(vertices))
    first, last = (int(share * len(order)) for share in _OPEN_SHARE)
    seen = np.zeros((CROP_SIZE, CROP_SIZE))
    for block in np.array_split(points, -(-len(points) // 256)):
        seen += rasterise(block, mouth_triangles(), CROP_SIZE, CROP_SIZE).covered.sum(axis=0)
    inside = seen > _SEEN_SHARE * len(points)
    open_face = points[order[first : max(last, first + 1)]].mean(axis=0)
    inside[tuple(np.rint(open_face[13]).astype(int)[::-1])] = (
        True  # a mouth that never opened has an inside all the same
    )
    return SheetLayout(open_face.astype(np.float32), inside)


def mouth_mask(surface: SurfaceMap) -> NDArray[np.bool_]:
    """Return where the triangles between the inner lips lie, `(T, H, W)`."""
    return (surface.covering >= _FIRST_MOUTH) & (surface.covering < _LAST_MOUTH)


def _mouth_share(points: FloatArray) -> NDArray[np.float32]:
    """Return how much of each pixel of a crop shows the inside of the mouth, `(T, 128, 128)`: soft at the lips."""
    fine = CROP_SIZE * _FINENESS
    surface = rasterise(points * _FINENESS, mouth_triangles(), fine, fine, fronts_only=True)
    covered = surface.covered.reshape(len(points), CROP_SIZE, _FINENESS, CROP_SIZE, _FINENESS)
    return covered.mean(axis=(2, 4), dtype=np.float32)


def nearest_pixel(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return for every pixel the number of the pixel of a mask `(H, W)` that is nearest to it, counted in rows.

    Distance is counted in steps to the four neighbours.
    """
    nearest = np.full(mask.shape, -1, np.int32)
    nearest[mask] = np.arange(mask.sum())
    while mask.any() and (nearest < 0).any():
        padded = np.pad(nearest, 1, constant_values=-1)
        for down, right in _NEIGHBOURS:
            beside = padded[1 + down : 1 + down + mask.shape[0], 1 + right : 1 + right + mask.shape[1]]
            nearest = np.where(nearest < 0, beside, nearest)
    return nearest


def _cross(first: FloatArray, second: FloatArray) -> FloatArray:
    return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
