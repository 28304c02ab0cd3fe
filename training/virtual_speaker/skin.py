"""The skin of face and skull: a smooth surface through the 468 points, painted, and turned in at its borders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from lipsync_core.arrays import FloatArray
from lipsync_core.face.basis import BlendshapeBasis
from lipsync_core.face.topology import (
    FACE_OVAL,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LIP_GAP,
    LOWER_INNER_LIP,
    LOWER_MIDDLE_LIP,
    LOWER_OUTER_LIP,
    LOWER_WET_LIP,
    POINT_COUNT,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    UPPER_INNER_LIP,
    UPPER_MIDDLE_LIP,
    UPPER_OUTER_LIP,
    UPPER_WET_LIP,
    skin_triangles,
)

from .parts import SKIN_FINISH, Finish, HeadPart, Skull, make_part
from .style import Colour, HeadStyle, Vector
from .surfaces import Points, Subdivision, Triangles, border_loop, grid_triangles, smooth_step, subdivide

_SKULL_RINGS = (0.07, 0.17, 0.3, 0.45, 0.62, 0.8)  # share of the way from the face's outline to the back pole
_JAW_UNDERSIDE = 0.17  # share of that way over which the jaw draws back to the skull
_RING_FOLLOWS = (0.75, 0.4, 0.15, 0.0, 0.0, 0.0)  # share of the outline's motion
LIP_FINISH = Finish(gloss=0.22, sharpness=28.0, translucence=0.6)
_LIP_RED = UPPER_MIDDLE_LIP + LOWER_MIDDLE_LIP + UPPER_WET_LIP + LOWER_WET_LIP + UPPER_INNER_LIP + LOWER_INNER_LIP
_LIP_EDGE = UPPER_OUTER_LIP + LOWER_OUTER_LIP
_UPPER_LIDS = RIGHT_UPPER_LID + LEFT_UPPER_LID
_NOSTRILS = (458, 250, 462, 238, 20, 242, 328, 290, 99, 60)
_CHEEKS = (280, 425, 330, 266, 50, 205, 101, 36)


@dataclass(frozen=True)
class Skin:
    """The smooth skin of face and skull, which passes through the 468 points."""

    basis: BlendshapeBasis
    style: HeadStyle
    surface: Subdivision
    vertices: Points
    deltas: Points

    @classmethod
    def over(cls, basis: BlendshapeBasis, style: HeadStyle, skull: Skull) -> Skin:
        """Lay the skin over a face and its skull."""
        triangles = np.concatenate([skin_triangles(), _skull_triangles()])
        rings = _skull_points(basis.neutral.astype(np.float64), skull)
        surface = subdivide(triangles, POINT_COUNT + len(rings), style.skin_levels)
        through = surface.matrix[:POINT_COUNT].toarray()
        to_corners = np.linalg.inv(through[:, :POINT_COUNT])

        def over_controls(points: FloatArray, around: FloatArray) -> Points:
            corners = to_corners @ (points - through[:, POINT_COUNT:] @ around)
            return surface(np.concatenate([corners, around]))

        vertices = over_controls(basis.neutral, rings)
        follow = np.concatenate([np.repeat(_RING_FOLLOWS, len(FACE_OVAL)), [0.0]])[:, None]
        ring_sources = [*(FACE_OVAL * len(_SKULL_RINGS)), FACE_OVAL[0]]
        deltas = np.stack([over_controls(d, follow * d[ring_sources]) for d in basis.deltas])
        return cls(basis, style, surface, vertices, deltas)

    def painted(self, points: Iterable[int], low: float, high: float) -> NDArray[np.float64]:
        """Return a smooth mask over the fine skin, `(V, 1)`: 1 around these of the 468 points."""
        corners = np.zeros((self.surface.matrix.shape[1], 1))
        corners[list(points)] = 1
        return smooth_step(low, high, self.surface(corners))

    def nearest_mixture(self, points: Points) -> sparse.csr_matrix:
        """Return for each of `(N, 3)` points the mixture of skin points nearest to it in the front view, `(N, V)`."""
        front = np.where(self.vertices[:, 2:] > points[:, 2].min() - 0.25, self.vertices, 99.0)
        distances, nearest = cKDTree(front[:, :2]).query(points[:, :2], k=6)
        shares = 1 / (distances + 1e-4) ** 2
        shares /= shares.sum(axis=1, keepdims=True)
        rows = np.repeat(np.arange(len(points)), nearest.shape[1])
        shape = (len(points), len(self.vertices))
        return sparse.csr_matrix((shares.ravel(), (rows, nearest.ravel())), shape)

    def part(self) -> HeadPart:
        """Return the skin itself."""
        return make_part(
            "skin",
            self.vertices,
            self.surface.triangles,
            self._colours(),
            deltas=self.deltas,
            finish=SKIN_FINISH,
        )

    def _colours(self) -> Points:
        style = self.style
        colours = np.tile(np.array(style.skin), (len(self.vertices), 1))
        layers: list[tuple[NDArray[np.float64], Colour]] = [
            (0.3 * self.painted(_CHEEKS, 0.0, 1.0), style.blush),
            (0.35 * self.painted((4, 1, 5), 0.0, 0.9), style.blush),
            (0.85 * self.painted(_NOSTRILS, 0.45, 0.9), (0.25, 0.1, 0.08)),
            (0.9 * self._lip_red(), style.lips),
            (0.45 * self.painted(_UPPER_LIDS, 0.2, 0.7), (0.3, 0.17, 0.14)),
            (0.25 * self.painted(RIGHT_LOWER_LID + LEFT_LOWER_LID, 0.3, 0.8), (0.5, 0.25, 0.22)),
        ]
        for strength, colour in layers:
            colours += strength * (np.array(colour) - colours)
        return colours

    def _lip_red(self) -> NDArray[np.float64]:
        corners = np.zeros((self.surface.matrix.shape[1], 1))
        corners[list(_LIP_EDGE)] = 0.5
        corners[list(_LIP_RED)] = 1
        return smooth_step(0.36, 0.56, self.surface(corners))

    def linings(self) -> list[HeadPart]:
        """The lips' inner side and the rims of the lids: the skin turned inwards at its borders."""
        lip = np.array(self.style.lips)
        wet = np.array([(1, 1, 1), (0.92, 0.85, 0.85), (0.7, 0.6, 0.6), (0.45, 0.35, 0.35), (0.3, 0.2, 0.2)]) * lip
        rim = np.array([(0.75, 0.5, 0.46), (0.84, 0.58, 0.54), (0.8, 0.5, 0.47), (0.72, 0.45, 0.43)])
        lips_inwards = (
            (0, 0, 0),
            (-0.02, -0.004, 0),
            (-0.05, 0.015, 0),
            (-0.065, 0.08, 0),
            (-0.065, 0.16, 0),
        )
        lids_inwards = ((0, 0, 0), (-0.02, 0.0, 0.01), (-0.06, 0.012, 0.15), (-0.09, 0.02, 0.28))
        return [
            self._lining("inner lips", LIP_GAP[0], set(UPPER_INNER_LIP), lips_inwards, wet, LIP_FINISH),
            self._lining("right lid rim", 159, set(RIGHT_UPPER_LID), lids_inwards, rim, LIP_FINISH),
            self._lining("left lid rim", 386, set(LEFT_UPPER_LID), lids_inwards, rim, LIP_FINISH),
        ]

    def _lining(
        self,
        name: str,
        through: int,
        upper_points: set[int],
        inwards: tuple[Vector, ...],
        colours: Points,
        finish: Finish,
    ) -> HeadPart:
        """Carry a border inwards.

        Each step of `inwards` is an offset in z, one away from the slit, and the share by which its ends draw together.
        """
        loop = border_loop(self.surface.triangles, through)
        away = away_from_slit(loop, upper_points)
        edge = self.vertices[loop]
        from_middle = (edge - edge.mean(axis=0)) * (1, 0, 0)
        rows = [
            edge + np.outer(away * apart, (0, 1, 0)) - together * from_middle + (0, 0, depth)
            for depth, apart, together in inwards
        ]
        return make_part(
            name,
            np.concatenate(rows),
            grid_triangles(len(rows), len(loop), closed=True),
            np.repeat(colours, len(loop), axis=0),
            deltas=np.tile(self.deltas[:, loop], (1, len(rows), 1)),
            finish=finish,
            openness=np.repeat(np.linspace(1, 0.25, len(rows)), len(loop)),
        )


