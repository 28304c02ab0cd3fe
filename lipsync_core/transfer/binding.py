"""Carry shapes of the 468-point face over to the vertices of a character that it was fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray, check_shape
from ..face.topology import LOWER_INNER_LIP, POINT_COUNT, UPPER_INNER_LIP, skin_triangles
from .registration import FaceFit, Similarity, face_space_of
from .surface import Surface, nearest, nearest_on_triangles

_HELD = 0.04  # face units from the fitted face within which skin follows it wholly ...
_FREE = 0.7  # ... and beyond which not at all
_OTHER_WAY = 0.15  # face units that a triangle looking the other way counts further off
_ASKEW = 0.03  # the same for one at a right angle: tells the lips apart where they touch
_CHUNK = 20_000  # vertices bound at once
_SAME_PLACE = 1e-5  # face units: vertices nearer than this are one, split for texture or shading
_SMOOTHED = 0.05  # face units over which motion is smoothed
_MOST_ROUNDS = 20


@dataclass(frozen=True)
class Smoothing:
    """Averages motion over neighbours on a character's own mesh, so that lips that only touch do not mix.

    Attributes:
        places: `(K,)` the place of each bound vertex; vertices that were split for texture or shading share one.
        pairs: `(E, 2)` places that an edge joins.
        rounds: How often neighbours are averaged.
    """

    places: NDArray[np.intp]
    pairs: NDArray[np.intp]
    rounds: int

    def apply(self, motion: NDArray[np.float64]) -> NDArray[np.float64]:
        """Smooth `(K, 3)` offsets."""
        if not len(self.places):
            return motion
        count = int(self.places.max()) + 1
        held = _gathered(self.places, motion, count) / np.bincount(self.places, minlength=count)[:, None]
        here, there = np.concatenate([self.pairs, self.pairs[:, ::-1]]).T
        neighbours = np.bincount(here, minlength=count)[:, None]
        for _ in range(self.rounds):
            around = _gathered(here, held[there], count) / np.maximum(neighbours, 1)
            held = np.where(neighbours > 0, (held + around) / 2, held)
        return held[self.places]


@dataclass(frozen=True)
class Binding:
    """What each vertex of a character follows.

    Attributes:
        vertices: `(K,)` numbers of the vertices that follow the face at all.
        corners: `(K, 3)` points of the face that each follows.
        weights: `(K, 3)` how much of each; their sum is how much of the face's motion the vertex takes.
        neutral: `(468, 3)` the fitted face in face units: what shapes are made for.
        pose: From face units to the character's space.
        smoothing: What takes the edges of the coarse face out of its motion.
        vertex_count: `V`.
    """

    vertices: NDArray[np.intp]
    corners: NDArray[np.int32]
    weights: NDArray[np.float64]
    neutral: NDArray[np.float32]
    pose: Similarity
    smoothing: Smoothing
    vertex_count: int

    def transfer(self, delta: FloatArray) -> NDArray[np.float32]:
        """Carry one shape over.

        Args:
            delta: `(468, 3)` offsets, face units, made for `neutral`.

        Returns:
            `(V, 3)` offsets of the character's vertices, in its own space and unit.
        """
        check_shape("delta", delta, f"{POINT_COUNT} 3")
        moved = np.zeros((self.vertex_count, 3), np.float32)
        followed = np.einsum("kc,kcd->kd", self.weights, np.asarray(delta, np.float64)[self.corners])
        moved[self.vertices] = self.pose.scale * self.smoothing.apply(followed) @ self.pose.rotation.T
        return moved


def bind(fit: FaceFit, points: FloatArray, triangles: NDArray[np.int32]) -> Binding:
    """Tie the vertices of a mesh to the face that was fitted to it.

    A vertex follows the nearest triangle that looks the same way, less the further off it is: under the chin and at the
    sides the motion fades out. A lip never follows the other lip.

    Args:
        fit: The face on the mesh.
        points: `(V, 3)` of the same mesh, or of another one of the same character, in the same space.
        triangles: `(M, 3)`.
    """
    neutral, pose = face_space_of(fit)
    mesh = Surface.of(pose.undo(points), triangles)
    face = Surface.of(neutral, skin_triangles())
    low, high = neutral.min(axis=0) - _FREE, neutral.max(axis=0) + _FREE
    near = np.flatnonzero(np.all((mesh.points > low) & (mesh.points < high), axis=1))
    parts = [_followed(mesh, face, near[start : start + _CHUNK]) for start in range(0, len(near), _CHUNK)]
    corners = np.concatenate([part[0] for part in parts]) if parts else np.empty((0, 3), np.int32)
    weights = np.concatenate([part[1] for part in parts]) if parts else np.empty((0, 3))
    follows = weights.sum(axis=1) > 0
    own = near[follows]
    smoothing = _smoothing_of(mesh, own, corners[follows])
    return Binding(own, corners[follows], weights[follows], neutral, pose, smoothing, len(points))


def _followed(mesh: Surface, face: Surface, own: NDArray[np.intp]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return the corners `(K, 3)` and weights `(K, 3)` that some vertices follow."""
    points, normals = mesh.points[own], mesh.normals[own]
    around = _triangles_around(face.triangles)[nearest(points, face.points)]  # (K, R), -1 for none
    candidates = face.triangles[around]
    shares, squared = nearest_on_triangles(points[:, None], face.points[candidates])
    facing = np.sum(face.normals[candidates].mean(axis=2) * normals[:, None], axis=-1)
    cost = squared + _ASKEW**2 * (1 - facing) + np.where(facing < 0, _OTHER_WAY**2, 0)
    cost[around < 0] = np.inf
    best = cost.argmin(axis=1)[:, None]
    chosen = np.take_along_axis(candidates, best[..., None], axis=1)[:, 0]
    share = np.take_along_axis(shares, best[..., None], axis=1)[:, 0]
    distance = np.sqrt(np.take_along_axis(squared, best, axis=1)[:, 0])
    return chosen, share * _fade(distance)[:, None]


