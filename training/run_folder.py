"""What a training run leaves beside its checkpoint: its settings, its log, its errors on held-out footage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

CONFIG_NAME = "config.toml"
METRICS_NAME = "held_out.json"


def write_held_out(run_folder: Path, errors: Mapping[str, float]) -> None:
    """Write the errors on held-out footage."""
    (run_folder / METRICS_NAME).write_text(json.dumps(dict(errors), indent=1) + "\n", encoding="utf-8")


def read_held_out(run_folder: Path) -> dict[str, float]:
    """Read them; empty if nothing was held out."""
    path = run_folder / METRICS_NAME
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
