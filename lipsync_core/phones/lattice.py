"""The likeliest road of words through what is heard: Viterbi's search (Rabiner 1989, section III.B) with a beam.

Every word may be said in several ways. Before each word, and after the last, there is a pause: silence, breath, or
speech that the text lacks. Words may be left out, at a price; what lies before and after a single line of a long script
costs next to nothing. Only roads that are not hopelessly behind the best one are followed, so a long sound with its
text takes time and memory for a stretch of the text alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray

LEFT_OUT = 6.0  # nats that a passage costs which the sound does not hold
LEFT_OUT_WORD = 1.5  # nats for each of its words
LEFT_OFF_WORD = 0.15  # nats for each word before the sound begins, or after it has ended
_BEAM = 200.0  # nats behind the best road after which a road is given up

_STAY, _STEP, _PAUSE, _WORD = range(4)  # ways into a state: from itself, its forerunner, the pause or word before
_Integers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Lattice:
    """The states of words, one after the other; those of a word's pronunciations lie side by side.

    Attributes:
        classes: `(J,)` phone class of each state.
        word: `(J,)` word of each state.
        spelling: `(J,)` which of the word's pronunciations it belongs to.
        phone: `(J,)` number of its phone within that pronunciation.
        first: `(J,)` whether a pronunciation begins with it.
        word_start: `(W + 1,)` first state of each word; `J` at the end.
        last: `(W, V)` last state of each pronunciation; words with fewer than `V` repeat their first.
    """

    classes: _Integers
    word: _Integers
    spelling: _Integers
    phone: _Integers
    first: NDArray[np.bool_]
    word_start: _Integers
    last: _Integers

    @property
    def word_count(self) -> int:
        """Number of words."""
        return len(self.last)


@dataclass(frozen=True)
class Road:
    """A way through a lattice.

    Attributes:
        states: `(S,)` state at each step; -1 in pauses.
        score: Its log-likelihood, nats.
    """

    states: _Integers
    score: float


@dataclass(frozen=True)
class _Trace:
    """How the states of one step were reached, in the stretch of the lattice that was followed.

    Attributes:
        first_word: The stretch's first word.
        states: `(J',)` way into each state.
        pauses: `(W' + 1,)` way into each pause: `_STAY`, `_WORD`, or `_WORD` and the number of words left out.
        leaving: `(W',)` the pronunciation that is likeliest at each word's end, one step before.
    """

    first_word: int
    states: NDArray[np.int8]
    pauses: NDArray[Any]
    leaving: NDArray[np.int8]


def build_lattice(words: Sequence[Sequence[Sequence[Sequence[int]]]]) -> Lattice:
    """Return the lattice of words.

    Args:
        words: For each word its pronunciations, for each of these its phones, and for each of these its classes.
    """
    rows = list[tuple[int, int, int, int, bool]]()
    last, word_start = list[list[int]](), [0]
    for number, spellings in enumerate(words):
        ends = list[int]()
        for spelling, phones in enumerate(spellings):
            states = [(name, index) for index, names in enumerate(phones) for name in names]
            rows += [(name, number, spelling, index, place == 0) for place, (name, index) in enumerate(states)]
            ends.append(len(rows) - 1)
        last.append(ends)
        word_start.append(len(rows))
    widest = max(len(ends) for ends in last)
    padded = np.array([ends + [ends[0]] * (widest - len(ends)) for ends in last], np.int64)
    classes, word, spellings_of, phone, first = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    return Lattice(classes, word, spellings_of, phone, first.astype(bool), np.array(word_start, np.int64), padded)


def likeliest_road(lattice: Lattice, heard: FloatArray, pause: FloatArray) -> Road:
    """Return the likeliest way through a lattice from the first step to the last.

    Args:
        lattice: The words; at least one.
        heard: `(S, K)` log-likelihood of each class at each step; `S` is at least 1.
        pause: `(S,)` log-likelihood of a pause.
    """
    search = _Search(lattice)
    search.begin(heard[0], float(pause[0]))
    traces = [search.step(heard[step], float(pause[step])) for step in range(1, len(heard))]
    return _traced(search, traces)


class _Search:
    """The scores of all roads that are followed, at one step."""

    def __init__(self, lattice: Lattice) -> None:
        self.lattice = lattice
        self.states = np.full(len(lattice.classes), -np.inf)
        self.pauses = np.full(lattice.word_count + 1, -np.inf)
        self._low, self._high = 0, lattice.word_count  # the words that are followed
        self._number: Any = np.int16 if lattice.word_count < 30_000 else np.int32
        self._price = LEFT_OUT_WORD * np.arange(lattice.word_count + 1)

    def begin(self, heard: FloatArray, pause: float) -> None:
        """Take the first step: into the first pause or the first word, past words that are left out."""
        opening = slice(0, int(self.lattice.word_start[1]))
        self.states[opening] = np.where(self.lattice.first[opening], heard[self.lattice.classes[opening]], -np.inf)
        self.pauses[:] = pause - _left_off(np.arange(len(self.pauses)))
        self._narrow()

    def step(self, heard: FloatArray, pause: float) -> _Trace:
        """Take the next step; return how each state was reached."""
        low, high = self._low, self._high
        stretch = slice(int(self.lattice.word_start[low]), int(self.lattice.word_start[high]))
        ends = self.states[self.lattice.last[low:high]]
        leaving = ends.argmax(axis=1)
        left = np.concatenate([[-np.inf], ends[np.arange(high - low), leaving]])  # the word before each pause
        waiting = self.pauses[low : high + 1]
        ways = self._into_states(stretch, np.maximum(waiting, left), left > waiting)
        self.states[stretch] += heard[self.lattice.classes[stretch]]
        pause_ways = np.where(left > waiting, _WORD, _STAY).astype(self._number)
        self.pauses[low : high + 1] = np.maximum(waiting, left) + pause
        self._leave_out(self.pauses[low : high + 1], pause_ways)
        self._narrow()
        return _Trace(low, ways, pause_ways, leaving.astype(np.int8))

    def _into_states(
        self, stretch: slice, before: NDArray[np.float64], from_word: NDArray[np.bool_]
    ) -> NDArray[np.int8]:
        """Move the states of a stretch on by one step; return the way into each."""
        scores, first = self.states[stretch], self.lattice.first[stretch]
        words = self.lattice.word[stretch][first] - self._low
        entering = np.concatenate([[-np.inf], scores[:-1]])
        entering[first] = before[words]
        ways = np.full(len(scores), _STEP, np.int8)
        ways[first] = np.where(from_word[words], _WORD, _PAUSE)
        moved = entering > scores
        self.states[stretch] = np.where(moved, entering, scores)
        return np.where(moved, ways, np.int8(_STAY))

    def _leave_out(self, pauses: NDArray[np.float64], ways: NDArray[Any]) -> None:
        """Let pauses be reached from earlier ones within one step, past the words between; changes both arrays."""
        price = self._price[: len(pauses)]
        raised = pauses + price
        best = np.maximum.accumulate(raised)
        source = np.maximum.accumulate(np.where(raised >= best, np.arange(len(pauses)), 0))
        leap = best - price - LEFT_OUT
        better = leap > pauses
        pauses[better] = leap[better]
        ways[better] = _WORD + (np.arange(len(pauses)) - source)[better]

    def _narrow(self) -> None:
        """Give up what is hopelessly behind, at either end of the stretch."""
        low, high, starts = self._low, self._high, self.lattice.word_start
        words = np.maximum.reduceat(self.states[starts[low] : starts[high]], starts[low:high] - starts[low])
        score = self.pauses[low : high + 1].copy()
        score[:-1] = np.maximum(score[:-1], words)
        alive = np.flatnonzero(score >= score.max() - _BEAM)
        self._low = min(low + int(alive[0]), self.lattice.word_count - 1)
        self._high = min(low + int(alive[-1]) + 1, self.lattice.word_count)
        self.states[starts[self._high] : starts[high]] = -np.inf
        self.pauses[low : self._low] = self.pauses[self._high + 1 : high + 1] = -np.inf


def _traced(search: _Search, traces: Sequence[_Trace]) -> Road:
    """Follow the best road back from the end: the last word's, or a pause's, with what follows it left out."""
    lattice = search.lattice
    rest = lattice.word_count - np.arange(lattice.word_count + 1)
    pauses = search.pauses - _left_off(rest)
    ends = search.states[lattice.last[-1]]
    best, word = float(max(ends.max(), pauses.max())), int(pauses.argmax())
    state = int(lattice.last[-1][ends.argmax()]) if ends.max() > pauses.max() else -1
    states = np.full(len(traces) + 1, -1, np.int64)
    for step in range(len(traces), 0, -1):
        states[step] = state
        state, word = _before(lattice, traces[step - 1], state, word)
    states[0] = state
    return Road(states, best)


def _left_off(words: _Integers) -> NDArray[np.float64]:
    """Return the price of so many words before the sound begins, or after it has ended."""
    return np.where(words > 0, LEFT_OUT + LEFT_OFF_WORD * words, 0.0)


def _before(lattice: Lattice, trace: _Trace, state: int, word: int) -> tuple[int, int]:
    """Return the state one step before, -1 in a pause, and the word that such a pause comes before."""
    if state < 0:
        way = int(trace.pauses[word - trace.first_word])
        if way > _WORD:
            word -= way - _WORD
            way = int(trace.pauses[word - trace.first_word])
    else:
        way = int(trace.states[state - int(lattice.word_start[trace.first_word])])
        word = int(lattice.word[state])
    if way == _WORD:
        spelling = int(trace.leaving[word - 1 - trace.first_word])
        return int(lattice.last[word - 1, spelling]), word - 1
    if way == _STEP:
        return state - 1, word
    return (-1, word) if way == _PAUSE else (state, word)
