"""What a system of a benchmark costs: its training, and its prediction on this machine."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Self

import torch

from lipsync_core.capture.clip import Take
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.synthesis import predict_codes

from ..measures.described import Described
from ..measures.lip_crops import painted_crops

_REPEATS = 3
_WATERMARK = Path("/proc/self/clear_refs")  # Linux: 5 written to it forgets the most memory that was held so far


@dataclass(frozen=True)
class Costs:
    """What a network takes; NaN where it was not measured.

    Attributes:
        training_seconds: All of training, s.
        predicted_rate: Frames a second of codes, mesh and blendshapes.
        painted_rate: Lip crops painted a second.
        machine: What it was measured on.
    """

    training_seconds: Annotated[float, Described("training", "s", digits=0)] = math.nan
    predicted_rate: Annotated[float, Described("frames predicted a second", digits=0)] = math.nan
    painted_rate: Annotated[float, Described("frames painted a second", digits=0)] = math.nan
    machine: Annotated[str, Described("on")] = ""

    def with_prediction(self, model: SpeechModel, take: Take) -> Self:
        """Add how fast a model predicts a take."""

        def predict() -> None:
            model.vertices(predict_codes(model, take.waveform, take.seconds))

        frames = len(take.seconds)
        painted = frames / _quickest(lambda: painted_crops(model, take)) if model.texture else math.nan
        return replace(self, predicted_rate=frames / _quickest(predict), painted_rate=painted)


def machine_name(device: torch.device) -> str:
    """Say what computes."""
    cores = f"{os.cpu_count()} CPU cores"
    return f"{torch.cuda.get_device_name(device)}, {cores}" if device.type == "cuda" else cores


def forget_peak_memory() -> None:
    """Have the most memory that this process held counted from now on, where the system can."""
    with suppress(OSError):
        _WATERMARK.write_text("5")


def _quickest(work: Callable[[], object]) -> float:
    """Return the shortest time that some work took, s."""
    times = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)
