"""Words whose times are known, and the phones in them: by how long each sound usually lasts, or by a model that hears.

GRID comes with a file for each sentence that says when its words begin and end (Cooke et al. 2006).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lipsync_core.errors import FormatError
from lipsync_core.phones.alignment import Word, align
from lipsync_core.phones.classes import VOWELS, classes_of
from lipsync_core.phones.evidence import PhoneEvidence
from lipsync_core.phones.phoneme import SILENCE, Phoneme

SUFFIX = ".align"
_UNITS_PER_SECOND = 25_000  # of GRID's files
_PAUSES = frozenset(("sil", "sp"))
_SLACK_SECONDS = 0.06  # how far a sound may lie outside the word's times
_SHORT, _LONG = 0.06, 0.12  # s, of a sound whose length is not listed: a consonant, a vowel

# Inherent durations, ms, of American English read clearly (Klatt 1979, table of his rules). A word's sounds share its
# time in these proportions.
_INHERENT: dict[str, float] = {
    **{"ɑ": 240, "æ": 230, "ʌ": 140, "ɔ": 240, "aʊ": 260, "aɪ": 250, "ɛ": 150, "ɝ": 180, "eɪ": 190, "ɪ": 135, "i": 155},
    **{"oʊ": 220, "ɔɪ": 280, "ʊ": 160, "u": 210, "ə": 120},
    **{"p": 90, "b": 85, "t": 75, "d": 75, "k": 80, "ɡ": 80, "tʃ": 70, "dʒ": 70, "m": 70, "n": 60, "ŋ": 95},
    **{"f": 100, "v": 60, "θ": 90, "ð": 50, "s": 105, "z": 75, "ʃ": 105, "ʒ": 70, "h": 80, "l": 80, "ɹ": 80},
    **{"w": 80, "j": 80},
}


@dataclass(frozen=True)
class TimedWord:
    """A word, how it is pronounced, and when it is said, s from the first sample of the sound."""

    word: Word
    start_seconds: float
    end_seconds: float


def read_word_times(path: Path) -> tuple[tuple[str, float, float], ...]:
    """Read one of GRID's word files: each line has a beginning, an end, in units of 1/25000 s, and a word.

    Returns:
        Word, start and end in seconds, without the pauses.

    Raises:
        FormatError: If it is not one.
    """
    try:
        rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        timed = [(word, int(start) / _UNITS_PER_SECOND, int(end) / _UNITS_PER_SECOND) for start, end, word in rows]
    except (OSError, ValueError) as fault:
        raise FormatError(
            f"{path} says no times of words ({fault}); each line needs a start, an end, a word."
        ) from fault
    return tuple(row for row in timed if row[0].lower() not in _PAUSES)


def phones_by_length(words: Sequence[TimedWord], duration: float) -> tuple[Phoneme, ...]:
    """Let the sounds of each word share its time by their usual lengths; pauses fill the rest up to the duration, s."""
    return _with_pauses((phoneme for word in words for phoneme in _shared(word)), duration)


def phones_within_words(words: Sequence[TimedWord], evidence: PhoneEvidence, duration: float) -> tuple[Phoneme, ...]:
    """Find each word's sounds in what is heard about its time; a word that is not heard there is shared by length.

    Args:
        words: In order.
        evidence: What is heard.
        duration: Of the sound, s.
    """
    return _with_pauses((phoneme for word in words for phoneme in _found(word, evidence)), duration)


def _shared(timed: TimedWord) -> list[Phoneme]:
    lengths = np.array([_usual_length(symbol) for symbol in timed.word.phones])
    span = timed.end_seconds - timed.start_seconds
    edges = timed.start_seconds + span * np.concatenate([[0], np.cumsum(lengths) / lengths.sum()])
    return [
        Phoneme(symbol, float(start), float(end))
        for symbol, start, end in zip(timed.word.phones, edges[:-1], edges[1:], strict=True)
    ]


def _usual_length(symbol: str) -> float:
    """Return how long a sound usually is, s."""
    if symbol in _INHERENT:
        return _INHERENT[symbol] / 1000
    return _LONG if VOWELS.intersection(classes_of(symbol)) else _SHORT


def _found(timed: TimedWord, evidence: PhoneEvidence) -> list[Phoneme]:
    step = evidence.step_seconds
    first = max(0, round((timed.start_seconds - _SLACK_SECONDS) / step))
    last = round((timed.end_seconds + _SLACK_SECONDS) / step) + 1
    heard = PhoneEvidence(step, evidence.log_probabilities[first:last])
    if len(heard.log_probabilities) < 2 * len(timed.word.phones):
        return _shared(timed)
    (word,) = align([timed.word], heard).words
    if not word.is_heard or len(word.phonemes) < len(timed.word.phones):
        return _shared(timed)
    return [Phoneme(p.symbol, p.start_seconds + first * step, p.end_seconds + first * step) for p in word.phonemes]


def _with_pauses(phonemes: Iterable[Phoneme], duration: float) -> tuple[Phoneme, ...]:
    """Lay sounds one after the other from 0 to the duration, s: none begins before the last one ends."""
    made, now = list[Phoneme](), 0.0
    for phoneme in phonemes:
        start, end = max(phoneme.start_seconds, now), min(phoneme.end_seconds, duration)
        if start > now + 1e-6:
            made.append(Phoneme(SILENCE, now, start))
        if end > start + 1e-6:
            made.append(Phoneme(phoneme.symbol, start, end))
            now = end
    if duration > now + 1e-6:
        made.append(Phoneme(SILENCE, now, duration))
    return tuple(made)
