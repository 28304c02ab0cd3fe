"""Bilabials put where the film shows them: the lips of a p, b or m are seen to meet and to part.

Words and sounds tell when such a sound is heard; its hold is silent, or nearly so, and often counted to the pause or
the sound before it. The film knows better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lipsync_core.arrays import FloatArray
from lipsync_core.phones.classes import LIPS_CLOSED, classes_of
from lipsync_core.phones.phoneme import Phoneme

_TOUCHING = 0.04  # mouth widths: inner lips that touch are seen nearer than this
_PARTING = 0.02  # mouth widths that lips part beyond their nearest before they count as open
_REACH_SECONDS = 0.09  # how far from where it was thought to be a closure is looked for
_LONGEST_HOLD = 0.16  # s: lips that are closed for longer rested before the sound
_SHORTEST = 0.02  # s that is left to a neighbouring sound


def on_seen_closures(phonemes: Sequence[Phoneme], seconds: NDArray[np.float64], gap: FloatArray) -> tuple[Phoneme, ...]:
    """Move the beginnings and ends of p, b and m to where the lips meet and part; neighbours give way.

    Args:
        phonemes: In order, without gaps.
        seconds: `(T,)` the middle of each frame, s.
        gap: `(T,)` of the inner lips, mouth widths.

    Returns:
        The same sounds, without gaps. One whose closure is not seen stays as it is.
    """
    moved = list(phonemes)
    for index, phoneme in enumerate(moved):
        if LIPS_CLOSED.intersection(classes_of(phoneme.symbol)):
            seen = _seen(phoneme, seconds, gap)
            if seen:
                _make_room(moved, index, *seen)
    return tuple(moved)


def _seen(phoneme: Phoneme, seconds: NDArray[np.float64], gap: FloatArray) -> tuple[float, float] | None:
    """Return from when to when the lips are closed for a sound, s; None if they are not seen to meet."""
    near = np.flatnonzero(
        (seconds > phoneme.start_seconds - _REACH_SECONDS) & (seconds < phoneme.end_seconds + _REACH_SECONDS)
    )
    if len(near) == 0 or gap[near].min() > _TOUCHING:
        return None
    middle = (phoneme.start_seconds + phoneme.end_seconds) / 2
    closed = near[gap[near] < gap[near].min() + _PARTING / 2]
    first = last = int(closed[np.argmin(np.abs(seconds[closed] - middle))])
    open_beyond = gap[first] + _PARTING
    while first > 0 and gap[first - 1] < open_beyond:
        first -= 1
    while last + 1 < len(gap) and gap[last + 1] < open_beyond:
        last += 1
    half = float(np.median(np.diff(seconds))) / 2
    return _within_reach(phoneme, seconds[first] - half, seconds[last] + half)


def _within_reach(phoneme: Phoneme, start: float, end: float) -> tuple[float, float]:
    """Cut off a rest before a closure or after it."""
    end = min(end, max(phoneme.end_seconds + _REACH_SECONDS, start + _LONGEST_HOLD))
    return max(start, min(phoneme.start_seconds, end - _LONGEST_HOLD)), end


def _make_room(phonemes: list[Phoneme], index: int, start: float, end: float) -> None:
    """Give a sound new times within those of its neighbours, which keep a little."""
    before = phonemes[index - 1] if index else None
    after = phonemes[index + 1] if index + 1 < len(phonemes) else None
    start = max(start, before.start_seconds + _SHORTEST) if before else phonemes[index].start_seconds
    end = min(end, after.end_seconds - _SHORTEST) if after else phonemes[index].end_seconds
    if end - start < _SHORTEST:
        return
    phonemes[index] = replace(phonemes[index], start_seconds=start, end_seconds=end)
    if before:
        phonemes[index - 1] = replace(before, end_seconds=start)
    if after:
        phonemes[index + 1] = replace(after, start_seconds=end)
