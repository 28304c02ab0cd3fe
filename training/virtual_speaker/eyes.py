"""Eyeballs that turn with the gaze, lashes on the lids and brows on the bone."""

from __future__ import annotations

from math import comb

import numpy as np

from lipsync_core.face.arkit import ARKIT_NAMES, arkit_index
from lipsync_core.face.basis import BlendshapeBasis
from lipsync_core.face.topology import LEFT_LOWER_LID, LEFT_UPPER_LID, RIGHT_LOWER_LID, RIGHT_UPPER_LID

from .parts import Finish, HeadPart, make_part
from .skin import Skin, away_from_slit
from .style import HeadStyle
from .surfaces import Points, border_loop, grid_triangles, smooth_step, sphere

_GAZE_DEGREES = {"In": 30.0, "Out": 30.0, "Up": 24.0, "Down": 28.0}
_EYE_FINISH = Finish(gloss=0.9, sharpness=220.0, translucence=0.2)


def build_eyeballs(basis: BlendshapeBasis, style: HeadStyle) -> list[HeadPart]:
    """Build both eyeballs just behind the lids."""
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
    return make_part(name, points, triangles, colours, deltas=deltas, finish=_EYE_FINISH)


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


_BROWS = {
    "right brow": ((70, 63, 105, 66, 107), (46, 53, 52, 65, 55)),
    "left brow": ((336, 296, 334, 293, 300), (285, 295, 282, 283, 276)),
}
_BROW_COLUMNS, _BROW_ROWS = 72, 8


def build_brows(skin: Skin) -> list[HeadPart]:
    """Build both brows on the skin."""
    return [_brow(skin, name, upper, lower) for name, (upper, lower) in _BROWS.items()]


def _brow(skin: Skin, name: str, upper: tuple[int, ...], lower: tuple[int, ...]) -> HeadPart:
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
    return make_part(
        name,
        vertices,
        grid_triangles(_BROW_ROWS, _BROW_COLUMNS, closed=False),
        colours,
        deltas=np.stack([on_skin @ delta for delta in skin.deltas]),
        finish=Finish(gloss=0.02, translucence=0.4),
    )


def _bezier(columns: int, controls: int) -> Points:
    """Return the mixtures that draw a smooth curve near its control points, `(columns, controls)`."""
    t, degree = np.linspace(0, 1, columns), controls - 1
    return np.stack([comb(degree, i) * t**i * (1 - t) ** (degree - i) for i in range(controls)], axis=1)


def build_lashes(skin: Skin) -> list[HeadPart]:
    """Build the fringes of both upper lids."""
    right = _lash(skin, "right lashes", 159, set(RIGHT_UPPER_LID))
    left = _lash(skin, "left lashes", 386, set(LEFT_UPPER_LID))
    return [right, left]


def _lash(skin: Skin, name: str, through: int, upper_points: set[int]) -> HeadPart:
    """A dark fringe along the upper lid's edge."""
    loop = border_loop(skin.surface.triangles, through)
    upper = [point for point, away in zip(loop, away_from_slit(loop, upper_points), strict=True) if away >= 0]
    edge = sorted(upper, key=lambda point: float(skin.vertices[point, 0]))
    length = np.sin(np.linspace(0.25, np.pi - 0.25, len(edge)))[:, None]
    root = skin.vertices[edge]
    rows = [root + length * (0, 0.016, 0.012), root + np.array([0, 0, 0.006]), root + length * (0, -0.006, 0.02)]
    return make_part(
        name,
        np.concatenate(rows),
        grid_triangles(len(rows), len(edge), closed=False),
        (0.09, 0.06, 0.05),
        deltas=np.tile(skin.deltas[:, edge], (1, len(rows), 1)),
        finish=Finish(gloss=0.02),
        openness=0.8,
    )
