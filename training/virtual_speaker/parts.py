"""One surface of a head: its points, how they move, and how they take the light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipsync_core.arrays import FloatArray, check_shape
from lipsync_core.face.arkit import ARKIT_NAMES
from lipsync_core.face.topology import CHIN, FACE_OVAL

from .style import Colour, HeadStyle
from .surfaces import Points, Triangles


@dataclass(frozen=True)
class Finish:
    """How a surface takes the light.

    Attributes:
        gloss: Strength of the highlight.
        sharpness: Exponent of the highlight.
        translucence: How far light passes the edge of the shade, 0 to 1.
    """

    gloss: float = 0.05
    sharpness: float = 12.0
    translucence: float = 0.0


@dataclass(frozen=True)
class HeadPart:
    """One surface of a head.

    Attributes:
        name: What it is, as `"upper teeth"`.
        vertices: `(V, 3)` float32, face units.
        triangles: `(F, 3)` int32, counter-clockwise seen from outside.
        colours: `(V, 3)` float32, sRGB, 0 to 1.
        deltas: `(52, V, 3)` float32, face units, in the order of `ARKIT_NAMES`.
        finish: How it takes the light.
        turns: `(V,)` float32, share of the head's turning that each point follows: 1 the head, less the shoulders.
        openness: `(V,)` float32, share of the sky that each point sees.
    """

    name: str
    vertices: NDArray[np.float32]
    triangles: Triangles
    colours: NDArray[np.float32]
    deltas: NDArray[np.float32]
    finish: Finish
    turns: NDArray[np.float32]
    openness: NDArray[np.float32]

    def __post_init__(self) -> None:
        sizes = check_shape("HeadPart.vertices", self.vertices, "V 3")
        check_shape("HeadPart.triangles", self.triangles, "F 3")
        check_shape("HeadPart.colours", self.colours, f"{sizes['V']} 3")
        check_shape("HeadPart.deltas", self.deltas, f"{len(ARKIT_NAMES)} {sizes['V']} 3")


@dataclass(frozen=True)
class Skull:
    """What the face is mounted on.

    Attributes:
        centre: `(3,)` middle of the skull.
        axes: `(3,)` half axes of the skull, an ellipsoid that touches the forehead.
        forehead: Height of the forehead's top.
        chin: Height of the chin.
    """

    centre: Points
    axes: Points
    forehead: float
    chin: float

    @classmethod
    def behind(cls, neutral: FloatArray, style: HeadStyle) -> Skull:
        """Fit the skull to a `(468, 3)` face, face units."""
        top = neutral[FACE_OVAL[0]].astype(np.float64)
        size = np.abs(neutral[list(FACE_OVAL), 0]).max() / 0.773  # against the face that the figures are for
        centre = top * (0, 1, 1) - size * np.array([0, 0.3, 1.0])
        axes = size * np.array([0.88, 0.98, 1.07]) * style.skull
        return cls(centre, axes, float(top[1]), float(neutral[CHIN, 1]))


SKIN_FINISH = Finish(gloss=0.1, sharpness=14.0, translucence=0.9)


def make_part(
    name: str,
    vertices: FloatArray,
    triangles: Triangles,
    colours: FloatArray | Colour,
    *,
    deltas: FloatArray | None = None,
    finish: Finish | None = None,
    turns: FloatArray | float = 1.0,
    openness: FloatArray | float = 1.0,
) -> HeadPart:
    """Make a part; one colour, no motion and the head's turning unless told otherwise."""
    count = len(vertices)
    still = np.zeros((len(ARKIT_NAMES), count, 3), np.float32)
    return HeadPart(
        name,
        vertices.astype(np.float32),
        triangles.astype(np.int32),
        np.broadcast_to(np.asarray(colours, np.float32), (count, 3)).copy(),
        still if deltas is None else deltas.astype(np.float32),
        finish or Finish(),
        np.broadcast_to(np.asarray(turns, np.float32), (count,)).copy(),
        np.broadcast_to(np.asarray(openness, np.float32), (count,)).copy(),
    )
