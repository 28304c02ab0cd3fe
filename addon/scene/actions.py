"""Write F-curves in bulk, through whichever Action API this Blender has.

Blender 4.2 and 4.3 keep F-curves in the Action itself; from 4.4 on they lie in a layer's channelbag for a
slot, and 5.0 has no other way. The artist's own Action is never touched unless it was chosen to be written into: it
moves into an NLA track below ours and plays on.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import bpy
import numpy as np
from numpy.typing import NDArray

from ...lipsync_core.errors import CharacterError
from .ownership import TAG, claim, is_ours
from .plan import ActionChoice

SPEECH_ROLE = "animation"
LIFE_ROLE = "life"
_INTERPOLATION: Any = bpy.types.Keyframe.bl_rna.properties["interpolation"]
_LINEAR: int = _INTERPOLATION.enum_items["LINEAR"].value


@dataclass(frozen=True)
class Keys:
    """The keyframes of one F-curve, linear between them.

    Attributes:
        frames: `(K,)` frames of the scene.
        values: `(K,)`.
    """

    frames: NDArray[np.float64]
    values: NDArray[np.float32]


Owner: TypeAlias = bpy.types.Key | bpy.types.Object
Path: TypeAlias = tuple[str, int]
"""A property that an F-curve moves: its data path and its place in an array (0 if it is none)."""
Curves: TypeAlias = Mapping[Path, Keys]


class ActionWriter:
    """Fills one Action for everything that a character is made of; one slot for each data-block.

    Before Blender 4.4 an Action has no slots: every data-block gets one of its own, of the same name.

    Args:
        choice: Where the keyframes go.
        default_name: Name of a new Action, if none was chosen.
        role: What the keyframes are for: what we wrote in the same role before is replaced.

    Raises:
        CharacterError: If the chosen Action is not there any more.
    """

    def __init__(self, choice: ActionChoice, default_name: str, role: str) -> None:
        self._choice, self._role = choice, role
        self._name = choice.name or default_name
        self._chosen: bpy.types.Action | None = _chosen_action(choice)
        self._shared: bpy.types.Action | None = self._chosen

    def write(self, owner: Owner, curves: Curves, *, below: bool = False) -> str:
        """Key properties of a data-block in place of what we keyed there before.

        Args:
            owner: The data-block.
            curves: The keyframes.
            below: Whether they go into an NLA track below the active Action, which stays.

        Returns:
            The name of the artist's Action that now plays from an NLA track below ours; "" if there was none.

        Raises:
            CharacterError: If the artist is editing one of its NLA strips.
        """
        refuse_tweak_mode(owner)
        animation = owner.animation_data or owner.animation_data_create()
        remove_ours(owner, self._role, keep=self._chosen)
        stays = below or (self._chosen is not None and animation.action == self._chosen)
        moved = "" if stays else _move_artists(owner)
        action = self._action()
        slot, channels = _channels(action, owner, self._choice.slot if self._chosen else "")
        for path, keys in curves.items():
            _write_curve(channels, path, keys)
        if below or self._choice.to_nla:
            _lay_strip(animation, action, slot, self._name)
        else:
            animation.action = action
            if slot is not None:
                animation.action_slot = slot
        return moved

    def _action(self) -> bpy.types.Action:
        if self._shared is not None:
            return self._shared
        action = bpy.data.actions.new(self._name)
        claim(action, self._role)
        if hasattr(action, "slots"):
            self._shared = action
        return action


def refuse_tweak_mode(owner: Owner) -> None:
    """Check that the Action of a data-block can be replaced.

    Raises:
        CharacterError: If the artist is editing one of its NLA strips.
    """
    animation = owner.animation_data
    if animation is not None and animation.use_tweak_mode:
        raise CharacterError(f"An NLA strip of {owner.name} is being edited; leave tweak mode (Tab) first.")


def remove_ours(owner: Owner, role: str, keep: bpy.types.Action | None = None) -> None:
    """Take what we keyed on a data-block in some role away: the active Action, and strips in the NLA.

    Args:
        owner: The data-block.
        role: Of the keyframes.
        keep: An Action that stays, though it is ours.
    """
    animation = owner.animation_data
    if animation is None:
        return
    removed: list[bpy.types.Action] = []
    for track in list(animation.nla_tracks):
        ours = [strip for strip in track.strips if is_ours(strip.action, role) and strip.action != keep]
        removed += [strip.action for strip in ours]
        for strip in ours:
            track.strips.remove(strip)
        if ours and not track.strips:
            animation.nla_tracks.remove(track)
    if is_ours(animation.action, role) and animation.action != keep:
        removed.append(animation.action)
        animation.action = None
    for action in dict.fromkeys(removed):
        if action.users == 0:
            bpy.data.actions.remove(action)


def make_room(owner: Owner) -> str:
    """Clear the place of the active Action: ours leaves the file, the artist's moves into an NLA track.

    Returns:
        The name of the artist's Action; "" if there was none.
    """
    remove_ours(owner, SPEECH_ROLE)
    return _move_artists(owner)


def driven_paths(owner: Owner) -> set[str]:
    """Return the data paths that drivers hold, which no keyframe can move."""
    return {driver.data_path for driver in owner.animation_data.drivers} if owner.animation_data else set()


def keyed_paths(owner: Owner) -> set[str]:
    """Return the data paths of a data-block that Actions of the artist's key, the active one and those in the NLA."""
    animation = owner.animation_data
    if animation is None:
        return set()
    played = [(animation.action, getattr(animation, "action_slot", None))]
    played += [
        (strip.action, getattr(strip, "action_slot", None)) for track in animation.nla_tracks for strip in track.strips
    ]
    artists = [(action, slot) for action, slot in played if action is not None and action.get(TAG) is None]
    return {path for action, slot in artists for path in _paths(action, slot)}


