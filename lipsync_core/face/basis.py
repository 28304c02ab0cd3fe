"""ARKit's 52 blendshapes for any neutral face on the 468 points, drawn from anatomy.

A shape is a few *handles*: points that a muscle or the jaw takes to a known place. The skin between the
handles and what holds still bends as a thin plate would, so each shape adapts to the proportions of the face
it is made for. Amplitudes are as ARKit draws its shapes: `jawOpen` parts the lips by 0.35 to 0.4 face units.
Many amplitudes were set by hand after the shapes of ICT-FaceKit (MIT); docs/BLENDSHAPES.md says which.

The mesh has neither eyeballs nor a tongue: the `eyeLook...` shapes and `tongueOut` are zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray, check_shape
from .arkit import ARKIT_NAMES, mirrored_name
from .topology import (
    CHIN,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LOWER_INNER_LIP,
    LOWER_MIDDLE_LIP,
    LOWER_OUTER_LIP,
    LOWER_WET_LIP,
    MOUTH_CORNERS,
    POINT_COUNT,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    RIGID_POINTS,
    UPPER_INNER_LIP,
    UPPER_MIDDLE_LIP,
    UPPER_OUTER_LIP,
    UPPER_WET_LIP,
    mirror_pairs,
    skin_triangles,
)

Offset = tuple[float, float, float]  # face units
Handles = dict[int, NDArray[np.float64]]  # point -> where it goes, as an offset from the neutral

STILL: Offset = (0.0, 0.0, 0.0)

# The rings of each lip from the edge of the lip red to the seam, and how far towards the seam each lies.
_UPPER_RINGS = (UPPER_OUTER_LIP, UPPER_MIDDLE_LIP, UPPER_WET_LIP, UPPER_INNER_LIP)
_LOWER_RINGS = (LOWER_OUTER_LIP, LOWER_MIDDLE_LIP, LOWER_WET_LIP, LOWER_INNER_LIP)
_TOWARDS_SEAM = (0.0, 0.35, 0.7, 1.0)

_LIDS = RIGHT_UPPER_LID + RIGHT_LOWER_LID + LEFT_UPPER_LID + LEFT_LOWER_LID
_NOSE_BASE = (2, 97, 98, 326, 327)
_UNMOVED_BY_SPEECH = RIGID_POINTS + _NOSE_BASE + _LIDS

_DRAWN_MOUTH_WIDTH = 0.57  # face units between the corners: the mouth for which the lip poses below are written


@dataclass(frozen=True)
class BlendshapeBasis:
    """A neutral face and what each blendshape adds to it.

    Attributes:
        names: The `B` shapes, as ARKit calls them.
        neutral: `(468, 3)` float32, face units.
        deltas: `(B, 468, 3)` float32, face units: the offset of each point at weight 1.
    """

    names: tuple[str, ...]
    neutral: NDArray[np.float32]
    deltas: NDArray[np.float32]

    def __post_init__(self) -> None:
        check_shape("BlendshapeBasis.neutral", self.neutral, f"{POINT_COUNT} 3")
        check_shape("BlendshapeBasis.deltas", self.deltas, f"{len(self.names)} {POINT_COUNT} 3")

    def apply(self, weights: FloatArray) -> NDArray[np.float32]:
        """Return the `(T, 468, 3)` faces, face units, for `(T, B)` weights."""
        check_shape("weights", weights, f"T {len(self.names)}")
        offsets = np.tensordot(weights.astype(np.float32), self.deltas, axes=1)
        return np.asarray(self.neutral + offsets, np.float32)

    def delta(self, name: str) -> NDArray[np.float32]:
        """Return the `(468, 3)` offsets of one shape.

        Raises:
            ValueError: If the basis has no shape of that name.
        """
        return np.asarray(self.deltas[self.names.index(name)], np.float32)


def arkit_basis(neutral: FloatArray) -> BlendshapeBasis:
    """Make the 52 shapes of ARKit, in the order of `ARKIT_NAMES`, for one face.

    Right is drawn as left on the mirrored face, so a symmetric face has symmetric shapes to the last bit.

    Args:
        neutral: `(468, 3)` in face units, lips closed.
    """
    check_shape("neutral", neutral, f"{POINT_COUNT} 3")
    left = _left_and_midline_shapes(neutral.astype(np.float64))
    right = {
        mirrored_name(name): _mirrored(delta) for name, delta in _left_and_midline_shapes(_mirrored(neutral)).items()
    }
    deltas = np.zeros((len(ARKIT_NAMES), POINT_COUNT, 3), np.float32)
    for index, name in enumerate(ARKIT_NAMES):
        versions = [side[name] for side in (left, right) if name in side]
        if versions:
            deltas[index] = sum(versions) / len(versions)
    return BlendshapeBasis(ARKIT_NAMES, neutral.astype(np.float32), deltas)


def jaw_deltas(neutral: FloatArray, points: FloatArray) -> NDArray[np.float32]:
    """Return what the 52 shapes do to points that are fixed to the lower jaw, as teeth are.

    Args:
        neutral: `(468, 3)` the face, face units.
        points: `(V, 3)` in the same space.

    Returns:
        `(52, V, 3)` offsets at weight 1, face units.
    """
    check_shape("neutral", neutral, f"{POINT_COUNT} 3")
    check_shape("points", points, "V 3")
    deltas = np.zeros((len(ARKIT_NAMES), *points.shape), np.float32)
    deltas[ARKIT_NAMES.index("jawOpen")] = _turned_open(points, _jaw_joint(neutral)) - points
    for name, glide in _JAW_GLIDES.items():
        deltas[ARKIT_NAMES.index(name)] = glide
    deltas[ARKIT_NAMES.index("jawRight")] = np.array(_JAW_GLIDES["jawLeft"]) * (-1, 1, 1)
    return deltas


def _mirrored(points: FloatArray) -> NDArray[np.float64]:
    return points[mirror_pairs()].astype(np.float64) * (-1.0, 1.0, 1.0)


def _left_and_midline_shapes(neutral: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    skin = _Skin.over(neutral)
    jaw = _JawMotion(skin)
    return {
        **{name: jaw.glide(offset) for name, offset in _JAW_GLIDES.items()},
        "jawOpen": jaw.open(),
        "mouthClose": _close_over(skin, jaw.open()),
        **{name: skin.pull(_lip_handles(skin, pose), pose) for name, pose in _LIP_POSES.items()},
        **{name: skin.pull(_lid_handles(neutral, pose), pose) for name, pose in _LID_POSES.items()},
        **{name: skin.pull({}, pose) for name, pose in _SKIN_POSES.items()},
    }


# ---- How skin follows handles


@dataclass(frozen=True)
class _Pose:
    """Handles that are written down, and how far the skin around them follows."""

    others: Mapping[tuple[int, ...], Offset] = field(default_factory=dict)
    """Groups of points beside the lips or lids, and where each group goes."""
    still: tuple[int, ...] = _UNMOVED_BY_SPEECH
    reach: float = 0.42
    """Face units along the skin beyond which nothing moves."""


@dataclass(frozen=True)
class _Skin:
    """The neutral as a thin plate: `bending` is its energy, `distances` are face units along its edges."""

    neutral: NDArray[np.float64]
    bending: NDArray[np.float64]
    distances: NDArray[np.float64]

    @classmethod
    def over(cls, points: NDArray[np.float64]) -> _Skin:
        triangles = skin_triangles()
        a, b = np.concatenate([triangles[:, (0, 1)], triangles[:, (1, 2)], triangles[:, (2, 0)]]).T
        lengths = np.full((POINT_COUNT, POINT_COUNT), np.inf)
        lengths[a, b] = lengths[b, a] = np.maximum(np.linalg.norm(points[a] - points[b], axis=1), 1e-3)
        closeness = 1 / lengths
        curvature = np.eye(POINT_COUNT) - closeness / closeness.sum(axis=1, keepdims=True)
        return cls(points, curvature.T @ curvature, _shortest_paths(lengths))

    def pull(self, handles: Handles, pose: _Pose) -> NDArray[np.float64]:
        """Move the handles and the groups of a pose; return the `(468, 3)` offsets of the whole skin."""
        still = {point: np.zeros(3) for point in pose.still}
        groups = {p: np.array(offset) for points, offset in pose.others.items() for p in points}
        return self.follow(still | groups | handles, groups | handles, pose.reach)

    def follow(self, held: Handles, moved: Iterable[int], reach: float) -> NDArray[np.float64]:
        """Bend the skin so that the `held` points are where they are told, and all beyond `reach` still."""
        known = self.distances[:, list(moved)].min(axis=1) > reach
        offsets = np.zeros((POINT_COUNT, 3))
        for point, offset in held.items():
            known[point], offsets[point] = True, offset
        load = -self.bending[np.ix_(~known, known)] @ offsets[known]
        offsets[~known] = np.linalg.solve(self.bending[np.ix_(~known, ~known)], load)
        return offsets


def _shortest_paths(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return all distances along the edges, by Floyd and Warshall."""
    distances = lengths.copy()
    np.fill_diagonal(distances, 0)
    for via in range(len(distances)):
        np.minimum(distances, distances[:, via, None] + distances[via], out=distances)
    return distances


