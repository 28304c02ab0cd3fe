"""What makes one head differ from another: proportions, hair, colours; and the two heads there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync_core.face.topology import OUTER_EYE_CORNERS, generic_face

from .surfaces import Points

Colour = tuple[float, float, float]  # sRGB, 0 to 1
Vector = tuple[float, float, float]  # face units


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


def shaped_face(style: HeadStyle) -> Points:
    """Return the neutral face of a style, `(468, 3)` face units: the generic face with its warps."""
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
