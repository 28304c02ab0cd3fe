"""Triangles to pictures on the CPU: a z-buffer, light computed at the points, four samples per pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lipsync_core.arrays import FloatArray
from lipsync_core.errors import MissingDependencyError

try:
    import numba
except ImportError as fault:
    raise MissingDependencyError("Rendering the virtual speaker needs Numba; run `pip install numba`.") from fault

_Function = TypeVar("_Function")

SAMPLES = 2  # per pixel and axis
_LEVELS = 4096  # of linear light that the gamma table tells apart
_FAR = -1e9


@dataclass(frozen=True)
class Light:
    """What falls on the face.

    Attributes:
        direction: `(3,)` unit vector towards the lamp, camera axes: x right, y up, z towards the camera.
        intensity: Of the lamp; 1 is usual.
        colour: `(3,)` of the lamp, linear RGB.
        ambient: `(3,)` of the room, linear RGB.
    """

    direction: NDArray[np.float32]
    intensity: float
    colour: NDArray[np.float32]
    ambient: NDArray[np.float32]


@dataclass(frozen=True)
class Material:
    """What every point of a surface is like.

    Attributes:
        colours: `(V, 3)` float32, linear RGB, share of the light that is scattered.
        gloss: `(V,)` float32, strength of the highlight.
        sharpness: `(V,)` float32, exponent of the highlight.
        translucence: `(V,)` float32, how far light passes the edge of the shade, as in skin: 0 to 1.
        openness: `(V,)` float32, share of the sky that the point sees.
    """

    colours: NDArray[np.float32]
    gloss: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    translucence: NDArray[np.float32]
    openness: NDArray[np.float32]


def _compiled(function: _Function) -> _Function:
    compile_: Any = numba.njit(cache=True, fastmath=True)
    compiled: _Function = compile_(function)
    return compiled


def render(
    points: FloatArray,
    triangles: NDArray[np.int32],
    material: Material,
    light: Light,
    background: NDArray[np.float32],
) -> NDArray[np.uint8]:
    """Draw a surface as seen along -z.

    Args:
        points: `(V, 3)` px: x right, y down from the top left corner, z towards the camera.
        triangles: `(F, 3)`, counter-clockwise seen from outside; those that show their back are not drawn.
        material: Of each point.
        light: What falls on it.
        background: `(H, W, 3)` linear RGB behind it.

    Returns:
        `(H, W, 3)` uint8, sRGB.
    """
    placed = points.astype(np.float32)
    normals = point_normals(placed, triangles)
    lit = _shade(
        normals,
        material.colours,
        material.gloss,
        material.sharpness,
        material.translucence,
        material.openness,
        light.direction.astype(np.float32),
        (light.intensity * light.colour).astype(np.float32),
        light.ambient.astype(np.float32),
    )
    height, width = background.shape[:2]
    fine = _enlarged(background.astype(np.float32))
    depth = np.full(fine.shape[:2], _FAR, np.float32)
    _rasterise(placed * np.float32(SAMPLES), triangles, lit, fine, depth)
    return _to_pixels(fine, height, width, _gamma_table())


def point_normals(points: NDArray[np.float32], triangles: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the outward unit normal of each point, `(V, 3)`, camera axes: x right, y up, z towards the camera."""
    return _point_normals(points, triangles)


def sky_visibility(
    points: FloatArray, triangles: NDArray[np.int32], directions: FloatArray, resolution: int = 256
) -> NDArray[np.float32]:
    """Return the share of the sky that each point sees, weighted by the cosine to its normal, `(V,)`.

    Args:
        points: `(V, 3)`: x right, y up, z towards the camera.
        triangles: `(F, 3)` counter-clockwise seen from outside.
        directions: `(D, 3)` unit vectors spread over the sky.
        resolution: Pixels across each shadow map.
    """
    flipped = (points * (1, -1, 1)).astype(np.float32)
    normals = point_normals(flipped, triangles)
    seen, total = np.zeros(len(points)), np.full(len(points), 1e-6)
    for direction in directions:
        cosine = np.maximum(normals @ direction, 0)
        seen += cosine * _lit_from(points, triangles, direction, resolution)
        total += cosine
    return (seen / total).astype(np.float32)


