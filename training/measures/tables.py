"""Evaluations as tables: on a terminal, in Markdown, and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from lipsync_core.archive import replacing

from .bootstrap import Figure
from .evaluation import Evaluation, descriptions

UNKNOWN = "–"


def cell(figure: Figure | None, digits: int) -> str:
    """Write a figure with its interval, `0.91 [0.89, 0.92]`."""
    if figure is None or math.isnan(figure.value):
        return UNKNOWN
    value = f"{figure.value:z.{digits}f}"  # z: no minus before zero
    if math.isnan(figure.low):
        return value
    return f"{value} [{figure.low:z.{digits}f}, {figure.high:z.{digits}f}]"


def table_rows(evaluations: Sequence[Evaluation]) -> list[list[str]]:
    """Return the heading, then a row for each figure that is known of any predictor: its name, then its cells."""
    rows = [["", *(evaluation.name for evaluation in evaluations)]]
    for name, description in descriptions().items():
        cells = [cell(evaluation.figures.get(name), description.digits) for evaluation in evaluations]
        if any(text != UNKNOWN for text in cells):
            rows.append([description.heading, *cells])
    return rows


def text_table(evaluations: Sequence[Evaluation]) -> str:
    """Align all rows for a terminal."""
    rows = table_rows(evaluations)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def markdown_table(evaluations: Sequence[Evaluation]) -> str:
    """Write all rows as a table in Markdown."""
    heading, *rows = table_rows(evaluations)
    return "\n".join("| " + " | ".join(row) + " |" for row in (heading, ["---"] * len(heading), *rows))


def write_json(path: Path, evaluations: Sequence[Evaluation]) -> None:
    """Write every predictor's figures, each with `value`, `low` and `high`; null where unknown."""
    content = {
        evaluation.name: {name: figure.as_dict() for name, figure in evaluation.figures.items()}
        for evaluation in evaluations
    }
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
