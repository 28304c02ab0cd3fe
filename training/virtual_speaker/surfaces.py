"""Smooth surfaces from a few points: subdivision as a matrix, lofts through curves, borders and linings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lipsync_core.arrays import FloatArray, IntArray

Points = NDArray[np.float64]
Triangles = NDArray[np.int32]


@dataclass(frozen=True)
class Subdivision:
    """A finer surface whose points are fixed mixtures of a coarse one's.

    Attributes:
        matrix: `(V, P)` sparse; the first `P` points of the fine surface are the smoothed coarse ones.
        triangles: `(F, 3)` of the fine surface.
    """

    matrix: sparse.csr_matrix
    triangles: Triangles

    def __call__(self, coarse: FloatArray) -> Points:
        """Return the fine values, `(V, C)`, for `(P, C)` coarse ones."""
        return np.asarray(self.matrix @ coarse, np.float64)


def subdivide(triangles: IntArray, point_count: int, levels: int) -> Subdivision:
    """Split every triangle into four, `levels` times, after Loop (1987); borders become smooth curves."""
    matrix = sparse.identity(point_count, format="csr")
    for _ in range(levels):
        step = _loop_step(triangles, matrix.shape[0])
        matrix, triangles = step.matrix @ matrix, step.triangles
    return Subdivision(matrix.tocsr(), triangles.astype(np.int32))


def _loop_step(triangles: IntArray, point_count: int) -> Subdivision:
    sides = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    opposite = triangles[:, [2, 0, 1]].ravel()
    edges, edge_of_side = np.unique(np.sort(sides, axis=1), axis=0, return_inverse=True)
    edge_of_side = edge_of_side.ravel()
    on_border = np.bincount(edge_of_side, minlength=len(edges)) == 1
    matrix = sparse.vstack(
        [
            _smoothed_points(edges, on_border, point_count),
            _edge_points(edges, edge_of_side, opposite, on_border, point_count),
        ]
    )
    middle = (point_count + edge_of_side).reshape(-1, 3)  # the new points on sides 01, 12, 20
    a, b, c = triangles.T
    ab, bc, ca = middle.T
    split = [np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
    return Subdivision(matrix.tocsr(), np.concatenate(split))


def _smoothed_points(edges: IntArray, on_border: NDArray[np.bool_], point_count: int) -> sparse.csr_matrix:
    """Return how the old points move: towards their neighbours, on a border along it only."""
    border_points = np.zeros(point_count, bool)
    border_points[edges[on_border]] = True
    inner_rows, inner_columns = np.concatenate([edges, edges[:, ::-1]]).T
    keep = ~border_points[inner_rows]
    border_rows, border_columns = np.concatenate([edges[on_border], edges[on_border][:, ::-1]]).T

    valence = np.maximum(np.bincount(inner_rows, minlength=point_count), 1)
    beta = (5 / 8 - (3 / 8 + np.cos(2 * np.pi / valence) / 4) ** 2) / valence
    own = np.where(border_points, 3 / 4, 1 - valence * beta)
    rows = np.concatenate([np.arange(point_count), inner_rows[keep], border_rows])
    columns = np.concatenate([np.arange(point_count), inner_columns[keep], border_columns])
    shares = np.concatenate([own, beta[inner_rows[keep]], np.full(len(border_rows), 1 / 8)])
    return sparse.csr_matrix((shares, (rows, columns)), (point_count, point_count))


def _edge_points(
    edges: IntArray,
    edge_of_side: IntArray,
    opposite: IntArray,
    on_border: NDArray[np.bool_],
    point_count: int,
) -> sparse.csr_matrix:
    """Return the new points: 3/8 of each end and 1/8 of each point across, on a border the middle."""
    ends = np.where(on_border, 1 / 2, 3 / 8)
    across = ~on_border[edge_of_side]
    every = np.arange(len(edges))
    rows = np.concatenate([every, every, edge_of_side[across]])
    columns = np.concatenate([edges[:, 0], edges[:, 1], opposite[across]])
    shares = np.concatenate([ends, ends, np.full(across.sum(), 1 / 8)])
    return sparse.csr_matrix((shares, (rows, columns)), (len(edges), point_count))


def border_loop(triangles: IntArray, through: int) -> list[int]:
    """Return the points of the border that `through` lies on, in the order in which the surface runs along it."""
    sides = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    known = set(map(tuple, sides.tolist()))
    following = {a: b for a, b in known if (b, a) not in known}
    loop = [through]
    while following[loop[-1]] != through:
        loop.append(following[loop[-1]])
    return loop


def grid_triangles(rows: int, columns: int, *, closed: bool) -> Triangles:
    """Return the triangles between `rows` rows of `columns` points; `closed` joins the last column to the first.

    They face the side from which the columns run to the right when the rows run down.
    """
    last = columns if closed else columns - 1
    r, c = np.meshgrid(np.arange(rows - 1), np.arange(last), indexing="ij")
    right = (c + 1) % columns
    a, b = r * columns + c, r * columns + right
    below, below_right = a + columns, b + columns
    halves = [np.stack([a, below, b], axis=-1), np.stack([b, below, below_right], axis=-1)]
    return np.concatenate([half.reshape(-1, 3) for half in halves]).astype(np.int32)


def sphere(centre: FloatArray, radius: float, rows: int, columns: int) -> tuple[Points, Triangles]:
    """Return a sphere whose first row is its pole at +z; the rows crowd around that pole."""
    polar = np.pi * np.linspace(0, 1, rows) ** 1.5
    around = -2 * np.pi * np.arange(columns) / columns
    p, a = np.meshgrid(polar, around, indexing="ij")
    points = np.stack([np.sin(p) * np.cos(a), np.sin(p) * np.sin(a), np.cos(p)], axis=-1).reshape(-1, 3)
    return centre + radius * points, grid_triangles(rows, columns, closed=True)[:, ::-1].copy()


def smooth_step(low: float, high: float, values: FloatArray) -> Points:
    """Return 0 below `low`, 1 above `high`, and a smooth passage between."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float64)
