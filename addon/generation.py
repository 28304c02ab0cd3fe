"""From what the user ordered to what is written: the road that the panel and the command line share."""

from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ..lipsync_core.animation import FaceAnimation, read_animation
from ..lipsync_core.errors import LipSyncError
from ..lipsync_core.model.model_file import SpeechModel, read_model
from ..lipsync_core.progress import Progress, ignore_progress
from ..lipsync_core.synthesis import synthesize
from ..lipsync_core.worker import WorkerRequest
from .jobs import BackgroundJob
from .scene import performance, timeline
from .scene.characters import SpeakingMesh, find_character, speaking_meshes
from .scene.performance import Outcome
from .scene.sounds import Speech, speech_from_file, speech_from_strip

EXTENSION_FOLDER = Path(__file__).parents[1]
WORKER_MODULE = "lipsync_core.worker"


@dataclass(frozen=True)
class Order:
    """What is to be generated, in plain values that outlive an undo.

    Attributes:
        model: The `.lipsync3d` file.
        sound: The sound file; None if a strip speaks.
        strip: Name of the sound strip that speaks; "" if a file does.
        face_unit: Size of the talking head: length of one face unit, m. None for no head.
        character: Name of the object whose shape keys are keyed; "" for none.
    """

    model: Path
    sound: Path | None = None
    strip: str = ""
    face_unit: float | None = None
    character: str = ""


def generate(context: bpy.types.Context, order: Order, progress: Progress = ignore_progress) -> Outcome:
    """Do the whole order in this process.

    Raises:
        LipSyncError: If something that the user gave is at fault; nothing is written then.
    """
    model = check(context, order)
    speech = read_speech(context, order)
    animation = synthesize(model, speech.waveform, timeline.frame_rate(context.scene), progress)
    return write(context, order, speech, animation)


def check(context: bpy.types.Context, order: Order) -> SpeechModel:
    """Read the model, and see that everything ordered can be made with it.

    Raises:
        LipSyncError: If not.
    """
    if order.face_unit is None and not order.character:
        raise LipSyncError("There is nothing to animate; choose the talking head, a character, or both.")
    model = read_model(order.model)
    _mouths(context, order, model.blendshape_names)
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
        WorkerError: If it cannot be started.
    """
    job = BackgroundJob()
    try:
        samples, output, request = (job.scratch / name for name in ("samples.npy", "animation.npz", "request.json"))
        np.save(samples, speech.waveform.samples)
        WorkerRequest(str(order.model), str(samples), speech.waveform.sample_rate, fps, str(output)).write(request)
        job.start(WORKER_MODULE, [str(request)], EXTENSION_FOLDER)
    except BaseException:
        job.close()
        raise
    return job


def finished_animation(job: BackgroundJob) -> FaceAnimation:
    """Return the animation that an ended job made.

    Raises:
        LipSyncError: If it made none.
    """
    return read_animation(Path(job.result()))


def write(context: bpy.types.Context, order: Order, speech: Speech, animation: FaceAnimation) -> Outcome:
    """Write an animation into the context's scene.

    Raises:
        CharacterError: If the character is not there any more.
    """
    mouths = _mouths(context, order, animation.blendshape_names)
    return performance.write_performance(context, speech, animation, face_unit=order.face_unit, mouths=mouths)


def faces(context: bpy.types.Context, order: Order, outcome: Outcome) -> NDArray[np.float32]:
    """Return points around the faces that an order made speak, `(N, 3)`, m, world space."""
    names = read_model(order.model).blendshape_names
    return performance.speaking_faces(context, outcome, _mouths(context, order, names))


def _mouths(context: bpy.types.Context, order: Order, blendshape_names: tuple[str, ...]) -> list[SpeakingMesh]:
    if not order.character:
        return []
    return speaking_meshes(find_character(context.scene, order.character), blendshape_names)
