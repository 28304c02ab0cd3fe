"""Phones, the classes they belong to, and the gestures that they ask for."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_core.phones.classes import ARPABET, NO_SPEECH, PHONE_CLASSES, VOWELS, class_index, classes_of
from lipsync_core.phones.evidence import PhoneEvidence
from lipsync_core.phones.gestures import gestures_of_phones
from lipsync_core.phones.phoneme import SILENCE, Phoneme


def spoken(text: str, length: float = 0.1) -> list[Phoneme]:
    """Phones of equal length, one per word of a text; `_` is a pause."""
    symbols = [symbol.replace("_", SILENCE) for symbol in text.split()]
    return [Phoneme(symbol, index * length, (index + 1) * length) for index, symbol in enumerate(symbols)]


@pytest.mark.parametrize(
    ("symbol", "classes"),
    [("p", ("p",)), ("pʰ", ("p",)), ("bʲ", ("b",)), ("tʃ", ("ʃ",)), ("ts", ("s",)), ("aɪ", ("a", "ɪ")), ("ɑː", ("ɑ",))],
)
def test_a_symbol_passes_through_its_classes(symbol: str, classes: tuple[str, ...]) -> None:
    assert classes_of(symbol) == classes


def test_a_pause_is_silence_and_an_unknown_symbol_a_neutral_vowel() -> None:
    assert classes_of(SILENCE) == (SILENCE,)
    assert classes_of("☃") == ("ə",)


def test_every_american_phone_has_its_own_place() -> None:
    assert all(part in PHONE_CLASSES for symbol in ARPABET.values() for part in classes_of(symbol))
    assert {classes_of(ARPABET[name])[0] for name in ("P", "B", "M")} == {"p", "b", "m"}


def test_probabilities_of_classes_add_up() -> None:
    logits = np.random.default_rng(0).normal(size=(7, len(PHONE_CLASSES)))
    evidence = PhoneEvidence(0.02, (logits - np.log(np.exp(logits).sum(1, keepdims=True))).astype(np.float32))
    consonants = set(PHONE_CLASSES) - VOWELS - NO_SPEECH
    parts = [evidence.probability_of(names) for names in (VOWELS, NO_SPEECH, consonants)]
    np.testing.assert_allclose(np.sum(parts, axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(evidence.probability_of("m"), np.exp(evidence.log_probabilities[:, class_index("m")]))


def test_lips_close_at_p_b_m_and_meet_the_teeth_at_f_v() -> None:
    kinds = [gesture.kind for gesture in gestures_of_phones(spoken("a p a f i m o v θ d"))]
    contacts = ["lips_closed", "lip_to_teeth", "lips_closed", "lip_to_teeth", "tongue_to_teeth", "tongue_to_ridge"]
    assert kinds == contacts


def test_neighbouring_bilabials_are_one_closure() -> None:
    (closure,) = gestures_of_phones(spoken("a m b a"))
    assert (closure.start_seconds, closure.end_seconds) == pytest.approx((0.1, 0.3))
    assert closure.middle_seconds == pytest.approx(0.2)


def test_the_mouth_rests_in_long_pauses_alone() -> None:
    assert gestures_of_phones(spoken("a _ a")) == ()
    (rest,) = gestures_of_phones(spoken("a _ _ _ a"))
    assert (rest.kind, rest.start_seconds, rest.end_seconds) == ("rest", pytest.approx(0.1), pytest.approx(0.4))
