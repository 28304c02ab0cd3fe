"""The networks of a benchmark: trained once, kept in the work folder, gone on with where a run was stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from lipsync_core.archive import write_text
from lipsync_core.capture.clip import Clip
from lipsync_core.model.model_file import SpeechModel

from ..checkpoint import CHECKPOINT_NAME
from ..export import export_run
from ..starting_point import BUILT_IN, begin_with, built_in_model
from ..trainer import train
from .clips import Bars
from .costs import forget_peak_memory
from .protocol import SystemPlan
from .results import file_fingerprint, fingerprint

_STATE_NAME = "benchmark.json"


@dataclass(frozen=True)
class Training:
    """How far a network's training is.

    Attributes:
        fingerprint: Of the footage and the settings.
        finished: Whether it is done.
        seconds: Length of what was trained on, s.
    """

    fingerprint: str
    finished: bool = False
    seconds: float = 0.0


def training_fingerprint(system: SystemPlan, footage: str) -> str:
    """Return what changes when a network would come out differently; `footage` is that of its clips."""
    start = file_fingerprint(built_in_model()) if system.start == BUILT_IN else ""
    settings = asdict(system.training_config())
    return fingerprint(footage=footage, settings=settings, minutes=system.minutes, start=start)


def trained_model(
    system: SystemPlan, wanted: str, clip: Callable[[], Clip], run: Path, device: torch.device, bars: Bars
) -> tuple[SpeechModel, Training]:
    """Train a network, unless it is trained already, and export it.

    Args:
        system: What to train.
        wanted: Its fingerprint; what was trained with another one is thrown away.
        clip: Gives the footage, if it is needed.
        run: The run's folder.
        device: Where to compute.
        bars: Shows how far it is.
    """
    state = _read_state(run)
    if state is None or state.fingerprint != wanted:
        (run / CHECKPOINT_NAME).unlink(missing_ok=True)
        state = Training(wanted)
        _write_state(run, state)
    if not state.finished:
        state = _train(system, wanted, clip(), run, device, bars)
        _write_state(run, state)
    return export_run(run), state


def _train(system: SystemPlan, wanted: str, clip: Clip, run: Path, device: torch.device, bars: Bars) -> Training:
    resume = (run / CHECKPOINT_NAME).is_file()
    config, started = system.training_config(), system.start == BUILT_IN and not resume
    begin = begin_with(BUILT_IN, config.model) if started else None
    forget_peak_memory()
    with bars("training") as report:
        train(clip, config, run, device=device, begin=begin, resume=resume, progress=report)
    return Training(wanted, True, clip.duration)


def _read_state(run: Path) -> Training | None:
    path = run / _STATE_NAME
    return Training(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def _write_state(run: Path, state: Training) -> None:
    write_text(run / _STATE_NAME, json.dumps(asdict(state)) + "\n")
