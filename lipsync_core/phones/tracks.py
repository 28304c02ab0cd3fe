"""Mouth shapes and phones that other programs have found: Rhubarb's, Papagayo's, and plain lists of labels."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import FormatError
from .phoneme import SILENCE, Phoneme
from .textgrid import phone_symbol

_LARGEST_FILE = 50_000_000  # bytes
_LAST_SECONDS = 0.3  # that the last of several onsets lasts

# Rhubarb's mouth shapes as the sound that looks most like each.
_RHUBARB = {"A": "m", "B": "s", "C": "ɛ", "D": "a", "E": "ɔ", "F": "u", "G": "f", "H": "l", "X": SILENCE}
# Preston Blair's, which Papagayo writes.
_BLAIR = {
    **{"MBP": "m", "FV": "f", "AI": "a", "E": "ɛ", "O": "ɔ", "U": "u", "WQ": "w", "L": "l", "rest": SILENCE},
    "etc": "s",
}

Rows = list[tuple[float, float, str]]


def read_track(path: Path) -> tuple[Phoneme, ...]:
    """Read phones or mouth shapes that another program wrote; the kind is told by the content.

    Understood are Rhubarb's JSON and TSV, Papagayo's and Moho's `.dat` (at 24 frames a second), and lists of labels
    with a start, an end and a name on each line (s), as Audacity and HTK write them.

    Raises:
        FormatError: If it is none of these, or its times do not rise.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ValueError("it is too large")
        text = path.read_text(encoding="utf-8-sig")
        rows = _rows(text)
    except (OSError, ValueError, KeyError, TypeError, UnicodeError, RecursionError) as fault:
        raise FormatError(
            f"{path} holds no phones that are understood here ({fault}); give a TextGrid, Rhubarb's JSON or TSV, "
            "Papagayo's .dat, or lines of start, end and phone."
        ) from fault
    for number, (start, end, _) in enumerate(rows, start=1):
        if not (math.isfinite(end) and 0 <= start <= end):
            raise FormatError(f"{path}: entry {number} lasts from {start:g} to {end:g} s; write it again.")
    ordered = sorted(rows)
    return tuple(Phoneme(symbol, start, end) for start, end, symbol in ordered if end > start)


def _rows(text: str) -> Rows:
    if text.lstrip().startswith("{"):
        cues = json.loads(text)["mouthCues"]
        return [(float(cue["start"]), float(cue["end"]), _RHUBARB[cue["value"]]) for cue in cues]
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if lines and lines[0][:1] == ["MohoSwitch1"]:
        return _until_the_next([(int(frame) / 24, _BLAIR[name]) for frame, name in lines[1:]])
    if all(len(line) == 2 and line[1] in _RHUBARB for line in lines):
        return _until_the_next([(float(start), _RHUBARB[name]) for start, name in lines])
    return list(_labels(lines))


def _until_the_next(onsets: Sequence[tuple[float, str]]) -> Rows:
    """Let each sound last until the next one."""
    ends = [*(start for start, _ in onsets[1:]), onsets[-1][0] + _LAST_SECONDS] if onsets else []
    return [(start, end, symbol) for (start, symbol), end in zip(onsets, ends, strict=True)]


def _labels(lines: Sequence[Sequence[str]]) -> Iterator[tuple[float, float, str]]:
    """Yield labels of a start, an end and a name; whole numbers beyond a day are HTK's, in 100 ns."""
    if not lines:
        raise ValueError("it is empty")
    whole = all(line[0].isdigit() and line[1].isdigit() for line in lines if len(line) > 1)
    unit = 1e-7 if whole and float(lines[-1][1]) > 86_400 else 1.0
    for line in lines:
        if len(line) < 2:
            raise ValueError(f"the line {' '.join(line)[:40]!r}")
        yield unit * float(line[0]), unit * float(line[1]), phone_symbol(line[2]) if len(line) > 2 else SILENCE
