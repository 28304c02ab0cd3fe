"""Words laid onto a sound: when each phone of a known text is said, by the likeliest path through what is heard.

The path is Viterbi's (Rabiner 1989, section III.B) through the classes of the words in order. Pauses and unexpected
speech may lie between words, and words may be left out, each at a price; so a text that fits in part is laid on so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .classes import NO_SPEECH, class_index, class_indices, classes_of
from .evidence import PhoneEvidence
from .phoneme import SILENCE, Phoneme

_FILLER = 1.6  # nats per step that speech outside the text costs, beside the likeliest class
_LEFT_OUT = 6.0  # nats that a word costs which the sound does not hold
_PRIOR_SHARE = 0.5  # how far the frequency of a class is divided out of its probability
_FAINTEST = -9.0  # log-probability below which nothing is believed: one deaf step must not forbid a word
_TRUSTED = 0.55  # share of the words that must be heard for a text to be believed
_HEARD = -1.9  # nats per step beside the likeliest class above which a word counts as heard
_STAY, _STEP, _PAST_PAUSE, _PAST_WORD = range(4)  # ways into a state


@dataclass(frozen=True)
class Word:
    """A word and how it is pronounced: its phones in IPA, in order."""

    text: str
    phones: tuple[str, ...]


@dataclass(frozen=True)
class AlignedWord:
    """Where a word was found.

    Attributes:
        text: The word.
        phonemes: Its phones with their times; empty if it was left out.
        score: How well it is heard: mean log-probability beside the likeliest class, 0 at best, nats.
    """

    text: str
    phonemes: tuple[Phoneme, ...]
    score: float

    @property
    def is_heard(self) -> bool:
        """Whether the sound holds it."""
        return bool(self.phonemes) and self.score > _HEARD


@dataclass(frozen=True)
class Alignment:
    """A text laid onto a sound.

    Attributes:
        words: In the order of the text.
        duration: Of the sound, s.
    """

    words: tuple[AlignedWord, ...]
    duration: float

    @property
    def share_heard(self) -> float:
        """Share of the words that the sound holds."""
        return float(np.mean([word.is_heard for word in self.words])) if self.words else 0.0

    @property
    def is_trusted(self) -> bool:
        """Whether the text is that of the sound."""
        return self.share_heard >= _TRUSTED

    def phonemes(self) -> tuple[Phoneme, ...]:
        """Return all phones of the words that are there, with pauses between them, from 0 to the end of the sound."""
        made, start = list[Phoneme](), 0.0
        for phoneme in (phoneme for word in self.words for phoneme in word.phonemes):
            if phoneme.start_seconds > start + 1e-6:
                made.append(Phoneme(SILENCE, start, phoneme.start_seconds))
            made.append(phoneme)
            start = phoneme.end_seconds
        if self.duration > start + 1e-6:
            made.append(Phoneme(SILENCE, start, self.duration))
        return tuple(made)


@dataclass(frozen=True)
class _Graph:
    """The states that a path goes through: for each word a pause, then its classes; a pause at the end.

    Attributes:
        classes: `(J,)` class of each state; that of silence for a pause.
        is_pause: `(J,)`.
        word: `(J,)` number of the word that a state belongs to; pauses belong to the word after them.
        phone: `(J,)` number of the phone within its word, -1 for pauses.
        word_before: `(J,)` for a pause, the pause before the word before it; -1 where there is none.
    """

    classes: NDArray[np.int64]
    is_pause: NDArray[np.bool_]
    word: NDArray[np.int64]
    phone: NDArray[np.int64]
    word_before: NDArray[np.int64]


def align(words: Sequence[Word], evidence: PhoneEvidence) -> Alignment:
    """Lay words onto a sound.

    Args:
        words: In the order in which they are said.
        evidence: What is heard.
    """
    duration = len(evidence.log_probabilities) * evidence.step_seconds
    if not words or not len(evidence.log_probabilities):
        return Alignment(tuple(AlignedWord(word.text, (), _FAINTEST) for word in words), duration)
    graph = _graph(words)
    beside = evidence.log_probabilities - evidence.log_probabilities.max(axis=1, keepdims=True)
    path = _likeliest_path(graph, _emissions(evidence.log_probabilities, graph))
    found = [_aligned(number, word, graph, path, beside, evidence.step_seconds) for number, word in enumerate(words)]
    return Alignment(tuple(found), duration)


def _graph(words: Sequence[Word]) -> _Graph:
    rows = list[tuple[int, bool, int, int, int]]()
    pause_before, last_pause = -1, -1
    for number, word in enumerate(words):
        pause_before, last_pause = last_pause, len(rows)
        rows.append((class_index(SILENCE), True, number, -1, pause_before))
        for index, symbol in enumerate(word.phones):
            rows += [(class_index(name), False, number, index, -1) for name in classes_of(symbol)]
    rows.append((class_index(SILENCE), True, len(words), -1, last_pause))
    classes, is_pause, words_of, phones, before = (np.array(column) for column in zip(*rows, strict=True))
    return _Graph(classes, is_pause.astype(bool), words_of, phones, before)


def _emissions(log_probabilities: NDArray[np.float32], graph: _Graph) -> NDArray[np.float32]:
    """Return what each step says for each state, `(S, J)`: scaled likelihoods; pauses take silence or other speech."""
    prior = np.exp(log_probabilities).mean(axis=0) + 1e-3
    scaled = np.maximum(log_probabilities, _FAINTEST) - _PRIOR_SHARE * np.log(prior / prior.mean())
    quiet = np.logaddexp.reduce(scaled[:, class_indices(NO_SPEECH)], axis=1)
    pause = np.maximum(quiet, scaled.max(axis=1) - _FILLER)
    return np.asarray(np.where(graph.is_pause, pause[:, None], scaled[:, graph.classes]), np.float32)


def _likeliest_path(graph: _Graph, emissions: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the state of every step, `(S,)`."""
    steps, count = emissions.shape
    after_pause = np.roll(graph.is_pause, 1) & ~graph.is_pause  # a word's first state may follow the last word directly
    pauses = np.flatnonzero(graph.is_pause & (graph.word_before >= 0))
    ways = np.zeros((steps, count), np.int8)
    score = np.full(count, -np.inf, np.float32)
    score[: 2 if count > 1 else 1] = emissions[0, :2]
    score = _past_words(score, pauses, graph.word_before[pauses], ways[0])
    for step in range(1, steps):
        into = np.stack([score, _shifted(score, 1), np.where(after_pause, _shifted(score, 2), -np.inf)])
        ways[step] = into.argmax(axis=0)
        score = into.max(axis=0) + emissions[step]
        score = _past_words(score, pauses, graph.word_before[pauses], ways[step])
    return _traced(graph, ways, int(count - 1 if score[-1] >= score[-2] else count - 2))