def _lit_from(
    points: FloatArray, triangles: NDArray[np.int32], direction: FloatArray, resolution: int
) -> NDArray[np.bool_]:
    """Return which points a far lamp reaches, `(V,)`, by what it would see."""
    side = np.cross((0.3, 1.0, 0.2), direction)
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(direction, side), direction])
    turned = points @ axes.T
    low, high = turned[:, :2].min(0), turned[:, :2].max(0)
    scale = (resolution - 2) / (high - low).max()
    placed = np.column_stack([(turned[:, :2] - low) * scale + 1, turned[:, 2]]).astype(np.float32)
    placed[:, 1] = resolution - placed[:, 1]
    depth = np.full((resolution, resolution), _FAR, np.float32)
    unused = np.zeros((resolution, resolution, 3), np.float32)
    _rasterise(placed, triangles, np.zeros((len(points), 3), np.float32), unused, depth)
    column, row = np.clip(placed[:, :2].astype(int), 0, resolution - 1).T
    tolerance = 3.5 / scale
    return np.asarray(placed[:, 2] > depth[row, column] - tolerance, bool)


def to_linear(srgb: FloatArray) -> NDArray[np.float32]:
    """Return linear light, 0 to 1, for sRGB values, 0 to 1."""
    return np.asarray(np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4), np.float32)


def _gamma_table() -> NDArray[np.uint8]:
    linear = np.linspace(0, 1, _LEVELS)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(255 * srgb).astype(np.uint8)


