"""Lay the generic face onto a character's: first as it is, then bent until it lies on the surface.

Rigid steps are iterated closest points with scale (Besl and McKay 1992; Umeyama 1991) that trust only surfaces looking
the same way. Bending minimises the distance to the surface and the change of each point's offset against its
neighbours', from stiff to soft (Amberg, Romdhani and Vetter 2007).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray, check_shape
from ..errors import CharacterError
from ..face.topology import (
    LIPS,
    LOWER_INNER_LIP,
    NOSE_TIP,
    OUTER_EYE_CORNERS,
    POINT_COUNT,
    UPPER_INNER_LIP,
    generic_face,
    skin_triangles,
)
from ..progress import Progress, ignore_progress
from .surface import Surface, nearest

_FEWEST_VERTICES = 200
_COARSE, _FINE = 3000, 12_000  # most vertices looked at by rigid steps, and by bending
_WINDOWS = (1.0, 0.5, 0.25, 0.14)  # shares of the mesh's height, from the top, that may be its head
_EYE_SHARES = (0.48, 0.58, 0.7)  # of the head's width: distance of the outer eye corners
_START_STEPS, _RIGID_STEPS = 6, 12
_TRIMMED = 0.8  # share of the points, the nearest ones, that rigid steps believe
_SAME_WAY = 0.5  # least cosine of normals of points that can be the same
_STIFFNESS = (30.0, 10.0, 3.0, 1.0, 0.5, 0.3)
_INNER_LIP_TRUST = 0.2  # the seam of closed lips is hard to tell on a surface: its neighbours lead
_REACH = 1.6  # face units: how far from the face its surroundings matter
_GOOD, _FAIR = 0.015, 0.035  # mean distance, share of the eye distance
_COVERED = 0.06  # a point this near, face units, has found the surface
_BEST_COVERAGE = 0.9


@dataclass(frozen=True)
class Similarity:
    """A motion with scale: `y = scale * rotation @ x + offset`.

    Attributes:
        scale: Length of a face unit.
        rotation: `(3, 3)`.
        offset: `(3,)`.
    """

    scale: float
    rotation: NDArray[np.float64]
    offset: NDArray[np.float64]

    def apply(self, points: FloatArray) -> NDArray[np.float64]:
        """Move `(..., 3)` points from face space to the character's."""
        return np.asarray(self.scale * points @ self.rotation.T + self.offset, np.float64)

    def undo(self, points: FloatArray) -> NDArray[np.float64]:
        """Move `(..., 3)` points from the character's space to face space."""
        return np.asarray((points - self.offset) @ self.rotation / self.scale, np.float64)


@dataclass(frozen=True)
class FaceFit:
    """The 468 points on a character's face.

    Attributes:
        points: `(468, 3)` in the character's space.
        pose: From face space to the character's.
        distances: `(468,)` from the surface, in face units (eye distances).
    """

    points: NDArray[np.float64]
    pose: Similarity
    distances: NDArray[np.float64]

    @property
    def mean_distance(self) -> float:
        """Mean over all points, face units."""
        return float(self.distances.mean())

    @property
    def coverage(self) -> float:
        """Share of the points that lie on the surface."""
        return float(np.mean(self.distances < _COVERED))

    @property
    def verdict(self) -> str:
        """How well it fits, in a sentence."""
        figures = f"mean distance {100 * self.mean_distance:.1f} % of the eye distance, {self.coverage:.0%} covered"
        if self.mean_distance < _GOOD and self.coverage > _BEST_COVERAGE:
            return f"The face fits well ({figures})."
        if self.mean_distance < _FAIR:
            return f"The face fits roughly ({figures}); look at the mouth, move the guide if it is off, and fit again."
        return f"The face does not fit ({figures}); move the guide onto the face, and fit again."


def fit_face(
    points: FloatArray,
    triangles: NDArray[np.int32],
    start: Similarity | None = None,
    progress: Progress = ignore_progress,
) -> FaceFit:
    """Lay the generic face onto a mesh.

    Args:
        points: `(V, 3)`, axes as in face space: x to the character's left, y up, z out of its face; any unit.
        triangles: `(M, 3)`, counter-clockwise from outside.
        start: Where the face is, roughly; searched for if None.
        progress: Told the share done.

    Raises:
        CharacterError: If the mesh is too coarse to hold a face.
    """
    check_shape("points", points, "V 3")
    if len(points) < _FEWEST_VERTICES:
        raise CharacterError(f"The mesh has only {len(points)} vertices, too few for a face; choose the head's mesh.")
    whole = Surface.of(points, triangles)
    starts = list(_starts(whole.points)) if start is None else [start]
    coarse = whole.thinned(_COARSE)
    poses = [_settled(coarse, each, _START_STEPS) for each in starts]
    pose = min(poses, key=lambda each: each[1])[0]
    progress(0.3)
    pose = _settled(_surroundings(whole, pose).thinned(_COARSE), pose, _RIGID_STEPS)[0]
    progress(0.5)
    near = _surroundings(whole, pose).thinned(_FINE)
    bent = _bent(near, pose)
    progress(1.0)
    face = Surface.of(bent, skin_triangles())
    return FaceFit(bent, pose, np.linalg.norm(_pulled(face, near, pose.scale)[0] - bent, axis=1) / pose.scale)


