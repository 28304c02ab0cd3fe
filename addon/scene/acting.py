"""Keyframes of a character that speaks and lives, written from a prediction; no network runs here."""

from collections.abc import Mapping, Sequence

import bpy
import numpy as np
from numpy.typing import NDArray

from ...lipsync_core.animation import FaceAnimation
from ...lipsync_core.character.contact import at_rest, contact_frames, shut, with_lip_contacts
from ...lipsync_core.character.life import Life, draw_life
from ...lipsync_core.character.mapping import mapped_curves
from ...lipsync_core.character.reduction import kept_frames
from ...lipsync_core.character.shaping import closed_frames, shape_weights
from ...lipsync_core.phones.gestures import Gesture
from . import rigs
from .actions import LIFE_ROLE, SPEECH_ROLE, ActionWriter, Curves, Keys, Owner, Path, keyed_paths, remove_ours
from .casting import Cast, SpeakingMesh
from .lips import lips_of
from .plan import ActionChoice, CharacterPlan
from .shape_keys import value_path

_LIFE = "LipSync life"
Values = Mapping[str, NDArray[np.float32]]
"""`(T,)` wanted values of shape keys by name, before their ranges."""


def write_speech(
    cast: Cast, animation: FaceAnimation, plan: CharacterPlan, action: str, first_frame: int
) -> tuple[Values, list[str]]:
    """Key a character's mouth in place of what we keyed there before.

    Args:
        cast: Who speaks.
        animation: What the face does.
        plan: What the artist wants.
        action: Name of a new Action, where the artist chose none.
        first_frame: The scene's frame of the animation's first one.

    Returns:
        What was wanted of the shape keys, and the names of the artist's Actions that play on from NLA tracks.

    Raises:
        CharacterError: If an Action cannot be written.
    """
    weights = shape_weights(animation, plan.shaping)
    values = mapped_curves(cast.rows, weights, animation.blendshape_names)
    seconds = animation.times - plan.shaping.delay
    values = _with_gestures(cast, values, animation.gestures, seconds)
    closed = np.union1d(closed_frames(animation, plan.shaping.delay), contact_frames(animation.gestures, seconds))
    writer = ActionWriter(plan.action, action, SPEECH_ROLE)
    moved = []
    for mesh in cast.meshes:
        curves = {(value_path(name), 0): clamped(mesh, name, values[name]) for name in mesh.targets if name in values}
        moved.append(writer.write(mesh.key, _thinned(curves, plan.largest_error, closed, first_frame)))
    if cast.rig is not None and cast.bones.jaw and "jawOpen" in animation.blendshape_names:
        opened = np.clip(weights[:, animation.blendshape_names.index("jawOpen")], 0, 1)
        opened = shut(opened, animation.gestures, seconds)
        jaw = rigs.jaw_rotations(rigs.pose_bone(cast.rig, cast.bones.jaw), opened, cast.bones.jaw_degrees)
        error = plan.largest_error * np.radians(cast.bones.jaw_degrees)
        moved.append(_write_bone(cast.rig, writer, _thinned(jaw, error, closed, first_frame)))
    return values, [name for name in moved if name]


def write_life(cast: Cast, animation: FaceAnimation, plan: CharacterPlan, first_frame: int) -> list[str]:
    """Key blinks, glances and the head in NLA tracks of their own, in place of the ones before.

    What the artist has keyed is left alone.

    Returns:
        Sentences about what could not be moved.
    """
    life = draw_life(animation.frame_count, animation.fps, plan.life)
    writer = ActionWriter(ActionChoice(), _LIFE, LIFE_ROLE)
    values = mapped_curves(cast.rows, life.weights, life.names)
    for mesh in cast.meshes:
        free = [name for name in mesh.targets if name in values and value_path(name) not in keyed_paths(mesh.key)]
        curves = {(value_path(name), 0): clamped(mesh, name, values[name]) for name in free}
        _write_below(mesh.key, writer, _thinned(curves, plan.largest_error, None, first_frame))
    notes = ["The character has no shape keys for lids or eyes."] if life.names and not values else []
    return notes + _write_head(cast, life, plan, writer, first_frame)


def _with_gestures(
    cast: Cast, values: Mapping[str, NDArray[np.float32]], gestures: Sequence[Gesture], seconds: NDArray[np.float64]
) -> Values:
    """Let a character rest, and close its own lips, where gestures ask for it."""
    lips = lips_of(cast) if gestures else None
    if lips is None:
        return values
    shown = {name: value for name, value in values.items() if name in lips.names}
    resting = at_rest(shown, gestures, seconds)
    within = {name: np.clip(resting[name], *lips.range_of(name)) for name in shown}
    return {**values, **with_lip_contacts(within, lips, gestures, seconds)}


def clamped(mesh: SpeakingMesh, key_name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values of a shape key within the range of its slider."""
    key = mesh.key.key_blocks[key_name]
    return np.clip(values, key.slider_min, key.slider_max)


def _write_head(cast: Cast, life: Life, plan: CharacterPlan, writer: ActionWriter, first_frame: int) -> list[str]:
    if cast.rig is None:
        return ["The character has no armature whose head could move."] if life.head is not None else []
    remove_ours(cast.rig, LIFE_ROLE)
    if life.head is None:
        return []
    if not cast.bones.head:
        return ["No bone of the armature is called a head; choose one to let it move."]
    head = rigs.head_rotations(rigs.pose_bone(cast.rig, cast.bones.head), life.head)
    if keyed_paths(cast.rig) & {path for path, _ in head}:
        return [f"The bone {cast.bones.head} has keyframes of its own, which stay."]
    _write_below(cast.rig, writer, _thinned(head, np.radians(plan.largest_error), None, first_frame))
    return []


def _write_bone(rig: bpy.types.Object, writer: ActionWriter, curves: Curves) -> str:
    """Key a bone below the artist's body animation, or above it where that holds the bone."""
    is_free = not keyed_paths(rig) & {path for path, _ in curves}
    has_own = rig.animation_data is not None and rig.animation_data.action is not None
    return writer.write(rig, curves, below=is_free and has_own)


def _write_below(owner: Owner, writer: ActionWriter, curves: Curves) -> None:
    if curves:
        writer.write(owner, curves, below=True)
    else:
        remove_ours(owner, LIFE_ROLE)


def _thinned(
    curves: Mapping[Path, NDArray[np.float32]], largest_error: float, always: NDArray[np.intp] | None, first_frame: int
) -> dict[Path, Keys]:
    """Keep the keyframes that the stated error needs, and those of the closures."""
    if not curves:
        return {}
    kept = kept_frames(np.stack(list(curves.values())), largest_error, always)
    frames = [np.flatnonzero(row) for row in kept]
    return {
        path: Keys(first_frame + own.astype(np.float64), values[own])
        for (path, values), own in zip(curves.items(), frames, strict=True)
    }
