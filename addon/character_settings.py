# mypy: disable-error-code="valid-type"
"""What a scene remembers of each character: the mapping, the sliders, and the prediction that they act on."""

import base64
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..lipsync_core.animation import FaceAnimation, read_animation, write_animation
from ..lipsync_core.character.life import LifeConfig
from ..lipsync_core.character.mapping import SOURCES, MappingRow, automatic_mapping
from ..lipsync_core.character.shaping import Shaping
from ..lipsync_core.errors import LipSyncError
from .properties import session_of
from .scene import performance, rigs
from .scene.casting import cast_character, key_names_of, likely_bones
from .scene.plan import ActionChoice, Bones, CharacterPlan
from .scene.sounds import Speech

PROPERTY = "lipsync3d_characters"
_MILLI = 1e-3


def _wear_again(changed: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    """Write the keyframes anew from the prediction whenever a slider or a row of a mapping moves."""
    for entry in _entries(changed.id_data):
        if entry == changed or any(row == changed for row in entry.rows):
            wear(context, entry)


def _source_names(row: bpy.types.PropertyGroup, context: bpy.types.Context, typed: str) -> list[str]:
    return list(SOURCES)


def _target_names(row: bpy.types.PropertyGroup, context: bpy.types.Context, typed: str) -> list[str]:
    owners = [entry.character for entry in _entries(row.id_data) if any(other == row for other in entry.rows)]
    return [name for owner in owners if owner is not None for name in key_names_of(owner)]


def _bone_names(entry: Any, context: bpy.types.Context, typed: str) -> list[str]:
    rig = rigs.rig_of(entry.character) if entry.character else None
    return [bone.name for bone in rig.pose.bones] if rig else []


def _slot_names(entry: Any, context: bpy.types.Context, typed: str) -> list[str]:
    return [slot.name_display for slot in getattr(entry.action, "slots", ())]


def _slider(name: str, description: str, default: float = 1.0, largest: float = 2.0) -> object:
    return FloatProperty(
        name=name, description=description, default=default, min=0.0, soft_max=largest, max=10.0, update=_wear_again
    )


class LipSyncMappingRow(bpy.types.PropertyGroup):
    """One line of the mapping: the shape key shows `gain * source + offset`."""

    source: StringProperty(
        name="Source", description="ARKit shape or viseme that drives", search=_source_names, update=_wear_again
    )
    target: StringProperty(
        name="Shape Key", description="Shape key that is driven", search=_target_names, update=_wear_again
    )
    gain: FloatProperty(name="Gain", default=1.0, soft_min=-2.0, soft_max=2.0, step=5, update=_wear_again)
    offset: FloatProperty(name="Offset", default=0.0, soft_min=-1.0, soft_max=1.0, step=5, update=_wear_again)

    def plain(self) -> MappingRow:
        """Return the row in plain values."""
        return MappingRow(self.source, self.target, self.gain, self.offset)


class LipSyncCharacter(bpy.types.PropertyGroup):
    """How one character speaks, and what it was last told to say."""

    character: PointerProperty(type=bpy.types.Object)
    rows: CollectionProperty(type=LipSyncMappingRow)
    active_row: IntProperty()
    jaw_bone: StringProperty(
        name="Jaw Bone",
        description="Bone that opens the mouth, for characters whose jaw no shape key moves",
        search=_bone_names,
        update=_wear_again,
    )
    jaw_degrees: FloatProperty(
        name="Opens by",
        description="Angle of the fully open jaw, degrees",
        default=20.0,
        soft_min=-45.0,
        soft_max=45.0,
        update=_wear_again,
    )
    head_bone: StringProperty(
        name="Head Bone", description="Bone that turns the head", search=_bone_names, update=_wear_again
    )
    intensity: _slider("Intensity", "Strength of all speech")
    jaw: _slider("Jaw", "How far the jaw opens")
    lips: _slider("Lips", "How much the lips form sounds")
    smile: _slider("Smile", "How far the corners of the mouth move")
    upper_face: _slider("Upper Face", "Strength of brows, cheeks and nose, if the model moves them")
    smoothing: _slider("Smoothing", "Deviation of the smoothing, ms; closed lips stay closed", 0.0, 100.0)
    delay: FloatProperty(
        name="Delay", description="How much later the face moves, ms; below zero for earlier", soft_min=-200.0,
        soft_max=200.0, update=_wear_again,
    )  # fmt: skip
    largest_error: FloatProperty(
        name="Largest Error",
        description="How far the curves may be from the prediction where keyframes are left out; 0 keys every frame",
        default=0.01,
        min=0.0,
        soft_max=0.1,
        precision=3,
        update=_wear_again,
    )
    blinks: _slider("Blinks", "How often the eyes blink, as a factor on the usual; 0 for never", 0.0)
    eyes: _slider("Glances", "How far the eyes move", 0.0)
    head: _slider("Head", "How far the head moves", 0.0)
    seed: IntProperty(name="Seed", description="Another seed, another motion", min=0, update=_wear_again)
    action_name: StringProperty(
        name="Name", description="Name of the new Action; that of the sound if empty", update=_wear_again
    )
    action: PointerProperty(
        name="Write into",
        description="Action to write into; other curves in it stay. A new one if empty",
        type=bpy.types.Action,
        update=_wear_again,
    )
    slot: StringProperty(
        name="Slot", description="Slot of the Action to write into", search=_slot_names, update=_wear_again
    )
    to_nla: BoolProperty(
        name="Push to NLA", description="Lay the keyframes into an NLA strip", default=False, update=_wear_again
    )
    sound: StringProperty()
    first_frame: IntProperty()
    prediction: StringProperty()  # an animation file in base 64
    is_busy: BoolProperty()  # while many values change at once

    def plan(self) -> CharacterPlan:
        """Return the choices in plain values."""
        return CharacterPlan(
            mapping=tuple(row.plain() for row in self.rows if row.source and row.target) if self.rows else None,
            bones=Bones(self.jaw_bone, self.jaw_degrees, self.head_bone),
            shaping=Shaping(
                self.intensity, self.jaw, self.lips, self.smile, self.upper_face,
                self.smoothing * _MILLI, self.delay * _MILLI,
            ),
            largest_error=self.largest_error,
            life=LifeConfig(self.blinks, self.eyes, self.head, self.seed),
            action=ActionChoice(self.action_name, self.action.name if self.action else "", self.slot, self.to_nla),
        )  # fmt: skip

    def fill(self, rows: Sequence[MappingRow]) -> None:
        """Replace the table."""
        self.is_busy = True
        self.rows.clear()
        for row in rows:
            line = self.rows.add()
            line.source, line.target, line.gain, line.offset = row.source, row.target, row.gain, row.offset
        self.is_busy = False


CLASSES = (LipSyncMappingRow, LipSyncCharacter)


def attach() -> None:
    """Give every scene a list of characters."""
    setattr(bpy.types.Scene, PROPERTY, CollectionProperty(type=LipSyncCharacter))


def detach() -> None:
    """Undo `attach`."""
    delattr(bpy.types.Scene, PROPERTY)


def entry_of(scene: bpy.types.Scene, character: bpy.types.Object | None) -> LipSyncCharacter | None:
    """Return what a scene remembers of a character; None if nothing."""
    if character is None:
        return None
    return next((entry for entry in _entries(scene) if entry.character == character), None)


def set_up(scene: bpy.types.Scene, character: bpy.types.Object) -> LipSyncCharacter:
    """Return what a scene remembers of a character; new ones are mapped by the names of their keys and bones."""
    entry = entry_of(scene, character)
    if entry is not None:
        return entry
    entry = _entries(scene).add()
    entry.is_busy = True
    entry.character = character
    map_by_name(entry)
    entry.is_busy = False
    return entry


def map_by_name(entry: LipSyncCharacter) -> None:
    """Fill a character's table, and its bones, by the names of its keys and bones."""
    rows = automatic_mapping(key_names_of(entry.character))
    bones = likely_bones(rigs.rig_of(entry.character), rows)
    entry.is_busy = True
    entry.jaw_bone, entry.head_bone = bones.jaw, bones.head
    entry.fill(rows)


def plan_of(scene: bpy.types.Scene, character: bpy.types.Object | None) -> CharacterPlan:
    """Return how a character is to speak: as its settings say, or by the names of its keys if it has none yet."""
    entry = entry_of(scene, character)
    return entry.plan() if entry is not None else CharacterPlan()


def remember(
    scene: bpy.types.Scene, character: bpy.types.Object, plan: CharacterPlan, animation: FaceAnimation, speech: Speech
) -> None:
    """Keep what was predicted, so that sliders act on it later."""
    entry = set_up(scene, character)
    if entry.plan() != plan:
        adopt(entry, plan)
    entry.sound, entry.first_frame = speech.name, speech.first_frame
    entry.prediction = _packed(animation)


def adopt(entry: LipSyncCharacter, plan: CharacterPlan) -> None:
    """Show a plan that was made without the panel in the sliders."""
    entry.is_busy = True
    shaping, life = plan.shaping, plan.life
    for name in ("intensity", "jaw", "lips", "smile", "upper_face"):
        setattr(entry, name, getattr(shaping, name))
    entry.smoothing, entry.delay = shaping.smoothing / _MILLI, shaping.delay / _MILLI
    entry.blinks, entry.eyes, entry.head, entry.seed = life.blinks, life.eyes, life.head, life.seed
    entry.largest_error, entry.to_nla = plan.largest_error, plan.action.to_nla
    entry.action_name = plan.action.name
    if plan.bones is not None:
        entry.jaw_bone, entry.jaw_degrees, entry.head_bone = plan.bones.jaw, plan.bones.jaw_degrees, plan.bones.head
    if plan.mapping is not None:
        entry.fill(plan.mapping)
    entry.is_busy = False


def wear(context: bpy.types.Context, entry: LipSyncCharacter) -> None:
    """Write a character's keyframes anew from what was predicted; a fault is shown in the panel."""
    if entry.is_busy or not entry.prediction or entry.character is None:
        return
    session = session_of(context)
    session.message, session.is_error = "", False
    try:
        animation = _unpacked(entry.prediction)
        plan = entry.plan()
        cast = cast_character(entry.character, plan, animation.blendshape_names)
        performance.rewear(cast, animation, plan, performance.action_name(entry.sound), entry.first_frame)
    except LipSyncError as fault:
        session.message, session.is_error = str(fault), True


def _entries(scene: bpy.types.ID) -> Any:
    return getattr(scene, PROPERTY)


def _packed(animation: FaceAnimation) -> str:
    with tempfile.TemporaryDirectory(prefix="lipsync3d-") as folder:
        path = Path(folder) / "animation.npz"
        write_animation(path, animation)
        return base64.b64encode(path.read_bytes()).decode("ascii")


@lru_cache(maxsize=2)
def _unpacked(text: str) -> FaceAnimation:
    with tempfile.TemporaryDirectory(prefix="lipsync3d-") as folder:
        path = Path(folder) / "animation.npz"
        path.write_bytes(base64.b64decode(text))
        return read_animation(path)
