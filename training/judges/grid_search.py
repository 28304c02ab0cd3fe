"""The sentence of the GRID grammar that a network's answers fit best: the most probable path of all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from lipsync_core.arrays import FloatArray, check_shape
from lipsync_core.errors import ConfigError

from .grid_grammar import PHONES, PHONES_OF, SLOTS, Sentence

BLANK = 0  # symbol of "nothing new", before those of the phones (Graves et al. 2006)
SYMBOLS = 1 + len(PHONES)
BETWEEN_WORDS = -1

_SYMBOL_OF = {phone: number for number, phone in enumerate(PHONES, start=1)}


@dataclass(frozen=True)
class _Graph:
    """All ways through a sentence: states that each answer to one symbol, and what may come before each.

    Attributes:
        symbol: `(S,)` that a state answers to.
        before: `(S, P)` states that may come before, itself among them; S where there are fewer.
        word: `(S,)` number of the word that a state belongs to, in the order of slots; `BETWEEN_WORDS` in the pauses.
        starts: `(S,)` True where a sentence may begin.
        ends: `(S,)` True where it may end.
    """

    symbol: NDArray[np.int64]
    before: NDArray[np.int64]
    word: NDArray[np.int64]
    starts: NDArray[np.bool_]
    ends: NDArray[np.bool_]


def symbols_of(phones: tuple[str, ...]) -> list[int]:
    """Return the number of each phone among a network's answers."""
    return [_SYMBOL_OF[phone] for phone in phones]


def best_sentence(log_shares: FloatArray) -> Sentence:
    """Find the six words on the most probable path through the grammar (Viterbi 1967).

    A path follows the rules of connectionist temporal classification: a phone may last, nothing may stand between any
    two phones, and must between two that are alike.

    Args:
        log_shares: `(T, 33)` logarithm of the probability of nothing and of each phone in `PHONES`, in each frame.

    Raises:
        ShapeError: If there are other axes.
        ConfigError: If there are too few frames for a sentence.
    """
    check_shape("The phones' probabilities", log_shares, f"T {SYMBOLS}")
    graph = _sentence_graph()
    gain = np.asarray(log_shares, np.float64)[:, graph.symbol]
    score = np.append(np.where(graph.starts, gain[0], -np.inf), -np.inf)
    choices = []
    for frame in gain[1:]:
        reached = score[graph.before]
        choice = reached.argmax(axis=1)
        choices.append(np.take_along_axis(graph.before, choice[:, None], axis=1)[:, 0])
        score[:-1] = np.take_along_axis(reached, choice[:, None], axis=1)[:, 0] + frame
    final = np.where(graph.ends, score[:-1], -np.inf)
    if np.isneginf(final.max()):
        raise ConfigError(f"{len(log_shares)} frames are too few for a sentence of GRID; give whole recordings.")
    return _words_on(graph, _traced(choices, int(final.argmax())))


def _traced(choices: list[NDArray[np.int64]], last: int) -> list[int]:
    """Follow the choices back from the last state; return the path, first state first."""
    path = [last]
    for choice in reversed(choices):
        path.append(int(choice[path[-1]]))
    return path[::-1]


def _words_on(graph: _Graph, path: list[int]) -> Sentence:
    words = [word for slot in SLOTS for word in slot.words.values()]
    passed = dict.fromkeys(int(number) for number in graph.word[path] if number != BETWEEN_WORDS)  # in order, each once
    return tuple(words[number] for number in passed)


@cache
def _sentence_graph() -> _Graph:
    """Lay out the states: the pause before the sentence, then for each slot its words and the pause after it."""
    states = _States()
    reached = [states.add(BLANK, BETWEEN_WORDS, [])]
    starts, number = list(reached), 0
    for slot in SLOTS:
        ends = []
        for spelling in slot.words.values():
            first, last = states.add_word(spelling, number, reached)
            ends.append(last)
            starts += [first] if slot is SLOTS[0] else []
            number += 1
        reached = [states.add(BLANK, BETWEEN_WORDS, ends), *ends]
    return states.packed(starts, reached)


class _States:
    """States as they are added, each with those that may come before it."""

    def __init__(self) -> None:
        self._symbol: list[int] = []
        self._word: list[int] = []
        self._before: list[list[int]] = []

    def add(self, symbol: int, word: int, before: list[int]) -> int:
        """Add a state that may follow itself and others, but not another one of its own symbol; return its number."""
        number = len(self._symbol)
        self._before.append([number, *(state for state in before if self._symbol[state] != symbol)])
        self._symbol.append(symbol)
        self._word.append(word)
        return number

    def add_word(self, spelling: str, word: int, before: list[int]) -> tuple[int, int]:
        """Add the phones of a word, with nothing between any two if need be; return its first and last state."""
        first, *others = symbols_of(PHONES_OF[spelling])
        start = last = self.add(first, word, before)
        for symbol in others:
            gap = self.add(BLANK, word, [last])
            last = self.add(symbol, word, [gap, last])
        return start, last

    def packed(self, starts: list[int], ends: list[int]) -> _Graph:
        """Return all states as arrays."""
        count, widest = len(self._symbol), max(map(len, self._before))
        numbers = np.arange(count)
        return _Graph(
            symbol=np.array(self._symbol),
            before=np.array([before + [count] * (widest - len(before)) for before in self._before]),
            word=np.array(self._word),
            starts=np.isin(numbers, starts),
            ends=np.isin(numbers, ends),
        )
