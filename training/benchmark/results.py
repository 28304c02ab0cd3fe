"""What a benchmark measured, one file for each system on each footage."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lipsync_core.archive import write_text

from ..measures.bootstrap import Figure
from ..measures.described import Described
from ..measures.evaluation import descriptions
from .costs import Costs
from .dubs import dub_measures
from .judged import judged_measures


@dataclass(frozen=True)
class Result:
    """One system on one footage.

    Attributes:
        figures: With their intervals, by measure.
        trained_seconds: Length of what was trained on, s; 0 where nothing was.
        tested_seconds: Length of what was tested on, s.
        costs: What training and speech took, of a network.
        fingerprint: Of all that the figures depend on; another one means that they are to be measured anew.
        machine: Where it was measured.
    """

    figures: Mapping[str, Figure]
    trained_seconds: float
    tested_seconds: float
    costs: Costs | None = None
    fingerprint: str = ""
    machine: str = ""


@dataclass(frozen=True)
class Results:
    """Everything that was measured.

    Attributes:
        of: Results by the names of footage and system.
    """

    of: Mapping[tuple[str, str], Result]

    def figure(self, footage: str, system: str, measure: str) -> Figure | None:
        """Return a figure, None if it was not measured."""
        result = self.of.get((footage, system))
        return result.figures.get(measure) if result else None


def described_measures() -> dict[str, Described]:
    """Return how every figure of a benchmark is shown, by name, in the order of tables."""
    return descriptions() | dub_measures() | judged_measures()


def fingerprint(**parts: Any) -> str:
    """Return a short text that changes when any of some JSON values does."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_fingerprint(path: Path) -> str:
    """Return a short text that changes when a file does."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def write_result(path: Path, result: Result) -> None:
    """Write a result, whole or not at all."""
    figures = {name: figure.as_dict() for name, figure in result.figures.items()}
    costs = result.costs.as_dict() if result.costs else None
    values = {**asdict(result), "figures": figures, "costs": costs}
    write_text(path, json.dumps(values, indent=1, allow_nan=False) + "\n")


def read_result(path: Path, wanted: str) -> Result | None:
    """Read a result; None if there is none, or it has another fingerprint than the one wanted."""
    if not path.is_file():
        return None
    values = json.loads(path.read_text(encoding="utf-8"))
    if values["fingerprint"] != wanted:
        return None
    figures = {name: _figure(figure) for name, figure in values["figures"].items()}
    costs = Costs.from_dict(values["costs"]) if values["costs"] else None
    return Result(**{**values, "figures": figures, "costs": costs})


def _figure(values: Mapping[str, float | None]) -> Figure:
    return Figure(**{name: math.nan if value is None else value for name, value in values.items()})