def away_from_slit(loop: list[int], upper_points: set[int]) -> NDArray[np.float64]:
    """Return for each point of a border around a slit 1 on the upper edge, -1 on the lower one, 0 at the ends."""
    coarse = np.array([1.0 if point in upper_points else -1.0 for point in loop if point < POINT_COUNT])
    places = [index for index, point in enumerate(loop) if point < POINT_COUNT]
    ends = [index for index, point in enumerate(loop) if point < POINT_COUNT and _is_end(point, upper_points, loop)]
    signs = np.interp(np.arange(len(loop)), places, coarse, period=len(loop))
    distance = np.min(
        [np.minimum((np.arange(len(loop)) - e) % len(loop), (e - np.arange(len(loop))) % len(loop)) for e in ends],
        axis=0,
    )
    return np.sign(signs) * np.sqrt(np.clip(distance / (len(loop) / 6), 0, 1))


def _is_end(point: int, upper_points: set[int], loop: list[int]) -> bool:
    """An end of the slit is the first or last of its upper edge: a neighbour along the loop is not of that edge."""
    known = [p for p in loop if p < POINT_COUNT]
    index = known.index(point)
    neighbours = {known[index - 1], known[(index + 1) % len(known)]}
    return point in upper_points and not neighbours <= upper_points


