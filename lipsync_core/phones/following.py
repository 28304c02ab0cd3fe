"""Gestures of what is known to be said: words laid onto the sound, or phones with their times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..errors import ConfigError, MissingDependencyError
from .alignment import Alignment, align
from .evidence import PhoneEvidence
from .gestures import LEAST_REST_SECONDS, Gesture, gestures_heard, gestures_of_phones
from .pronunciation import language_of, pronounce
from .script import Script

_ALONE = "lips follow the sound alone"


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
    return Followed(gestures_followed(alignment, heard), remark, True)


def gestures_followed(alignment: Alignment, heard: Sequence[Gesture]) -> tuple[Gesture, ...]:
    """Return the gestures of the words that are heard; outside these, those that were decided from the sound."""
    words = [word for word in alignment.words if word.is_heard]
    known = [gesture for word in words for gesture in gestures_of_phones(word.phonemes)]
    spans = [(word.phonemes[0].start_seconds, word.phonemes[-1].end_seconds) for word in words]
    outside = [gesture for gesture in heard if gesture.kind != "rest" and not _is_within(gesture, spans)]
    rests = [part for gesture in heard if gesture.kind == "rest" for part in _between(gesture, spans)]
    return tuple(sorted([*known, *outside, *rests], key=lambda gesture: gesture.start_seconds))


def _phones_followed(script: Script, heard: tuple[Gesture, ...], duration: float) -> Followed:
    phonemes = [phoneme for phoneme in script.phonemes if phoneme.start_seconds < duration]
    if not phonemes:
        remark = f"{_named(script)} begins after the end of the sound, so it belongs to another one: {_ALONE}."
        return Followed(heard, remark, False)
    cut = [replace(phoneme, end_seconds=min(phoneme.end_seconds, duration)) for phoneme in phonemes]
    return Followed(gestures_of_phones(cut), f"{_named(script)} is followed: {len(cut)} phones.", True)


def _is_within(gesture: Gesture, spans: Sequence[tuple[float, float]]) -> bool:
    return any(start < gesture.middle_seconds < end for start, end in spans)


def _between(rest: Gesture, spans: Sequence[tuple[float, float]]) -> Iterator[Gesture]:
    """Yield what is left of a rest where no word is said; what is too short is none."""
    start = rest.start_seconds
    for first, last in [*spans, (rest.end_seconds, rest.end_seconds)]:
        end = min(first, rest.end_seconds)
        if end - start >= LEAST_REST_SECONDS:
            yield Gesture("rest", start, end)
        start = max(start, last)


def _named(script: Script) -> str:
    return script.source[:1].upper() + script.source[1:] if script.source == Script.source else script.source
