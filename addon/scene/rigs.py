"""A character's armature: its jaw and head bones, and rotations as F-curves of a pose bone."""

import bpy
import numpy as np
from mathutils import Quaternion
from numpy.typing import NDArray

from ...lipsync_core.character.names import find_head_bone, find_jaw_bone
from ...lipsync_core.errors import CharacterError
from .plan import Bones

Rotations = dict[tuple[str, int], NDArray[np.float32]]
"""`(T,)` values of a pose bone's rotation by data path and place in the array."""

_UP, _AHEAD, _ASIDE = np.eye(3)[[2, 1, 0]]  # armature space: the character looks along -Y, its left is X


def rig_of(thing: bpy.types.Object) -> bpy.types.Object | None:
    """Return the armature that an object is, hangs on, or is deformed by."""
    for candidate in (thing, thing.parent):
        if candidate is not None and candidate.type == "ARMATURE":
            return candidate
    return thing.find_armature()


def find_bones(rig: bpy.types.Object | None) -> Bones:
    """Look the jaw and the head up by the names of an armature's bones."""
    if rig is None:
        return Bones()
    names = [bone.name for bone in rig.pose.bones]
    return Bones(jaw=find_jaw_bone(names), head=find_head_bone(names))


def pose_bone(rig: bpy.types.Object | None, name: str) -> bpy.types.PoseBone:
    """Return a bone of an armature.

    Raises:
        CharacterError: If there is none of that name.
    """
    bone: bpy.types.PoseBone | None = rig.pose.bones.get(name) if rig is not None else None
    if bone is None:
        raise CharacterError(f"The character has no bone {name!r}; choose one that it has, or leave the field empty.")
    return bone


def jaw_rotations(bone: bpy.types.PoseBone, opened: NDArray[np.float32], degrees: float) -> Rotations:
    """Turn a jaw bone down about the character's left-right axis.

    Args:
        bone: The jaw.
        opened: `(T,)` how far it is open.
        degrees: The angle at one.
    """
    return _rotations(bone, _turns(_ASIDE, np.radians(degrees) * opened))


def head_rotations(bone: bpy.types.PoseBone, head: NDArray[np.float32]) -> Rotations:
    """Turn a head bone.

    Args:
        bone: The head.
        head: `(T, 3)` degrees: turn to the left, nod downwards, tilt to the left.
    """
    turn, nod, tilt = np.radians(head.T)
    whole = _product(_turns(_UP, turn), _product(_turns(_ASIDE, nod), _turns(_AHEAD, -tilt)))
    return _rotations(bone, whole)


def _turns(axis: NDArray[np.float64], angles: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the quaternions `(T, 4)`, w first, of turns about an axis by `(T,)` radians."""
    half = angles[:, None].astype(np.float64) / 2
    return np.concatenate([np.cos(half), np.sin(half) * axis], axis=1)


def _product(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multiply `(T, 4)` quaternions."""
    real, other = first[:, :1], second[:, :1]
    vector, others = first[:, 1:], second[:, 1:]
    whole = real * other - np.sum(vector * others, axis=1, keepdims=True)
    return np.concatenate([whole, real * others + other * vector + np.cross(vector, others)], axis=1)


def _rotations(bone: bpy.types.PoseBone, turns: NDArray[np.float64]) -> Rotations:
    """Write turns in armature space as the bone's own rotation, in whichever mode it is in."""
    rest = np.array(bone.bone.matrix_local, np.float64)[:3, :3]
    own = np.concatenate([turns[:, :1], turns[:, 1:] @ rest], axis=1)  # the axis seen from the bone at rest
    prefix = f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"]'
    if bone.rotation_mode == "QUATERNION":
        return _columns(f"{prefix}.rotation_quaternion", own)
    if bone.rotation_mode == "AXIS_ANGLE":
        half = np.arccos(np.clip(own[:, :1], -1, 1))
        axes = own[:, 1:] / np.maximum(np.sin(half), 1e-9)
        return _columns(f"{prefix}.rotation_axis_angle", np.concatenate([2 * half, axes], axis=1))
    return _columns(f"{prefix}.rotation_euler", _eulers(own, bone.rotation_mode))


def _eulers(turns: NDArray[np.float64], order: str) -> NDArray[np.float64]:
    eulers = [Quaternion(turn).to_euler(order) for turn in turns.tolist()]
    return np.unwrap(np.array(eulers, np.float64), axis=0)


def _columns(path: str, values: NDArray[np.float64]) -> Rotations:
    return {(path, index): column.astype(np.float32) for index, column in enumerate(values.T)}
