"""Write a whole performance: the talking head, the character's keyframes, the sound, the frame range."""

from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ...lipsync_core.animation import FaceAnimation
from ...lipsync_core.texture.images import AtlasImages
from . import characters, meshes, sequencer, shape_keys, textures, timeline
from .characters import SpeakingMesh
from .sounds import Speech

_DEAD = 0.05  # share of its largest weight by which a key may be off before we say that it does not move
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
        summary = f"{', '.join(speakers)} {verb} from frame {self.first_frame} to {self.last_frame}."
        return " ".join((summary, *self.notes))


def write_performance(
    context: bpy.types.Context,
    speech: Speech,
    animation: FaceAnimation,
    *,
    face_unit: float | None,
    mouths: list[SpeakingMesh],
    atlas: AtlasImages | None = None,
) -> Outcome:
    """Write an animation into the context's scene, in place of what we wrote there before.

    Args:
        context: Whose scene.
        speech: What is said, and where it begins.
        animation: What the face does.
        face_unit: Size of the talking head: length of one face unit, m. None for no head.
        mouths: The character's meshes to animate.
        atlas: What the head wears; None for plain colours.
    """
    scene = context.scene
    last = speech.first_frame + animation.frame_count - 1
    name = f"LipSync {speech.name}"
    head = "" if face_unit is None else _write_head(scene, speech, animation, face_unit, mouths, atlas)
    moved = [characters.write_speech(mouth, animation, name, speech.first_frame) for mouth in mouths]
    notes = _show_sound(scene, speech, last)
    notes += [f"The Action {action!r} plays on from an NLA track." for action in moved if action]
    notes += _still_mouths(context, animation, mouths, speech.first_frame)
    notes += [f"{atlas.runtime} painted its texture."] if head and atlas and atlas.runtime else []
    return Outcome(head, tuple(mouth.owner.name for mouth in mouths), speech.first_frame, last, tuple(notes))


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


def speaking_faces(context: bpy.types.Context, outcome: Outcome, mouths: list[SpeakingMesh]) -> NDArray[np.float32]:
    """Return points around the faces that speak, `(N, 3)`, m, world space: what a picture must show."""
    context.view_layer.update()  # a new head's place takes effect
    faces = [_roomy(characters.moved_points(mouth)) for mouth in mouths]
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
    mouths: list[SpeakingMesh],
    atlas: AtlasImages | None,
) -> str:
    speaker = animation.description.speaker
    head = meshes.find_head(scene, speaker)
    if head is None:
        head = meshes.make_head(scene, speaker)
        if mouths:
            _step_beside(head, mouths, face_unit)
    else:
        shape_keys.remove_head_keys(head)
    worn = textures.atlas_images(head)
    meshes.replace_head_mesh(head, meshes.face_to_object_space(animation.base, face_unit), atlas is not None)
    shape_keys.write_head_keys(
        head, animation, face_unit=face_unit, action=f"LipSync {speech.name}", first_frame=speech.first_frame
    )
    if atlas is None:
        textures.take_atlas_off(head, worn)
    else:
        textures.wear_atlas(head, atlas, face_unit=face_unit, first_frame=speech.first_frame)
    return str(head.name)


def _step_beside(head: bpy.types.Object, mouths: list[SpeakingMesh], face_unit: float) -> None:
    """Put a new head to the left of the character's face, where both can be seen."""
    points = np.concatenate([characters.moved_points(mouth) for mouth in mouths])
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low + high) / 2
    head.location = (high[0] + _ROOM_BESIDE * face_unit, middle[1], middle[2])


def _still_mouths(
    context: bpy.types.Context, animation: FaceAnimation, mouths: list[SpeakingMesh], first_frame: int
) -> list[str]:
    """Read back what Blender makes of the keyframes; return a sentence for each mesh that does not move."""
    if not mouths:
        return []
    scene, shown = context.scene, context.scene.frame_current
    notes = []
    for mouth in mouths:
        weights = np.stack([characters.clamped_weights(mouth, key, animation) for key in mouth.blendshapes])
        key, frame = np.unravel_index(np.abs(weights).argmax(), weights.shape)
        scene.frame_set(first_frame + int(frame))
        name = list(mouth.blendshapes)[key]
        value = shape_keys.evaluated_value(mouth.key, name, context.evaluated_depsgraph_get())
        wanted = float(weights[key, frame])
        if abs(value - wanted) > _DEAD * max(abs(wanted), _DEAD):
            notes.append(f"The keyframes do not move {mouth.owner.name}: is its animation muted, or in the NLA?")
    scene.frame_set(shown)
    return notes
