"""What shows between the lips: teeth, tongue and the dark behind them."""

from __future__ import annotations

import numpy as np

from lipsync_core.face.arkit import arkit_index
from lipsync_core.face.basis import BlendshapeBasis, jaw_deltas
from lipsync_core.face.mouth import mouth_width
from lipsync_core.face.topology import LIP_GAP

from .parts import Finish, HeadPart, make_part
from .surfaces import Points, Triangles, grid_triangles, smooth_step, sphere

_ARCH_RADIUS = 0.27  # face units: a dental arch is nearly a half circle at the front
_TOOTH_WIDTHS = (0.088, 0.07, 0.08, 0.075, 0.073)  # from the middle outwards: incisors, canine, premolars
_LOWER_TOOTH_WIDTHS = (0.058, 0.062, 0.07, 0.073, 0.073)
_TOOTH_COLUMNS = 8
_DRAWN_MOUTH_WIDTH = 0.57  # face units: the mouth that these figures fit
_TEETH_BEHIND_LIPS = 0.08
_TEETH_FINISH = Finish(gloss=0.35, sharpness=40.0, translucence=0.3)
_WET_FINISH = Finish(gloss=0.25, sharpness=25.0, translucence=0.4)


def build_mouth_interior(basis: BlendshapeBasis) -> list[HeadPart]:
    """Build what lies behind the lips; the lower part goes with the jaw."""
    seam = basis.neutral[LIP_GAP[0]].astype(np.float64)
    front = seam - (0, 0, _TEETH_BEHIND_LIPS)
    size = mouth_width(basis.neutral) / _DRAWN_MOUTH_WIDTH
    upper_vertices, upper_triangles, upper_colours = _teeth(_TOOTH_WIDTHS, 1.0)
    lower_vertices, lower_triangles, lower_colours = _teeth(_LOWER_TOOTH_WIDTHS, -1.0)
    lower_vertices = size * lower_vertices + front + np.array([0, 0, -0.035])
    upper = make_part(
        "upper teeth",
        size * upper_vertices + front + np.array([0, -0.055, 0]),
        upper_triangles,
        upper_colours,
        finish=_TEETH_FINISH,
        openness=0.75,
    )
    lower = make_part(
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
    return make_part("tongue", points, triangles, (0.8, 0.42, 0.42), deltas=deltas, finish=_WET_FINISH, openness=0.8)


def _throat(basis: BlendshapeBasis, front: Points) -> HeadPart:
    """The dark behind the teeth: a bowl open to the front, whose floor goes down with the jaw."""
    ball, triangles = sphere(np.zeros(3), 1.0, 20, 32)
    bowl = ball * (0.3, 0.2, 0.3)
    bowl[:, 2] = np.minimum(bowl[:, 2], 0.0)
    points = front + np.array([0, -0.02, -0.1]) + bowl
    floor = smooth_step(0.7, -0.7, ball[:, 1])[:, None]
    back = triangles[(ball[triangles, 2] <= 1e-6).all(axis=1)]
    deltas = floor * jaw_deltas(basis.neutral, points)
    return make_part("throat", points, back[:, ::-1].copy(), (0.16, 0.045, 0.045), deltas=deltas, openness=0.3)
