"""The process beside Blender that runs a model, so that Blender's window neither freezes nor falls with it.

`python -m lipsync_core.worker REQUEST.json` is started with Blender's own Python in the extension's folder. It
prints one JSON object a line: `{"progress": 0.4}`, then `{"done": path}` or `{"error": message}`. Ending the process
cancels the work; nothing half-written stays.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from .animation import FaceAnimation, write_animation
from .audio.waveform import Waveform
from .errors import LipSyncError
from .model.model_file import SpeechModel, read_model
from .phones.script import Script
from .progress import Progress, ignore_progress, part_of
from .synthesis import synthesize
from .texture.images import AtlasImages, Kind, paint_atlas

ATLAS_CARD = "atlas.json"  # beside the animation: where the pictures of its texture are
_MOTION_SHARE = 0.25  # of the progress, where a texture follows


@dataclass(frozen=True)
class WorkerRequest:
    """What the worker is asked to do.

    Attributes:
        model: Path of the `.lipsync3d` file.
        samples: Path of a `.npy` file with `(N,)` float32 samples.
        sample_rate: Hz.
        fps: Frames per second of the animation.
        output: Path that the animation is written to.
        texture: In which form the texture is wanted, if the model has one; its pictures are written beside the
            animation, with an `atlas.json` that tells where. None for no texture.
        script: What is said, if that is known, as `Script.to_json` gives it.
    """

    model: str
    samples: str
    sample_rate: int
    fps: float
    output: str
    texture: Kind | None = None
    script: dict[str, Any] | None = None

    def write(self, path: Path) -> None:
        """Write the request as JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> WorkerRequest:
        """Read what `write` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def perform(
    model: SpeechModel,
    waveform: Waveform,
    fps: float,
    texture: Kind | None,
    folder: Path,
    progress: Progress = ignore_progress,
    script: Script | None = None,
) -> tuple[FaceAnimation, AtlasImages | None]:
    """Make a face speak, and paint it: the work itself, in whatever process.

    Args:
        model: The speaker.
        waveform: What is said.
        fps: Frames per second of the animation.
        texture: In which form the texture is wanted, if the model has one; None for no texture.
        folder: Where its pictures go.
        progress: Told the share done, of both.
        script: What is said, if that is known.

    Raises:
        LipSyncError: If something that the user gave is at fault.
    """
    if texture is None or model.texture is None:
        return synthesize(model, waveform, fps, progress, script), None
    animation = synthesize(model, waveform, fps, part_of(progress, 0.0, _MOTION_SHARE), script)
    return animation, paint_atlas(model, animation, texture, folder, part_of(progress, _MOTION_SHARE, 1.0))


def run(request: WorkerRequest, answers: TextIO) -> int:
    """Do what is asked; say how far it is, and how it ended. Returns the exit code."""

    def answer(**message: object) -> None:
        print(json.dumps(message), file=answers, flush=True)

    def report(share: float) -> None:
        answer(progress=round(share, 4))

    try:
        model = read_model(Path(request.model))
        samples = np.load(request.samples, allow_pickle=False)
        waveform, output = Waveform(samples, request.sample_rate), Path(request.output)
        report_work = part_of(report, 0.05, 0.95)
        script = Script.from_json(request.script) if request.script else None
        animation, atlas = perform(model, waveform, request.fps, request.texture, output.parent, report_work, script)
        write_animation(output, animation)
        if atlas is not None:
            atlas.write(output.with_name(ATLAS_CARD))
    except LipSyncError as fault:
        answer(error=str(fault))
        return 2
    answer(done=request.output)
    return 0


if __name__ == "__main__":
    sys.exit(run(WorkerRequest.read(Path(sys.argv[1])), sys.stdout))
