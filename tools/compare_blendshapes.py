"""Hold our blendshapes against others: each shape against a scanned head's, fitted weights against a network's scores.

python tools/compare_blendshapes.py shapes ict_facekit_expressions.npz [--markdown TABLE.md]
python tools/compare_blendshapes.py weights face_landmarker.task VIDEO... [--markdown TABLE.md]

`shapes` reads a head of ICT-FaceKit (`neutral`, `faces`, `names`, `deltas`; centimetres). `weights` tracks the videos
of one speaker with MediaPipe's Face Landmarker, fits our shapes to its points, and compares with its own scores.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from lipsync_core.capture.tracking import FaceLandmarkerTracker
from lipsync_core.face.arkit import ARKIT_NAMES, arkit_index
from lipsync_core.face.basis import arkit_basis
from lipsync_core.face.topology import (
    CHIN,
    LIPS,
    LOWER_INNER_LIP,
    LOWER_MIDDLE_LIP,
    LOWER_OUTER_LIP,
    LOWER_WET_LIP,
    UPPER_INNER_LIP,
    UPPER_MIDDLE_LIP,
    UPPER_OUTER_LIP,
    UPPER_WET_LIP,
    generic_face,
)
from training.preparation import PreparationOptions, blendshape_residual, prepare_clip

Points = NDArray[np.float64]
Row = tuple[str, ...]

COMPARED = tuple(n for n in ARKIT_NAMES if n.startswith(("jaw", "mouth", "cheek", "noseSneer")))
SCORED = tuple(n for n in ARKIT_NAMES if n.startswith(("jaw", "mouth", "cheekPuff")))
PLACES = {
    "corner": 291,
    "upper lip": 269,
    "lower lip": 405,
    "upper middle": 13,
    "lower middle": 14,
    "chin": CHIN,
    "cheek": 432,
    "nasolabial fold": 426,
}  # of the left half
LARGEST_DIFFERENCE = 0.025  # face units, above which a place is named

# Our point -> vertex of ICT-FaceKit: eyes, brows, nose, mouth and chin of its 68 published landmarks.
ICT_LANDMARKS = {
    33: 1507, 160: 1542, 158: 1537, 133: 1528, 153: 1518, 144: 1511,
    362: 3742, 385: 3751, 387: 3756, 263: 3721, 373: 3725, 380: 3732,
    70: 268, 63: 493, 105: 1914, 66: 2044, 107: 1401, 336: 3615, 296: 4240, 334: 4114, 293: 2734, 300: 2509,
    168: 978, 197: 4527, 5: 4942, 4: 4857, 98: 1140, 97: 2075, 2: 1147, 326: 4269, 327: 3360,
    61: 5708, 39: 5695, 37: 2081, 0: 0, 267: 4275, 269: 6200, 291: 6213,
    405: 6346, 314: 6461, 17: 5518, 84: 5957, 181: 5841,
    78: 5702, 82: 5711, 13: 5533, 312: 6216, 308: 6207, 317: 6470, 14: 5517, 87: 5966, CHIN: 966,
}  # fmt: skip
ICT_SKIN = 14062  # the first vertices are the skin, the rest mouth, teeth and eyes
JAW_SIDE = 0.4  # lips that share more than this of the opening lie below the seam
FACING = -0.2  # of a normal's z: skin that looks away belongs to the mouth's inside or the back


@dataclass(frozen=True)
class ScannedHead:
    """Another head's shapes on our points.

    Attributes:
        neutral: `(468, 3)` face units, in face space.
        deltas: ARKit's name -> `(468, 3)` face units.
        distance: Mean distance of the skin from where our points were expected, face units.
    """

    neutral: Points
    deltas: dict[str, Points]
    distance: float


def read_head(path: Path) -> ScannedHead:
    """Read a head of ICT-FaceKit and bring it to the 468 points."""
    with np.load(path, allow_pickle=False) as stored:
        points, faces = stored["neutral"].astype(np.float64), stored["faces"]
        offsets = dict(zip(stored["names"].tolist(), stored["deltas"].astype(np.float64), strict=True))
    ours, theirs = np.array(list(ICT_LANDMARKS)), np.array(list(ICT_LANDMARKS.values()))
    scale, rotation, shift = similarity(points[theirs], generic_face()[ours].astype(np.float64))
    placed = scale * points @ rotation.T + shift
    expected = expected_points(ours, placed[theirs])
    vertices, shares = nearest_skin(expected, placed, faces, np.linalg.norm(offsets["jawOpen"], axis=1))

    def on_points(values: Points) -> Points:
        return np.einsum("vk,vkc->vc", shares, values[vertices])

    neutral = on_points(placed)
    deltas = {name: on_points(scale * one @ rotation.T) for name, one in arkit_offsets(offsets).items()}
    return ScannedHead(neutral, deltas, float(np.linalg.norm(neutral - expected, axis=1).mean()))


def similarity(source: Points, target: Points) -> tuple[float, Points, Points]:
    """Return scale, rotation and shift that take points nearest to others (Umeyama 1991)."""
    a, b = source - source.mean(0), target - target.mean(0)
    u, _, vt = np.linalg.svd(b.T @ a)
    rotation = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    scale = float(np.sum((a @ rotation.T) * b) / np.sum(a * a))
    return scale, rotation, target.mean(0) - scale * rotation @ source.mean(0)


def expected_points(landmarks: NDArray[np.int_], places: Points) -> Points:
    """Bend the generic face so that its landmarks lie on another head's; `(468, 3)`."""
    from scipy.interpolate import RBFInterpolator

    face = generic_face().astype(np.float64)
    return face + RBFInterpolator(face[landmarks], places - face[landmarks], smoothing=1e-4)(face)


