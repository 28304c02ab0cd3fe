"""What training a network, and speaking with it, cost on a machine: time and memory."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import torch

from lipsync_core.audio.waveform import Waveform
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.model.runtimes import Runtime, best_runtime
from lipsync_core.synthesis import synthesize
from lipsync_core.texturing import paint_crops

from .described import Described

_MEGABYTE = 1e6


@dataclass(frozen=True)
class TrainingCost:
    """What a training run cost.

    Attributes:
        device: What computed, of each process.
        processes: How many computed together.
        seconds: From the clip in memory to the last batch, all sittings of a resumed run together, s.
        frames: Frames of footage shown in all batches, by all processes.
        frames_per_second: Of them, while batches were shown.
        peak_memory: The most that the leading process held, MB: its whole memory on a CPU, the tensors' on a GPU.
            `nan` where the system does not tell.
    """

    device: Annotated[str, Described("device")]
    processes: Annotated[int, Described("processes")]
    seconds: Annotated[float, Described("training time", "s", 0)]
    frames: Annotated[int, Described("frames shown")]
    frames_per_second: Annotated[float, Described("frames shown a second", digits=0)]
    peak_memory: Annotated[float, Described("peak memory", "MB", 0)]

    def after(self, earlier: TrainingCost | None) -> TrainingCost:
        """Return the cost of this sitting and of those before it; the rate, device and processes are this one's."""
        if earlier is None:
            return self
        return TrainingCost(
            device=self.device,
            processes=self.processes,
            seconds=earlier.seconds + self.seconds,
            frames=earlier.frames + self.frames,
            frames_per_second=self.frames_per_second,
            peak_memory=max(earlier.peak_memory, self.peak_memory),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name, None where unknown."""
        return _known(asdict(self))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingCost:
        """Read what `as_dict` gave."""
        known: dict[str, Any] = {name: math.nan if value is None else value for name, value in values.items()}
        return cls(**known)

    def sentence(self) -> str:
        """Say it in one line."""
        together = f" on {self.processes} processes" if self.processes > 1 else ""
        memory = "" if math.isnan(self.peak_memory) else f", at most {self.peak_memory:.0f} MB of memory"
        return f"{self.seconds:.0f} s{together} ({self.device}): {self.frames_per_second:.0f} frames a second{memory}"


@dataclass(frozen=True)
class InferenceCost:
    """How fast a model speaks, through what the extension runs in Blender.

    Attributes:
        device: What computed.
        runtime: What computed the texture's networks.
        animated_per_second: Frames whose code, mesh and blendshapes were predicted from a sound, a second.
        painted_per_second: Frames whose lip crop was painted from them, a second; `nan` without a texture.
    """

    device: Annotated[str, Described("device")]
    runtime: Annotated[str, Described("runtime of the texture")]
    animated_per_second: Annotated[float, Described("frames animated a second", digits=0)]
    painted_per_second: Annotated[float, Described("frames painted a second", digits=0)]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name, None where unknown."""
        return _known(asdict(self))


class CostMeter:
    """Measures one sitting of a training run, from where it is made."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._begun = self._showing_since = time.perf_counter()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def begin_showing(self) -> None:
        """Note that everything is ready, and batches are shown from here on."""
        self._showing_since = time.perf_counter()

    def cost(self, frames: int, processes: int = 1) -> TrainingCost:
        """Return what it cost so far to show so many frames."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        return TrainingCost(
            device=device_name(self._device),
            processes=processes,
            seconds=now - self._begun,
            frames=frames,
            frames_per_second=frames / max(now - self._showing_since, 1e-9),
            peak_memory=_peak_memory(self._device) / _MEGABYTE,
        )


def inference_cost(model: SpeechModel, waveform: Waveform, runtime: Runtime | None = None) -> InferenceCost:
    """Time a model on a sound of some seconds.

    Args:
        model: Who speaks.
        waveform: What is said.
        runtime: What computes the texture's networks; the fastest there is if None.

    Raises:
        AudioError: If the sound is too short.
    """
    runtime = runtime or best_runtime()
    started = time.perf_counter()
    animation = synthesize(model, waveform)
    animation.vertices()
    animated = time.perf_counter() - started
    painted = math.nan
    if model.texture is not None:
        started = time.perf_counter()
        for _ in paint_crops(model, animation, runtime=runtime).crops:
            pass
        painted = animation.frame_count / (time.perf_counter() - started)
    cores = os.cpu_count() or 1
    return InferenceCost(f"cpu, {cores} cores", runtime, animation.frame_count / animated, painted)


def device_name(device: torch.device) -> str:
    """Return what computes, as `cpu, 2 threads`, or the name of a GPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    count = torch.get_num_threads()
    return f"{device.type}, {count} thread{'s' if count > 1 else ''}"


def _peak_memory(device: torch.device) -> float:
    """Return the most memory that was held, bytes; `nan` where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return math.nan
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _known(values: dict[str, Any]) -> dict[str, Any]:
    unknown = {name for name, value in values.items() if isinstance(value, float) and math.isnan(value)}
    return {name: None if name in unknown else value for name, value in values.items()}