# ---- The jaw

_JAW_JOINT = (93, 323)  # the joint lies behind these points of the cheek's edge ...
_JOINT_BEHIND = 0.22  # ... by this, face units
_JAW_OPEN_DEGREES = 21.5
_JAW_OPEN_GLIDE = (0.0, -0.055, 0.045)  # the condyle slides down and forward as the jaw opens
_JAW_GLIDES: dict[str, Offset] = {"jawForward": (0.0, -0.015, 0.12), "jawLeft": (0.097, 0.0, 0.0)}
_CORNER_FOLLOWS_JAW = 0.4
# How far points follow the jaw: fully at the chin, less along the jawline, not at all before the ear.
_FOLLOWS_JAW = {
    (CHIN, 175, 199, 200, 148, 377, 176, 400, 171, 396, 208, 428): 1.0,
    (149, 378, 140, 369): 0.92,
    (150, 379, 170, 395): 0.74,
    (136, 365, 169, 394): 0.5,
    (172, 397): 0.3,
    (58, 288): 0.15,
    (132, 361): 0.05,
    (93, 323, 234, 454, 205, 425, 50, 280): 0.0,
}


class _JawMotion:
    """The lower jaw as a rigid bone, and how much of its motion each point of the skin shares."""

    def __init__(self, skin: _Skin) -> None:
        self._neutral = skin.neutral
        followed = {point: np.full(3, share) for points, share in _FOLLOWS_JAW.items() for point in points}
        still = {point: np.zeros(3) for point in _UNMOVED_BY_SPEECH}
        lips = _jaw_share_of_lips(skin)
        shares = skin.follow(still | followed | lips, [CHIN, *lips], reach=0.9)
        self.shares: NDArray[np.float64] = np.clip(shares[:, :1], 0, 1)  # (468, 1)

    def open(self) -> NDArray[np.float64]:
        """Return the `(468, 3)` offsets of the jaw turned down about its joint."""
        opened = _turned_open(self._neutral, _jaw_joint(self._neutral))
        return np.asarray(self.shares * (opened - self._neutral), np.float64)

    def glide(self, offset: Offset) -> NDArray[np.float64]:
        """Return the `(468, 3)` offsets of the jaw shifted without turning."""
        return np.asarray(self.shares * np.array(offset), np.float64)


