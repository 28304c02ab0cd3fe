"""What a system of a benchmark costs: its training, and its speech on this machine."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lipsync_core.audio.waveform import Waveform
from lipsync_core.capture.clip import Clip
from lipsync_core.model.model_file import SpeechModel

from ..measures.cost import InferenceCost, TrainingCost, inference_cost
from ..measures.described import Described, descriptions_of

_SECONDS = 10  # of sound, on which speech is timed
_WATERMARK = Path("/proc/self/clear_refs")  # Linux: 5 written to it forgets the most memory that was held so far


@dataclass(frozen=True)
class Costs:
    """What a network takes: to train, and to speak."""

    training: TrainingCost
    speech: InferenceCost

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Return all as JSON values, null where unknown."""
        return {"training": self.training.as_dict(), "speech": self.speech.as_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Mapping[str, Any]]) -> Costs:
        """Read what `as_dict` gave."""
        speech: dict[str, Any] = {name: math.nan if v is None else v for name, v in values["speech"].items()}
        return cls(TrainingCost.from_dict(values["training"]), InferenceCost(**speech))


def machine_name() -> str:
    """Return what this machine is, as far as it matters to costs."""
    cores = f"{os.cpu_count()} CPU cores"
    graphics = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{cores}{graphics}, torch {torch.__version__}"


def forget_peak_memory() -> None:
    """Have the most memory that this process holds counted from now on, where the system can."""
    with suppress(OSError):
        _WATERMARK.write_text("5")


def speech_cost(model: SpeechModel, clip: Clip) -> InferenceCost:
    """Time a model on the sounds of a clip, once everything is warm."""
    sound = _sound_of(clip)
    inference_cost(model, sound)
    return inference_cost(model, sound)


def _sound_of(clip: Clip) -> Waveform:
    """Return the first seconds of a clip's sounds, one after the other."""
    first = clip.takes[0].waveform
    parts, wanted = [first.samples], _SECONDS * first.sample_rate
    for take in clip.takes[1:]:
        if sum(map(len, parts)) < wanted:
            parts.append(take.waveform.samples)
    return Waveform(np.concatenate(parts)[:wanted], first.sample_rate)


def cost_heading() -> list[str]:
    """Return what the cells of `cost_row` are."""
    return [shown.heading for kind in (TrainingCost, InferenceCost) for shown in _shown(kind).values()]


def cost_row(costs: Costs) -> list[str]:
    """Return the cells of a table of costs."""
    parts = ((costs.training, TrainingCost), (costs.speech, InferenceCost))
    return [_cell(getattr(cost, name), shown) for cost, kind in parts for name, shown in _shown(kind).items()]


def _shown(kind: type) -> dict[str, Described]:
    left_out = {"processes", "frames", "runtime"} | ({"device"} if kind is InferenceCost else set())
    return {name: shown for name, shown in descriptions_of(kind).items() if name not in left_out}


def _cell(value: float | str, shown: Described) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.{shown.digits}f}" if math.isfinite(value) else "–"
