"""A text laid onto a sound, by evidence that is made up and therefore known."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from lipsync_core.phones.alignment import Word, align
from lipsync_core.phones.classes import PHONE_CLASSES, class_index, class_starts
from lipsync_core.phones.evidence import PhoneEvidence
from lipsync_core.phones.phoneme import SILENCE, Phoneme

STEP = 0.02
PAPA = Word("papa", ("p", "ɑ", "p", "ə"))
BUYS = Word("buys", ("b", "aɪ", "z"))
SHOES = Word("shoes", ("ʃ", "u", "z"))
GHOST = Word("ghost", ("ɡ", "oʊ", "s", "t"))


def said(*words: Word | None, length: float = 0.08) -> list[Phoneme]:
    """Phones of equal length; None is a pause of half a second."""
    phonemes, start = list[Phoneme](), 0.0
    for word in words:
        for symbol, lasts in [(s, length) for s in word.phones] if word else [(SILENCE, 0.5)]:
            phonemes.append(Phoneme(symbol, start, start + lasts))
            start += lasts
    return phonemes


def heard(phonemes: Sequence[Phoneme], noise: float = 0.5, seed: int = 0) -> PhoneEvidence:
    """What a model hears that is sure of itself, but for noise on its logits."""
    steps = round(phonemes[-1].end_seconds / STEP)
    starts = [(class_index(name), start) for phoneme in phonemes for name, start in class_starts(phoneme)]
    logits = np.random.default_rng(seed).normal(0, noise, (steps, len(PHONE_CLASSES)))
    for step in range(steps):
        logits[step, [name for name, start in starts if start <= step * STEP + 1e-9][-1]] += 4
    return PhoneEvidence(STEP, (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32))


def test_every_phone_of_the_text_is_found_to_a_step() -> None:
    truth = said(None, PAPA, BUYS, None, SHOES, None)
    alignment = align((PAPA, BUYS, SHOES), heard(truth))
    found = [phoneme for phoneme in alignment.phonemes() if phoneme.symbol != SILENCE]
    spoken = [phoneme for phoneme in truth if phoneme.symbol != SILENCE]
    assert [phoneme.symbol for phoneme in found] == [phoneme.symbol for phoneme in spoken]
    np.testing.assert_allclose(
        [phoneme.start_seconds for phoneme in found], [p.start_seconds for p in spoken], atol=STEP + 1e-6
    )


def test_phones_and_pauses_fill_the_sound() -> None:
    phonemes = align((PAPA, BUYS), heard(said(None, PAPA, None, BUYS, None))).phonemes()
    assert phonemes[0].start_seconds == 0
    assert phonemes[-1].end_seconds == pytest.approx(2.06)
    for one, following in pairwise(phonemes):
        assert one.end_seconds == pytest.approx(following.start_seconds)


def test_a_word_that_is_not_said_is_left_out_and_the_others_stay() -> None:
    truth = said(None, PAPA, SHOES, None)
    alignment = align((PAPA, GHOST, BUYS, SHOES), heard(truth))
    assert [word.is_heard for word in alignment.words] == [True, False, False, True]
    assert alignment.words[3].phonemes[0].start_seconds == pytest.approx(0.5 + 4 * 0.08, abs=STEP)


def test_speech_that_the_text_lacks_is_passed_over() -> None:
    truth = said(None, PAPA, GHOST, GHOST, SHOES, None)
    alignment = align((PAPA, SHOES), heard(truth))
    assert alignment.is_trusted
    assert alignment.words[1].phonemes[0].start_seconds == pytest.approx(0.5 + 12 * 0.08, abs=2 * STEP)


def test_a_wrong_text_is_not_trusted() -> None:
    truth = said(None, PAPA, BUYS, PAPA, None)
    assert align((PAPA, BUYS, PAPA), heard(truth)).is_trusted
    assert not align((GHOST, SHOES, GHOST, SHOES), heard(truth)).is_trusted


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_no_words_or_no_sound_give_an_alignment_that_is_not_trusted(seconds: float) -> None:
    silence = heard(said(None, None)) if seconds else PhoneEvidence(STEP, np.zeros((0, len(PHONE_CLASSES)), np.float32))
    assert not align((), silence).is_trusted
    assert not align((PAPA, SHOES), silence).is_trusted
