"""Neck, clothes and ears."""

from __future__ import annotations

import numpy as np

from lipsync_core.arrays import FloatArray

from .parts import SKIN_FINISH, Finish, HeadPart, Skull, make_part
from .style import HeadStyle
from .surfaces import Points, grid_triangles, smooth_step, sphere

_SHOULDERS_TURN = 0.3  # share of the head's turning
_AROUND = 64  # columns of what goes round the body


def _around(radii_x: FloatArray, radii_z: FloatArray, heights: FloatArray, depths: FloatArray) -> Points:
    """Return rings round the vertical axis, columns from the front over the left: `(rows * 64, 3)`."""
    angle = 2 * np.pi * np.arange(_AROUND) / _AROUND
    x = radii_x[:, None] * np.sin(angle)
    z = radii_z[:, None] * np.cos(angle) + depths[:, None]
    y = np.broadcast_to(heights[:, None], x.shape)
    return np.stack([x, y, z], axis=-1).reshape(-1, 3)


def build_neck(style: HeadStyle, skull: Skull) -> HeadPart:
    """Build the neck, which turns less the lower it is."""
    down = np.linspace(0, 1, 14)
    radius = style.neck_radius * (1 + 0.25 * smooth_step(0.55, 1, down))
    heights = skull.chin + 0.42 - (style.neck_length + 0.75) * down
    points = _around(radius, 0.95 * radius, heights, skull.centre[2] - 0.04 - 0.12 * down)
    turns = np.repeat(1 - (1 - _SHOULDERS_TURN) * smooth_step(0.3, 0.85, down), _AROUND)
    triangles = grid_triangles(len(down), _AROUND, closed=True)
    return make_part("neck", points, triangles, style.skin, finish=SKIN_FINISH, turns=turns)


def build_clothes(style: HeadStyle, skull: Skull) -> HeadPart:
    """Build a plain shirt with a round collar."""
    neck = style.neck_radius
    profile = np.array(  # half width, half depth, height over the collar
        [(neck + 0.1, neck + 0.02, -0.05), (neck + 0.15, neck + 0.09, 0.0), (neck + 0.22, neck + 0.15, -0.05),
         (neck + 0.5, 0.74, -0.18), (1.5, 0.8, -0.36), (1.9, 0.85, -0.65), (2.1, 0.88, -1.0), (2.15, 0.88, -1.8),
         (2.15, 0.88, -2.7)]
    )  # fmt: skip
    dense = np.stack([np.interp(np.linspace(0, 8, 33), np.arange(9), column) for column in profile.T], axis=1)
    collar = skull.chin - style.neck_length
    depths = np.full(len(dense), skull.centre[2] - 0.16)
    widths = neck + (dense[:, 0] - neck) * style.shoulders
    points = _around(widths, dense[:, 1], collar + dense[:, 2], depths)
    triangles = grid_triangles(len(dense), _AROUND, closed=True)
    return make_part("clothes", points, triangles, style.clothes, finish=Finish(0.02, 8.0), turns=_SHOULDERS_TURN)


def build_ears(style: HeadStyle, skull: Skull) -> list[HeadPart]:
    """Build both ears."""
    return [_ear(style, skull, "right ear", -1.0), _ear(style, skull, "left ear", 1.0)]


def _ear(style: HeadStyle, skull: Skull, name: str, side: float) -> HeadPart:
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
    points = turned + np.array([skull.axes[0] * 0.96, -0.2, skull.centre[2] + 0.06])
    if side < 0:
        points, triangles = points * (-1.0, 1.0, 1.0), triangles[:, ::-1].copy()
    return make_part(name, points, triangles, style.skin, finish=SKIN_FINISH)