@_compiled
def _point_normals(points: NDArray[np.float32], triangles: NDArray[np.int32]) -> NDArray[np.float32]:
    normals = np.zeros_like(points)
    for f in range(triangles.shape[0]):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[a, 1] - points[b, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[a, 1] - points[c, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for point in (a, b, c):
            normals[point, 0] += nx
            normals[point, 1] += ny
            normals[point, 2] += nz
    for v in range(normals.shape[0]):
        x, y, z = normals[v, 0], normals[v, 1], normals[v, 2]
        length = np.sqrt(x * x + y * y + z * z) + np.float32(1e-12)
        normals[v, 0], normals[v, 1], normals[v, 2] = x / length, y / length, z / length
    return normals


@_compiled
def _shade(
    normals: NDArray[np.float32],
    colours: NDArray[np.float32],
    gloss: NDArray[np.float32],
    sharpness: NDArray[np.float32],
    translucence: NDArray[np.float32],
    openness: NDArray[np.float32],
    direction: NDArray[np.float32],
    lamp: NDArray[np.float32],
    ambient: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Light every point: a room that is brighter above, a lamp that skin lets round the edge, a highlight."""
    lit = np.empty_like(colours)
    hx, hy, hz = direction[0], direction[1], direction[2] + np.float32(1.0)  # half-way to the camera
    half = np.sqrt(hx * hx + hy * hy + hz * hz)
    for v in range(normals.shape[0]):
        nx, ny, nz = normals[v, 0], normals[v, 1], normals[v, 2]
        facing = nx * direction[0] + ny * direction[1] + nz * direction[2]
        sky = (np.float32(0.72) + np.float32(0.28) * ny) * openness[v]
        shadow = np.float32(0.35) + np.float32(0.65) * openness[v]
        mirror = max((nx * hx + ny * hy + nz * hz) / half, np.float32(0.0))
        highlight = gloss[v] * mirror ** sharpness[v] * shadow
        rim = (np.float32(1.0) - max(nz, np.float32(0.0))) ** 4 * gloss[v] * np.float32(0.35) * openness[v]
        for channel in range(3):
            wrap = translucence[v] * (np.float32(0.45) - np.float32(0.15) * channel)  # red travels furthest
            lamp_share = max((facing + wrap) / (np.float32(1.0) + wrap), np.float32(0.0)) * shadow
            light = ambient[channel] * sky + lamp[channel] * lamp_share
            shine = lamp[channel] * highlight + ambient[channel] * rim
            lit[v, channel] = colours[v, channel] * light + shine
    return lit


@_compiled
def _inside(share: Any, step: Any, first: Any, last: Any) -> tuple[Any, Any]:
    """Narrow a stretch of a row to where a corner's share, which grows by `step`, is not negative."""
    if step > np.float32(1e-12):
        return max(first, -share / step), last
    if step < np.float32(-1e-12):
        return first, min(last, -share / step)
    return first, last if share >= 0 else np.float32(-1.0)


@_compiled
def _rasterise(
    points: NDArray[np.float32],
    triangles: NDArray[np.int32],
    lit: NDArray[np.float32],
    image: NDArray[np.float32],
    depth: NDArray[np.float32],
) -> None:
    """Fill `image` and `depth` with what is nearest; `points` in samples, y down."""
    height, width = depth.shape
    for f in range(triangles.shape[0]):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ax, ay, bx, by = points[a, 0], points[a, 1], points[b, 0], points[b, 1]
        cx, cy = points[c, 0], points[c, 1]
        area = (cx - ax) * (by - ay) - (bx - ax) * (cy - ay)
        if area <= np.float32(1e-9):
            continue
        left = max(int(np.ceil(min(ax, bx, cx) - 0.5)), 0)
        right = min(int(np.floor(max(ax, bx, cx) - 0.5)), width - 1)
        top = max(int(np.ceil(min(ay, by, cy) - 0.5)), 0)
        bottom = min(int(np.floor(max(ay, by, cy) - 0.5)), height - 1)
        scale = np.float32(1.0) / area
        step_a, step_b = (cy - by) * scale, (ay - cy) * scale
        z_c, z_ac, z_bc = points[c, 2], points[a, 2] - points[c, 2], points[b, 2] - points[c, 2]
        red, green, blue = lit[c, 0], lit[c, 1], lit[c, 2]
        red_a, green_a, blue_a = lit[a, 0] - red, lit[a, 1] - green, lit[a, 2] - blue
        red_b, green_b, blue_b = lit[b, 0] - red, lit[b, 1] - green, lit[b, 2] - blue
        px = np.float32(left + 0.5)
        for y in range(top, bottom + 1):
            py = np.float32(y + 0.5)
            share_a = ((cx - px) * (by - py) - (bx - px) * (cy - py)) * scale
            share_b = ((ax - px) * (cy - py) - (cx - px) * (ay - py)) * scale
            first, last = _inside(share_a, step_a, np.float32(0.0), np.float32(right - left))
            first, last = _inside(share_b, step_b, first, last)
            first, last = _inside(np.float32(1.0) - share_a - share_b, -step_a - step_b, first, last)
            start = int(np.ceil(first))
            share_a += np.float32(start) * step_a
            share_b += np.float32(start) * step_b
            for x in range(left + start, left + int(np.floor(last)) + 1):
                z = z_c + share_a * z_ac + share_b * z_bc
                if z > depth[y, x]:
                    depth[y, x] = z
                    image[y, x, 0] = red + share_a * red_a + share_b * red_b
                    image[y, x, 1] = green + share_a * green_a + share_b * green_b
                    image[y, x, 2] = blue + share_a * blue_a + share_b * blue_b
                share_a += step_a
                share_b += step_b


@_compiled
def _enlarged(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Repeat every pixel for each of its samples."""
    height, width, _ = image.shape
    fine = np.empty((height * SAMPLES, width * SAMPLES, 3), np.float32)
    for y in range(fine.shape[0]):
        for x in range(fine.shape[1]):
            for channel in range(3):
                fine[y, x, channel] = image[y // SAMPLES, x // SAMPLES, channel]
    return fine


@_compiled
def _to_pixels(fine: NDArray[np.float32], height: int, width: int, gamma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Average the samples of each pixel, roll off what is too bright, and encode as sRGB."""
    pixels = np.empty((height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            for channel in range(3):
                light = np.float32(0.25) * (
                    fine[2 * y, 2 * x, channel]
                    + fine[2 * y, 2 * x + 1, channel]
                    + fine[2 * y + 1, 2 * x, channel]
                    + fine[2 * y + 1, 2 * x + 1, channel]
                )
                if light > np.float32(0.7):
                    light = np.float32(1.0) - np.float32(0.3) * np.exp(-(light - np.float32(0.7)) / np.float32(0.3))
                pixels[y, x, channel] = gamma[int(light * np.float32(len(gamma) - 1))]
    return pixels
