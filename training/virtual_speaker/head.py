"""A head built from numbers: the skin on the 468 points, and all that belongs to it, moved by ARKit's shapes.

Everything is in face space (docs/CONVENTIONS.md) and moves linearly with the 52 weights, so the same arrays make the
pictures of the virtual speaker and a Blender mesh with shape keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from lipsync_core.arrays import FloatArray, check_shape
from lipsync_core.face.arkit import ARKIT_NAMES, arkit_index
from lipsync_core.face.basis import BlendshapeBasis, arkit_basis, jaw_deltas
from lipsync_core.face.mouth import mouth_width
from lipsync_core.face.topology import (
    CHIN,
    FACE_OVAL,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LIP_GAP,
    LOWER_INNER_LIP,
    LOWER_MIDDLE_LIP,
    LOWER_OUTER_LIP,
    LOWER_WET_LIP,
    OUTER_EYE_CORNERS,
    POINT_COUNT,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    UPPER_INNER_LIP,
    UPPER_MIDDLE_LIP,
    UPPER_OUTER_LIP,
    UPPER_WET_LIP,
    generic_face,
    skin_triangles,
)

from .rendering import sky_visibility
from .surfaces import (
    Points,
    Subdivision,
    Triangles,
    border_loop,
    grid_triangles,
    smooth_step,
    sphere,
    subdivide,
)

Colour = tuple[float, float, float]  # sRGB, 0 to 1
Vector = tuple[float, float, float]  # face units


@dataclass(frozen=True)
class Finish:
    """How a surface takes the light.

    Attributes:
        gloss: Strength of the highlight.
        sharpness: Exponent of the highlight.
        translucence: How far light passes the edge of the shade, 0 to 1.
    """

    gloss: float = 0.05
    sharpness: float = 12.0
    translucence: float = 0.0


@dataclass(frozen=True)
class HeadPart:
    """One surface of a head.

    Attributes:
        name: What it is, as `"upper teeth"`.
        vertices: `(V, 3)` float32, face units.
        triangles: `(F, 3)` int32, counter-clockwise seen from outside.
        colours: `(V, 3)` float32, sRGB, 0 to 1.
        deltas: `(52, V, 3)` float32, face units, in the order of `ARKIT_NAMES`.
        finish: How it takes the light.
        turns: `(V,)` float32, share of the head's turning that each point follows: 1 the head, less the shoulders.
        openness: `(V,)` float32, share of the sky that each point sees.
    """

    name: str
    vertices: NDArray[np.float32]
    triangles: Triangles
    colours: NDArray[np.float32]
    deltas: NDArray[np.float32]
    finish: Finish
    turns: NDArray[np.float32]
    openness: NDArray[np.float32]

    def __post_init__(self) -> None:
        sizes = check_shape("HeadPart.vertices", self.vertices, "V 3")
        check_shape("HeadPart.triangles", self.triangles, "F 3")
        check_shape("HeadPart.colours", self.colours, f"{sizes['V']} 3")
        check_shape("HeadPart.deltas", self.deltas, f"{len(ARKIT_NAMES)} {sizes['V']} 3")


@dataclass(frozen=True)
class Head:
    """A face and all the surfaces around it.

    Attributes:
        basis: The 468 points of the skin and their 52 shapes; the skin passes through them.
        parts: The surfaces.
    """

    basis: BlendshapeBasis
    parts: tuple[HeadPart, ...]

    def part(self, name: str) -> HeadPart:
        """Return one surface.

        Raises:
            KeyError: If the head has no part of that name.
        """
        return {part.name: part for part in self.parts}[name]


@dataclass(frozen=True)
class Warp:
    """A change of proportions around one place, falling off as a bell, alike on both sides of the face.

    Attributes:
        centre: Where; x is the distance from the midline.
        radius: How far it reaches along each axis.
        grow: Factor by which the place grows along each axis.
        shift: Where the place goes; positive x is outwards.
    """

    centre: Vector
    radius: Vector
    grow: Vector = (1.0, 1.0, 1.0)
    shift: Vector = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Haircut:
    """Where hair ends and how thick it lies, around the head from the front (0) to the back (180 degrees).

    Attributes:
        edge: Pairs of angle and height of the hair's lower edge over the top of the forehead, degrees and face units.
        thickness: Of the hair over the skull, face units.
        strands: How uneven the surface is, face units.
        parting: x of the parting, face units, or None.
        tuft: Height of a tuft above the forehead, face units.
    """

    edge: tuple[tuple[float, float], ...]
    thickness: float = 0.1
    strands: float = 0.012
    parting: float | None = None
    tuft: float = 0.0


@dataclass(frozen=True)
class HeadStyle:
    """What makes one head differ from another."""

    name: str
    haircut: Haircut
    warps: tuple[Warp, ...] = ()
    skin: Colour = (0.86, 0.66, 0.56)
    blush: Colour = (0.84, 0.5, 0.44)
    lips: Colour = (0.73, 0.38, 0.36)
    hair: Colour = (0.25, 0.14, 0.09)
    brows: Colour = (0.24, 0.15, 0.1)
    iris: Colour = (0.3, 0.42, 0.45)
    clothes: Colour = (0.2, 0.3, 0.4)
    skull: Vector = (1.0, 1.0, 1.0)
    """Growth of the skull beyond what fits the face."""
    neck_radius: float = 0.5
    neck_length: float = 0.45
    """From the chin down to the collar."""
    shoulders: float = 1.0
    """Width, against an adult's."""
    eye_radius: float = 0.2
    iris_radius: float = 0.073
    ears: bool = False
    skin_levels: int = 2
    """How often the skin's triangles are split into four."""


