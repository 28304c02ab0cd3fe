"""From what the user ordered to what is written: the road that the panel and the command line share."""

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

import bpy
import numpy as np
from numpy.typing import NDArray

from ..lipsync_core.animation import FaceAnimation, read_animation
from ..lipsync_core.errors import LipSyncError
from ..lipsync_core.model.model_file import SpeechModel, read_model
from ..lipsync_core.phones.script import ScriptChoice
from ..lipsync_core.progress import Progress, ignore_progress
from ..lipsync_core.texture.images import AtlasImages, Kind
from ..lipsync_core.worker import ATLAS_CARD, WorkerRequest, perform
from .character_settings import remember
from .jobs import BackgroundJob
from .scene import meshes, performance, textures, timeline
from .scene.casting import Cast, cast_character, find_character, make_cast_editable
from .scene.performance import Outcome
from .scene.plan import CharacterPlan
from .scene.sounds import Speech, speech_from_file, speech_from_strip

EXTENSION_FOLDER = Path(__file__).parents[1]
WORKER_MODULE = "lipsync_core.worker"
BUILT_IN_MODEL = Path(__file__).parent / "models" / "any_voice.lipsync3d"
"""Speaks with any voice, on any character; ships with the extension."""
Texture: TypeAlias = Literal["none", "sequence", "sheet"]


@dataclass(frozen=True)
class Order:
    """What is to be generated, in plain values that outlive an undo.

    Attributes:
        model: The `.lipsync3d` file.
        sound: The sound file; None if a strip speaks.
        strip: Name of the sound strip that speaks; "" if a file does.
        face_unit: Size of the talking head: length of one face unit, m. None for no head.
        character: Name of the object whose shape keys and bones are keyed; "" for none.
        plan: How the character is keyed.
        texture: How the talking head wears its texture, if the model has one: as files, or packed into the .blend.
        texture_folder: Where the files go; None for a folder beside the open .blend file.
        is_cartoon: Whether the talking head has flat tones and drawn contours.
        script: What is known of what is said.
    """

    model: Path
    sound: Path | None = None
    strip: str = ""
    face_unit: float | None = None
    character: str = ""
    plan: CharacterPlan = field(default_factory=CharacterPlan)
    texture: Texture = "none"
    texture_folder: Path | None = None
    is_cartoon: bool = False
    script: ScriptChoice = field(default_factory=ScriptChoice)

    @property
    def pictures(self) -> Kind | None:
        """What pictures are wanted; None for none."""
        return None if self.texture == "none" or self.face_unit is None else self.texture


def generate(context: bpy.types.Context, order: Order, progress: Progress = ignore_progress) -> Outcome:
    """Do the whole order in this process.

    Raises:
        LipSyncError: If something that the user gave is at fault; nothing is written then.
    """
    model = check(context, order)
    speech = read_speech(context, order)
    with tempfile.TemporaryDirectory(prefix="lipsync3d-") as folder:
        rate = timeline.frame_rate(context.scene)
        script = order.script.script_for(speech.source, speech.skipped_seconds)
        animation, atlas = perform(model, speech.waveform, rate, order.pictures, Path(folder), progress, script)
        return write(context, order, speech, animation, atlas)


def check(context: bpy.types.Context, order: Order) -> SpeechModel:
    """Read the model, and see that everything ordered can be made with it.

    Raises:
        LipSyncError: If not.
    """
    if order.face_unit is None and not order.character:
        raise LipSyncError("There is nothing to animate; choose the talking head, a character, or both.")
    model = read_model(order.model)
    _cast(context, order, model.blendshape_names)
    if order.pictures == "sequence" and model.texture is not None:
        _texture_folder(order)
    return model


def read_speech(context: bpy.types.Context, order: Order) -> Speech:
    """Read what is to be said.

    Raises:
        AudioError: If it cannot be read or is silent.
    """
    if order.sound is not None:
        return speech_from_file(context.scene, order.sound)
    return speech_from_strip(context.scene, order.strip)


def start_job(order: Order, speech: Speech, fps: float) -> BackgroundJob:
    """Have the worker process make the animation; read it with `finished_animation`.

    Raises:
        LipSyncError: If the text cannot be read.
        WorkerError: If it cannot be started.
    """
    job = BackgroundJob()
    try:
        samples, output, request = (job.scratch / name for name in ("samples.npy", "animation.npz", "request.json"))
        np.save(samples, speech.waveform.samples)
        rate = speech.waveform.sample_rate
        script = order.script.script_for(speech.source, speech.skipped_seconds)
        known = script.to_json() if script else None
        WorkerRequest(str(order.model), str(samples), rate, fps, str(output), order.pictures, known).write(request)
        job.start(WORKER_MODULE, [str(request)], EXTENSION_FOLDER)
    except BaseException:
        job.close()
        raise
    return job


def finished_animation(job: BackgroundJob) -> tuple[FaceAnimation, AtlasImages | None]:
    """Return the animation that an ended job made, and the pictures of its texture if there are any.

    Raises:
        LipSyncError: If it made none.
    """
    path = Path(job.result())
    card = path.with_name(ATLAS_CARD)
    return read_animation(path), AtlasImages.read(card) if card.is_file() else None


def write(
    context: bpy.types.Context, order: Order, speech: Speech, animation: FaceAnimation, atlas: AtlasImages | None = None
) -> Outcome:
    """Write an animation into the context's scene; the pictures of its texture move to where they stay.

    Raises:
        CharacterError: If the character is not there any more.
        LipSyncError: If the pictures cannot go where they should.
    """
    if order.character:
        order = replace(
            order, character=make_cast_editable(context, find_character(context.scene, order.character)).name
        )
    cast = _cast(context, order, animation.blendshape_names)
    if atlas is not None and atlas.kind == "sequence":
        name = meshes.head_name(context.scene, animation.description.speaker)
        atlas = textures.settle_pictures(atlas, _texture_folder(order), name)
    outcome = performance.write_performance(
        context,
        speech,
        animation,
        face_unit=order.face_unit,
        cast=cast,
        plan=order.plan,
        atlas=atlas,
        is_cartoon=order.is_cartoon,
    )
    if cast is not None:
        remember(context.scene, context.scene.objects[order.character], order.plan, animation, speech)
    return replace(outcome, notes=(*outcome.notes, animation.remark)) if animation.remark else outcome


def faces(context: bpy.types.Context, order: Order, outcome: Outcome) -> NDArray[np.float32]:
    """Return points around the faces that an order made speak, `(N, 3)`, m, world space."""
    names = read_model(order.model).blendshape_names
    return performance.speaking_faces(context, outcome, _cast(context, order, names))


def _texture_folder(order: Order) -> Path:
    return order.texture_folder or textures.textures_folder()


def _cast(context: bpy.types.Context, order: Order, blendshape_names: tuple[str, ...]) -> Cast | None:
    if not order.character:
        return None
    return cast_character(find_character(context.scene, order.character), order.plan, blendshape_names)
