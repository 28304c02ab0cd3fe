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
from typing import TextIO

import numpy as np

from .animation import write_animation
from .audio.waveform import Waveform
from .errors import LipSyncError
from .model.model_file import read_model
from .progress import part_of
from .synthesis import synthesize


@dataclass(frozen=True)
class WorkerRequest:
    """What the worker is asked to do.

    Attributes:
        model: Path of the `.lipsync3d` file.
        samples: Path of a `.npy` file with `(N,)` float32 samples.
        sample_rate: Hz.
        fps: Frames per second of the animation.
        output: Path that the animation is written to.
    """

    model: str
    samples: str
    sample_rate: int
    fps: float
    output: str

    def write(self, path: Path) -> None:
        """Write the request as JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> WorkerRequest:
        """Read what `write` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def run(request: WorkerRequest, answers: TextIO) -> int:
    """Do what is asked; say how far it is, and how it ended. Returns the exit code."""

    def answer(**message: object) -> None:
        print(json.dumps(message), file=answers, flush=True)

    def report(share: float) -> None:
        answer(progress=round(share, 4))

    try:
        model = read_model(Path(request.model))
        samples = np.load(request.samples, allow_pickle=False)
        waveform = Waveform(samples, request.sample_rate)
        animation = synthesize(model, waveform, request.fps, part_of(report, 0.05, 0.95))
        write_animation(Path(request.output), animation)
    except LipSyncError as fault:
        answer(error=str(fault))
        return 2
    answer(done=request.output)
    return 0


if __name__ == "__main__":
    sys.exit(run(WorkerRequest.read(Path(sys.argv[1])), sys.stdout))
