"""Surfaces of triangles: normals, and the points of them that lie nearest to others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray

_CHUNK = 2_000_000  # distances held at once
_TINY = 1e-12


@dataclass(frozen=True)
class Surface:
    """A mesh with the normals of its vertices.

    Attributes:
        points: `(V, 3)` float64.
        triangles: `(M, 3)`, counter-clockwise from outside.
        normals: `(V, 3)` of length one; zero for points without a triangle.
    """

    points: NDArray[np.float64]
    triangles: NDArray[np.int32]
    normals: NDArray[np.float64]

    @classmethod
    def of(cls, points: FloatArray, triangles: NDArray[np.int32]) -> Surface:
        """Make a surface of `(V, 3)` points and `(M, 3)` triangles."""
        placed = np.asarray(points, np.float64)
        return cls(placed, triangles, vertex_normals(placed, triangles))

    def thinned(self, largest: int) -> Surface:
        """Return at most so many of the points, evenly chosen, with their normals and without triangles."""
        step = max(1, -(-len(self.points) // largest))
        return Surface(self.points[::step], np.empty((0, 3), np.int32), self.normals[::step])


def vertex_normals(points: NDArray[np.float64], triangles: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the normals of `(V, 3)` points, each the mean of its triangles' by area, `(V, 3)`."""
    across = np.cross(
        points[triangles[:, 1]] - points[triangles[:, 0]], points[triangles[:, 2]] - points[triangles[:, 0]]
    )
    summed = np.stack(
        [np.bincount(triangles.ravel(), np.repeat(across[:, axis], 3), len(points)) for axis in range(3)], axis=1
    )
    return np.asarray(summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), _TINY))


def nearest(
    points: NDArray[np.float64], others: NDArray[np.float64], penalty: NDArray[np.float64] | None = None
) -> NDArray[np.intp]:
    """Return for each of `(N, 3)` points the nearest of `(K, 3)` others, `(N,)`.

    Args:
        points: Whose neighbours are wanted.
        others: Among which.
        penalty: `(N, K)` to add to the squared distances.
    """
    found = np.empty(len(points), np.intp)
    step = max(1, _CHUNK // max(len(others), 1))
    for start in range(0, len(points), step):
        own = slice(start, start + step)
        squared = sum(np.subtract.outer(points[own, axis], others[:, axis]) ** 2 for axis in range(3))
        found[own] = np.argmin(squared if penalty is None else squared + penalty[own], axis=1)
    return found


def nearest_on_triangles(
    points: NDArray[np.float64], corners: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find the point of a triangle that lies nearest to a given one (Ericson 2005, section 5.1.5), for many pairs.

    Args:
        points: `(..., 3)`.
        corners: `(..., 3, 3)`, the corners of one triangle for each point.

    Returns:
        Barycentric weights `(..., 3)` of the nearest points, and the squared distances `(...,)`.
    """
    inside = _barycentric(points, corners)
    edges = [_on_edge(points, corners, first, second) for first, second in ((0, 1), (1, 2), (2, 0))]
    candidates = np.stack([*edges, np.where((inside >= 0).all(-1, keepdims=True), inside, edges[0])])
    missed = np.einsum("k...c,...cd->k...d", candidates, corners) - points
    squared = np.sum(missed**2, axis=-1)
    best = squared.argmin(axis=0)
    weights = np.take_along_axis(candidates, best[None, ..., None], axis=0)[0]
    return weights, np.take_along_axis(squared, best[None], axis=0)[0]


def _barycentric(points: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the barycentric weights of points dropped onto the planes of their triangles, `(..., 3)`."""
    along, across = corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :]
    offset = points - corners[..., 0, :]
    a, b, c = (np.sum(u * v, axis=-1) for u, v in ((along, along), (along, across), (across, across)))
    d, e = np.sum(offset * along, axis=-1), np.sum(offset * across, axis=-1)
    area = np.maximum(a * c - b * b, _TINY)
    second, third = (c * d - b * e) / area, (a * e - b * d) / area
    return np.stack([1 - second - third, second, third], axis=-1)


def _on_edge(points: NDArray[np.float64], corners: NDArray[np.float64], first: int, second: int) -> NDArray[np.float64]:
    """Return the weights of the points of one edge that lie nearest, `(..., 3)`."""
    edge = corners[..., second, :] - corners[..., first, :]
    share = np.sum((points - corners[..., first, :]) * edge, axis=-1) / np.maximum(np.sum(edge**2, axis=-1), _TINY)
    share = np.clip(share, 0, 1)
    weights = np.zeros(corners.shape[:-1])
    weights[..., first], weights[..., second] = 1 - share, share
    return weights