def _past_words(
    score: NDArray[np.float32], pauses: NDArray[np.int64], before: NDArray[np.int64], ways: NDArray[np.int8]
) -> NDArray[np.float32]:
    """Let pauses be reached from the pause before the word before them, within one step, at the price of the word."""
    for _ in range(2):  # two words in a row; more are left out one step after the other
        leap = score[before] - _LEFT_OUT
        better = leap > score[pauses]
        score[pauses[better]] = leap[better]
        ways[pauses[better]] = _PAST_WORD
    return score


def _shifted(score: NDArray[np.float32], by: int) -> NDArray[np.float32]:
    return np.concatenate([np.full(by, -np.inf, np.float32), score[:-by]])[: len(score)]


def _traced(graph: _Graph, ways: NDArray[np.int8], state: int) -> NDArray[np.int64]:
    path = np.zeros(len(ways), np.int64)
    for step in range(len(ways) - 1, -1, -1):
        while ways[step, state] == _PAST_WORD:
            state = int(graph.word_before[state])
        path[step] = state
        state -= int(ways[step, state])
    return path


def _aligned(
    number: int, word: Word, graph: _Graph, path: NDArray[np.int64], beside: NDArray[np.float32], step: float
) -> AlignedWord:
    said = np.flatnonzero((graph.word[path] == number) & ~graph.is_pause[path])
    if not len(said):
        return AlignedWord(word.text, (), _FAINTEST)
    phones = graph.phone[path[said]]
    spans = [(word.phones[n], said[phones == n]) for n in np.unique(phones)]
    phonemes = [Phoneme(symbol, (at[0] - 0.5) * step, (at[-1] + 0.5) * step) for symbol, at in spans]
    score = float(np.maximum(beside[said, graph.classes[path[said]]], _FAINTEST).mean())
    first = Phoneme(phonemes[0].symbol, max(0.0, phonemes[0].start_seconds), phonemes[0].end_seconds)
    return AlignedWord(word.text, (first, *phonemes[1:]), score)
