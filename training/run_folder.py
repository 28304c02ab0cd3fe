"""What a training run leaves beside its checkpoint: its settings, its log, its errors on held-out footage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from .config import TrainingConfig, write_config

CONFIG_NAME = "config.toml"
METRICS_NAME = "held_out.json"
LOG_NAME = "log.jsonl"


def open_run(run_folder: Path, config: TrainingConfig, *, resume: bool) -> None:
    """Write the settings of a run; a new run in an old folder takes away what the old one said of itself."""
    run_folder.mkdir(parents=True, exist_ok=True)
    if not resume:
        (run_folder / LOG_NAME).unlink(missing_ok=True)
        (run_folder / METRICS_NAME).unlink(missing_ok=True)
    write_config(run_folder / CONFIG_NAME, config)


def write_held_out(run_folder: Path, errors: Mapping[str, float]) -> None:
    """Write the errors on held-out footage."""
    (run_folder / METRICS_NAME).write_text(json.dumps(dict(errors), indent=1) + "\n", encoding="utf-8")


def read_held_out(run_folder: Path) -> dict[str, float]:
    """Read them; empty if nothing was held out."""
    path = run_folder / METRICS_NAME
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