def _paths(action: Any, slot: Any) -> Iterator[str]:
    """Yield the data paths that one slot of an Action keys."""
    if not hasattr(action, "slots"):
        yield from (curve.data_path for curve in action.fcurves)
        return
    bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
    yield from (curve.data_path for bag in bags if bag.slot == slot for curve in bag.fcurves)


def _chosen_action(choice: ActionChoice) -> bpy.types.Action | None:
    if not choice.existing:
        return None
    action: bpy.types.Action | None = bpy.data.actions.get(choice.existing)
    if action is None or not action.is_editable:
        raise CharacterError(
            f"The Action {choice.existing!r} is not there or is linked; choose another one to write into."
        )
    return action


def _move_artists(owner: Owner) -> str:
    """Move the active Action, which is the artist's, into an NLA track; return its name."""
    animation = owner.animation_data
    action = animation.action if animation else None
    if action is None:
        return ""
    action.use_fake_user = True
    if action.frame_range[1] > action.frame_range[0]:
        _lay_strip(animation, action, getattr(animation, "action_slot", None), action.name)
    animation.action = None
    return str(action.name)


def _lay_strip(animation: bpy.types.AnimData, action: bpy.types.Action, slot: Any, track_name: str) -> None:
    """Do what Blender's *Push Down Action* does."""
    track = animation.nla_tracks.new()
    track.name = track_name
    start = math.floor(action.frame_range[0])
    strip = track.strips.new(action.name, start, action)
    if slot is not None and hasattr(strip, "action_slot"):
        strip.action_slot = slot
    strip.action_frame_start = start  # a first key between two frames keeps its time


def _channels(action: bpy.types.Action, owner: Owner, slot_name: str) -> tuple[Any, Any]:
    """Return the slot for a data-block (None before 4.4) and its collection of F-curves."""
    if not hasattr(action, "slots"):
        return None, action.fcurves
    slot = _slot(action, owner, slot_name)
    layer: Any = action.layers[0] if action.layers else action.layers.new("Speech")
    strip: Any = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
    return slot, strip.channelbag(slot, ensure=True).fcurves


def _slot(action: Any, owner: Owner, slot_name: str) -> Any:
    """Return the slot that is called as chosen, or as the data-block; a new one if there is none."""
    fitting = [slot for slot in action.slots if slot.target_id_type in (owner.id_type, "UNSPECIFIED")]
    for name in filter(None, (slot_name, owner.name)):
        for slot in fitting:
            if slot.name_display == name:
                return slot
    return action.slots.new(id_type=owner.id_type, name=slot_name or owner.name)


def _write_curve(channels: Any, path: Path, keys: Keys) -> None:
    data_path, index = path
    curve = channels.find(data_path, index=index)
    if curve is not None:
        channels.remove(curve)
    curve = channels.new(data_path, index=index)
    points = curve.keyframe_points
    points.add(len(keys.values))
    points.foreach_set("co", np.column_stack([keys.frames, keys.values]).astype(np.float32).ravel())
    points.foreach_set("interpolation", np.full(len(keys.values), _LINEAR, np.int32))
    curve.update()
