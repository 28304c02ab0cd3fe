"""Gestures: contacts that the mouth makes for a sound, decided from what is heard or from phones that are known.

A gesture is a decision (Browman and Goldstein 1992 call the same thing so): it happens or it does not, while everything
between gestures is predicted frame by frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .classes import LIP_TO_TEETH, LIPS_CLOSED, NO_SPEECH, TONGUE_TO_RIDGE, TONGUE_TO_TEETH, class_starts
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


def gestures_of_phones(phonemes: Sequence[Phoneme]) -> tuple[Gesture, ...]:
    """Return the gestures of known phones, by start; pauses shorter than `LEAST_REST_SECONDS` are none."""
    made = _joined(gesture for phoneme in phonemes for gesture in _of_one(phoneme))
    kept = [g for g in made if g.kind != "rest" or g.end_seconds - g.start_seconds >= LEAST_REST_SECONDS]
    return tuple(sorted(kept, key=lambda gesture: gesture.start_seconds))


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
