"""Gestures: contacts that the mouth makes for a sound, decided from what is heard or from phones that are known.

A gesture is a decision (Browman and Goldstein 1992 call the same thing so): it happens or it does not, while everything
between gestures is predicted frame by frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from .classes import LIP_TO_TEETH, LIPS_CLOSED, NO_SPEECH, TONGUE_TO_RIDGE, TONGUE_TO_TEETH, class_starts
from .evidence import PhoneEvidence
from .phoneme import Phoneme

GestureKind: TypeAlias = Literal["lips_closed", "lip_to_teeth", "tongue_to_teeth", "tongue_to_ridge", "rest"]
CLASSES_OF_GESTURE: dict[GestureKind, frozenset[str]] = {
    "lips_closed": LIPS_CLOSED,
    "lip_to_teeth": LIP_TO_TEETH,
    "tongue_to_teeth": TONGUE_TO_TEETH,
    "tongue_to_ridge": TONGUE_TO_RIDGE,
    "rest": NO_SPEECH,
}
"""Which phone classes ask for each gesture."""

LEAST_REST_SECONDS = 0.2
"""A shorter pause is part of speech: the mouth goes on to the next sound."""


@dataclass(frozen=True)
class Gesture:
    """One contact, or a rest.

    Attributes:
        kind: What touches what.
        start_seconds: When the contact is made, s from the first sample of the sound.
        end_seconds: When it is released, s.
    """

    kind: GestureKind
    start_seconds: float
    end_seconds: float

    @property
    def middle_seconds(self) -> float:
        """The middle of the contact, s."""
        return (self.start_seconds + self.end_seconds) / 2


@dataclass(frozen=True)
class _Rule:
    """When a gesture is decided on.

    Attributes:
        sure: Probability that must be reached once.
        likely: Probability that must be kept up from beginning to end.
        least_seconds: How long it must last.
    """

    sure: float
    likely: float
    least_seconds: float


_RULES: dict[GestureKind, _Rule] = {
    "lips_closed": _Rule(0.45, 0.25, 0.0),
    "lip_to_teeth": _Rule(0.5, 0.3, 0.02),
    "tongue_to_teeth": _Rule(0.5, 0.3, 0.02),
    "tongue_to_ridge": _Rule(0.5, 0.3, 0.02),
    "rest": _Rule(0.7, 0.5, LEAST_REST_SECONDS),
}


def gestures_of_phones(phonemes: Sequence[Phoneme]) -> tuple[Gesture, ...]:
    """Return the gestures of known phones, by start; pauses shorter than `LEAST_REST_SECONDS` are none."""
    made = _joined(gesture for phoneme in phonemes for gesture in _of_one(phoneme))
    kept = [g for g in made if g.kind != "rest" or g.end_seconds - g.start_seconds >= LEAST_REST_SECONDS]
    return tuple(sorted(kept, key=lambda gesture: gesture.start_seconds))


def gestures_heard(evidence: PhoneEvidence) -> tuple[Gesture, ...]:
    """Decide on gestures from what is heard, by start.

    A contact begins where its classes become likely and ends where they cease to be; in between they must have been
    surer than that once, so that a doubt that comes and goes makes no contact.
    """
    made = [gesture for kind, rule in _RULES.items() for gesture in _decided(kind, rule, evidence)]
    return tuple(sorted(made, key=lambda gesture: gesture.start_seconds))


def _of_one(phoneme: Phoneme) -> Iterator[Gesture]:
    spans = list(class_starts(phoneme))
    length = (phoneme.end_seconds - phoneme.start_seconds) / len(spans)
    for name, start in spans:
        for kind, classes in CLASSES_OF_GESTURE.items():
            if name in classes:
                yield Gesture(kind, start, start + length)


def _joined(gestures: Iterable[Gesture]) -> Iterator[Gesture]:
    """Join gestures of one kind that follow one another."""
    last: dict[GestureKind, Gesture] = {}
    for gesture in sorted(gestures, key=lambda g: g.start_seconds):
        held = last.get(gesture.kind)
        if held and gesture.start_seconds - held.end_seconds < 1e-6:
            last[gesture.kind] = Gesture(gesture.kind, held.start_seconds, gesture.end_seconds)
            continue
        if held:
            yield held
        last[gesture.kind] = gesture
    yield from last.values()


def _decided(kind: GestureKind, rule: _Rule, evidence: PhoneEvidence) -> Iterator[Gesture]:
    probability = evidence.probability_of(CLASSES_OF_GESTURE[kind])
    likely = np.concatenate([[False], probability >= rule.likely, [False]])
    starts, ends = (np.flatnonzero(np.diff(likely.astype(np.int8)) == step) for step in (1, -1))
    half = evidence.step_seconds / 2
    for first, last in zip(starts, ends, strict=True):
        start, end = evidence.times[first] - half, evidence.times[last - 1] + half
        if probability[first:last].max() >= rule.sure and end - start >= rule.least_seconds:
            yield Gesture(kind, max(0.0, float(start)), float(end))
