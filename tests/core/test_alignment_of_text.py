"""A text laid onto a sound, by evidence that is made up and therefore known."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from lipsync_core.phones.alignment import Word, align
from lipsync_core.phones.classes import NO_SPEECH, PHONE_CLASSES, class_index, class_starts
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


def test_of_several_pronunciations_the_one_that_is_said_is_found() -> None:
    tomato = Word("tomato", ("t", "ə", "m", "eɪ", "t", "oʊ"), (("t", "ə", "m", "ɑ", "t", "oʊ"), ()))
    british = Word("tomato", tomato.others[0])
    for truth, vowel in ((tomato, "eɪ"), (british, "ɑ")):
        (word,) = align((tomato,), heard(said(None, truth, None))).words
        assert [phoneme.symbol for phoneme in word.phonemes] == ["t", "ə", "m", vowel, "t", "oʊ"]


@pytest.mark.parametrize("noise", [0.5, 1.5])
def test_one_line_of_a_long_script_is_found_in_it(noise: float) -> None:
    line, rest = (PAPA, BUYS, SHOES, GHOST, BUYS), made_up_words(400, seed=1)
    alignment = align((*rest[:200], *line, *rest[200:]), heard(said(None, *line, None), noise))
    found = [number for number, word in enumerate(alignment.words) if word.phonemes]
    assert set(range(200, 205)) <= set(found)
    assert alignment.words[202].phonemes[0].start_seconds == pytest.approx(0.5 + 7 * 0.08, abs=2 * STEP)


def test_a_wrong_passage_of_a_right_text_is_not_believed() -> None:
    right, wrong, also = (made_up_words(40, seed) for seed in (2, 3, 4))
    alignment = align((*right, *wrong, *also), heard(said(*right, None, *made_up_words(40, seed=5), None, *also)))
    shares = [float(np.mean([word.is_heard for word in alignment.words[n : n + 40]])) for n in (0, 40, 80)]
    assert shares[0] > 0.9
    assert shares[1] == 0
    assert shares[2] > 0.9


def test_no_wrong_text_is_believed_however_it_is_stretched() -> None:
    evidence = heard(said(None, *made_up_words(30, seed=6), None), noise=2.0)
    wrong = [align(made_up_words(count, seed), evidence) for count in (3, 10, 60) for seed in range(10, 16)]
    assert not any(alignment.is_trusted for alignment in wrong)
    assert align(made_up_words(30, seed=6), evidence).share_heard > 0.9


def test_a_text_without_words_and_words_without_phones_are_left_out() -> None:
    alignment = align((Word("...", ()), PAPA, BUYS, Word("?", (), ((),)), PAPA), heard(said(PAPA, BUYS, PAPA)))
    assert [word.is_heard for word in alignment.words] == [False, True, True, False, True]


def test_one_word_in_common_is_no_reason_to_believe_a_text() -> None:
    other = align((*made_up_words(20, seed=21), PAPA), heard(said(None, *made_up_words(12, seed=20), PAPA, None)))
    assert not other.is_trusted


def test_boundaries_lie_between_the_steps_where_the_sound_says_so() -> None:
    steps = np.full((10, len(PHONE_CLASSES)), -12.0, np.float32)
    steps[:5, class_index("p")] = steps[5:, class_index("ɑ")] = 0
    steps[4, class_index("p")], steps[4, class_index("ɑ")] = -0.6, -0.8  # the vowel begins soon after step 4
    evidence = PhoneEvidence(STEP, steps - np.logaddexp.reduce(steps, axis=1, keepdims=True))
    (word,) = align((Word("pa", ("p", "ɑ")),), evidence).words
    assert 4 * STEP < word.phonemes[0].end_seconds < 4.4 * STEP


def made_up_words(count: int, seed: int) -> tuple[Word, ...]:
    """Words of two to six phones."""
    random = np.random.default_rng(seed)
    names = [name for name in PHONE_CLASSES if name not in NO_SPEECH]
    return tuple(Word(str(n), tuple(random.choice(names, random.integers(2, 7)))) for n in range(count))


def test_half_a_minute_with_a_text_of_an_hour_is_laid_on_as_alone() -> None:
    line = made_up_words(60, seed=7)
    evidence = heard(said(None, *line, None))
    alone, within = align(line, evidence), align((*line, *made_up_words(2000, seed=8)), evidence)
    assert within.words[:60] == alone.words


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_no_words_or_no_sound_give_an_alignment_that_is_not_trusted(seconds: float) -> None:
    silence = heard(said(None, None)) if seconds else PhoneEvidence(STEP, np.zeros((0, len(PHONE_CLASSES)), np.float32))
    assert not align((), silence).is_trusted
    assert not align((PAPA, SHOES), silence).is_trusted