def _smoothing_of(mesh: Surface, own: NDArray[np.intp], corners: NDArray[np.int32]) -> Smoothing:
    """Find the edges among the bound vertices; split ones are told from touching lips by what they follow."""
    grid = np.round(mesh.points[own] / _SAME_PLACE).astype(np.int64)
    _, places = np.unique(np.concatenate([grid, corners], axis=1), axis=0, return_inverse=True)
    places = places.reshape(-1)
    place_of = np.full(len(mesh.points), -1, np.intp)
    place_of[own] = places
    sides = np.concatenate([mesh.triangles[:, [0, 1]], mesh.triangles[:, [1, 2]], mesh.triangles[:, [2, 0]]])
    pairs = np.sort(place_of[sides], axis=1)
    pairs = np.unique(pairs[(pairs[:, 0] >= 0) & (pairs[:, 0] != pairs[:, 1])], axis=0)
    lengths = np.linalg.norm(mesh.points[sides[:, 0]] - mesh.points[sides[:, 1]], axis=1)
    length = np.median(lengths[(place_of[sides] >= 0).all(axis=1)]) if len(pairs) else 1.0
    return Smoothing(places, pairs, int(np.clip((_SMOOTHED / max(length, 1e-9)) ** 2, 1, _MOST_ROUNDS)))


def _gathered(places: NDArray[np.intp], values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Sum `(N, 3)` values that belong to the same place, `(count, 3)`."""
    return np.stack([np.bincount(places, values[:, axis], count) for axis in range(3)], axis=1)


def _fade(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much of the motion is left at some distances from the face."""
    way = np.clip((distance - _HELD) / (_FREE - _HELD), 0, 1)
    return np.asarray((1 - way) ** 2 * (1 + 2 * way))


def _triangles_around(triangles: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the numbers of the triangles around each point and around its neighbours, `(468, R)`; -1 for none.

    Points of the two lips that touch share theirs: which lip a vertex belongs to, its normal says.
    """
    touching: list[set[int]] = [set() for _ in range(POINT_COUNT)]
    for number, triangle in enumerate(triangles.tolist()):
        for point in triangle:
            touching[point].add(number)
    wider = [set().union(*(touching[other] for number in own for other in triangles[number])) for own in touching]
    for upper, lower in zip(UPPER_INNER_LIP, LOWER_INNER_LIP, strict=True):
        wider[upper] = wider[lower] = wider[upper] | wider[lower]
    rows = np.full((POINT_COUNT, max(map(len, wider))), -1, np.int32)
    for point, numbers in enumerate(wider):
        rows[point, : len(numbers)] = sorted(numbers)
    return rows
