"""Mouth shapes and phones that other programs have found: Rhubarb's, Papagayo's, and plain lists of labels."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..errors import FormatError
from .phoneme import SILENCE, Phoneme
from .textgrid import phone_symbol
from .written import read_written

_MOHO_RATE = 24  # frames per second, unless a file says otherwise
_LAST_SECONDS = 0.3  # that the last of several onsets lasts
_MOST_ENTRIES = 500_000
_LONGEST = 86_400.0  # s; whole numbers beyond are HTK's, in 100 ns

# Rhubarb's mouth shapes as the sound that looks most like each.
_RHUBARB = {"A": "m", "B": "s", "C": "ɛ", "D": "a", "E": "ɔ", "F": "u", "G": "f", "H": "l", "X": SILENCE}
# Preston Blair's, which Papagayo writes.
_BLAIR = {
    **{"MBP": "m", "FV": "f", "AI": "a", "E": "ɛ", "O": "ɔ", "U": "u", "WQ": "w", "L": "l", "rest": SILENCE},
    "etc": "s",
}
# Visemes of OVR LipSync, which many tools for games write, as the sound of each.
_OVR = {
    **{"sil": SILENCE, "PP": "p", "FF": "f", "TH": "θ", "DD": "d", "kk": "k", "CH": "tʃ", "SS": "s", "nn": "n"},
    **{"RR": "ɹ", "aa": "a", "E": "ɛ", "ih": "ɪ", "oh": "o", "ou": "u", "I": "ɪ", "O": "o", "U": "u"},
}
_CURVE_STEP = 0.01  # s, at which curves are read
_NAMES = ("value", "phone", "phoneme", "viseme", "label", "text", "name")
_XML_CUE = re.compile(r'<mouthCue\s+start="([^"]+)"\s+end="([^"]+)"\s*>\s*(\w)\s*</mouthCue>')
_OPENING = re.compile(r'\s*(?:MohoSwitch1\b|lipsync version|<rhubarb|<\?xml|\{\s*"|\[\s*(?:\{\s*"|\[\s*[-\d]))')
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$")


class _Entry(NamedTuple):
    """What is seen or said from one time to another, s."""

    start: float
    end: float
    symbol: str


_Onsets: TypeAlias = Sequence[tuple[float, str]]


def holds_track(text: str) -> bool:
    """Return whether a text looks like a track that `read_track` reads, and not like words."""
    cells = _cells(_lines(text)[:50])
    return bool(_OPENING.match(text)) or (bool(cells) and all(_is_label(line) for line in cells))


def _is_label(cells: Sequence[str]) -> bool:
    if len(cells) == 2 and cells[1] in _RHUBARB:
        return bool(_NUMBER.match(cells[0]))
    return len(cells) > 1 and all(_NUMBER.match(cell) for cell in cells[:2])


def _cells(lines: Sequence[str]) -> list[list[str]]:
    return [re.split(r"[\s,;]+", line.strip()) for line in lines]


def read_track(path: Path) -> tuple[Phoneme, ...]:
    """Read phones or mouth shapes that another program wrote; the kind is told by the content.

    Understood are Rhubarb's JSON, XML and TSV, OpenFaceFX's JSON, Papagayo's `.pgo`, Moho's `.dat` (at 24 frames a
    second), JSON lists of entries with a start, an end and a name, and lines of a start, an end and a name, as Audacity
    and HTK write them.

    Raises:
        FormatError: If it is none of these, or an entry ends before it begins.
    """
    try:
        entries = list(_entries(read_written(path)))
        if not entries:
            raise ValueError("it is empty")
        if len(entries) > _MOST_ENTRIES:
            raise ValueError(f"it has more than {_MOST_ENTRIES} entries")
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as fault:
        raise FormatError(
            f"{path} holds no phones that are understood here ({fault}); give a TextGrid, Rhubarb's JSON, XML or TSV, "
            "Papagayo's .pgo or .dat, or lines of start, end and phone."
        ) from fault
    return tuple(_phonemes(path, entries))


def _phonemes(path: Path, entries: Iterable[_Entry]) -> Iterator[Phoneme]:
    """Yield entries in the order of their beginnings, each cut where the next begins."""
    numbered = list(enumerate(entries, start=1))
    for number, entry in numbered:
        if not (math.isfinite(entry.start) and math.isfinite(entry.end) and 0 <= entry.start <= entry.end):
            raise FormatError(
                f"{path}: entry {number} lasts from {entry.start:g} to {entry.end:g} s, which cannot be; correct it."
            )
    ordered = sorted(entry for _, entry in numbered)
    for entry, following in zip(ordered, [*ordered[1:], None], strict=True):
        end = min(entry.end, following.start) if following else entry.end
        if end > entry.start:
            yield Phoneme(entry.symbol, entry.start, end)


def _entries(text: str) -> Iterator[_Entry]:
    lines = _lines(text)
    if text.lstrip()[:1] in ("{", "["):
        return _of_json(json.loads(text))
    if text.lstrip().startswith("<"):
        return (_Entry(float(a), float(b), _RHUBARB[shape]) for a, b, shape in _XML_CUE.findall(text))
    if lines[:1] and lines[0].startswith("lipsync version"):
        return _of_papagayo(lines)
    cells = _cells(lines)
    if cells and cells[0][0] == "MohoSwitch1":
        return _until_the_next([(int(frame) / _MOHO_RATE, _BLAIR[name]) for frame, name in cells[1:]])
    if all(len(line) == 2 and line[1] in _RHUBARB for line in cells):
        return _until_the_next([(float(start), _RHUBARB[name]) for start, name in cells])
    return _of_labels(cells)


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def _of_json(value: Any) -> Iterator[_Entry]:
    """Return the entries of Rhubarb's JSON, of OpenFaceFX's, or of the first list of entries in another one."""
    if isinstance(value, Mapping) and "mouthCues" in value:
        return (_Entry(float(cue["start"]), float(cue["end"]), _RHUBARB[cue["value"]]) for cue in value["mouthCues"])
    if isinstance(value, Mapping) and "channels" in value:
        return _of_curves({channel["name"]: channel["keys"] for channel in value["channels"]})
    return (_json_entry(item) for item in _list_of_entries(value))


def _of_curves(channels: Mapping[str, Sequence[Sequence[float]]]) -> Iterator[_Entry]:
    """Yield the strongest of several curves of visemes, for as long as it is that; keys are of a time and a weight."""
    curves = {name: np.array(keys, np.float64).reshape(-1, 2) for name, keys in channels.items() if keys}
    end = max(float(keys[:, 0].max()) for keys in curves.values())
    if not 0 < end < _LONGEST:
        raise ValueError(f"its curves last {end:g} s")
    times = np.arange(0, end, _CURVE_STEP)
    strongest = np.argmax([np.interp(times, *keys.T) for keys in curves.values()], axis=0)
    starts = [0, *(np.flatnonzero(np.diff(strongest)) + 1), len(times)]
    names = list(curves)
    for first, last in pairwise(int(start) for start in starts):
        yield _Entry(first * _CURVE_STEP, last * _CURVE_STEP, _symbol(names[strongest[first]]))


def _list_of_entries(value: Any) -> Sequence[Any]:
    if isinstance(value, Mapping):
        parts = sorted(value.items(), key=lambda item: "phone" not in str(item[0]).lower())
        return next((found for _, part in parts if (found := _list_of_entries(part))), ())
    is_list = isinstance(value, list) and bool(value)
    return value if is_list and isinstance(value[0], (Mapping, list)) else ()


def _json_entry(item: Any) -> _Entry:
    if isinstance(item, Mapping):
        name = next(item[name] for name in _NAMES if name in item)
        return _Entry(float(item["start"]), float(item["end"]), _symbol(str(name)))
    start, end, name = item
    return _Entry(float(start), float(end), _symbol(str(name)))


def _symbol(name: str) -> str:
    return _OVR.get(name) or _OVR.get(name.removeprefix("viseme_")) or phone_symbol(name)


def _of_papagayo(lines: Sequence[str]) -> Iterator[_Entry]:
    """Yield the phonemes of Papagayo's own files: words with four tabs before each of their phonemes, in frames."""
    rate, end = float(lines[2]), 0.0
    onsets = list[tuple[float, str]]()
    for line in lines[5:]:
        depth, cells = len(line) - len(line.lstrip("\t")), line.split()
        if depth == 3 and len(cells) >= 4:
            yield from _until_the_next(onsets, end)
            onsets, end = [], (int(cells[2]) + 1) / rate
        if depth == 4:
            onsets.append((int(cells[0]) / rate, _BLAIR[cells[1]] if cells[1] in _BLAIR else phone_symbol(cells[1])))
    yield from _until_the_next(onsets, end)


def _until_the_next(onsets: _Onsets, end: float = 0.0) -> Iterator[_Entry]:
    """Let each sound last until the next one, and the last until an end, if that is known."""
    for number, (start, symbol) in enumerate(onsets, start=1):
        last = end if end > start else start + _LAST_SECONDS
        yield _Entry(start, onsets[number][0] if number < len(onsets) else last, symbol)


def _of_labels(lines: Sequence[Sequence[str]]) -> Iterator[_Entry]:
    """Yield labels of a start, an end and a name."""
    whole = all(line[0].isdigit() and line[1].isdigit() for line in lines if len(line) > 1)
    unit = 1e-7 if whole and float(lines[-1][1]) > _LONGEST else 1.0
    for number, line in enumerate(lines, start=1):
        if len(line) < 2 or not (_NUMBER.match(line[0]) and _NUMBER.match(line[1])):
            raise ValueError(f"line {number} is {' '.join(line)[:40]!r}, not a start, an end and a phone")
        yield _Entry(unit * float(line[0]), unit * float(line[1]), _symbol(line[2]) if len(line) > 2 else SILENCE)
