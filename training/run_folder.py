"""What a training run leaves beside its checkpoint: settings, log, errors on held-out footage, cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lipsync_core.archive import write_text

from .config import TrainingConfig, write_config
from .measures.cost import TrainingCost

CONFIG_NAME = "config.toml"
METRICS_NAME = "held_out.json"
LOG_NAME = "log.jsonl"
COST_NAME = "cost.json"


def open_run(run_folder: Path, config: TrainingConfig, *, resume: bool) -> None:
    """Write the settings of a run; a new run in an old folder takes away what the old one said of itself."""
    run_folder.mkdir(parents=True, exist_ok=True)
    if not resume:
        for name in (LOG_NAME, METRICS_NAME, COST_NAME):
            (run_folder / name).unlink(missing_ok=True)
    write_config(run_folder / CONFIG_NAME, config)


def write_held_out(run_folder: Path, errors: Mapping[str, float]) -> None:
    """Write the errors on held-out footage."""
    (run_folder / METRICS_NAME).write_text(json.dumps(dict(errors), indent=1) + "\n", encoding="utf-8")


def read_held_out(run_folder: Path) -> dict[str, float]:
    """Read them; empty if nothing was held out."""
    path = run_folder / METRICS_NAME
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def add_cost(run_folder: Path, sitting: TrainingCost) -> None:
    """Write what a run has cost so far, a sitting added to those before."""
    cost = sitting.after(read_cost(run_folder))
    write_text(run_folder / COST_NAME, json.dumps(cost.as_dict(), indent=1) + "\n")


def read_cost(run_folder: Path) -> TrainingCost | None:
    """Read it; None if the run has cost nothing yet."""
    path = run_folder / COST_NAME
    return TrainingCost.from_dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None
