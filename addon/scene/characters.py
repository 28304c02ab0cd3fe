"""The artist's character: which of its meshes have shape keys that a model can move, and moving them."""

from collections.abc import Iterator
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ...lipsync_core.animation import FaceAnimation
from ...lipsync_core.errors import CharacterError
from .actions import driven_paths, refuse_tweak_mode, write_action
from .key_names import match_names
from .meshes import is_head, to_world
from .shape_keys import value_path

CHARACTER_TYPES = ("MESH", "ARMATURE", "EMPTY")
_FACE_REACH = 0.02  # share of the largest motion: what moves less is not the face


@dataclass(frozen=True)
class SpeakingMesh:
    """A mesh of a character that can speak.

    Attributes:
        owner: The mesh object.
        key: Its shape keys.
        blendshapes: Blendshape name by key name.
    """

    owner: bpy.types.Object
    key: bpy.types.Key
    blendshapes: dict[str, str]


def find_character(scene: bpy.types.Scene, name: str) -> bpy.types.Object:
    """Return an object of a scene by name.

    Raises:
        CharacterError: If there is none.
    """
    character: bpy.types.Object | None = scene.objects.get(name)
    if character is None:
        raise CharacterError(f"There is no object {name!r} in the scene {scene.name!r}; check the name.")
    return character


def speaking_meshes(character: bpy.types.Object, blendshape_names: tuple[str, ...]) -> list[SpeakingMesh]:
    """Find all meshes of a character that have shape keys named like a model's blendshapes.

    Looked at: the object, its children, and whatever hangs on the same armature.

    Raises:
        CharacterError: If there is none, or it cannot be edited.
    """
    found: dict[str, SpeakingMesh] = {}
    for owner in _meshes(character):
        key = owner.data.shape_keys
        if key is not None and key.use_relative and not is_head(owner):
            blendshapes = match_names(_free_keys(key), blendshape_names)
            if blendshapes:
                found.setdefault(key.name_full, SpeakingMesh(owner, key, blendshapes))
    if not found:
        raise CharacterError(
            f"No shape key of {character.name} is named like the model's blendshapes "
            f"({', '.join(blendshape_names[:3])}, ...); choose another character, or rename its shape keys."
        )
    for mesh in found.values():
        _check_editable(mesh)
    return list(found.values())


def write_speech(mesh: SpeakingMesh, animation: FaceAnimation, action: str, first_frame: int) -> str:
    """Key a mesh's matching shape keys on every frame.

    Returns:
        The name of the artist's Action that plays on from an NLA track below; "" if there was none.
    """
    curves = {value_path(name): clamped_weights(mesh, name, animation) for name in mesh.blendshapes}
    return write_action(mesh.key, action, curves, first_frame)


def clamped_weights(mesh: SpeakingMesh, key_name: str, animation: FaceAnimation) -> NDArray[np.float32]:
    """Return the weight of a shape key in every frame, `(T,)`, within the range of its slider."""
    key = mesh.key.key_blocks[key_name]
    column = animation.blendshape_names.index(mesh.blendshapes[key_name])
    return np.clip(animation.blendshapes[:, column], key.slider_min, key.slider_max)


def moved_points(mesh: SpeakingMesh) -> NDArray[np.float32]:
    """Return the points of a mesh that its speaking keys move, `(V, 3)`, m, world space: the face."""
    basis = _coordinates(mesh.key.reference_key)
    reach = np.zeros(len(basis), np.float32)
    for name in mesh.blendshapes:
        moved = np.linalg.norm(_coordinates(mesh.key.key_blocks[name]) - basis, axis=1)
        reach = np.maximum(reach, moved)
    return to_world(mesh.owner, basis[reach >= _FACE_REACH * reach.max()])


def _meshes(character: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """Yield a character's mesh objects, each once."""
    rig = _rig(character)
    family = [character, *character.children_recursive, *(rig.children_recursive if rig else ())]
    worn = [thing for thing in bpy.data.objects if rig and thing.type == "MESH" and _rig(thing) == rig]
    for thing in dict.fromkeys(family + worn):
        if thing.type == "MESH":
            yield thing


def _rig(thing: bpy.types.Object) -> bpy.types.Object | None:
    """Return the armature that an object is, hangs on, or is deformed by."""
    for candidate in (thing, thing.parent):
        if candidate is not None and candidate.type == "ARMATURE":
            return candidate
    return thing.find_armature()


def _free_keys(key: bpy.types.Key) -> list[str]:
    """Return the names of the keys that a keyframe can move: neither the basis nor driven ones."""
    driven = driven_paths(key)
    return [
        block.name for block in key.key_blocks if block != key.reference_key and value_path(block.name) not in driven
    ]


def _check_editable(mesh: SpeakingMesh) -> None:
    if not mesh.key.is_editable:
        raise CharacterError(f"{mesh.owner.name} is linked from another file; make a library override of it first.")
    refuse_tweak_mode(mesh.key)


def _coordinates(key: bpy.types.ShapeKey) -> NDArray[np.float32]:
    points = np.empty(3 * len(key.points), np.float32)
    key.points.foreach_get("co", points)
    return points.reshape(-1, 3)