def nearest_skin(
    expected: Points, points: Points, faces: NDArray[np.int32], opening: NDArray[np.float64]
) -> tuple[NDArray[np.int_], Points]:
    """Find four vertices about each place, those of the lips on their own side of the seam; `(468, 4)` twice."""
    from scipy.spatial import cKDTree

    corners = faces[(faces >= 0).all(1)]
    outside = vertex_normals(points, corners)[:, 2] > FACING
    outside &= np.isin(np.arange(len(points)), corners) & (np.arange(len(points)) < ICT_SKIN)
    lower = opening > JAW_SIDE * opening.max()
    above, below = lips_beside_the_seam()
    rest = sorted(set(range(len(expected))) - set(above) - set(below))
    vertices, shares = np.zeros((len(expected), 4), int), np.zeros((len(expected), 4))
    for places, allowed in ((above, outside & ~lower), (below, outside & lower), (rest, outside)):
        own = np.flatnonzero(allowed)
        distance, found = cKDTree(points[own]).query(expected[places], k=4)
        vertices[places], shares[places] = own[found], (distance + 1e-3) ** -2
    return vertices, shares / shares.sum(1, keepdims=True)


def lips_beside_the_seam() -> tuple[list[int], list[int]]:
    """Return the points of the upper and of the lower lip without the corners."""
    upper = (UPPER_OUTER_LIP, UPPER_MIDDLE_LIP, UPPER_WET_LIP, UPPER_INNER_LIP)
    lower = (LOWER_OUTER_LIP, LOWER_MIDDLE_LIP, LOWER_WET_LIP, LOWER_INNER_LIP)
    above, below = ([point for ring in rings for point in ring[1:-1]] for rings in (upper, lower))
    return above, below


def vertex_normals(points: Points, faces: NDArray[np.int32]) -> Points:
    """Return the unit normals of the vertices of four-cornered faces."""
    first, second = points[faces[:, 2]] - points[faces[:, 0]], points[faces[:, 3]] - points[faces[:, 1]]
    normals = np.zeros_like(points)
    for corner in faces.T:
        np.add.at(normals, corner, np.cross(first, second))
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)


def arkit_offsets(offsets: dict[str, Points]) -> dict[str, Points]:
    """Name ICT-FaceKit's shapes as ARKit does; what ARKit does not split left and right is added up."""
    named: dict[str, Points] = {}
    for name in COMPARED:
        stem = name.removesuffix("Left").removesuffix("Right")
        left, right = (offsets.get(f"{stem}_{half}", np.zeros(())) for half in "LR")
        if name in offsets:
            named[name] = offsets[name]
        else:
            named[name] = left if name.endswith("Left") else right if name.endswith("Right") else left + right
    return named


