"""The fixed surface of the 468-point face, and which points are lips, eyes and skull.

Point numbers are those of MediaPipe's face mesh. *Left* is the speaker's left: +x in face space
(docs/CONVENTIONS.md). `face_mesh.npz` beside this module is made by `tools/make_face_mesh.py`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

POINT_COUNT = 468

# The inner edge of the lips from the speaker's right corner to the left one, point above point.
UPPER_INNER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_INNER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
# The border of the lip red, right corner to left.
UPPER_OUTER_LIP = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LOWER_OUTER_LIP = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
# The two rings of lip red between those borders.
UPPER_MIDDLE_LIP = (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306)
LOWER_MIDDLE_LIP = (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306)
UPPER_WET_LIP = (62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292)
LOWER_WET_LIP = (62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292)

LIP_GAP = (13, 14)  # middle of the upper and of the lower inner lip
MOUTH_CORNERS = (61, 291)
OUTER_EYE_CORNERS = (33, 263)
CHIN = 152
NOSE_TIP = 4
# From the lower lip down, and the lower edge of the chin.
CHIN_LINE = (18, 200, 199, 175, 152, 150, 149, 176, 148, 377, 400, 378, 379)

# The lid edges from the outer corner to the inner one: upper, then lower. Right eye, then left.
RIGHT_UPPER_LID = (33, 246, 161, 160, 159, 158, 157, 173, 133)
RIGHT_LOWER_LID = (33, 7, 163, 144, 145, 153, 154, 155, 133)
LEFT_UPPER_LID = (263, 466, 388, 387, 386, 385, 384, 398, 362)
LEFT_LOWER_LID = (263, 249, 390, 373, 374, 380, 381, 382, 362)

# Points that follow the skull: brow bone, temples, nose bridge and eye sockets. No jaw and no cheeks, whose
# motion would tilt the pose with every word.
RIGID_POINTS = (
    4, 6, 10,
    33, 54, 67, 117, 119, 121, 127, 129, 133, 143, 198,
    263, 284, 297, 346, 348, 350, 356, 358, 362, 372, 420,
)  # fmt: skip

# The outline of the face, from the forehead clockwise as the viewer sees it.
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip

LIPS = tuple(
    sorted(
        set(UPPER_INNER_LIP + LOWER_INNER_LIP + UPPER_OUTER_LIP + LOWER_OUTER_LIP)
        | set(UPPER_MIDDLE_LIP + LOWER_MIDDLE_LIP + UPPER_WET_LIP + LOWER_WET_LIP)
    )
)


def skin_triangles() -> NDArray[np.int32]:
    """Return the `(852, 3)` triangles of the skin, counter-clockwise from outside; mouth and eyes are holes."""
    return _face_mesh()["triangles"].astype(np.int32)


def mouth_triangles() -> NDArray[np.int32]:
    """Return the `(18, 3)` triangles that close the hole between the inner lips."""
    return _between(UPPER_INNER_LIP, LOWER_INNER_LIP)


def eye_triangles() -> NDArray[np.int32]:
    """Return the `(28, 3)` triangles that close the holes between the lids."""
    left_upper, left_lower = LEFT_UPPER_LID[::-1], LEFT_LOWER_LID[::-1]
    return np.concatenate([_between(RIGHT_UPPER_LID, RIGHT_LOWER_LID), _between(left_upper, left_lower)])


def face_triangles() -> NDArray[np.int32]:
    """Return the `(898, 3)` triangles of skin, mouth and eyes, in this order."""
    return np.concatenate([skin_triangles(), mouth_triangles(), eye_triangles()])


def mirror_pairs() -> NDArray[np.int32]:
    """Return for each of the 468 points its partner on the other half of the face, `(468,)`; midline points
    are their own.
    """
    return _face_mesh()["mirror"].astype(np.int32)


def generic_face() -> NDArray[np.float32]:
    """Return a symmetric face that is nobody's, `(468, 3)` in face units, lips closed, looking along +z."""
    return _face_mesh()["generic"].astype(np.float32)


@cache
def _face_mesh() -> dict[str, NDArray[np.float32]]:
    with np.load(Path(__file__).with_name("face_mesh.npz"), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _between(upper: tuple[int, ...], lower: tuple[int, ...]) -> NDArray[np.int32]:
    """Fill a slit whose two edges run from -x to +x and share both ends."""
    triangles = [(upper[0], lower[1], upper[1])]
    for i in range(1, len(upper) - 2):
        triangles += [(upper[i], lower[i], lower[i + 1]), (upper[i], lower[i + 1], upper[i + 1])]
    triangles.append((upper[-2], lower[-2], upper[-1]))
    return np.array(triangles, np.int32)