def _starts(points: NDArray[np.float64]) -> Iterator[Similarity]:
    """Guess where a face may be: its nose is what stands out most in the middle of a head at the top."""
    top, bottom = points[:, 1].max(), points[:, 1].min()
    generic = generic_face().astype(np.float64)
    for window in _WINDOWS:
        height = window * (top - bottom)
        head = points[points[:, 1] > top - height]
        middle = np.median(head[:, 0])
        width = max(np.percentile(head[:, 0], 98) - np.percentile(head[:, 0], 2), 1e-9)
        level = (top - head[:, 1]) / height
        front = head[(np.abs(head[:, 0] - middle) < 0.12 * width) & (level > 0.25) & (level < 0.8)]
        if not len(front):
            continue
        nose = front[front[:, 2].argmax()]
        for share in _EYE_SHARES:
            scale = share * min(width, height)
            yield Similarity(scale, np.eye(3), nose - scale * generic[NOSE_TIP])


def _settled(surface: Surface, start: Similarity, steps: int) -> tuple[Similarity, float]:
    """Move and scale the face until it lies nearest; return the pose and the mean distance left, face units."""
    generic = generic_face().astype(np.float64)
    triangles, pose, error = skin_triangles(), start, np.inf
    for _ in range(steps):
        near = _surroundings(surface, pose)
        if len(near.points) < _FEWEST_VERTICES // 8:
            return pose, np.inf
        face = Surface.of(pose.apply(generic), triangles)
        targets, trusted = _pulled(face, near, pose.scale)
        distances = np.linalg.norm(targets - face.points, axis=1) / pose.scale
        believed = trusted & (distances <= np.quantile(distances, _TRIMMED))
        if np.count_nonzero(believed) < POINT_COUNT // 4:
            return pose, np.inf
        error = float(distances[believed].mean() + 0.2 * np.mean(~trusted))
        pose = _similarity(generic[believed], targets[believed])
    return pose, error


def _surroundings(surface: Surface, pose: Similarity) -> Surface:
    """Return the part of a surface that is near enough to matter; its triangles are left out."""
    middle = pose.apply(generic_face().mean(axis=0))
    near = np.linalg.norm(surface.points - middle, axis=1) < _REACH * pose.scale
    return Surface(surface.points[near], np.empty((0, 3), np.int32), surface.normals[near])


def _pulled(face: Surface, surface: Surface, scale: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return where the surface pulls each point of the face, `(468, 3)`, and whether it looks the same way there."""
    agreement = face.normals @ surface.normals.T
    found = nearest(face.points, surface.points, penalty=np.where(agreement > _SAME_WAY, 0, (0.5 * scale) ** 2))
    vertex, normal = surface.points[found], surface.normals[found]
    offset = face.points - vertex
    flat = offset - np.sum(offset * normal, axis=1, keepdims=True) * normal  # slide along the surface at the vertex
    reach = np.minimum(1, 0.05 * scale / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12))
    return vertex + reach * flat, np.take_along_axis(agreement, found[:, None], axis=1)[:, 0] > _SAME_WAY


def _bent(surface: Surface, pose: Similarity) -> NDArray[np.float64]:
    """Bend the face onto the surface, from stiff to soft, `(468, 3)`."""
    triangles = skin_triangles()
    rest = pose.apply(generic_face())
    stiff = _stiffness(triangles)
    care = np.ones(POINT_COUNT)
    care[list(UPPER_INNER_LIP + LOWER_INNER_LIP)] = _INNER_LIP_TRUST
    points = rest
    for stiffness in np.repeat(_STIFFNESS, 3):
        face = Surface.of(points, triangles)
        targets, trusted = _pulled(face, surface, pose.scale)
        far = np.linalg.norm(targets - points, axis=1) > 0.3 * pose.scale
        weights = care * (trusted & ~far)
        offsets = np.linalg.solve(stiffness * stiff + np.diag(weights + 1e-6), weights[:, None] * (targets - rest))
        points = rest + offsets
    return np.asarray(points, np.float64)


def _stiffness(triangles: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the form that counts differences of neighbours' offsets, `(468, 468)`; the two lips are joined as well."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    seam = np.stack([UPPER_INNER_LIP, LOWER_INNER_LIP], axis=1)[1:-1]
    form = np.zeros((POINT_COUNT, POINT_COUNT))
    for first, second in (edges.T, seam.T):
        for here, there, value in ((first, first, 1), (second, second, 1), (first, second, -1), (second, first, -1)):
            np.add.at(form, (here, there), value)
    return form


def _similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> Similarity:
    """Return the motion with scale that takes `(N, 3)` points nearest to others (Umeyama 1991)."""
    middles = source.mean(axis=0), target.mean(axis=0)
    centred, placed = source - middles[0], target - middles[1]
    u, spread, v = np.linalg.svd(placed.T @ centred / len(source))
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ v))])
    rotation = (u * sign) @ v
    scale = float((spread * sign).sum() / np.mean(np.sum(centred**2, axis=1)))
    return Similarity(scale, rotation, middles[1] - scale * rotation @ middles[0])


def face_space_of(fit: FaceFit) -> tuple[NDArray[np.float32], Similarity]:
    """Return a fitted face as a neutral face in face units, `(468, 3)`, and the way back to the character.

    The outer eye corners are at distance one, their middle is the origin.
    """
    right, left = fit.points[list(OUTER_EYE_CORNERS)]
    scale = float(np.linalg.norm(left - right))
    pose = Similarity(scale, fit.pose.rotation, (right + left) / 2)
    return pose.undo(fit.points).astype(np.float32), pose


def lip_distance(fit: FaceFit) -> float:
    """Return the mean distance of the lips from the surface, face units."""
    return float(fit.distances[list(LIPS)].mean())
