"""Shape keys that carry a predicted mesh exactly: `vertices = base + codes @ shapes`."""

import bpy
import numpy as np
from numpy.typing import NDArray

from ...lipsync_core.animation import FaceAnimation
from .actions import SPEECH_ROLE, ActionWriter, Keys, make_room
from .meshes import face_to_object_space
from .plan import ActionChoice

_SLIDER_RANGE = 2.0  # the keyframes stay within 1: there is room to exaggerate by hand
_SMALLEST_PEAK = 1e-6  # of a number of the code that never moves


def write_head_keys(
    head: bpy.types.Object, animation: FaceAnimation, *, face_unit: float, action: str, first_frame: int
) -> None:
    """Give a head one shape key per number of the code, and key them on every frame.

    Each shape is scaled by the peak of its number, so that its value moves within -1 and 1: Blender clamps
    values to the slider's range.

    Args:
        head: A mesh object with the 468 vertices of `animation.base` and no shape keys.
        animation: What the face does.
        face_unit: Length of one face unit, m.
        action: Name of the new Action.
        first_frame: The scene's frame of the animation's first one.
    """
    peaks = np.maximum(np.abs(animation.codes).max(axis=0), _SMALLEST_PEAK)  # (N,)
    shapes = animation.base + animation.shapes * peaks[:, None, None]
    head.shape_key_add(name="Basis", from_mix=False)
    keys = [_add_key(head, number, shape, face_unit) for number, shape in enumerate(shapes, start=1)]
    values = animation.codes / peaks
    frames = first_frame + np.arange(animation.frame_count, dtype=np.float64)
    curves = {(value_path(key.name), 0): Keys(frames, values[:, number]) for number, key in enumerate(keys)}
    ActionWriter(ActionChoice(), action, SPEECH_ROLE).write(head.data.shape_keys, curves)


def remove_head_keys(head: bpy.types.Object) -> None:
    """Take a head's shape keys away, and our Action of them; an Action of the artist's stays in the file."""
    if head.data.shape_keys is not None:
        make_room(head.data.shape_keys)
        head.shape_key_clear()


def value_path(key_name: str) -> str:
    """Return the data path of a shape key's value."""
    return f'key_blocks["{bpy.utils.escape_identifier(key_name)}"].value'


def coordinates(key: bpy.types.ShapeKey) -> NDArray[np.float32]:
    """Return the points of a shape key, `(V, 3)`, object space."""
    points = np.empty(3 * len(key.points), np.float32)
    key.points.foreach_get("co", points)
    return points.reshape(-1, 3)


def evaluated_value(key: bpy.types.Key, key_name: str, depsgraph: bpy.types.Depsgraph) -> float:
    """Return a shape key's value as Blender has computed it for the current frame."""
    return float(key.evaluated_get(depsgraph).key_blocks[key_name].value)


def _add_key(head: bpy.types.Object, number: int, points: NDArray[np.float32], face_unit: float) -> bpy.types.ShapeKey:
    key = head.shape_key_add(name=f"Speech {number:02d}", from_mix=False)
    key.slider_min, key.slider_max = -_SLIDER_RANGE, _SLIDER_RANGE
    key.value = 0.0  # 5.0 adds keys at one
    key.points.foreach_set("co", face_to_object_space(points, face_unit).ravel())
    return key
