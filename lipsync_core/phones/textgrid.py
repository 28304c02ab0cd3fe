"""Praat's TextGrids, as forced aligners write them: the phones of a recording and when each is said."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import FormatError
from .classes import ARPABET, BREATH
from .phoneme import SILENCE, Phoneme
from .written import read_written

_PAUSES = frozenset(("", "sil", "sp", "pau", "h#", "<sil>", "<eps>", "_", "#"))
_NOISES = frozenset(("spn", "nsn", "noise", "breath", "br", "<unk>", "<breath>"))
_PHONE_TIERS = ("phones", "phone", "phonemes", "phoneme", "mau", "segments", "segment")
_PLACE_IN_WORD = re.compile(r"_[BIES]$")  # which Kaldi adds to its phones
_MOST_INTERVALS = 200_000
# A quoted text, or a number that is a value: no part of `intervals [3]:`, of `item []:`, nor of a name.
_VALUE = re.compile(r'"(?:[^"]|"")*"|(?<![\w.\[+-])[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.\]])')


@dataclass(frozen=True)
class Interval:
    """What a tier says from one time to another, s."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Tier:
    """One row of a TextGrid."""

    name: str
    intervals: tuple[Interval, ...]


def read_tiers(path: Path) -> tuple[Tier, ...]:
    """Read the interval tiers of a TextGrid, in either of Praat's two text forms, UTF-8 or UTF-16.

    Raises:
        FormatError: If it is none, or its times do not rise.
    """
    try:
        tiers = tuple(_tiers(list(_values(read_written(path)))))
    except (ValueError, IndexError) as fault:
        raise FormatError(f"{path} is no TextGrid with an interval tier ({fault}); export it from Praat.") from fault
    if not tiers:
        raise FormatError(f"{path} is no TextGrid with an interval tier; export it from Praat.")
    for tier in tiers:
        _check_times(path, tier)
    return tiers


def read_textgrid(path: Path) -> tuple[Phoneme, ...]:
    """Read the phones of a TextGrid: the tier that is called so, or the last.

    Names of American dictionaries (`AH0`) and IPA are both understood.

    Raises:
        FormatError: If it is none, or its times do not rise.
    """
    tiers = read_tiers(path)
    named = [tier for tier in tiers if tier.name.strip().lower().split(" ")[-1] in _PHONE_TIERS]
    intervals = (named or tiers)[-1].intervals
    return tuple(Phoneme(phone_symbol(i.text), i.start, i.end) for i in intervals if i.end > i.start)


def phone_symbol(name: str) -> str:
    """Return the IPA symbol of a phone as an aligner names it: `AH0`, `sil`, `spn`, `aj`, `tʃ`."""
    plain = _PLACE_IN_WORD.sub("", name.strip()).rstrip("0123456789")
    if plain.lower() in _PAUSES:
        return SILENCE
    if plain.lower() in _NOISES:
        return BREATH
    known = ARPABET.get(plain.upper()) if plain.isascii() and (plain.isupper() or len(plain) > 1) else None
    return known or plain


def _values(text: str) -> Iterator[str]:
    """Yield the numbers and quoted texts of a TextGrid, without the names of the long form; quotes stay on texts.

    A text may run over several lines; a quote within it is written twice.
    """
    for found in _VALUE.finditer(text):
        yield found.group()


def _tiers(values: list[str]) -> Iterator[Tier]:
    """Take apart the values; a tier is its kind, its name, its two ends, and a count of intervals or points."""
    place = 0
    while '"IntervalTier"' in values[place:]:
        place = values.index('"IntervalTier"', place)
        name, count = _unquoted(values[place + 1]), int(values[place + 4])
        if not 0 <= count <= _MOST_INTERVALS:
            raise ValueError(f"a tier of {count} intervals")
        place += 5
        cells = values[place : place + 3 * count]
        if len(cells) < 3 * count:
            raise ValueError(f"the tier {name!r} ends after {len(cells) // 3} of its {count} intervals")
        rows = zip(cells[0::3], cells[1::3], cells[2::3], strict=True)
        yield Tier(name, tuple(Interval(float(a), float(b), _unquoted(text)) for a, b, text in rows))
        place += 3 * count


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        raise ValueError(f"{value} where a quoted text belongs")
    return value[1:-1].replace('""', '"')


def _check_times(path: Path, tier: Tier) -> None:
    last = 0.0
    for number, interval in enumerate(tier.intervals, start=1):
        if not (math.isfinite(interval.end) and last - 1e-6 <= interval.start <= interval.end):
            raise FormatError(
                f"{path}: interval {number} of the tier {tier.name!r}, from {interval.start:g} to {interval.end:g} s, "
                "begins before the one in front of it has ended; export the TextGrid again."
            )
        last = interval.end