def shape_rows(head: ScannedHead) -> list[Row]:
    """Compare our shapes, made for the head's own neutral, with the head's; one row for each."""
    ours = arkit_basis(head.neutral)
    rows = [("shape", "cosine", "size", "lips: cosine", "lips: size", "where it differs (ours, theirs: x y z)")]
    for name in COMPARED:
        if name.endswith("Right"):
            continue
        mine, theirs = ours.delta(name).astype(np.float64), head.deltas[name]
        lips = list(LIPS)
        rows.append((name, *_likeness(mine, theirs), *_likeness(mine[lips], theirs[lips]), _differences(mine, theirs)))
    return rows


def _likeness(mine: Points, theirs: Points) -> tuple[str, str]:
    """Return the cosine of two displacement fields, and how large ours is beside theirs."""
    sizes = np.linalg.norm(mine), np.linalg.norm(theirs)
    if min(sizes) < 0.01:
        return "", ""
    return f"{np.sum(mine * theirs) / (sizes[0] * sizes[1]):.2f}", f"{sizes[0] / sizes[1]:.2f}"


def _differences(mine: Points, theirs: Points) -> str:
    far = {place: np.linalg.norm(mine[point] - theirs[point]) for place, point in PLACES.items()}
    named = [place for place in sorted(far, key=lambda place: -far[place]) if far[place] > LARGEST_DIFFERENCE]
    return "; ".join(f"{p}: {_vector(mine[PLACES[p]])}, {_vector(theirs[PLACES[p]])}" for p in named[:3])


def _vector(offset: Points) -> str:
    return " ".join(f"{value:+.2f}" for value in offset)


def weight_rows(task: Path, videos: Sequence[Path]) -> tuple[list[Row], float]:
    """Compare the weights fitted to one speaker's videos with the landmarker's scores; also the residual."""
    scores: list[Mapping[str, float] | None] = []
    tracker = FaceLandmarkerTracker(task, scores.append)
    clip = prepare_clip(videos, tracker, PreparationOptions(texture=False))
    found = np.array([one is not None for one in scores])
    fitted = np.concatenate([take.blendshapes for take in clip.takes])[found]
    rows = [("shape", "correlation", "ours: mean", "ours: deviation", "score: mean", "score: deviation")]
    for name in SCORED:
        mine = fitted[:, arkit_index(name)]
        theirs = np.array([one[name] for one in scores if one is not None])
        rows.append((name, _correlation(mine, theirs), *(f"{v:.3f}" for v in _spread(mine) + _spread(theirs))))
    return rows, blendshape_residual(clip)


def _correlation(mine: Points, theirs: Points) -> str:
    if min(mine.std(), theirs.std()) < 1e-4:
        return ""
    return f"{np.corrcoef(mine, theirs)[0, 1]:.2f}"


def _spread(values: Points) -> tuple[float, float]:
    return float(values.mean()), float(values.std())


def markdown(rows: Sequence[Row]) -> str:
    """Lay rows out as a Markdown table; the first row is its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    head, *body = (
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    )
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([head, rule, *body]) + "\n"


def main() -> None:
    """Print a table, and write it where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    shapes, weights = verbs.add_parser("shapes"), verbs.add_parser("weights")
    shapes.add_argument("head", type=Path, help="a head of ICT-FaceKit, .npz")
    weights.add_argument("task", type=Path, help="face_landmarker.task")
    weights.add_argument("videos", type=Path, nargs="+", help="videos of one speaker")
    for verb in (shapes, weights):
        verb.add_argument("--markdown", type=Path, help="where to write the table")
    options = parser.parse_args()
    if options.verb == "shapes":
        head = read_head(options.head)
        rows, note = shape_rows(head), f"skin {head.distance:.3f} face units from where the points were expected"
    else:
        rows, residual = weight_rows(options.task, options.videos)
        note = f"the blendshapes follow the lips to {100 * residual:.2f} % of the eye distance"
    table = markdown(rows)
    print(table + note)
    if options.markdown:
        options.markdown.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
