"""Hair: a shell of strands over the skull."""

from __future__ import annotations

import numpy as np

from .parts import Finish, HeadPart, Skull, make_part
from .style import Haircut, HeadStyle
from .surfaces import Points, grid_triangles, smooth_step

_HAIR_COLUMNS, _HAIR_ROWS = 240, 56
_HAIR_FINISH = Finish(gloss=0.09, sharpness=18.0, translucence=0.15)


def build_hair(style: HeadStyle, skull: Skull) -> list[HeadPart]:
    """A shell of strands over the skull, and its dark inner side."""
    outside, shade = _hair_surface(style.haircut, skull, 1.0)
    inside, _ = _hair_surface(style.haircut, skull, 0.3)
    inside = inside.reshape(_HAIR_ROWS, _HAIR_COLUMNS, 3)[::5, ::3]
    triangles = grid_triangles(_HAIR_ROWS, _HAIR_COLUMNS, closed=True)
    inner_triangles = grid_triangles(*inside.shape[:2], closed=True)[:, ::-1].copy()
    colour = np.array(style.hair)
    outer = make_part("hair", outside, triangles, colour * shade[:, None], finish=_HAIR_FINISH)
    inner = make_part("inner hair", inside.reshape(-1, 3), inner_triangles, colour * 0.35, openness=0.3)
    return [outer, inner]


def _hair_surface(cut: Haircut, skull: Skull, thickness: float) -> tuple[Points, Points]:
    """Return the `(rows * columns, 3)` points from the crown down to the hair's edge, and each strand's shade."""
    axes, centre = skull.axes, skull.centre
    around = 2 * np.pi * np.arange(_HAIR_COLUMNS) / _HAIR_COLUMNS
    degrees = np.degrees(np.minimum(around, 2 * np.pi - around))
    noise = _strand_noise(_HAIR_COLUMNS)
    edge = skull.forehead + np.interp(degrees, *np.transpose(cut.edge)) + 0.6 * cut.strands * noise
    down = np.linspace(0.001, 1, _HAIR_ROWS)[:, None]
    polar = _polar_at_edge(edge, axes, centre) * down
    direction = np.stack([np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], axis=-1)
    scalp = direction * axes
    hanging = np.minimum(edge - centre[1], 0.0) * smooth_step(0.5, 1.0, np.broadcast_to(down, polar.shape))
    depth = _hair_depth(cut, scalp, down, degrees, noise)
    points = scalp + direction * (thickness * depth)[..., None]
    points[..., 1] += np.where(edge < centre[1], hanging, 0.0)
    shade = 0.82 + 0.22 * noise + 0.15 * np.sin(9 * around + 6 * down)
    return (points + centre).reshape(-1, 3), np.broadcast_to(shade, polar.shape).reshape(-1)


def _polar_at_edge(edge: Points, axes: Points, centre: Points) -> Points:
    """Return the angle from the crown at which each column leaves the skull: at its edge or at the equator."""
    return np.asarray(np.arccos(np.clip((edge - centre[1]) / axes[1], 0.0, 1.0)), np.float64)


def _hair_depth(cut: Haircut, scalp: Points, down: Points, degrees: Points, noise: Points) -> Points:
    """Return how far the hair stands off the skull, `(rows, columns)`: thin at the hairline and the parting."""
    front = 1 - smooth_step(40, 62, degrees)
    hairline = 1 - 1.25 * front * smooth_step(0.2, 1.15, np.broadcast_to(down, scalp.shape[:2]))
    depth = cut.thickness * hairline + cut.strands * noise
    if cut.parting is not None:
        on_top = smooth_step(-0.3, 0.3, scalp[..., 2])
        depth = depth * (1 - 0.75 * on_top * np.exp(-(((scalp[..., 0] - cut.parting) / 0.06) ** 2)))
    tuft = np.exp(-(((down - 0.72) / 0.25) ** 2)) * np.exp(-((degrees / 38) ** 2))
    return np.asarray(depth + cut.tuft * tuft * (1 + 0.5 * noise), np.float64)


def _strand_noise(columns: int) -> Points:
    """Return a fixed periodic noise of unit size, `(columns,)`."""
    around = 2 * np.pi * np.arange(columns) / columns
    rng = np.random.default_rng(7)
    waves = [rng.normal() * np.sin(k * around + rng.uniform(0, 7)) for k in (5, 11, 17, 29, 41, 53, 67)]
    return np.asarray(np.sum(waves, axis=0) / len(waves) ** 0.5, np.float64)
