"""Words laid onto a sound: when each phone of a known text is said, by the likeliest road through what is heard.

Pauses and unexpected speech may lie between words, and words may be left out, each at a price (`lattice`); so a text
that fits in part is laid on in part. What a fitting phone should score is known from the model's own doubt: if it is
right about how unsure it is, the phone that is said has the log-probability `sum(p log p)` on average. Words are
judged, and speech outside the text is priced, against that. Any text can be laid onto any sound somehow, so each
passage is believed only if it fits much better than decoys, which are its own words backwards and in another order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray
from .classes import NO_SPEECH, class_indices, classes_of
from .evidence import PhoneEvidence
from .lattice import Lattice, Road, build_lattice, likeliest_road
from .phoneme import SILENCE, Phoneme

_FILLER = 0.75  # nats per step that speech outside the text costs, beside what the phone that is said scores
_PRIOR_SHARE = 0.75  # how far the frequency of a class is divided out of its probability
_FAINTEST = -9.0  # log-probability below which nothing is believed: one deaf step must not forbid a word
_PASSAGE = 40  # words that are believed, or not, together
_DECOYS = 3
_CERTAIN = (
    2.2,
    0.12,
)  # nats beyond the decoys for which a passage is believed: for the root of its steps, and for each
_LEAST_COVER = 0.25  # share of the speech that must be said as written for a text to be believed at all,
_LEAST_SHARE, _GOOD_COVER = 0.1, 0.5  # with this share of the words, or this one of the speech
_HEARD = -1.5  # nats per step, beside what a fitting phone scores, above which a word counts as heard

_Spellings: TypeAlias = "list[list[list[int]]]"  # the pronunciations of a word: of phones, of classes


@dataclass(frozen=True)
class Word:
    """A word and how it is pronounced.

    Attributes:
        text: As it is written.
        phones: Its phones in IPA, in order.
        others: Other pronunciations; the sound chooses.
    """

    text: str
    phones: tuple[str, ...]
    others: tuple[tuple[str, ...], ...] = ()

    @property
    def pronunciations(self) -> tuple[tuple[str, ...], ...]:
        """All of them, without those of no phones."""
        return tuple(phones for phones in (self.phones, *self.others) if phones)


@dataclass(frozen=True)
class AlignedWord:
    """Where a word was found.

    Attributes:
        text: The word.
        phonemes: Its phones with their times; empty if it was left out.
        score: How well it is heard: mean log-probability of its phones, beside what those that are said score; nats.
        is_certain: Whether the passage that it belongs to fits the sound much better than decoys do.
    """

    text: str
    phonemes: tuple[Phoneme, ...] = ()
    score: float = _FAINTEST
    is_certain: bool = False

    @property
    def is_heard(self) -> bool:
        """Whether the sound holds it."""
        return self.is_certain and bool(self.phonemes) and self.score > _HEARD


@dataclass(frozen=True)
class Alignment:
    """A text laid onto a sound.

    Attributes:
        words: In the order of the text.
        duration: Of the sound, s.
        speech_seconds: How much of it is speech.
    """

    words: tuple[AlignedWord, ...]
    duration: float
    speech_seconds: float

    @property
    def share_heard(self) -> float:
        """Share of the words that the sound holds."""
        return float(np.mean([word.is_heard for word in self.words])) if self.words else 0.0

    @property
    def is_trusted(self) -> bool:
        """Whether the text, or a part of it, fills a good part of the speech; a word may be there by chance."""
        spans = [word.phonemes[-1].end_seconds - word.phonemes[0].start_seconds for word in self.words if word.is_heard]
        cover = sum(spans) / max(self.speech_seconds, 1e-3)
        return cover >= _LEAST_COVER and (self.share_heard >= _LEAST_SHARE or cover >= _GOOD_COVER)

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


def align(words: Sequence[Word], evidence: PhoneEvidence) -> Alignment:
    """Lay words onto a sound.

    Args:
        words: In the order in which they are said; those of no phones are left out.
        evidence: What is heard.
    """
    duration = len(evidence.log_probabilities) * evidence.step_seconds
    said = [number for number, word in enumerate(words) if word.pronunciations]
    found = [AlignedWord(word.text) for word in words]
    if said and len(evidence.log_probabilities):
        for number, aligned in zip(said, _found([words[number] for number in said], evidence), strict=True):
            found[number] = aligned
    silent = np.exp(evidence.log_probabilities[:, class_indices(NO_SPEECH)]).sum()
    return Alignment(tuple(found), duration, duration - float(silent) * evidence.step_seconds)


def _found(words: Sequence[Word], evidence: PhoneEvidence) -> Iterator[AlignedWord]:
    spellings = [[_classes(phones) for phones in word.pronunciations] for word in words]
    lattice = build_lattice(spellings)
    heard = np.maximum(evidence.log_probabilities.astype(np.float64), _FAINTEST)
    likelihoods = _likelihoods(heard)
    states = likeliest_road(lattice, likelihoods.classes, likelihoods.pause).states
    beside = heard - _of_the_said(heard, heard)[:, None]
    spoken = np.flatnonzero(states >= 0)
    starts = np.searchsorted(lattice.word[states[spoken]], np.arange(len(words) + 1))
    certain = _certain_words(spellings, np.append(spoken, len(heard))[starts], likelihoods)
    for number, word in enumerate(words):
        steps = spoken[starts[number] : starts[number + 1]]
        yield _aligned(word, lattice, states, steps, beside, evidence.step_seconds, bool(certain[number]))


@dataclass(frozen=True)
class _Likelihoods:
    """What each step says.

    Attributes:
        classes: `(S, K)` scaled log-likelihood of each class.
        pause: `(S,)` that of a pause: of no speech, or of speech that the text lacks.
    """

    classes: NDArray[np.float64]
    pause: NDArray[np.float64]


def _certain_words(spellings: Sequence[_Spellings], first: NDArray[np.int64], heard: _Likelihoods) -> NDArray[np.bool_]:
    """Return which words belong to passages that fit, `(W,)`.

    Args:
        spellings: Of each word.
        first: `(W + 1,)` step at which each word begins, or the next that is said if it is left out.
        heard: What each step says.
    """
    count = len(spellings)
    bounds = np.linspace(0, count, 1 + -(-count // _PASSAGE)).round().astype(int)
    certain = np.zeros(count, bool)
    for low, high in pairwise(bounds):
        start, end = 0 if low == 0 else int(first[low]), len(heard.pause) if high == count else int(first[high])
        part = _Likelihoods(heard.classes[start:end], heard.pause[start:end])
        certain[low:high] = end > start and _fits(spellings[low:high], part)
    return certain


def _fits(spellings: Sequence[_Spellings], heard: _Likelihoods) -> bool:
    """Return whether words fit a stretch of sound much better than decoys of the same phones do."""
    random = np.random.default_rng(0)

    def road(words: Sequence[_Spellings]) -> Road:
        return likeliest_road(build_lattice(words), heard.classes, heard.pause)

    backwards = [[phones[::-1] for phones in word] for word in spellings]
    decoys = [[backwards[n] for n in random.permutation(len(backwards))] for _ in range(_DECOYS)]
    own = road(spellings)
    lead = own.score - float(np.mean([road(decoy).score for decoy in decoys]))
    steps = int((own.states >= 0).sum())
    return lead > _CERTAIN[0] * math.sqrt(steps + 1) + _CERTAIN[1] * steps


def _classes(phones: Sequence[str]) -> list[list[int]]:
    return [[class_indices((name,))[0] for name in classes_of(phone)] for phone in phones]


def _likelihoods(heard: FloatArray) -> _Likelihoods:
    """Return what each step says, of log-probabilities `(S, K)`."""
    prior = np.exp(heard).mean(axis=0) + 1e-3
    scaled = heard - _PRIOR_SHARE * np.log(prior / prior.mean())
    quiet = np.logaddexp.reduce(scaled[:, class_indices(NO_SPEECH)], axis=1)
    pause = np.maximum(quiet, _of_the_said(scaled, heard) - _FILLER)
    return _Likelihoods(scaled, pause)


def _of_the_said(scores: FloatArray, heard: FloatArray) -> NDArray[np.float64]:
    """Return what the class that is said scores on average, `(S,)`, if it is as probable as it is heard."""
    return np.asarray((np.exp(heard) * scores).sum(axis=1) / np.exp(heard).sum(axis=1), np.float64)


def _aligned(
    word: Word,
    lattice: Lattice,
    states: NDArray[np.int64],
    steps: NDArray[np.int64],
    beside: FloatArray,
    step_seconds: float,
    is_certain: bool,
) -> AlignedWord:
    """Return a word that is said at some steps."""
    if not len(steps):
        return AlignedWord(word.text)
    path = states[steps]
    phones = word.pronunciations[int(lattice.spelling[path[0]])]
    changes = np.flatnonzero(np.diff(lattice.phone[path])) + 1
    inner = [_crossing(beside[steps[n] - 1 : steps[n] + 1, lattice.classes[path[n - 1 : n + 1]]]) for n in changes]
    bounds = [steps[0] - 0.5, *(steps[changes] - 1 + inner), steps[-1] + 0.5]
    times = [max(0.0, float(bound) * step_seconds) for bound in bounds]
    phonemes = tuple(Phoneme(phones[n], start, end) for n, (start, end) in enumerate(pairwise(times)))
    return AlignedWord(word.text, phonemes, float(beside[steps, lattice.classes[path]].mean()), is_certain)


def _crossing(scores: FloatArray) -> float:
    """Return when the second of two classes becomes the likelier, in steps from the first of two steps, 0.25 to 0.75.

    Args:
        scores: `(2, 2)` of each class (column) at each step (row).
    """
    lead = scores[:, 0] - scores[:, 1]
    return float(np.clip(lead[0] / max(lead[0] - lead[1], 1e-6), 0.25, 0.75)) if lead[0] > 0 > lead[1] else 0.5
