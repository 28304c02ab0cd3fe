"""Triangle warps, many frames at once and without a loop over triangles.

Positions in a picture are px from the outer corner of its top left pixel: x right, y down; the middle of that pixel
is (.5, .5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray, IntArray

OUTSIDE = -1  # the triangle of a pixel that none covers
_SEAM = 1e-3  # share of a triangle that it is drawn beyond its edges, so that no pixel falls between two
_SMALLEST = 1e-6  # px^2: twice the area below which a triangle is a line
_Planes = NDArray[np.float32]


@dataclass(frozen=True)
class SurfaceMap:
    """Which triangle covers each pixel of some pictures.

    Attributes:
        covering: `(T, H, W)` int32, the triangle's number, or `OUTSIDE`.
        points: `(T, V, 2)` where the mesh's points lie in each picture, px.
        triangles: `(M, 3)`.
    """

    covering: NDArray[np.int32]
    points: NDArray[np.float32]
    triangles: IntArray

    @property
    def covered(self) -> NDArray[np.bool_]:
        """`(T, H, W)`: where there is a triangle."""
        return self.covering != OUTSIDE

    def carry(self, values: FloatArray) -> NDArray[np.float32]:
        """Spread values of the points over the pixels, linearly within each triangle.

        Args:
            values: `(T, V, C)`, or `(V, C)` for all frames alike.

        Returns:
            `(T, H, W, C)`; outside the mesh it means nothing.
        """
        frames, height, width = self.covering.shape
        planes = self._planes(np.broadcast_to(values, (frames, *values.shape[-2:])))
        wanted = np.maximum(self.covering, 0).reshape(frames, -1)
        wanted = (wanted + np.arange(frames)[:, None] * len(self.triangles)).reshape(frames, height, width)
        x = np.arange(width, dtype=np.float32) + np.float32(0.5)
        y = (np.arange(height, dtype=np.float32) + np.float32(0.5))[:, None]
        carried = [a[wanted] * x + b[wanted] * y + c[wanted] for a, b, c in planes]
        return np.stack(carried, axis=-1)

    def _planes(self, values: FloatArray) -> list[tuple[_Planes, _Planes, _Planes]]:
        """Return `a, b, c`, each `(T * M,)`, of `a x + b y + c` for every column of `(T, V, C)` values."""
        corners = self.points[:, self.triangles].astype(np.float64)  # (T, M, 3, 2)
        at_corners = values[:, self.triangles].astype(np.float64)  # (T, M, 3, C)
        (x1, y1), (x2, y2) = (np.moveaxis(corners[:, :, k] - corners[:, :, 0], -1, 0) for k in (1, 2))
        area = x1 * y2 - x2 * y1
        inverse = np.where(np.abs(area) > _SMALLEST, 1 / np.where(area == 0, 1, area), 0)
        first, second = (at_corners[:, :, k] - at_corners[:, :, 0] for k in (1, 2))
        across = (first * y2[..., None] - second * y1[..., None]) * inverse[..., None]
        down = (second * x1[..., None] - first * x2[..., None]) * inverse[..., None]
        rest = at_corners[:, :, 0] - across * corners[:, :, 0, :1] - down * corners[:, :, 0, 1:]
        planes = (np.moveaxis(part, -1, 0).reshape(values.shape[-1], -1) for part in (across, down, rest))
        return [(a, b, c) for a, b, c in zip(*(part.astype(np.float32) for part in planes), strict=True)]


def rasterise(
    points: FloatArray, triangles: IntArray, height: int, width: int, *, fronts_only: bool = False
) -> SurfaceMap:
    """Find the triangle that covers each pixel.

    Triangles that are turned over, as those of pressed lips are, give way to those that are not.

    Args:
        points: `(T, V, 2)` in each picture, px.
        triangles: `(M, 3)`, counter-clockwise seen from outside (so clockwise where y points down).
        height: Of the pictures, px.
        width: Of the pictures, px.
        fronts_only: Leave out what is turned over.
    """
    points = np.asarray(points, np.float32)
    frames = len(points)
    corners = points[:, triangles].reshape(-1, 3, 2)
    number, x, y = _candidates(corners, height, width)
    inside, upright = _inside(corners, number, x, y)
    pixel = (number // len(triangles) * height + y) * width + x
    covering = np.full(frames * height * width, OUTSIDE, np.int32)
    triangle = (number % len(triangles)).astype(np.int32)
    for drawn in (inside & ~upright & (not fronts_only), inside & upright):
        covering[pixel[drawn]] = triangle[drawn]
    return SurfaceMap(covering.reshape(frames, height, width), points, triangles)


def _candidates(corners: FloatArray, height: int, width: int) -> tuple[IntArray, IntArray, IntArray]:
    """List the pixels in the rectangle around each of `(N, 3, 2)` triangles: its number, column and row."""
    limits = np.array([width, height])
    low = np.clip(np.ceil(corners.min(axis=1) - 0.5 - _SEAM), 0, limits).astype(np.int32)
    high = np.clip(np.floor(corners.max(axis=1) - 0.5 + _SEAM) + 1, 0, limits).astype(np.int32)
    columns, rows = np.maximum(high - low, 0).T
    count = columns * rows
    number = np.repeat(np.arange(len(corners), dtype=np.int32), count)
    nth = np.arange(len(number), dtype=np.int32) - np.repeat(np.cumsum(count) - count, count).astype(np.int32)
    row = nth // columns[number]
    return number, low[number, 0] + nth - row * columns[number], low[number, 1] + row


def _inside(
    corners: FloatArray, number: IntArray, x: IntArray, y: IntArray
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which candidates lie in their triangle, and which triangles show their front, both `(P,)`."""
    (ax, ay), (x1, y1), (x2, y2) = (
        np.ascontiguousarray(part.T) for part in (corners[:, 0], *(corners[:, k] - corners[:, 0] for k in (1, 2)))
    )
    area = x1 * y2 - x2 * y1
    inverse = np.where(np.abs(area) > _SMALLEST, 1 / np.where(area == 0, 1, area), np.inf).astype(np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        dx, dy = x + np.float32(0.5) - ax[number], y + np.float32(0.5) - ay[number]
        second = (dx * (y2 * inverse)[number]) - dy * (x2 * inverse)[number]
        third = dy * (x1 * inverse)[number] - dx * (y1 * inverse)[number]
        inside = (second >= -_SEAM) & (third >= -_SEAM) & (second + third <= 1 + _SEAM)
    return inside, (area < 0)[number]


def sample(pictures: NDArray[np.uint8] | FloatArray, positions: FloatArray) -> NDArray[np.float32]:
    """Read pictures between their pixels, bilinearly; beyond the border its pixels go on.

    Args:
        pictures: `(T, H, W, C)`, or `(H, W, C)` for all frames alike.
        positions: `(T, h, w, 2)` px.

    Returns:
        `(T, h, w, C)` float32, in the values of the pictures.
    """
    height, width = pictures.shape[-3:-1]
    x = np.clip(positions[..., 0] - np.float32(0.5), 0, width - 1)
    y = np.clip(positions[..., 1] - np.float32(0.5), 0, height - 1)
    left, top = (np.minimum(at.astype(np.int32), most) for at, most in ((x, width - 2), (y, height - 2)))
    across, down = (x - left).astype(np.float32), (y - top).astype(np.float32)
    first = top * width + left
    if pictures.ndim == 4:
        first = first + (np.arange(len(pictures), dtype=np.int32) * (height * width))[:, None, None]
    read = np.empty((*first.shape, pictures.shape[-1]), np.float32)
    for channel, plane in enumerate(np.moveaxis(pictures, -1, 0)):  # a plane at a time: single values are quick to pick
        flat = plane.astype(np.float32).ravel()
        upper, lower = (
            flat.take(first + step) * (1 - across) + flat.take(first + step + 1) * across for step in (0, width)
        )
        read[..., channel] = upper * (1 - down) + lower * down
    return read
