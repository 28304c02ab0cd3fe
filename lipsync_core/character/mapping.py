"""Which source shape drives which shape key of a character: the table that an artist edits, and its presets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..archive import replacing
from ..errors import FormatError
from ..face.arkit import ARKIT_NAMES, SPEECH_SHAPES
from .names import meanings_of
from .visemes import VISEMES, viseme_weights

SOURCES: tuple[str, ...] = ARKIT_NAMES + VISEMES
"""What a key can be driven by."""

_PRESET = "lipsync3d-mapping"
_FEW = 3  # speech shapes without a jaw: a character with fewer speaks with visemes if it has them


@dataclass(frozen=True)
class MappingRow:
    """One line of the table: the key shows `gain * source + offset`; rows of the same key add up.

    Attributes:
        source: Name of an ARKit shape or of a viseme.
        target: Name of a shape key.
        gain: Factor on the source.
        offset: What is added.
    """

    source: str
    target: str
    gain: float = 1.0
    offset: float = 0.0


def automatic_mapping(key_names: Sequence[str], sources: Sequence[str] = ARKIT_NAMES) -> tuple[MappingRow, ...]:
    """Map shape keys by their names.

    A character that has ARKit's mouth is driven by it alone; one that has only visemes gets those.

    Args:
        key_names: Names of the shape keys of all meshes of a character, each once.
        sources: The shapes that there are to drive them with; visemes can be made from any.
    """
    rows = [
        MappingRow(source, key_name, gain)
        for key_name, meaning in meanings_of(key_names).items()
        for source, gain in meaning.items()
    ]
    shapes = [row for row in rows if row.source in sources]
    visemes = [row for row in rows if row.source in VISEMES]
    return tuple(shapes if has_mouth(shapes) or not visemes else _silent(shapes) + visemes)


def has_mouth(rows: Sequence[MappingRow]) -> bool:
    """Tell whether a mapping moves enough of a mouth to speak without visemes."""
    moved = {row.source for row in rows} & set(SPEECH_SHAPES)
    return "jawOpen" in moved or len(moved) >= _FEW


def speaks(rows: Sequence[MappingRow], sources: Sequence[str]) -> bool:
    """Tell whether a mapping moves any part of a mouth, given the sources that there are."""
    return any(row.source in VISEMES or (row.source in SPEECH_SHAPES and row.source in sources) for row in rows)


def mapped_curves(
    rows: Sequence[MappingRow], weights: NDArray[np.float32], names: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """Turn source shapes into the values of shape keys.

    Args:
        rows: The table; rows whose source is not there are left out.
        weights: `(T, B)` of the source shapes.
        names: Their `B` names.

    Returns:
        `(T,)` values by the name of the shape key.
    """
    channels = dict(zip(names, weights.T, strict=True))
    visemes = sorted({row.source for row in rows} & set(VISEMES))
    if visemes:
        channels |= dict(zip(visemes, viseme_weights(weights, names, visemes).T, strict=True))
    curves: dict[str, NDArray[np.float32]] = {}
    for row in rows:
        if row.source in channels:
            value = np.float32(row.gain) * channels[row.source] + np.float32(row.offset)
            curves[row.target] = curves.get(row.target, np.float32(0)) + value
    return curves


def write_preset(path: Path, rows: Sequence[MappingRow]) -> None:
    """Write a table as JSON, whole or not at all."""
    content = {"format": _PRESET, "version": 1, "rows": [asdict(row) for row in rows]}
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


def read_preset(path: Path) -> tuple[MappingRow, ...]:
    """Read what `write_preset` wrote.

    Raises:
        FormatError: If the file is missing or is no mapping.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _PRESET or content["version"] != 1:
            raise ValueError("another format")
        return tuple(_row(entry) for entry in content["rows"])
    except FileNotFoundError:
        raise FormatError(f"There is no mapping at {path}; check the path.") from None
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise FormatError(f"{path} is not a mapping of shape keys ({fault}); choose a JSON preset.") from fault


def _row(entry: Mapping[str, object]) -> MappingRow:
    source = str(entry["source"])
    if source not in SOURCES:
        raise ValueError(f"there is no source shape {source!r}")
    gain, offset = (float(str(entry.get(name, default))) for name, default in (("gain", 1.0), ("offset", 0.0)))
    return MappingRow(source, str(entry["target"]), gain, offset)


def _silent(rows: Sequence[MappingRow]) -> list[MappingRow]:
    """Return the rows that speech does not move: lids, eyes, brows."""
    return [row for row in rows if row.source not in SPEECH_SHAPES]