VIRTUAL_SPEAKER = HeadStyle(
    "virtual speaker",
    haircut=Haircut(
        edge=((0, 0.05), (28, 0.02), (44, -0.13), (54, -0.55), (64, -1.3), (78, -1.72), (180, -1.82)),
        thickness=0.12,
        parting=0.2,
    ),
    warps=(
        Warp((0, -0.5, 0.4), (0.35, 0.3, 0.5), (0.88, 0.93, 0.92), (0, 0.06, 0)),  # a shorter nose
        Warp((0, -0.9, 0.2), (0.5, 0.28, 0.6), (1, 1.1, 1), (0, 0.085, 0.0)),  # the mouth nearer to it
        Warp((0, -1.25, 0.0), (0.4, 0.3, 0.5), (0.9, 1, 1), (0, 0.03, 0.1)),  # a chin that stands forward
        Warp((0.33, 0.03, 0.08), (0.22, 0.12, 0.3), (1, 0.88, 1)),  # eyes at ease
        Warp((0.29, -0.82, 0.05), (0.13, 0.1, 0.3), shift=(0, 0.035, 0)),  # a friendly mouth
    ),
)
CHARACTER = HeadStyle(
    "character",
    haircut=Haircut(
        edge=((0, 0.06), (30, 0.02), (48, -0.15), (60, -0.5), (72, -0.6), (92, -0.35), (118, -0.75), (180, -1.1)),
        thickness=0.14,
        strands=0.025,
        tuft=0.22,
    ),
    warps=(
        Warp((0.33, 0.0, 0.05), (0.2, 0.16, 0.5), (1.25, 1.75, 1)),  # big eyes
        Warp((0.33, 0.25, 0.1), (0.4, 0.16, 0.5), shift=(0, 0.08, 0)),  # brows above them
        Warp((0, -0.45, 0.3), (0.25, 0.35, 0.5), (0.8, 0.8, 0.7), (0, 0.05, -0.05)),  # a snub nose
        Warp((0, -0.9, 0.2), (0.5, 0.3, 0.6), (0.98, 1.15, 1), (0, 0.16, 0)),  # a small mouth high up
        Warp((0.3, -0.72, 0.05), (0.16, 0.12, 0.3), shift=(0.02, 0.06, 0)),  # a friendly mouth
        Warp((0.55, -0.6, -0.1), (0.35, 0.4, 0.6), shift=(0.09, 0.0, 0.06)),  # round cheeks
        Warp((0, -1.25, 0.0), (0.5, 0.35, 0.6), (0.85, 1, 1), (0, 0.16, 0.08)),  # little chin
    ),
    skin=(0.62, 0.43, 0.32),
    blush=(0.66, 0.34, 0.26),
    lips=(0.58, 0.27, 0.25),
    hair=(0.82, 0.36, 0.12),
    brows=(0.5, 0.2, 0.07),
    iris=(0.25, 0.5, 0.25),
    clothes=(0.75, 0.62, 0.2),
    skull=(1.03, 1.06, 1.02),
    neck_radius=0.34,
    neck_length=0.3,
    shoulders=0.72,
    eye_radius=0.27,
    iris_radius=0.1,
    ears=True,
)


def build_head(style: HeadStyle = VIRTUAL_SPEAKER) -> Head:
    """Build a head in one style."""
    basis = arkit_basis(_shaped_face(style))
    frame = _Frame.behind(basis.neutral, style)
    skin = _Skin.over(basis, style, frame)
    bald = [
        skin.part(),
        *skin.linings(),
        *_brows(skin),
        *_lashes(skin),
        *_eyeballs(basis, style),
        *_mouth_interior(basis),
        _neck(style, frame),
    ]
    ears = _ears(style, frame) if style.ears else []
    return Head(basis, tuple(_with_sky([*bald, *ears, *_hair(style, frame), _clothes(style, frame)])))


@dataclass(frozen=True)
class _Frame:
    """What the face is mounted on.

    Attributes:
        centre: `(3,)` middle of the skull.
        axes: `(3,)` half axes of the skull, an ellipsoid that touches the forehead.
        forehead: Height of the forehead's top.
        chin: Height of the chin.
    """

    centre: Points
    axes: Points
    forehead: float
    chin: float

    @classmethod
    def behind(cls, neutral: FloatArray, style: HeadStyle) -> _Frame:
        top = neutral[FACE_OVAL[0]].astype(np.float64)
        size = np.abs(neutral[list(FACE_OVAL), 0]).max() / 0.773  # against the face that the figures are for
        centre = top * (0, 1, 1) - size * np.array([0, 0.3, 1.0])
        axes = size * np.array([0.88, 0.98, 1.07]) * style.skull
        return cls(centre, axes, float(top[1]), float(neutral[CHIN, 1]))


