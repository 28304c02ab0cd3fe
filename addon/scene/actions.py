"""Write F-curves in bulk, into Actions of our own, through whichever Action API this Blender has.

Blender 4.2 and 4.3 keep F-curves in the Action itself; from 4.4 on they lie in a layer's channelbag for a
slot, and 5.0 has no other way. The artist's own Action is never touched: it moves into an NLA track below
ours and plays on.
"""

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import bpy
import numpy as np
from numpy.typing import NDArray

from ...lipsync_core.errors import CharacterError
from .ownership import claim, is_ours

Curves: TypeAlias = Mapping[str, NDArray[np.float32]]
ROLE = "animation"
_INTERPOLATION: Any = bpy.types.Keyframe.bl_rna.properties["interpolation"]
_LINEAR: int = _INTERPOLATION.enum_items["LINEAR"].value


def write_action(owner: bpy.types.Key, name: str, curves: Curves, first_frame: int) -> str:
    """Key properties of some shape keys on every frame, in an Action of ours that replaces our earlier one.

    Args:
        owner: The shape keys to animate.
        name: The new Action's name.
        curves: `(T,)` values by data path.
        first_frame: The frame of the first value.

    Returns:
        The name of the artist's Action that now plays from an NLA track below ours; "" if there was none.
    """
    animation = owner.animation_data or owner.animation_data_create()
    refuse_tweak_mode(owner)
    moved = make_room(owner)
    action = bpy.data.actions.new(name)
    claim(action, ROLE)
    slot, channels = _channels(action, owner)
    for path, values in curves.items():
        _write_curve(channels.new(path), values, first_frame)
    animation.action = action
    if slot is not None:
        animation.action_slot = slot
    return moved


def refuse_tweak_mode(owner: bpy.types.Key) -> None:
    """Check that the Action of some shape keys can be replaced.

    Raises:
        CharacterError: If the artist is editing one of its NLA strips.
    """
    animation = owner.animation_data
    if animation is not None and animation.use_tweak_mode:
        raise CharacterError(f"An NLA strip of {owner.name} is being edited; leave tweak mode (Tab) first.")


def make_room(owner: bpy.types.Key) -> str:
    """Clear the place of the active Action: ours leaves the file, the artist's moves into an NLA track.

    Returns:
        The name of the artist's Action; "" if there was none.
    """
    animation = owner.animation_data
    action = animation.action if animation else None
    if action is None:
        return ""
    is_artists = not is_ours(action, ROLE)
    if is_artists:
        action.use_fake_user = True
        if action.frame_range[1] > action.frame_range[0]:
            _push_down(animation, action)
    animation.action = None
    if action.users == 0:
        bpy.data.actions.remove(action)
    return str(action.name) if is_artists else ""


def driven_paths(owner: bpy.types.Key) -> set[str]:
    """Return the data paths that drivers hold, which no keyframe can move."""
    return {driver.data_path for driver in owner.animation_data.drivers} if owner.animation_data else set()


def _push_down(animation: bpy.types.AnimData, action: bpy.types.Action) -> None:
    """Do what Blender's *Push Down Action* does."""
    track = animation.nla_tracks.new()
    track.name = action.name
    start = math.floor(action.frame_range[0])
    strip = track.strips.new(action.name, start, action)
    if hasattr(strip, "action_slot"):
        strip.action_slot = animation.action_slot
    strip.action_frame_start = start  # a first key between two frames keeps its time


def _channels(action: bpy.types.Action, owner: bpy.types.Key) -> tuple[Any, Any]:
    """Return the slot for some shape keys (None before 4.4) and its collection of F-curves."""
    if not hasattr(action, "slots"):
        return None, action.fcurves
    slot = action.slots.new(id_type=owner.id_type, name=owner.name)
    strip: Any = action.layers.new("Speech").strips.new(type="KEYFRAME")
    return slot, strip.channelbag(slot, ensure=True).fcurves


def _write_curve(curve: bpy.types.FCurve, values: NDArray[np.float32], first_frame: int) -> None:
    frames = first_frame + np.arange(len(values))
    points = curve.keyframe_points
    points.add(len(values))
    points.foreach_set("co", np.column_stack([frames, values]).astype(np.float32).ravel())
    points.foreach_set("interpolation", np.full(len(values), _LINEAR, np.int32))
    curve.update()
