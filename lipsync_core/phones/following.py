"""Gestures of what is known to be said: words laid onto the sound, or phones with their times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import ConfigError, MissingDependencyError
from .alignment import AlignedWord, Alignment, align
from .classes import NO_SPEECH
from .evidence import PhoneEvidence
from .gestures import LEAST_REST_SECONDS, Gesture, gestures_heard, gestures_of_phones
from .pronunciation import language_of, pronounce
from .script import Script

_ALONE = "lips follow the sound alone"
_QUIET = 0.4  # probability of no speech that is enough, on average, where the text has a pause
_DOUBT = 0.25  # and at its ends


@dataclass(frozen=True)
class Followed:
    """What became of a script.

    Attributes:
        gestures: By start.
        remark: What was followed, or why not, in one sentence.
        is_followed: Whether the script, or a part of it, made the gestures.
    """

    gestures: tuple[Gesture, ...]
    remark: str
    is_followed: bool


def follow(script: Script, evidence: PhoneEvidence | None, duration: float) -> Followed:
    """Decide on gestures from a script.

    Args:
        script: What is said.
        evidence: What is heard; None if the model hears no phones.
        duration: Of the sound, s.

    Raises:
        ConfigError: If espeak-ng does not speak the language, or the text is too long, and it was given on purpose.
        MissingDependencyError: If espeak-ng is missing, and the text was given on purpose.
    """
    heard = gestures_heard(evidence) if evidence else ()
    if script.phonemes:
        return _phones_followed(script, heard, duration)
    if evidence is None:
        return Followed((), f"{_named(script)} is not followed: this model hears no phones, so {_ALONE}.", False)
    language = script.language or language_of(script.words)
    try:
        words = pronounce(script.words, language)
    except (ConfigError, MissingDependencyError) as fault:
        if not script.is_found:
            raise
        return Followed(heard, f"{_named(script)} is not followed, {_ALONE}: {fault}", False)
    alignment = align(words, evidence)
    count = sum(word.is_heard for word in alignment.words)
    if not alignment.is_trusted:
        return Followed(heard, f"{_named(script)} is not in the sound ({language}): {_ALONE}.", False)
    remark = f"{_named(script)} is followed ({language}): {count} of {len(alignment.words)} words."
    return Followed(gestures_followed(alignment, evidence), remark, True)


def gestures_followed(alignment: Alignment, evidence: PhoneEvidence) -> tuple[Gesture, ...]:
    """Return the gestures of the words that are heard; outside these, those that are decided from the sound.

    Where the text has a pause, less silence is enough to believe it.
    """
    heard = gestures_heard(evidence)
    words = [word for word in alignment.words if word.is_heard]
    known = [gesture for word in words for gesture in gestures_of_phones(word.phonemes)]
    spans = [_span(word) for word in words]
    outside = [gesture for gesture in heard if gesture.kind != "rest" and not _is_within(gesture, spans)]
    rests = [part for gesture in heard if gesture.kind == "rest" for part in _between(gesture, spans)]
    quiet = _merged([*rests, *_pauses(alignment, evidence)])
    return tuple(sorted([*known, *outside, *quiet], key=lambda gesture: gesture.start_seconds))


def _pauses(alignment: Alignment, evidence: PhoneEvidence) -> Iterator[Gesture]:
    """Yield the silence between words that follow one another in the text, before the first, and after the last."""
    quiet = evidence.probability_of(NO_SPEECH)
    silent, ending = AlignedWord("", is_certain=True), True
    start = 0.0
    for word in (*alignment.words, silent):
        begins = _span(word)[0] if word.is_heard else alignment.duration
        if ending and (word.is_heard or word is silent):
            within = np.flatnonzero((evidence.times >= start) & (evidence.times < begins) & (quiet >= _DOUBT))
            if len(within) and quiet[within[0] : within[-1] + 1].mean() >= _QUIET:
                yield from _rest(evidence.times[within[0]], evidence.times[within[-1]] + evidence.step_seconds)
        ending, start = word.is_heard, _span(word)[1] if word.is_heard else start


def _rest(start: float, end: float) -> Iterator[Gesture]:
    if end - start >= LEAST_REST_SECONDS:
        yield Gesture("rest", float(start), float(end))


def _span(word: AlignedWord) -> tuple[float, float]:
    return word.phonemes[0].start_seconds, word.phonemes[-1].end_seconds


def _merged(rests: Sequence[Gesture]) -> list[Gesture]:
    """Return rests, each that overlaps another one joined with it."""
    merged = list[Gesture]()
    for rest in sorted(rests, key=lambda gesture: gesture.start_seconds):
        if merged and rest.start_seconds < merged[-1].end_seconds:
            last = merged.pop()
            merged.append(replace(last, end_seconds=max(last.end_seconds, rest.end_seconds)))
        else:
            merged.append(rest)
    return merged


def _phones_followed(script: Script, heard: tuple[Gesture, ...], duration: float) -> Followed:
    phonemes = [phoneme for phoneme in script.phonemes if phoneme.start_seconds < duration]
    if not phonemes:
        remark = f"{_named(script)} begins after the end of the sound, so it belongs to another one: {_ALONE}."
        return Followed(heard, remark, False)
    cut = [replace(phoneme, end_seconds=min(phoneme.end_seconds, duration)) for phoneme in phonemes]
    count = "1 phone" if len(cut) == 1 else f"{len(cut)} phones"
    return Followed(gestures_of_phones(cut), f"{_named(script)} is followed: {count}.", True)


def _is_within(gesture: Gesture, spans: Sequence[tuple[float, float]]) -> bool:
    return any(start < gesture.middle_seconds < end for start, end in spans)


def _between(rest: Gesture, spans: Sequence[tuple[float, float]]) -> Iterator[Gesture]:
    """Yield what is left of a rest where no word is said; what is too short is none."""
    start = rest.start_seconds
    for first, last in [*spans, (rest.end_seconds, rest.end_seconds)]:
        yield from _rest(start, min(first, rest.end_seconds))
        start = max(start, last)


def _named(script: Script) -> str:
    return script.source[:1].upper() + script.source[1:] if script.source == Script.source else script.source