def _shaped_face(style: HeadStyle) -> Points:
    points = generic_face().astype(np.float64)
    for warp in style.warps:
        points = _warped(points, warp)
    corners = points[list(OUTER_EYE_CORNERS)]
    return np.asarray((points - corners.mean(0)) / np.linalg.norm(corners[1] - corners[0]), np.float64)


def _warped(points: Points, warp: Warp) -> Points:
    side = np.where(points[:, :1] < 0, -1.0, 1.0) * np.array([1.0, 0.0, 0.0]) + (0.0, 1.0, 1.0)
    folded = points * side  # both halves laid on the left one
    away = folded - warp.centre
    pull = np.exp(-np.square(away / warp.radius).sum(axis=1, keepdims=True))
    moved = folded + pull * ((np.array(warp.grow) - 1) * away + warp.shift)
    on_midline = np.abs(points[:, 0]) < 1e-9
    moved[on_midline, 0] = 0
    return np.asarray(moved * side, np.float64)


def _part(
    name: str,
    vertices: FloatArray,
    triangles: Triangles,
    colours: FloatArray | Colour,
    *,
    deltas: FloatArray | None = None,
    finish: Finish | None = None,
    turns: FloatArray | float = 1.0,
    openness: FloatArray | float = 1.0,
) -> HeadPart:
    """Make a part; one colour, no motion and the head's turning unless told otherwise."""
    count = len(vertices)
    still = np.zeros((len(ARKIT_NAMES), count, 3), np.float32)
    return HeadPart(
        name,
        vertices.astype(np.float32),
        triangles.astype(np.int32),
        np.broadcast_to(np.asarray(colours, np.float32), (count, 3)).copy(),
        still if deltas is None else deltas.astype(np.float32),
        finish or Finish(),
        np.broadcast_to(np.asarray(turns, np.float32), (count,)).copy(),
        np.broadcast_to(np.asarray(openness, np.float32), (count,)).copy(),
    )


# ---- Skin

_SKULL_RINGS = (0.07, 0.17, 0.3, 0.45, 0.62, 0.8)  # share of the way from the face's outline to the back pole
_JAW_UNDERSIDE = 0.17  # share of that way over which the jaw draws back to the skull
_RING_FOLLOWS = (0.75, 0.4, 0.15, 0.0, 0.0, 0.0)  # share of the outline's motion
_SKIN_FINISH = Finish(gloss=0.1, sharpness=14.0, translucence=0.9)
_LIP_FINISH = Finish(gloss=0.22, sharpness=28.0, translucence=0.6)
_LIP_RED = UPPER_MIDDLE_LIP + LOWER_MIDDLE_LIP + UPPER_WET_LIP + LOWER_WET_LIP + UPPER_INNER_LIP + LOWER_INNER_LIP
_LIP_EDGE = UPPER_OUTER_LIP + LOWER_OUTER_LIP
_UPPER_LIDS = RIGHT_UPPER_LID + LEFT_UPPER_LID
_NOSTRILS = (458, 250, 462, 238, 20, 242, 328, 290, 99, 60)
_CHEEKS = (280, 425, 330, 266, 50, 205, 101, 36)


