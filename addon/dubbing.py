"""New speech for a video of the model's speaker: the dub runs in a Python that has LipSync3D's tracking installed.

Tracking and writing films needs MediaPipe, OpenCV and PyAV, which Blender's own Python has not.
"""

import importlib.util
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import bpy

from ..lipsync_core.errors import ConfigError
from ..lipsync_core.phones.script import ScriptChoice
from ..lipsync_core.progress import Progress, ignore_progress
from .generation import EXTENSION_FOLDER
from .jobs import POLL_SECONDS, BackgroundJob
from .scene import sequencer

Style: TypeAlias = Literal["natural", "cartoon"]
Length: TypeAlias = Literal["loop", "hold", "keep"]
DUB_MODULE = "training"  # `python -m training dub`
_NEEDED = ("av", "cv2", "mediapipe")
_LENGTHS = {"loop": "--loop-target", "hold": "--hold-last", "keep": "--keep-length"}


@dataclass(frozen=True)
class DubOrder:
    """What is to be dubbed, in plain values.

    Attributes:
        model: The speaker's `.lipsync3d` file.
        target: The video.
        sound: What is to be said.
        output: The `.mp4` file to write.
        style: How the face is drawn.
        length: What happens where target and speech differ in length.
        mark: Whether every picture bears a small visible mark.
        anyway: Whether a target that seems to show another person is dubbed all the same.
        python: A Python in which LipSync3D is installed with tracking; None for this one.
        script: What is known of what is said.
    """

    model: Path
    target: Path
    sound: Path
    output: Path
    style: Style = "natural"
    length: Length = "loop"
    mark: bool = False
    anyway: bool = False
    python: Path | None = None
    script: ScriptChoice = field(default_factory=ScriptChoice)


def start_dub(order: DubOrder) -> BackgroundJob:
    """Start dubbing beside Blender; its result is the path of the film.

    Raises:
        ConfigError: If a file is missing, or if there is no Python that can dub.
        WorkerError: If the process cannot be started.
    """
    for noun, path in (("model", order.model), ("video", order.target), ("sound", order.sound)):
        if not path.is_file():
            raise ConfigError(f"There is no {noun} at {path}; choose another one.")
    if order.output.suffix.lower() != ".mp4":
        raise ConfigError(f"{order.output} should end in .mp4.")
    python = order.python or _own_python()
    job = BackgroundJob()
    try:
        job.start(DUB_MODULE, _arguments(order), EXTENSION_FOLDER, python)
    except BaseException:
        job.close()
        raise
    return job


def finish_dub(scene: bpy.types.Scene, job: BackgroundJob) -> str:
    """Lay the film that an ended job made into the sequencer, in place of the one before; say so in a sentence.

    Raises:
        LipSyncError: If it made none.
    """
    film = Path(job.result())
    first, last = sequencer.place_film(scene, film, scene.frame_start)
    return f"{film.name} plays from frame {first} to {last}. {job.report.get('remark', '')}".rstrip()


def dub(scene: bpy.types.Scene, order: DubOrder, progress: Progress = ignore_progress) -> str:
    """Dub, wait for it, and lay the film into the sequencer: the road without a window.

    Raises:
        LipSyncError: If something that the user gave is at fault.
    """
    job = start_dub(order)
    try:
        while not job.poll():
            progress(job.progress)
            time.sleep(POLL_SECONDS)
        return finish_dub(scene, job)
    finally:
        job.close()


def check_python(path: Path | None) -> None:
    """Check that there is a Python that can dub.

    Raises:
        ConfigError: If not.
    """
    if path is None:
        _own_python()
    elif not path.is_file():
        raise ConfigError(f"There is no Python at {path}; choose the one in whose environment LipSync3D is installed.")


def _own_python() -> Path:
    if any(importlib.util.find_spec(name) is None for name in _NEEDED):
        raise ConfigError(
            "Dubbing needs a Python with LipSync3D's tracking; run `make environment` in a checkout, and choose its "
            ".venv/bin/python in the extension's preferences (--python in batch runs)."
        )
    return Path(sys.executable)


def _arguments(order: DubOrder) -> list[str]:
    files = [str(path.absolute()) for path in (order.model, order.target, order.sound)]
    flags = [_LENGTHS[order.length], "--style", order.style, "--json-progress"]
    flags += ["--mark"] if order.mark else []
    flags += ["--anyway"] if order.anyway else []
    return ["dub", *files, "-o", str(order.output.absolute()), *flags, *_script_flags(order.script)]


def _script_flags(script: ScriptChoice) -> list[str]:
    flags = [f"--text={script.given}"] if script.given else [] if script.look_beside else ["--no-text"]
    return flags + ([f"--language={script.language}"] if script.language else [])
