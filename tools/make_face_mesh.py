"""Make `lipsync_core/face/face_mesh.npz`: the triangles, mirror pairs and generic shape of the 468-point face.

The triangles are read off MediaPipe's published connections. The generic shape is nobody's: a face drawn here with
a few ellipses, found by the face-mesh network, made symmetric and scaled to face units (docs/CONVENTIONS.md).

    python tools/make_face_mesh.py
"""

from __future__ import annotations

from collections import Counter, deque
from itertools import combinations
from pathlib import Path

import cv2
import mediapipe
import numpy as np
from mediapipe.python.solutions.face_mesh_connections import FACEMESH_TESSELATION
from numpy.typing import NDArray

OUTPUT = Path(__file__).parents[1] / "lipsync_core" / "face" / "face_mesh.npz"
SIZE = 640  # pixels of the drawing
MIDLINE_EDGE = (10, 151)  # top of the forehead: a mesh edge that lies in the mirror plane
OUTER_EYE_CORNERS = (33, 263)
UPPER_INNER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_INNER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)

Image = NDArray[np.float32]


def skin_triangles() -> NDArray[np.int32]:
    """Return the `(852, 3)` triangles whose edges are the published connections, turned towards the viewer."""
    edges = {frozenset(edge) for edge in FACEMESH_TESSELATION}
    neighbours: dict[int, set[int]] = {}
    for a, b in map(tuple, edges):
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)
    cycles = {frozenset((a, b, c)) for a, b in map(tuple, edges) for c in neighbours[a] & neighbours[b]}
    uses = Counter(frozenset(edge) for cycle in cycles for edge in combinations(cycle, 2))
    surface = [c for c in cycles if not all(uses[frozenset(edge)] > 2 for edge in combinations(c, 2))]
    return np.array(sorted(tuple(sorted(cycle)) for cycle in surface), np.int32)


def mirror_pairs(triangles: NDArray[np.int32]) -> NDArray[np.int32]:
    """Walk outwards from an edge in the mirror plane, both sides at once; return the `(468,)` partner of each point."""
    across: dict[frozenset[int], list[int]] = {}
    for triangle in triangles.tolist():
        for corner in triangle:
            across.setdefault(frozenset(triangle) - {corner}, []).append(corner)
    first, second = across[frozenset(MIDLINE_EDGE)]
    partner = {point: point for point in MIDLINE_EDGE} | {first: second, second: first}
    queue = deque([(*MIDLINE_EDGE, first)])
    while queue:
        for edge in combinations(queue.popleft(), 2):
            mirrored = frozenset(partner[point] for point in edge)
            new = [point for point in across[frozenset(edge)] if point not in partner]
            images = [point for point in across.get(mirrored, []) if point not in partner or partner[point] in new]
            if len(new) == len(images) == 1:
                partner |= {new[0]: images[0], images[0]: new[0]}
                queue.append((*edge, new[0]))
    return np.array([partner.get(point, -1) for point in range(468)], np.int32)


def pair_the_rest(mirror: NDArray[np.int32], triangles: NDArray[np.int32]) -> NDArray[np.int32]:
    """Pair the few points whose triangles differ left and right by the share of neighbours in common."""
    neighbours: dict[int, set[int]] = {}
    for a, b, c in triangles.tolist():
        for point, others in ((a, {b, c}), (b, {a, c}), (c, {a, b})):
            neighbours.setdefault(point, set()).update(others)
    paired, rest = mirror.copy(), np.flatnonzero(mirror < 0).tolist()

    def likeness(point: int, other: int) -> float:
        images = {int(mirror[n]) for n in neighbours[point]} - {-1}
        known = {n for n in neighbours[other] if mirror[n] >= 0}
        return len(images & known) / len(images | known)

    for point in rest:
        paired[point] = max((other for other in rest if other != point), key=lambda other: likeness(point, other))
    return paired


