"""Write a whole performance: the talking head, the character's keyframes, the sound, the frame range."""

from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ...lipsync_core.animation import FaceAnimation
from ...lipsync_core.texture.images import AtlasImages
from . import acting, cartoon, casting, meshes, sequencer, shape_keys, textures, timeline
from .acting import Values
from .casting import Cast
from .plan import CharacterPlan
from .sounds import Speech

_DEAD = 0.05  # share of its largest weight by which a key may be off before we say that it does not move
_MOST_NAMED = 3  # objects that a message names
_FACE_ROOM = 1.5  # how much larger than what speech moves a character's face is
_ROOM_BESIDE = 2.2  # face units from a character's face to the talking head's middle


@dataclass(frozen=True)
class Outcome:
    """What was written.

    Attributes:
        head: Name of the talking head; "" if none was wanted.
        spoken: Names of the character's meshes that now speak.
        first_frame: First frame of the speech.
        last_frame: Last frame of the speech.
        notes: What the artist should know, in sentences.
    """

    head: str
    spoken: tuple[str, ...]
    first_frame: int
    last_frame: int
    notes: tuple[str, ...]

    def __str__(self) -> str:
        speakers = [name for name in (self.head, *self.spoken) if name]
        verb = "speaks" if len(speakers) == 1 else "speak"
        if len(speakers) > _MOST_NAMED:
            speakers[_MOST_NAMED - 1 :] = [f"{len(speakers) - _MOST_NAMED + 1} others"]
        summary = f"{', '.join(speakers)} {verb} from frame {self.first_frame} to {self.last_frame}."
        return " ".join((summary, *self.notes))


def write_performance(
    context: bpy.types.Context,
    speech: Speech,
    animation: FaceAnimation,
    *,
    face_unit: float | None,
    cast: Cast | None,
    plan: CharacterPlan,
    atlas: AtlasImages | None = None,
    is_cartoon: bool = False,
) -> Outcome:
    """Write an animation into the context's scene, in place of what we wrote there before.

    Args:
        context: Whose scene.
        speech: What is said, and where it begins.
        animation: What the face does.
        face_unit: Size of the talking head: length of one face unit, m. None for no head.
        cast: The character to animate; None for none.
        plan: How.
        atlas: What the head wears; None for plain colours.
        is_cartoon: Whether the head has flat tones and drawn contours.
    """
    scene = context.scene
    last = speech.first_frame + animation.frame_count - 1
    name = action_name(speech.name)
    head = "" if face_unit is None else _write_head(scene, speech, animation, face_unit, cast, atlas)
    if head:
        cartoon.set_cartoon(scene.objects[head], is_cartoon, face_unit or 1.0)
    notes = _show_sound(scene, speech, last)
    if cast is not None:
        notes += act(context, cast, animation, plan, name, speech.first_frame)
    notes += [f"{atlas.runtime} painted its texture."] if head and atlas and atlas.runtime else []
    return Outcome(head, cast.names if cast else (), speech.first_frame, last, tuple(notes))


def action_name(speech: str) -> str:
    """Return what the Action of a speech is called where the artist chose no name."""
    return f"LipSync {speech}"


def act(
    context: bpy.types.Context, cast: Cast, animation: FaceAnimation, plan: CharacterPlan, action: str, first_frame: int
) -> list[str]:
    """Key a character, and see that it moves; return what the artist should know.

    Raises:
        CharacterError: If an Action cannot be written.
    """
    values, moved = acting.write_speech(cast, animation, plan, action, first_frame)
    notes = [f"The Action {name!r} plays on from an NLA track." for name in moved]
    notes += acting.write_life(cast, animation, plan, first_frame)
    return notes + _still_mouths(context, cast, values, plan.largest_error, first_frame)


def rewear(cast: Cast, animation: FaceAnimation, plan: CharacterPlan, action: str, first_frame: int) -> None:
    """Key a character anew from the same prediction.

    Raises:
        CharacterError: If an Action cannot be written.
    """
    acting.write_speech(cast, animation, plan, action, first_frame)
    acting.write_life(cast, animation, plan, first_frame)


def _show_sound(scene: bpy.types.Scene, speech: Speech, last_frame: int) -> list[str]:
    """Let the scene play the speech; return what the artist should know."""
    if speech.file is None:
        timeline.widen_frame_range(scene, speech.first_frame, last_frame)
        return []
    timeline.set_frame_range(scene, speech.first_frame, last_frame)
    if not sequencer.has_sound():
        return ["This build of Blender has no sound, so the sequencer stays empty."]
    sequencer.place_sound(scene, speech.file, speech.first_frame)
    return []


def speaking_faces(context: bpy.types.Context, outcome: Outcome, cast: Cast | None) -> NDArray[np.float32]:
    """Return points around the faces that speak, `(N, 3)`, m, world space: what a picture must show."""
    context.view_layer.update()  # a new head's place takes effect
    faces = [_roomy(casting.moved_points(cast))] if cast else []
    if outcome.head:
        faces.append(meshes.world_points(context.scene.objects[outcome.head]))
    return np.concatenate(faces)


def _roomy(points: NDArray[np.float32]) -> NDArray[np.float32]:
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    return middle + (points - middle) * np.float32(_FACE_ROOM)


def _write_head(
    scene: bpy.types.Scene,
    speech: Speech,
    animation: FaceAnimation,
    face_unit: float,
    cast: Cast | None,
    atlas: AtlasImages | None,
) -> str:
    speaker = animation.description.speaker
    head = meshes.find_head(scene, speaker)
    if head is None:
        head = meshes.make_head(scene, speaker)
        if cast is not None:
            _step_beside(head, cast, face_unit)
    else:
        shape_keys.remove_head_keys(head)
    worn = textures.atlas_images(head)
    meshes.replace_head_mesh(head, meshes.face_to_object_space(animation.base, face_unit), atlas is not None)
    shape_keys.write_head_keys(
        head, animation, face_unit=face_unit, action=action_name(speech.name), first_frame=speech.first_frame
    )
    if atlas is None:
        textures.take_atlas_off(head, worn)
    else:
        textures.wear_atlas(head, atlas, face_unit=face_unit, first_frame=speech.first_frame)
    return str(head.name)


def _step_beside(head: bpy.types.Object, cast: Cast, face_unit: float) -> None:
    """Put a new head to the left of the character's face, where both can be seen."""
    points = casting.moved_points(cast)
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low + high) / 2
    head.location = (high[0] + _ROOM_BESIDE * face_unit, middle[1], middle[2])


def _still_mouths(
    context: bpy.types.Context, cast: Cast, values: Values, largest_error: float, first_frame: int
) -> list[str]:
    """Read back what Blender makes of the keyframes; return a sentence for each mesh that does not move."""
    scene, shown = context.scene, context.scene.frame_current
    notes = []
    for mesh in cast.meshes:
        names = [name for name in mesh.targets if name in values]
        if not names:
            continue
        wanted = np.stack([acting.clamped(mesh, name, values[name]) for name in names])
        key, frame = np.unravel_index(np.abs(wanted).argmax(), wanted.shape)
        scene.frame_set(first_frame + int(frame))
        value = shape_keys.evaluated_value(mesh.key, names[key], context.evaluated_depsgraph_get())
        if abs(value - wanted[key, frame]) > largest_error + _DEAD * max(abs(wanted[key, frame]), _DEAD):
            notes.append(f"The keyframes do not move {mesh.owner.name}: is its animation muted, or in the NLA?")
    scene.frame_set(shown)
    return notes