def _skull_points(neutral: Points, skull: Skull) -> Points:
    """Return the rings from the face's outline over the skull to the pole at the back, `(36 R + 1, 3)`."""
    centre, axes = skull.centre, skull.axes
    outline = neutral[list(FACE_OVAL)] - centre
    start = outline / np.linalg.norm(outline, axis=1, keepdims=True)
    excess = np.linalg.norm(outline, axis=1) - _skull_radius(start, axes)
    pole = np.array([0.0, -0.25, -1.0]) / np.linalg.norm([0.0, -0.25, -1.0])
    rings = []
    for share in _SKULL_RINGS:
        direction = _great_circle(start, pole, share)
        fading = np.exp(-share / _JAW_UNDERSIDE)
        rings.append(direction * (_skull_radius(direction, axes) + excess * fading)[:, None])
    return np.concatenate([*rings, pole[None] * _skull_radius(pole[None], axes)]) + centre


def _skull_radius(directions: Points, axes: Points) -> Points:
    """Return the distance from the centre of an ellipsoid to its surface, `(N,)`."""
    return np.asarray(1 / np.linalg.norm(directions / axes, axis=1), np.float64)


def _great_circle(start: Points, end: Points, share: float) -> Points:
    angle = np.arccos(np.clip(start @ end, -1, 1))[:, None]
    mixed = np.sin((1 - share) * angle) * start + np.sin(share * angle) * end
    return np.asarray(mixed / np.sin(angle), np.float64)


def _skull_triangles() -> Triangles:
    """Join the face's outline to the rings, and the last ring to the pole."""
    size, rings = len(FACE_OVAL), len(_SKULL_RINGS)
    numbers = np.concatenate([FACE_OVAL, np.arange(POINT_COUNT, POINT_COUNT + size * rings + 1)])
    bands = grid_triangles(rings + 1, size, closed=True)
    last = np.arange(size) + size * rings
    cap = np.stack([last, np.full(size, size * (rings + 1)), np.roll(last, -1)], axis=1)
    return numbers[np.concatenate([bands, cap])].astype(np.int32)