def drawn_face() -> NDArray[np.uint8]:
    """Draw a plain face, `(640, 640, 3)` BGR, that the network finds."""
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    image = np.full((SIZE, SIZE, 3), (200, 195, 190), np.float32)
    _lay(image, _superellipse(x, y, (320, 300), (215, 285)), (35, 45, 60))  # hair
    _lay(image, _superellipse(x, y, (320, 600), (110, 160)), (120, 150, 190))  # neck
    _draw_skin(image, x, y)
    canvas = image.astype(np.uint8)
    for side in (-1, 1):
        _draw_eye(canvas, 320 + side * 72)
        brow = [(320 + side * dx, dy) for dx, dy in ((30, 236), (60, 222), (95, 222), (125, 240))]
        cv2.polylines(canvas, [np.array(brow)], False, (45, 55, 75), 10, cv2.LINE_AA)
    _draw_lips(canvas)
    return cv2.GaussianBlur(canvas, (3, 3), 0.8)


def _superellipse(x: Image, y: Image, centre: tuple[float, float], radii: tuple[float, float]) -> Image:
    inside = ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2
    return np.clip(1.5 - 1.5 * inside, 0, 1)


def _lay(image: Image, alpha: Image, colour: tuple[float, ...] | Image) -> None:
    image += alpha[..., None] * (np.asarray(colour, np.float32) - image)


def _draw_skin(image: Image, x: Image, y: Image) -> None:
    u, v = (x - 320) / 170, (y - 330) / 225
    jaw = 1 - 0.22 * np.clip(v, 0, 1) ** 2
    radius = np.sqrt((u / jaw) ** 2 + v**2 * np.where(v < 0, 1.15, 1))
    depth = np.sqrt(1 - np.clip(radius, 0, 1) ** 2)
    shade = 0.55 + 0.45 * np.clip(depth * 0.9 - u * 0.1 - v * 0.12, 0, 1)
    _lay(image, np.clip((1 - radius) * 40, 0, 1), shade[..., None] * np.array((150, 180, 225), np.float32))
    spots = [  # centre x offset, centre y, radius x, radius y, colour, strength; mirrored
        (72, 268, 46, 26, (95, 115, 160), 0.65),
        (108, 395, 50, 60, (140, 160, 225), 0.35),
        (30, 345, 14, 50, (110, 135, 185), 0.35),
        (20, 406, 9, 6, (40, 50, 80), 0.9),
        (40, 392, 12, 16, (115, 140, 190), 0.5),
        (0, 330, 22, 70, (175, 205, 245), 0.45),
        (0, 412, 40, 10, (90, 115, 165), 0.45),
        (0, 388, 30, 20, (170, 195, 240), 0.5),
        (0, 495, 50, 14, (115, 135, 185), 0.35),
    ]
    for dx, cy, rx, ry, colour, strength in spots:
        for side in (-1, 1):
            spot = np.exp(-(((x - 320 - side * dx) / rx) ** 2) - ((y - cy) / ry) ** 2)
            _lay(image, strength * spot, colour)


def _draw_eye(canvas: NDArray[np.uint8], centre_x: int) -> None:
    t = np.linspace(0, np.pi, 30)
    upper = np.stack([centre_x + 38 * np.cos(t), 272 - 17 * np.sin(t)], 1).astype(np.int32)
    lower = np.stack([centre_x - 38 * np.cos(t), 272 + 12 * np.sin(t)], 1).astype(np.int32)
    eye = np.full_like(canvas, (235, 238, 240))
    cv2.circle(eye, (centre_x, 268), 16, (90, 70, 50), -1, cv2.LINE_AA)
    cv2.circle(eye, (centre_x, 268), 7, (10, 10, 10), -1, cv2.LINE_AA)
    _paste_polygon(canvas, eye, np.concatenate([upper, lower]))
    cv2.polylines(canvas, [upper], False, (30, 35, 50), 4, cv2.LINE_AA)
    cv2.polylines(canvas, [lower], False, (90, 105, 150), 2, cv2.LINE_AA)


