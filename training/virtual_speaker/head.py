"""A head built from numbers: the skin on the 468 points, and all that belongs to it, moved by ARKit's shapes.

Everything is in face space (docs/CONVENTIONS.md) and moves linearly with the 52 weights, so the same arrays make the
pictures of the virtual speaker and a Blender mesh with shape keys.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from lipsync_core.arrays import FloatArray
from lipsync_core.face.basis import BlendshapeBasis, arkit_basis

from .body import build_clothes, build_ears, build_neck
from .eyes import build_brows, build_eyeballs, build_lashes
from .hair import build_hair
from .mouth_interior import build_mouth_interior
from .parts import HeadPart, Skull
from .rendering import sky_visibility
from .skin import Skin
from .style import CHARACTER, VIRTUAL_SPEAKER, HeadStyle, shaped_face
from .surfaces import Points, Triangles

__all__ = ["CHARACTER", "VIRTUAL_SPEAKER", "Head", "HeadPart", "HeadStyle", "build_head"]


@dataclass(frozen=True)
class Head:
    """A face and all the surfaces around it.

    Attributes:
        basis: The 468 points of the skin and their 52 shapes; the skin passes through them.
        parts: The surfaces.
    """

    basis: BlendshapeBasis
    parts: tuple[HeadPart, ...]

    def part(self, name: str) -> HeadPart:
        """Return one surface.

        Raises:
            KeyError: If the head has no part of that name.
        """
        return {part.name: part for part in self.parts}[name]


def build_head(style: HeadStyle = VIRTUAL_SPEAKER) -> Head:
    """Build a head in one style."""
    basis = arkit_basis(shaped_face(style))
    skull = Skull.behind(basis.neutral, style)
    skin = Skin.over(basis, style, skull)
    bald = [
        skin.part(),
        *skin.linings(),
        *build_brows(skin),
        *build_lashes(skin),
        *build_eyeballs(basis, style),
        *build_mouth_interior(basis),
        build_neck(style, skull),
    ]
    ears = build_ears(style, skull) if style.ears else []
    return Head(basis, tuple(with_sky([*bald, *ears, *build_hair(style, skull), build_clothes(style, skull)])))


_SKY_DIRECTIONS = 48
_INSIDE_PARTS = frozenset({"upper teeth", "lower teeth", "tongue", "throat", "inner hair", "inner lips"})


def with_sky(parts: list[HeadPart]) -> list[HeadPart]:
    """Darken what the parts hide from the sky of one another; the mouth keeps its own darkness."""
    triangles, first = [], 0
    for part in parts:
        triangles.append(part.triangles + first)
        first += len(part.vertices)
    points = np.concatenate([part.vertices for part in parts]).astype(np.float64)
    surface = np.concatenate(triangles).astype(np.int32)
    seen = _averaged(sky_visibility(points, surface, _sky(), resolution=384), surface)
    pieces = np.split(seen, np.cumsum([len(part.vertices) for part in parts])[:-1])
    return [
        part if part.name in _INSIDE_PARTS else replace(part, openness=np.asarray(part.openness * piece, np.float32))
        for part, piece in zip(parts, pieces, strict=True)
    ]


def _averaged(values: FloatArray, triangles: Triangles, passes: int = 3) -> Points:
    """Even out `(V,)` values along the edges of a surface."""
    a, b = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2).T
    count = len(values)
    edges = sparse.csr_matrix((np.ones(2 * len(a)), (np.concatenate([a, b]), np.concatenate([b, a]))), (count, count))
    degree = np.maximum(np.asarray(edges.sum(axis=1)).ravel(), 1)
    evened = values.astype(np.float64)
    for _ in range(passes):
        evened = 0.4 * evened + 0.6 * (edges @ evened) / degree
    return evened


def _sky() -> Points:
    """Return directions spread evenly over the sphere, without those from below, `(D, 3)`."""
    index = np.arange(_SKY_DIRECTIONS * 2) + 0.5
    height = 1 - index / _SKY_DIRECTIONS
    around = np.pi * (1 + 5**0.5) * index
    ring = np.sqrt(1 - height**2)
    sphere_points = np.stack([ring * np.cos(around), height, ring * np.sin(around)], axis=1)
    return np.asarray(sphere_points[height > -0.35], np.float64)