def _jaw_joint(neutral: FloatArray) -> NDArray[np.float64]:
    return np.asarray(neutral[list(_JAW_JOINT)].mean(axis=0) - (0, 0, _JOINT_BEHIND), np.float64)


def _turned_open(points: FloatArray, joint: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where the fully opened jaw takes points that are fixed to it."""
    return np.asarray((points - joint) @ _nod(_JAW_OPEN_DEGREES).T + joint + _JAW_OPEN_GLIDE, np.float64)


def _nod(degrees: float) -> NDArray[np.float64]:
    """Return the rotation about x that takes the face's front downwards."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _jaw_share_of_lips(skin: _Skin) -> Handles:
    """The lower lip lies on the jaw, the upper one on the skull, and they meet half-way at the corners."""
    shares: Handles = {}
    for rings, share in ((_UPPER_RINGS, 0.0), (_LOWER_RINGS, 1.0)):
        for ring in rings:
            cornerness = np.abs(_stations(skin.neutral, ring)) ** 3
            values = share + cornerness * (_CORNER_FOLLOWS_JAW - share)
            shares |= {point: np.full(3, value) for point, value in zip(ring, values, strict=True)}
    return shares


def _stations(neutral: NDArray[np.float64], ring: tuple[int, ...]) -> NDArray[np.float64]:
    """Return where the points of half a ring lie between its corners: right -1, left 1; `(K,)`."""
    x = neutral[list(ring), 0]
    stations: NDArray[np.float64] = np.clip((2 * x - x[0] - x[-1]) / (x[-1] - x[0]), -1, 1)
    return stations


# ---- The lips

_MEETING_SHARE = 0.2  # of the gap: how far the upper lip comes down to meet the lower one
_LIP_EDGE_FOLLOWS = 0.8  # of the seam's motion: the lip stretches when it is drawn over an open jaw
# How far the skin under the lower lip goes with it.
_FOLLOWS_CLOSING = {
    (418, 194, 424, 204, 421, 201): 0.43,
    (431, 211, 262, 32): 0.32,
    (199, 200, 171, 396, 208, 428): 0.2,
    (CHIN, 175, 148, 377, 176, 400): 0.1,
}


def _close_over(skin: _Skin, opened: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the offsets that bring the lips together while the jaw stays open by `opened`."""
    upper, lower = list(UPPER_INNER_LIP), list(LOWER_INNER_LIP)
    faces = skin.neutral + opened
    meeting = skin.neutral[upper] + _MEETING_SHARE * opened[lower]
    lift = (meeting - faces[lower])[len(lower) // 2]
    handles: Handles = {point: share * lift for points, share in _FOLLOWS_CLOSING.items() for point in points}
    for rings, inner in ((_UPPER_RINGS, upper), (_LOWER_RINGS, lower)):
        to_meeting = meeting - faces[inner]
        for ring, seamness in zip(rings, _TOWARDS_SEAM, strict=True):
            follows = _LIP_EDGE_FOLLOWS + (1 - _LIP_EDGE_FOLLOWS) * seamness
            handles |= dict(zip(ring, follows * to_meeting, strict=True))
    return skin.pull(handles, _Pose(reach=0.5))


@dataclass(frozen=True)
class _LipPose(_Pose):
    """Where the lips go, in face units for a mouth of `_DRAWN_MOUTH_WIDTH`.

    Each lip has two offsets, at the edge of the lip red and at the seam. Between the middle and the corners
    the motion passes smoothly from one to the other.
    """

    upper: tuple[Offset, Offset] = (STILL, STILL)
    lower: tuple[Offset, Offset] = (STILL, STILL)
    left_corner: Offset = STILL
    right_corner: Offset = STILL
    peak: float = 0.0
    """Where along the lip its motion is greatest, 1 being the left corner; 0 for the whole lip alike."""
    width: float = 0.55
    """Half mouth widths over which a motion with a peak falls off: left plus right move the lip as one."""


def _lip_handles(skin: _Skin, pose: _LipPose) -> Handles:
    scale = np.ptp(skin.neutral[list(MOUTH_CORNERS), 0]) / _DRAWN_MOUTH_WIDTH
    handles: Handles = {}
    for rings, (edge, seam) in ((_UPPER_RINGS, pose.upper), (_LOWER_RINGS, pose.lower)):
        for ring, seamness in zip(rings, _TOWARDS_SEAM, strict=True):
            middle = (1 - seamness) * np.array(edge) + seamness * np.array(seam)
            offsets = _along_lip(_stations(skin.neutral, ring), middle, pose)
            handles |= dict(zip(ring, scale * offsets, strict=True))
    return handles


def _along_lip(stations: NDArray[np.float64], middle: NDArray[np.float64], pose: _LipPose) -> NDArray[np.float64]:
    """Blend the lip's own motion with that of the corners; return `(K, 3)` for `(K,)` stations."""
    body = 1 - np.abs(stations) ** 3  # the corners belong to both lips, so neither lip's own motion reaches them
    near_peak = np.exp(-(((stations - pose.peak) / pose.width) ** 2)) if pose.peak else np.ones_like(stations)
    left, right = np.maximum(stations, 0) ** 2, np.maximum(-stations, 0) ** 2
    offsets: NDArray[np.float64] = (body * near_peak)[:, None] * middle
    offsets += left[:, None] * np.array(pose.left_corner) + right[:, None] * np.array(pose.right_corner)
    return offsets


_CHIN_BOSS = (199, 200, 175, 208, 428, 171, 396)
_CHIN_EDGE = (CHIN, 148, 377, 176, 400)
_LEFT_OF_CHIN = (369, 378, 262, 395, 418)
_BESIDE_LEFT_CORNER = (432, 436, 422)
_LEFT_OUTER_CHEEK = (416, 433, 411)
_LEFT_NOSE_WING = (278, 279, 294, 331, 360, 344, 439, 455)
_BESIDE_LEFT_NOSE_WING = (426, 391, 423)

_LIP_POSES: dict[str, _LipPose] = {
    "mouthFunnel": _LipPose(
        upper=((0, 0.062, 0.115), (0, 0.056, 0.08)),
        lower=((0, -0.095, 0.1), (0, -0.088, 0.085)),
        left_corner=(-0.055, 0.0, 0.09),
        right_corner=(0.055, 0.0, 0.09),
    ),
    "mouthPucker": _LipPose(
        upper=((0, 0.03, 0.105), (0, 0.0, 0.1)),
        lower=((0, -0.02, 0.09), (0, 0.0, 0.1)),
        left_corner=(-0.085, 0.012, 0.085),
        right_corner=(0.085, 0.012, 0.085),
    ),
    "mouthLeft": _LipPose(
        upper=((0.165, 0.008, -0.03), (0.155, 0.003, -0.03)),
        lower=((0.165, 0.008, -0.03), (0.155, 0.003, -0.03)),
        left_corner=(0.09, 0.045, -0.045),
        right_corner=(0.16, 0.004, 0.07),
    ),
    "mouthSmileLeft": _LipPose(
        {
            _BESIDE_LEFT_CORNER: (0.068, 0.11, -0.05),
            (434, 430): (0.055, 0.095, -0.022),
            _LEFT_OUTER_CHEEK: (0.06, 0.058, 0.014),
            (426,): (0.048, 0.075, -0.028),
            (425, 280): (0.035, 0.04, 0.02),
            (424, 431, 262, 395): (0.027, 0.085, -0.02),
        },
        upper=((0.03, 0.03, -0.022), (0.035, 0.035, -0.02)),
        lower=((0.028, 0.038, -0.02), (0.035, 0.035, -0.02)),
        left_corner=(0.08, 0.13, -0.092),
        peak=0.5,
    ),
    "mouthFrownLeft": _LipPose(
        {(432,): (0.012, -0.044, -0.025), (426, 436): (0.003, -0.031, -0.024), (425,): (-0.006, -0.016, -0.01)},
        upper=((0.0, -0.004, -0.006), (0.003, -0.003, -0.003)),
        lower=((0.0, 0.0, 0.0), (0.003, -0.003, -0.003)),
        left_corner=(0.02, -0.052, -0.025),
        peak=0.5,
    ),
    "mouthDimpleLeft": _LipPose(
        {
            (427, 425, 411): (0.016, 0.003, 0.045),
            (335, 424, 406): (0.022, 0.07, -0.04),
            (418, 431, 262): (0.022, 0.058, -0.008),
            (422,): (0.004, 0.055, -0.045),
        },
        upper=((0.018, -0.004, -0.018), (0.02, 0.018, -0.027)),
        lower=((0.022, 0.045, -0.035), (0.02, 0.018, -0.027)),
        left_corner=(0.012, 0.042, -0.062),
        peak=0.5,
    ),
    "mouthStretchLeft": _LipPose(
        {_BESIDE_LEFT_CORNER: (0.05, -0.009, -0.042), (364, 394): (0.03, 0.008, -0.004)},
        upper=((0.02, -0.004, -0.018), (0.028, 0.0, -0.016)),
        lower=((0.026, 0.0, -0.02), (0.028, 0.0, -0.016)),
        left_corner=(0.08, -0.024, -0.08),
        peak=0.5,
    ),
    "mouthRollLower": _LipPose(
        {_CHIN_EDGE: (0, 0.004, 0.004), _CHIN_BOSS: (0, 0.022, 0.02)}, lower=((0, 0.1, -0.042), (0, 0.0, -0.13))
    ),
    "mouthRollUpper": _LipPose(
        upper=((0, -0.052, -0.085), (0, 0.0, -0.125)),
        left_corner=(0.0, 0.006, -0.012),
        right_corner=(0.0, 0.006, -0.012),
    ),
    "mouthShrugLower": _LipPose(
        {_CHIN_BOSS: (0, 0.08, 0.045), (CHIN,): (0, 0.06, 0.045)},
        lower=((0, 0.085, 0.058), (0, 0.077, 0.062)),
        left_corner=(0.008, 0.018, 0.022),
        right_corner=(-0.008, 0.018, 0.022),
    ),
    "mouthShrugUpper": _LipPose(upper=((0, 0.063, 0.004), (0, 0.058, 0.012))),
    "mouthPressLeft": _LipPose(
        {
            (400, 377, 396, 428, *_LEFT_OF_CHIN): (0, 0.035, 0.025),
            (431, 424, 406, 421): (0.002, 0.031, 0.025),
            (CHIN, 175): (0, 0.024, 0.018),
            (425, 426): (0.007, 0.005, 0.015),
        },
        upper=((0, -0.008, 0.004), (0, 0.01, 0.008)),
        lower=((0, 0.032, 0.02), (0, 0.01, 0.008)),
        left_corner=(0.0, 0.014, 0.009),
        peak=0.5,
    ),
    "mouthLowerDownLeft": _LipPose(
        lower=((0.01, -0.06, -0.015), (0.01, -0.068, -0.01)), left_corner=(0.0, -0.013, 0.0), peak=0.5
    ),
    "mouthUpperUpLeft": _LipPose(
        {
            (*_BESIDE_LEFT_NOSE_WING, 322): (0.025, 0.088, -0.01),
            (436, 410): (0.01, 0.075, 0.0),
            (425, 266): (0.024, 0.048, 0.04),
            (280, 427, 411, 330): (0.013, 0.034, 0.026),
            (327, 460, 294): (0.018, 0.048, 0.0),
        },
        upper=((0.014, 0.082, 0.006), (0.012, 0.075, 0.01)),
        left_corner=(0.006, 0.047, 0.01),
        peak=0.5,
    ),
    "cheekPuff": _LipPose(
        {
            (432, 427, 436, 422): (0.016, 0.0, 0.145),
            (212, 207, 216, 202): (-0.016, 0.0, 0.145),
            (434, 430): (0.05, 0.0, 0.125),
            (214, 210): (-0.05, 0.0, 0.125),
            (*_CHIN_EDGE, 175, 199, 200): (0, 0.022, 0.026),
        },
        upper=((0, -0.008, 0.09), (0, -0.01, 0.09)),
        lower=((0, -0.02, 0.1), (0, -0.01, 0.09)),
        left_corner=(-0.033, -0.008, 0.158),
        right_corner=(0.033, -0.008, 0.158),
        reach=0.5,
    ),
    "noseSneerLeft": _LipPose(
        {
            _LEFT_NOSE_WING: (-0.004, 0.06, 0.0),
            _BESIDE_LEFT_NOSE_WING: (-0.01, 0.11, 0.015),
            (425,): (-0.018, 0.092, 0.045),
            (432, 436): (-0.02, 0.08, 0.028),
        },
        still=(*_LIDS, 6, 10, 117, 119, 121, 346, 348),
        reach=0.3,
        upper=((0.004, 0.088, 0.008), (0.002, 0.07, 0.01)),
        left_corner=(-0.009, 0.067, 0.014),
        peak=0.5,
    ),
}


# ---- The lids


@dataclass(frozen=True)
class _LidPose(_Pose):
    """How far the left lids go, of the way to where they would meet (`close`) and in face units (`lift`)."""

    still: tuple[int, ...] = ()
    reach: float = 0.13
    close: float = 0.0
    upper_lift: Offset = STILL
    lower_lift: Offset = STILL


_LID_MEETING_SHARE = 0.78  # of the way from the upper lid to the lower one

_LID_POSES = {
    "eyeBlinkLeft": _LidPose(close=1.0),
    "eyeSquintLeft": _LidPose(
        {(252, 253, 254, 450, 449, 451): (-0.008, 0.032, 0.006)},
        upper_lift=(0, -0.012, 0),
        lower_lift=(-0.008, 0.034, 0.004),
        reach=0.2,
    ),
    "eyeWideLeft": _LidPose(upper_lift=(0, 0.042, -0.01), lower_lift=(0, -0.008, 0)),
}


def _lid_handles(neutral: NDArray[np.float64], pose: _LidPose) -> Handles:
    upper, lower = neutral[list(LEFT_UPPER_LID)], neutral[list(LEFT_LOWER_LID)]
    meeting = upper + _LID_MEETING_SHARE * (lower - upper)
    bump = np.sin(np.linspace(0, np.pi, len(upper)))[:, None]
    upper_offsets = pose.close * (meeting - upper) + bump * np.array(pose.upper_lift)
    lower_offsets = pose.close * (meeting - lower) + bump * np.array(pose.lower_lift)
    lids = dict(zip(LEFT_LOWER_LID, lower_offsets, strict=True))
    return lids | dict(zip(LEFT_UPPER_LID, upper_offsets, strict=True))


# ---- Brows and cheeks

_SKIN_POSES = {
    "browDownLeft": _Pose(
        {
            (336, 285): (-0.02, -0.042, 0.014),
            (296, 295): (-0.024, -0.045, 0.016),
            (334, 282, 293, 283): (-0.014, -0.036, 0.012),
        },
        still=(*_LIDS, 10, 151, 6),
        reach=0.3,
    ),
    "browInnerUp": _Pose(
        {(336, 285, 107, 55): (0, 0.07, 0.004), (9,): (0, 0.055, 0.004), (296, 295, 66, 65): (0, 0.035, 0)},
        still=(*_LIDS, 10, 6),
        reach=0.35,
    ),
    "browOuterUpLeft": _Pose(
        {
            (334, 282, 293, 283): (0.01, 0.075, -0.012),
            (300, 276): (0.012, 0.06, -0.02),
            (296, 295): (0, 0.04, 0),
        },
        still=(*_LIDS, 10, 9, 6),
        reach=0.32,
    ),
    "cheekSquintLeft": _Pose(
        {
            (280, 330, 347): (-0.006, 0.058, 0.024),
            (352, 376, 411, 425): (0.0, 0.05, 0.032),
            (416, 433): (0.006, 0.048, 0.03),
            (435, 401, 367, 434): (0.005, 0.037, 0.03),
        },
        still=_LIDS,
        reach=0.28,
    ),
}