def _draw_lips(canvas: NDArray[np.uint8]) -> None:
    t = np.linspace(-1, 1, 61)
    x, seam = 320 + 60 * t, 462 + 2 * np.cos(t * np.pi)
    upper = seam - 15 * (1 - t**2) ** 0.8 * (1 - 0.25 * np.exp(-((t / 0.15) ** 2)))
    lower = seam + 20 * (1 - t**2) ** 0.7
    outline = np.concatenate([np.stack([x, upper], 1), np.stack([x, lower], 1)[::-1]])
    _paste_polygon(canvas, np.full_like(canvas, (115, 110, 195)), outline.astype(np.int32))
    cv2.polylines(canvas, [np.stack([x, seam], 1).astype(np.int32)], False, (60, 50, 110), 2, cv2.LINE_AA)


def _paste_polygon(canvas: NDArray[np.uint8], paint: NDArray[np.uint8], polygon: NDArray[np.int32]) -> None:
    mask = np.zeros(canvas.shape[:2], np.uint8)
    cv2.fillPoly(mask, [polygon], 255, cv2.LINE_AA)
    alpha = mask[..., None] / 255.0
    canvas[:] = canvas * (1 - alpha) + paint * alpha


def generic_shape(mirror: NDArray[np.int32]) -> NDArray[np.float32]:
    """Track the drawing; return its `(468, 3)` points symmetric, upright, lips closed, in face units."""
    mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True)
    found = mesh.process(cv2.cvtColor(drawn_face(), cv2.COLOR_BGR2RGB)).multi_face_landmarks[0].landmark[:468]
    points = np.array([(p.x, -p.y, -p.z) for p in found]) * SIZE
    points = (points + points[mirror] * (-1, 1, 1)) / 2  # the drawing is centred, so the mirror plane is x = const
    closed = (points[list(UPPER_INNER_LIP)] + points[list(LOWER_INNER_LIP)]) / 2
    points[list(UPPER_INNER_LIP)], points[list(LOWER_INNER_LIP)] = closed, closed
    corners = points[list(OUTER_EYE_CORNERS)]
    return ((points - corners.mean(0)) / np.linalg.norm(corners[1] - corners[0])).astype(np.float32)


def consistently_wound(triangles: NDArray[np.int32]) -> NDArray[np.int32]:
    """Order all corners alike, counter-clockwise as seen from in front of the face (+z)."""
    across: dict[frozenset[int], list[int]] = {}
    for index, triangle in enumerate(triangles.tolist()):
        for edge in combinations(triangle, 2):
            across.setdefault(frozenset(edge), []).append(index)
    wound = {0: tuple(triangles[0].tolist())}
    queue = deque([0])
    while queue:
        a, b, c = wound[queue.popleft()]
        for first, second in ((a, b), (b, c), (c, a)):
            for index in across[frozenset((first, second))]:
                if index not in wound:
                    (third,) = set(triangles[index].tolist()) - {first, second}
                    wound[index] = (second, first, third)
                    queue.append(index)
    return np.array([wound[index] for index in range(len(triangles))], np.int32)


def towards_viewer(triangles: NDArray[np.int32], points: NDArray[np.float32]) -> NDArray[np.int32]:
    """Turn the whole surface over if it shows its back to +z."""
    a, b, c = (points[triangles[:, corner], :2] for corner in range(3))
    return triangles if np.cross(b - a, c - a).sum() > 0 else triangles[:, ::-1].copy()


if __name__ == "__main__":
    found_triangles = skin_triangles()
    found_mirror = pair_the_rest(mirror_pairs(found_triangles), found_triangles)
    shape = generic_shape(found_mirror)
    np.savez_compressed(
        OUTPUT,
        triangles=towards_viewer(consistently_wound(found_triangles), shape),
        mirror=found_mirror,
        generic=shape,
    )
    print(f"wrote {OUTPUT}: {len(found_triangles)} triangles")