@dataclass(frozen=True)
class _Skin:
    """The smooth skin of face and skull, which passes through the 468 points."""

    basis: BlendshapeBasis
    style: HeadStyle
    surface: Subdivision
    vertices: Points
    deltas: Points

    @classmethod
    def over(cls, basis: BlendshapeBasis, style: HeadStyle, frame: _Frame) -> _Skin:
        triangles = np.concatenate([skin_triangles(), _skull_triangles()])
        rings = _skull_points(basis.neutral.astype(np.float64), frame)
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
        return _part(
            "skin",
            self.vertices,
            self.surface.triangles,
            self._colours(),
            deltas=self.deltas,
            finish=_SKIN_FINISH,
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
            self._lining("inner lips", LIP_GAP[0], set(UPPER_INNER_LIP), lips_inwards, wet, _LIP_FINISH),
            self._lining("right lid rim", 159, set(RIGHT_UPPER_LID), lids_inwards, rim, _LIP_FINISH),
            self._lining("left lid rim", 386, set(LEFT_UPPER_LID), lids_inwards, rim, _LIP_FINISH),
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
        away = _away_from_slit(loop, upper_points)
        edge = self.vertices[loop]
        from_middle = (edge - edge.mean(axis=0)) * (1, 0, 0)
        rows = [
            edge + np.outer(away * apart, (0, 1, 0)) - together * from_middle + (0, 0, depth)
            for depth, apart, together in inwards
        ]
        return _part(
            name,
            np.concatenate(rows),
            grid_triangles(len(rows), len(loop), closed=True),
            np.repeat(colours, len(loop), axis=0),
            deltas=np.tile(self.deltas[:, loop], (1, len(rows), 1)),
            finish=finish,
            openness=np.repeat(np.linspace(1, 0.25, len(rows)), len(loop)),
        )


def _away_from_slit(loop: list[int], upper_points: set[int]) -> NDArray[np.float64]:
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


def _skull_points(neutral: Points, frame: _Frame) -> Points:
    """Return the rings from the face's outline over the skull to the pole at the back, `(36 R + 1, 3)`."""
    centre, axes = frame.centre, frame.axes
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


# ---- Brows and lashes

_BROWS = {
    "right brow": ((70, 63, 105, 66, 107), (46, 53, 52, 65, 55)),
    "left brow": ((336, 296, 334, 293, 300), (285, 295, 282, 283, 276)),
}
_BROW_COLUMNS, _BROW_ROWS = 72, 8


def _brows(skin: _Skin) -> list[HeadPart]:
    return [_brow(skin, name, upper, lower) for name, (upper, lower) in _BROWS.items()]


def _brow(skin: _Skin, name: str, upper: tuple[int, ...], lower: tuple[int, ...]) -> HeadPart:
    """A strip of hair along the brow bone; its edges fade into the colour of the skin."""
    along = _bezier(_BROW_COLUMNS, len(upper))  # (columns, 5)
    across = np.linspace(0, 1, _BROW_ROWS)
    inner_end = np.linspace(0, 1, _BROW_COLUMNS) if name.startswith("right") else np.linspace(1, 0, _BROW_COLUMNS)
    narrowing = 0.5 * smooth_step(0.35, 1.15, 1 - inner_end) + 0.5 * smooth_step(0.8, 1.1, inner_end)
    share = 0.5 + (0.5 - across[:, None]) * (1 - narrowing)  # of the upper edge, (rows, columns)

    neutral = skin.basis.neutral.astype(np.float64)
    top, bottom = along @ neutral[list(upper)], along @ neutral[list(lower)]
    strip = (share[..., None] * top + (1 - share[..., None]) * bottom).reshape(-1, 3)
    on_skin = skin.nearest_mixture(strip)
    hairs = 0.92 + 0.2 * np.sin(2.7 * np.arange(_BROW_COLUMNS) - 4.0 * across[:, None])
    ends = smooth_step(0, 0.12, inner_end) * smooth_step(1.0, 0.8, inner_end)
    mixture = np.clip(np.sin(np.pi * across)[:, None] * ends * hairs, 0, 1).reshape(-1, 1)
    bare = on_skin @ skin.part().colours
    colours = bare + mixture * (np.array(skin.style.brows) - bare)
    vertices = on_skin @ skin.vertices
    vertices[:, :2] = strip[:, :2]
    vertices += (0.01 + 0.006 * mixture) * np.array([(0, 0.2, 1)])
    return _part(
        name,
        vertices,
        grid_triangles(_BROW_ROWS, _BROW_COLUMNS, closed=False),
        colours,
        deltas=np.stack([on_skin @ delta for delta in skin.deltas]),
        finish=Finish(gloss=0.02, translucence=0.4),
    )


def _bezier(columns: int, controls: int) -> Points:
    """Return the mixtures that draw a smooth curve near its control points, `(columns, controls)`."""
    from math import comb

    t, degree = np.linspace(0, 1, columns), controls - 1
    return np.stack([comb(degree, i) * t**i * (1 - t) ** (degree - i) for i in range(controls)], axis=1)


def _lashes(skin: _Skin) -> list[HeadPart]:
    right = _lash(skin, "right lashes", 159, set(RIGHT_UPPER_LID))
    left = _lash(skin, "left lashes", 386, set(LEFT_UPPER_LID))
    return [right, left]


def _lash(skin: _Skin, name: str, through: int, upper_points: set[int]) -> HeadPart:
    """A dark fringe along the upper lid's edge."""
    loop = border_loop(skin.surface.triangles, through)
    upper = [point for point, away in zip(loop, _away_from_slit(loop, upper_points), strict=True) if away >= 0]
    edge = sorted(upper, key=lambda point: float(skin.vertices[point, 0]))
    length = np.sin(np.linspace(0.25, np.pi - 0.25, len(edge)))[:, None]
    root = skin.vertices[edge]
    rows = [root + length * (0, 0.016, 0.012), root + np.array([0, 0, 0.006]), root + length * (0, -0.006, 0.02)]
    return _part(
        name,
        np.concatenate(rows),
        grid_triangles(len(rows), len(edge), closed=False),
        (0.09, 0.06, 0.05),
        deltas=np.tile(skin.deltas[:, edge], (1, len(rows), 1)),
        finish=Finish(gloss=0.02),
        openness=0.8,
    )


# ---- Eyes

_GAZE_DEGREES = {"In": 30.0, "Out": 30.0, "Up": 24.0, "Down": 28.0}
_EYE_FINISH = Finish(gloss=0.9, sharpness=220.0, translucence=0.2)


def _eyeballs(basis: BlendshapeBasis, style: HeadStyle) -> list[HeadPart]:
    right = _eyeball(basis, style, "Right", RIGHT_UPPER_LID, RIGHT_LOWER_LID)
    left = _eyeball(basis, style, "Left", LEFT_UPPER_LID, LEFT_LOWER_LID)
    return [right, left]


def _eyeball(
    basis: BlendshapeBasis, style: HeadStyle, side: str, upper: tuple[int, ...], lower: tuple[int, ...]
) -> HeadPart:
    lids = basis.neutral[list(upper[2:-2] + lower[2:-2])].astype(np.float64)
    radius = style.eye_radius
    corners = basis.neutral[[upper[0], upper[-1]]].astype(np.float64)
    front = lids[:, 2].min() - 0.012
    centre = np.array([corners[:, 0].mean(), lids[:, 1].mean() + 0.01, front - radius])
    points, triangles = sphere(centre, radius, 40, 48)
    inwards = 1.0 if side == "Right" else -1.0  # +x is towards the nose for the right eye
    turns = {
        "In": _turn(inwards * _GAZE_DEGREES["In"], 0),
        "Out": _turn(-inwards * _GAZE_DEGREES["Out"], 0),
        "Up": _turn(0, _GAZE_DEGREES["Up"]),
        "Down": _turn(0, -_GAZE_DEGREES["Down"]),
    }
    deltas = np.zeros((len(ARKIT_NAMES), *points.shape))
    for direction, rotation in turns.items():
        deltas[arkit_index(f"eyeLook{direction}{side}")] = (points - centre) @ (rotation - np.eye(3)).T
    name = f"{side.lower()} eyeball"
    colours = _eye_colours((points - centre) / radius, style)
    return _part(name, points, triangles, colours, deltas=deltas, finish=_EYE_FINISH)


def _turn(yaw: float, pitch: float) -> Points:
    """Return the rotation that turns +z by `yaw` degrees towards +x and by `pitch` degrees up."""
    cy, sy = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    cp, sp = np.cos(np.radians(pitch)), np.sin(np.radians(pitch))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    return np.asarray(about_y @ about_x, np.float64)


def _eye_colours(directions: Points, style: HeadStyle) -> Points:
    """Pupil, iris with its dark border, and the white, which reddens away from the iris."""
    from_axis = np.arccos(np.clip(directions[:, 2], -1, 1))[:, None]
    iris_angle = np.arcsin(style.iris_radius / style.eye_radius)
    spokes = np.sin(23 * np.arctan2(directions[:, 1], directions[:, 0]))[:, None]
    depth = from_axis / iris_angle
    white = np.array([0.93, 0.91, 0.89]) - smooth_step(1.2, 3.0, depth) * np.array([0.06, 0.2, 0.22])
    iris = np.array(style.iris) * (0.75 + 0.5 * smooth_step(0.3, 0.75, depth) + 0.08 * spokes)
    iris = iris * (1 - 0.65 * smooth_step(0.78, 1.0, depth))
    pupil = np.array([0.02, 0.02, 0.02])
    colours = iris + smooth_step(0.97, 1.1, depth) * (white - iris)
    return np.asarray(pupil + smooth_step(0.36, 0.48, depth) * (colours - pupil), np.float64)


# ---- The inside of the mouth

_ARCH_RADIUS = 0.27  # face units: a dental arch is nearly a half circle at the front
_TOOTH_WIDTHS = (0.088, 0.07, 0.08, 0.075, 0.073)  # from the middle outwards: incisors, canine, premolars
_LOWER_TOOTH_WIDTHS = (0.058, 0.062, 0.07, 0.073, 0.073)
_TOOTH_COLUMNS = 8
_DRAWN_MOUTH_WIDTH = 0.57  # face units: the mouth that these figures fit
_TEETH_BEHIND_LIPS = 0.08
_TEETH_FINISH = Finish(gloss=0.35, sharpness=40.0, translucence=0.3)
_WET_FINISH = Finish(gloss=0.25, sharpness=25.0, translucence=0.4)


def _mouth_interior(basis: BlendshapeBasis) -> list[HeadPart]:
    seam = basis.neutral[LIP_GAP[0]].astype(np.float64)
    front = seam - (0, 0, _TEETH_BEHIND_LIPS)
    size = mouth_width(basis.neutral) / _DRAWN_MOUTH_WIDTH
    upper_vertices, upper_triangles, upper_colours = _teeth(_TOOTH_WIDTHS, 1.0)
    lower_vertices, lower_triangles, lower_colours = _teeth(_LOWER_TOOTH_WIDTHS, -1.0)
    lower_vertices = size * lower_vertices + front + np.array([0, 0, -0.035])
    upper = _part(
        "upper teeth",
        size * upper_vertices + front + np.array([0, -0.055, 0]),
        upper_triangles,
        upper_colours,
        finish=_TEETH_FINISH,
        openness=0.75,
    )
    lower = _part(
        "lower teeth",
        lower_vertices,
        lower_triangles,
        lower_colours,
        deltas=jaw_deltas(basis.neutral, lower_vertices),
        finish=_TEETH_FINISH,
        openness=0.6,
    )
    return [upper, lower, _tongue(basis, front), _throat(basis, front)]


def _teeth(widths: tuple[float, ...], up: float) -> tuple[Points, Triangles, Points]:
    """Return a row of teeth with its gum around the origin, which is where the middle incisors end.

    Args:
        widths: Of each tooth from the middle outwards, face units.
        up: 1 if the gum is above the teeth, -1 if it is below.
    """
    edges = np.concatenate([[0.0], np.cumsum(widths)])
    edges = np.concatenate([-edges[:0:-1], edges])
    within = np.linspace(0, 1, _TOOTH_COLUMNS, endpoint=False)
    places = (edges[:-1, None] + within * np.diff(edges)[:, None]).ravel()
    mid_tooth = np.tile(np.sin(np.pi * within) ** 0.4, len(edges) - 1)  # 0 between teeth, 1 on them
    shortening = 0.012 * (1 - mid_tooth) + 0.02 * np.abs(places) + 0.01 * (np.abs(places) > widths[0]) * (up > 0)
    height = np.array([-0.002, 0.004, 0.03, 0.065, 0.095, 0.115, 0.2])  # of each row above the biting edge
    bulge = np.array([-0.045, 0.0, 0.012, 0.016, 0.01, 0.012, 0.0])
    ring = np.minimum(bulge[:, None], bulge[:, None] - 0.012 * (1 - mid_tooth)) + _ARCH_RADIUS
    angle = places / _ARCH_RADIUS
    x, z = ring * np.sin(angle), ring * np.cos(angle) - _ARCH_RADIUS
    y = np.broadcast_to(up * (height[:, None] + shortening), x.shape)
    enamel = np.array([0.93, 0.89, 0.82]) * (0.72 + 0.28 * mid_tooth[:, None])
    gum = np.array([0.66, 0.33, 0.32])
    gumness = smooth_step(0.085, 0.118, height[:, None] + 0.02 * (1 - mid_tooth))[..., None]
    colours = (enamel + gumness * (gum - enamel)) * (1 - 0.5 * smooth_step(0.12, 0.4, np.abs(places)))[:, None]
    triangles = grid_triangles(len(height), len(places), closed=False)
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    return points, triangles[:, ::-1].copy() if up > 0 else triangles, colours.reshape(-1, 3)


def _tongue(basis: BlendshapeBasis, front: Points) -> HeadPart:
    centre = front + np.array([0, -0.05, -0.24])
    ball, triangles = sphere(np.zeros(3), 1.0, 24, 32)
    forward = ball[:, 2]
    points = centre + ball * (0.17, 0.05, 0.2)
    points[:, 1] += 0.02 * forward - 0.018 * np.exp(-((ball[:, 0] / 0.25) ** 2)) * (ball[:, 1] > 0)
    deltas = 0.92 * jaw_deltas(basis.neutral, points)
    deltas[arkit_index("tongueOut")] = smooth_step(-0.6, 1.0, forward)[:, None] * (0.0, 0.045, 0.3)
    return _part("tongue", points, triangles, (0.8, 0.42, 0.42), deltas=deltas, finish=_WET_FINISH, openness=0.8)


def _throat(basis: BlendshapeBasis, front: Points) -> HeadPart:
    """The dark behind the teeth: a bowl open to the front, whose floor goes down with the jaw."""
    ball, triangles = sphere(np.zeros(3), 1.0, 20, 32)
    bowl = ball * (0.3, 0.2, 0.3)
    bowl[:, 2] = np.minimum(bowl[:, 2], 0.0)
    points = front + np.array([0, -0.02, -0.1]) + bowl
    floor = smooth_step(0.7, -0.7, ball[:, 1])[:, None]
    back = triangles[(ball[triangles, 2] <= 1e-6).all(axis=1)]
    deltas = floor * jaw_deltas(basis.neutral, points)
    return _part("throat", points, back[:, ::-1].copy(), (0.16, 0.045, 0.045), deltas=deltas, openness=0.3)


# ---- Neck, clothes, ears

_SHOULDERS_TURN = 0.3  # share of the head's turning
_AROUND = 64  # columns of what goes round the body


def _around(radii_x: FloatArray, radii_z: FloatArray, heights: FloatArray, depths: FloatArray) -> Points:
    """Return rings round the vertical axis, columns from the front over the left: `(rows * 64, 3)`."""
    angle = 2 * np.pi * np.arange(_AROUND) / _AROUND
    x = radii_x[:, None] * np.sin(angle)
    z = radii_z[:, None] * np.cos(angle) + depths[:, None]
    y = np.broadcast_to(heights[:, None], x.shape)
    return np.stack([x, y, z], axis=-1).reshape(-1, 3)


def _neck(style: HeadStyle, frame: _Frame) -> HeadPart:
    down = np.linspace(0, 1, 14)
    radius = style.neck_radius * (1 + 0.25 * smooth_step(0.55, 1, down))
    heights = frame.chin + 0.42 - (style.neck_length + 0.75) * down
    points = _around(radius, 0.95 * radius, heights, frame.centre[2] - 0.04 - 0.12 * down)
    turns = np.repeat(1 - (1 - _SHOULDERS_TURN) * smooth_step(0.3, 0.85, down), _AROUND)
    triangles = grid_triangles(len(down), _AROUND, closed=True)
    return _part("neck", points, triangles, style.skin, finish=_SKIN_FINISH, turns=turns)


def _clothes(style: HeadStyle, frame: _Frame) -> HeadPart:
    neck = style.neck_radius
    profile = np.array(  # half width, half depth, height over the collar
        [(neck + 0.1, neck + 0.02, -0.05), (neck + 0.15, neck + 0.09, 0.0), (neck + 0.22, neck + 0.15, -0.05),
         (neck + 0.5, 0.74, -0.18), (1.5, 0.8, -0.36), (1.9, 0.85, -0.65), (2.1, 0.88, -1.0), (2.15, 0.88, -1.8),
         (2.15, 0.88, -2.7)]
    )  # fmt: skip
    dense = np.stack([np.interp(np.linspace(0, 8, 33), np.arange(9), column) for column in profile.T], axis=1)
    collar = frame.chin - style.neck_length
    depths = np.full(len(dense), frame.centre[2] - 0.16)
    widths = neck + (dense[:, 0] - neck) * style.shoulders
    points = _around(widths, dense[:, 1], collar + dense[:, 2], depths)
    triangles = grid_triangles(len(dense), _AROUND, closed=True)
    return _part("clothes", points, triangles, style.clothes, finish=Finish(0.02, 8.0), turns=_SHOULDERS_TURN)


def _ears(style: HeadStyle, frame: _Frame) -> list[HeadPart]:
    return [_ear(style, frame, "right ear", -1.0), _ear(style, frame, "left ear", 1.0)]


def _ear(style: HeadStyle, frame: _Frame, name: str, side: float) -> HeadPart:
    """A shell: a flat ball with a raised rim and a hollow, turned out from the skull."""
    ball, triangles = sphere(np.zeros(3), 1.0, 30, 40)
    outer = np.hypot(ball[:, 0], ball[:, 1])
    hollow = (ball[:, 2] > 0) * 0.1 * (1 - smooth_step(0.45, 0.85, outer))
    lobe = 1 - 0.3 * smooth_step(-0.2, -1.0, ball[:, 1])
    shell = np.stack([ball[:, 0] * 0.14 * lobe, ball[:, 1] * 0.24, ball[:, 2] * 0.05 - hollow], axis=1)
    out = np.radians(62)
    turned = np.stack(
        [
            np.sin(out) * shell[:, 2] + np.cos(out) * -shell[:, 0],
            shell[:, 1] + 0.25 * shell[:, 0],
            np.cos(out) * shell[:, 2] + np.sin(out) * shell[:, 0],
        ],
        axis=1,
    )
    points = turned + np.array([frame.axes[0] * 0.96, -0.2, frame.centre[2] + 0.06])
    if side < 0:
        points, triangles = points * (-1.0, 1.0, 1.0), triangles[:, ::-1].copy()
    return _part(name, points, triangles, style.skin, finish=_SKIN_FINISH)


# ---- Hair

_HAIR_COLUMNS, _HAIR_ROWS = 240, 56
_HAIR_FINISH = Finish(gloss=0.09, sharpness=18.0, translucence=0.15)


def _hair(style: HeadStyle, frame: _Frame) -> list[HeadPart]:
    """A shell of strands over the skull, and its dark inner side."""
    outside, shade = _hair_surface(style.haircut, frame, 1.0)
    inside, _ = _hair_surface(style.haircut, frame, 0.3)
    inside = inside.reshape(_HAIR_ROWS, _HAIR_COLUMNS, 3)[::5, ::3]
    triangles = grid_triangles(_HAIR_ROWS, _HAIR_COLUMNS, closed=True)
    inner_triangles = grid_triangles(*inside.shape[:2], closed=True)[:, ::-1].copy()
    colour = np.array(style.hair)
    outer = _part("hair", outside, triangles, colour * shade[:, None], finish=_HAIR_FINISH)
    inner = _part("inner hair", inside.reshape(-1, 3), inner_triangles, colour * 0.35, openness=0.3)
    return [outer, inner]


def _hair_surface(cut: Haircut, frame: _Frame, thickness: float) -> tuple[Points, Points]:
    """Return the `(rows * columns, 3)` points from the crown down to the hair's edge, and each strand's shade."""
    axes, centre = frame.axes, frame.centre
    around = 2 * np.pi * np.arange(_HAIR_COLUMNS) / _HAIR_COLUMNS
    degrees = np.degrees(np.minimum(around, 2 * np.pi - around))
    noise = _strand_noise(_HAIR_COLUMNS)
    edge = frame.forehead + np.interp(degrees, *np.transpose(cut.edge)) + 0.6 * cut.strands * noise
    down = np.linspace(0.001, 1, _HAIR_ROWS)[:, None]
    polar = _polar_at_edge(edge, axes, centre) * np.minimum(down * 1.0, 1.0)
    direction = np.stack([np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], axis=-1)
    skull = direction * axes
    hanging = np.minimum(edge - centre[1], 0.0) * smooth_step(0.5, 1.0, np.broadcast_to(down, polar.shape))
    depth = _hair_depth(cut, skull, down, degrees, noise)
    points = skull + direction * (thickness * depth)[..., None]
    points[..., 1] += np.where(edge < centre[1], hanging, 0.0)
    shade = 0.82 + 0.22 * noise + 0.15 * np.sin(9 * around + 6 * down)
    return (points + centre).reshape(-1, 3), np.broadcast_to(shade, polar.shape).reshape(-1)


def _polar_at_edge(edge: Points, axes: Points, centre: Points) -> Points:
    """Return the angle from the crown at which each column leaves the skull: at its edge or at the equator."""
    return np.asarray(np.arccos(np.clip((edge - centre[1]) / axes[1], 0.0, 1.0)), np.float64)


def _hair_depth(cut: Haircut, skull: Points, down: Points, degrees: Points, noise: Points) -> Points:
    """Return how far the hair stands off the skull, `(rows, columns)`: thin at the hairline and the parting."""
    front = 1 - smooth_step(40, 62, degrees)
    hairline = 1 - 1.25 * front * smooth_step(0.2, 1.15, np.broadcast_to(down, skull.shape[:2]))
    depth = cut.thickness * hairline + cut.strands * noise
    if cut.parting is not None:
        on_top = smooth_step(-0.3, 0.3, skull[..., 2])
        depth = depth * (1 - 0.75 * on_top * np.exp(-(((skull[..., 0] - cut.parting) / 0.06) ** 2)))
    tuft = np.exp(-(((down - 0.72) / 0.25) ** 2)) * np.exp(-((degrees / 38) ** 2))
    return np.asarray(depth + cut.tuft * tuft * (1 + 0.5 * noise), np.float64)


def _strand_noise(columns: int) -> Points:
    """Return a fixed periodic noise of unit size, `(columns,)`."""
    around = 2 * np.pi * np.arange(columns) / columns
    rng = np.random.default_rng(7)
    waves = [rng.normal() * np.sin(k * around + rng.uniform(0, 7)) for k in (5, 11, 17, 29, 41, 53, 67)]
    return np.asarray(np.sum(waves, axis=0) / len(waves) ** 0.5, np.float64)


# ---- Sky

_SKY_DIRECTIONS = 48
_INSIDE_PARTS = frozenset({"upper teeth", "lower teeth", "tongue", "throat", "inner hair", "inner lips"})


def _with_sky(parts: list[HeadPart]) -> list[HeadPart]:
    """Darken what the parts hide from the sky of one another; the mouth keeps its own darkness."""
    triangles, first = [], 0
    for part in parts:
        triangles.append(part.triangles + first)
        first += len(part.vertices)
    points = np.concatenate([part.vertices for part in parts]).astype(np.float64)
    surface = np.concatenate(triangles).astype(np.int32)
    seen = _averaged(sky_visibility(points, surface, _sky(), resolution=384), surface)
    pieces = np.split(seen, np.cumsum([len(part.vertices) for part in parts])[:-1])
    return [
        part if part.name in _INSIDE_PARTS else replace(part, openness=np.asarray(part.openness * piece, np.float32))
        for part, piece in zip(parts, pieces, strict=True)
    ]


def _averaged(values: FloatArray, triangles: Triangles, passes: int = 3) -> Points:
    """Even out `(V,)` values along the edges of a surface."""
    a, b = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2).T
    count = len(values)
    edges = sparse.csr_matrix((np.ones(2 * len(a)), (np.concatenate([a, b]), np.concatenate([b, a]))), (count, count))
    degree = np.maximum(np.asarray(edges.sum(axis=1)).ravel(), 1)
    evened = values.astype(np.float64)
    for _ in range(passes):
        evened = 0.4 * evened + 0.6 * (edges @ evened) / degree
    return evened


def _sky() -> Points:
    """Return directions spread evenly over the sphere, without those from below, `(D, 3)`."""
    index = np.arange(_SKY_DIRECTIONS * 2) + 0.5
    height = 1 - index / _SKY_DIRECTIONS
    around = np.pi * (1 + 5**0.5) * index
    ring = np.sqrt(1 - height**2)
    sphere_points = np.stack([ring * np.cos(around), height, ring * np.sin(around)], axis=1)
    return np.asarray(sphere_points[height > -0.35], np.float64)
