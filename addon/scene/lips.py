"""What a character's shape keys do to its lips, read from its meshes."""

from collections.abc import Sequence

import numpy as np

from ...lipsync_core.character.contact import KeyShapes, LipResponse, lip_response
from ...lipsync_core.character.mapping import MappingRow
from ...lipsync_core.character.visemes import VISEMES
from ...lipsync_core.face.arkit import SPEECH_SHAPES
from .casting import Cast, SpeakingMesh
from .shape_keys import coordinates

_OPENERS = ("jawOpen", "viseme_aa", "viseme_O", "viseme_E", "viseme_I", "viseme_U")  # the first that a character has
_LIFTERS = ("mouthUpperUpLeft", "mouthUpperUpRight")
_DROPPERS = ("mouthLowerDownLeft", "mouthLowerDownRight")


def lips_of(cast: Cast) -> LipResponse | None:
    """Return what the keys that speech moves do to the lips of the mesh that opens widest; None if none opens."""
    opening = next((keys for keys in (_keys(cast.rows, (source,)) for source in _OPENERS) if keys), ())
    shapes = [_key_shapes(mesh, cast.rows, opening) for mesh in cast.meshes if set(opening) & set(mesh.targets)]
    if not shapes:
        return None
    return lip_response(max(shapes, key=_opens_by))


def _key_shapes(mesh: SpeakingMesh, rows: Sequence[MappingRow], opening: tuple[str, ...]) -> KeyShapes:
    speech = _keys(rows, (*SPEECH_SHAPES, *VISEMES))
    names = [name for name in mesh.targets if name in speech]
    rest = coordinates(mesh.key.reference_key)
    blocks = mesh.key.key_blocks
    return KeyShapes(
        points=rest,
        deltas={name: coordinates(blocks[name]) - rest for name in names},
        ranges={name: (blocks[name].slider_min, blocks[name].slider_max) for name in names},
        opening=tuple(name for name in opening if name in names),
        lifting=tuple(name for name in _keys(rows, _LIFTERS) if name in names),
        dropping=tuple(name for name in _keys(rows, _DROPPERS) if name in names),
    )


def _opens_by(shapes: KeyShapes) -> float:
    return max((float(np.abs(shapes.deltas[name]).max()) for name in shapes.opening), default=0.0)


def _keys(rows: Sequence[MappingRow], sources: Sequence[str]) -> tuple[str, ...]:
    """Return the shape keys that some sources drive, each once."""
    return tuple(dict.fromkeys(row.target for row in rows if row.source in sources))
