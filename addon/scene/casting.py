"""The artist's character: which of its shape keys and bones speech moves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ...lipsync_core.character.mapping import MappingRow, automatic_mapping, has_mouth, speaks
from ...lipsync_core.character.visemes import VISEMES
from ...lipsync_core.errors import CharacterError
from . import rigs
from .actions import driven_paths, refuse_tweak_mode
from .library import make_editable, make_keys_editable
from .meshes import is_head, to_world
from .plan import Bones, CharacterPlan
from .shape_keys import coordinates, value_path

CHARACTER_TYPES = ("MESH", "ARMATURE", "EMPTY")
_FACE_REACH = 0.02  # share of the largest motion: what moves less is not the face


@dataclass(frozen=True)
class SpeakingMesh:
    """A mesh of a character that can speak.

    Attributes:
        owner: The mesh object.
        key: Its shape keys.
        targets: Names of those that the mapping drives.
    """

    owner: bpy.types.Object
    key: bpy.types.Key
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Cast:
    """What of a character can speak.

    Attributes:
        meshes: Its meshes that have shape keys to drive.
        rows: What drives them.
        rig: Its armature; None if it has none.
        bones: What moves in the armature.
    """

    meshes: tuple[SpeakingMesh, ...]
    rows: tuple[MappingRow, ...]
    rig: bpy.types.Object | None
    bones: Bones

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the objects that speak."""
        owners = tuple(str(mesh.owner.name) for mesh in self.meshes)
        return owners if owners or self.rig is None else (str(self.rig.name),)


def find_character(scene: bpy.types.Scene, name: str) -> bpy.types.Object:
    """Return an object of a scene by name.

    Raises:
        CharacterError: If there is none.
    """
    character: bpy.types.Object | None = scene.objects.get(name)
    if character is None:
        raise CharacterError(f"There is no object {name!r} in the scene {scene.name!r}; check the name.")
    return character


def mesh_to_fit(character: bpy.types.Object) -> bpy.types.Object | None:
    """Return the mesh that a face can be fitted to: the object itself, or the largest that it carries."""
    if character.type == "MESH":
        return character
    meshes = list(_meshes(character))
    return max(meshes, key=lambda mesh: len(mesh.data.vertices), default=None)


def key_names_of(character: bpy.types.Object) -> list[str]:
    """Return the names of all shape keys of a character that a keyframe can move, each once."""
    names = [name for owner in _keyed_meshes(character) for name in _free_keys(owner.data.shape_keys)]
    return list(dict.fromkeys(names))


def cast_character(character: bpy.types.Object, plan: CharacterPlan, sources: tuple[str, ...]) -> Cast:
    """Find what of a character speech moves: in the object, its children, and whatever hangs on the same armature.

    Args:
        character: The object that was chosen.
        plan: What the artist wants.
        sources: The shapes that the model predicts.

    Raises:
        CharacterError: If there is nothing, or it is being edited.
    """
    rows = automatic_mapping(key_names_of(character)) if plan.mapping is None else plan.mapping
    rig = rigs.rig_of(character)
    bones = likely_bones(rig, rows) if plan.bones is None else plan.bones
    for name in filter(None, (bones.jaw, bones.head)):
        rigs.pose_bone(rig, name)
    cast = Cast(tuple(_speaking_meshes(character, rows)), rows, rig, bones)
    if not bones.jaw and not speaks(_present(cast), sources):
        raise CharacterError(
            f"No shape key of {character.name} is named like the model's blendshapes "
            f"({', '.join(sources[:3])}, ...); fill in the mapping, choose another character, or give it shape keys."
        )
    for mesh in cast.meshes:
        refuse_tweak_mode(mesh.key)
    if rig is not None:
        refuse_tweak_mode(rig)
    return cast


def likely_bones(rig: bpy.types.Object | None, rows: Sequence[MappingRow]) -> Bones:
    """Look bones up by name; a jaw bone is only moved where no shape key opens the mouth."""
    bones = rigs.find_bones(rig)
    is_open = has_mouth(rows) or any(row.source in VISEMES for row in rows)
    return Bones(jaw="" if is_open else bones.jaw, head=bones.head)


def make_cast_editable(context: bpy.types.Context, character: bpy.types.Object) -> bpy.types.Object:
    """Return the character with everything of it editable; what is linked from another file is overridden.

    Raises:
        CharacterError: If Blender cannot override it.
    """
    character = make_editable(context.scene, context.view_layer, character)
    for owner in list(_keyed_meshes(character)):
        make_keys_editable(owner)
    return character


def moved_points(cast: Cast) -> NDArray[np.float32]:
    """Return the points that speech moves, `(V, 3)`, m, world space: the face; around the jaw where no key moves it."""
    points = [_moved_points(mesh) for mesh in cast.meshes]
    if not points and cast.rig is not None:
        bone = rigs.pose_bone(cast.rig, cast.bones.jaw)
        reach = bone.length * np.array([[-1, -1, -1], [1, 1, 1]], np.float32)
        points = [to_world(cast.rig, np.array(bone.head, np.float32) + reach)]
    return np.concatenate(points)


def _moved_points(mesh: SpeakingMesh) -> NDArray[np.float32]:
    basis = coordinates(mesh.key.reference_key)
    reach = np.zeros(len(basis), np.float32)
    for name in mesh.targets:
        moved = np.linalg.norm(coordinates(mesh.key.key_blocks[name]) - basis, axis=1)
        reach = np.maximum(reach, moved)
    return to_world(mesh.owner, basis[reach >= _FACE_REACH * reach.max()])


def _present(cast: Cast) -> list[MappingRow]:
    """Return the rows whose shape key one of the meshes has."""
    targets = {target for mesh in cast.meshes for target in mesh.targets}
    return [row for row in cast.rows if row.target in targets]


def _speaking_meshes(character: bpy.types.Object, rows: Sequence[MappingRow]) -> Iterator[SpeakingMesh]:
    """Yield the meshes that the mapping moves; of those that share their shape keys the first."""
    wanted = {row.target for row in rows}
    seen: set[str] = set()
    for owner in _keyed_meshes(character):
        key = owner.data.shape_keys
        targets = tuple(name for name in _free_keys(key) if name in wanted)
        if targets and key.name_full not in seen:
            seen.add(key.name_full)
            yield SpeakingMesh(owner, key, targets)


def _keyed_meshes(character: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """Yield a character's mesh objects that have relative shape keys."""
    for mesh in _meshes(character):
        if mesh.data.shape_keys is not None and mesh.data.shape_keys.use_relative:
            yield mesh


def _meshes(character: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """Yield a character's mesh objects, each once."""
    rig = rigs.rig_of(character)
    family = [character, *character.children_recursive, *(rig.children_recursive if rig else ())]
    worn = [thing for thing in bpy.data.objects if rig and thing.type == "MESH" and rigs.rig_of(thing) == rig]
    for thing in dict.fromkeys(family + worn):
        if thing.type == "MESH" and not is_head(thing):
            yield thing


def _free_keys(key: bpy.types.Key) -> list[str]:
    """Return the names of the keys that a keyframe can move: neither the basis nor driven ones."""
    driven = driven_paths(key)
    return [
        block.name for block in key.key_blocks if block != key.reference_key and value_path(block.name) not in driven
    ]
