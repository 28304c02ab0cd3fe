"""Phones of footage whose words are known: from the times of words, from what is heard, and from lips that are seen."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lipsync_core.errors import FormatError
from lipsync_core.phones.alignment import Word
from lipsync_core.phones.classes import PHONE_CLASSES, class_index, classes_of
from lipsync_core.phones.evidence import PhoneEvidence
from lipsync_core.phones.phoneme import SILENCE, Phoneme
from tests.core.test_clip import take
from training.any_voice.seen_closures import on_seen_closures
from training.any_voice.transcripts import phones_of, word_files, words_of
from training.any_voice.word_times import (
    TimedWord,
    phones_by_length,
    phones_within_words,
    read_word_times,
)

BIN = TimedWord(Word("bin", ("b", "ɪ", "n")), 0.5, 0.9)
PLACE = TimedWord(Word("place", ("p", "l", "eɪ", "s")), 1.0, 1.5)
ALIGNED = "0 12500 sil\n12500 22500 bin\n22500 25000 sp\n25000 37500 blue\n37500 75000 sil\n"


def follows(phonemes: tuple[Phoneme, ...], duration: float) -> bool:
    """Whether sounds follow one another without gaps from 0 to the end."""
    edges = [(a.end_seconds, b.start_seconds) for a, b in pairwise(phonemes)]
    lasts = all(p.end_seconds > p.start_seconds for p in phonemes)
    whole = (phonemes[0].start_seconds, phonemes[-1].end_seconds) == pytest.approx((0, duration))
    return whole and lasts and all(end == pytest.approx(start) for end, start in edges)


def heard(phonemes: tuple[Phoneme, ...], duration: float, step: float = 0.02) -> PhoneEvidence:
    """What a model with perfect ears would hear."""
    probability = np.full((round(duration / step), len(PHONE_CLASSES)), 1e-4, np.float32)
    probability[:, class_index(SILENCE)] = 0.2
    for phoneme in phonemes:
        names = classes_of(phoneme.symbol)
        edges = np.linspace(phoneme.start_seconds, phoneme.end_seconds, len(names) + 1)
        for name, start, end in zip(names, edges[:-1], edges[1:], strict=True):
            probability[round(start / step) : round(end / step), class_index(name)] = 1.0
    return PhoneEvidence(step, np.log(probability / probability.sum(1, keepdims=True)))


# ---- Times of words


def test_word_files_are_in_units_of_a_25000th_second(tmp_path: Path) -> None:
    (tmp_path / "bbaf2n.align").write_text(ALIGNED)

    assert read_word_times(tmp_path / "bbaf2n.align") == (("bin", 0.5, 0.9), ("blue", 1.0, 1.5))


def test_a_file_without_times_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bbaf2n.align").write_text("bin blue at f two now")

    with pytest.raises(FormatError, match="no times of words"):
        read_word_times(tmp_path / "bbaf2n.align")


def test_the_sounds_of_a_word_share_its_time_by_their_usual_lengths() -> None:
    phonemes = phones_by_length([BIN, PLACE], duration=2.0)

    assert follows(phonemes, 2.0)
    assert [p.symbol for p in phonemes] == ["", "b", "ɪ", "n", "", "p", "l", "eɪ", "s", ""]
    length = {p.symbol: p.end_seconds - p.start_seconds for p in phonemes if p.symbol}
    assert length["ɪ"] > length["b"] > length["n"]
    assert sum(length[symbol] for symbol in ("b", "ɪ", "n")) == pytest.approx(0.4)


def test_sounds_are_found_where_they_are_heard_within_their_word() -> None:
    said = (Phoneme("b", 0.52, 0.6), Phoneme("ɪ", 0.6, 0.8), Phoneme("n", 0.8, 0.92))

    found = phones_within_words([BIN], heard(said, 2.0), duration=2.0)

    assert follows(found, 2.0)
    for phoneme, truth in zip(found[1:4], said, strict=True):
        assert phoneme.start_seconds == pytest.approx(truth.start_seconds, abs=0.021)


def test_a_word_that_is_not_heard_shares_its_time_by_length() -> None:
    something_else = (Phoneme("s", 0.4, 1.0), Phoneme("u", 1.0, 1.6))

    found = phones_within_words([BIN, PLACE], heard(something_else, 2.0), duration=2.0)

    assert found == phones_by_length([BIN, PLACE], duration=2.0)


def test_a_take_is_given_the_phones_of_its_name(tmp_path: Path) -> None:
    spoken = replace(take(frames=75), name="s4_bbaf2n")
    ends = np.linspace(0, 0.9 * spoken.waveform.duration, 7)
    words = ("bin", "blue", "at", "f", "two", "now")
    lines = [f"{a * 25000:.0f} {b * 25000:.0f} {w}" for a, b, w in zip(ends[:-1], ends[1:], words, strict=True)]
    (tmp_path / "s4_bbaf2n.align").write_text("\n".join(lines))

    phonemes = phones_of(spoken, None, word_files([tmp_path])["s4_bbaf2n"])

    assert [p.symbol for p in phonemes if p.symbol] == [symbol for word in words_of(spoken) for symbol in word.phones]
    assert phones_of(spoken, None) == ()


def test_the_words_of_another_take_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bbaf2n.align").write_text(ALIGNED)

    with pytest.raises(FormatError, match="other words"):
        phones_of(replace(take(), name="bbaf2n"), None, tmp_path / "bbaf2n.align")


def test_every_file_of_the_corpus_agrees_with_its_name(footage: Path) -> None:
    paths = sorted((footage / "grid_s1" / "test").glob("*.align"))
    if not paths:
        pytest.skip("no word files of GRID")

    for path in paths:
        spoken = words_of(replace(take(), name=path.stem))
        assert [row[0] for row in read_word_times(path)] == [word.text for word in spoken]


# ---- Lips that are seen


def gap_that_closes(start: float, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Frames of 25 a second, 2 s, with lips that are apart but for one closure."""
    seconds = (np.arange(50) + 0.5) / 25
    return seconds, np.where((seconds > start) & (seconds < end), 0.003, 0.2)


@pytest.mark.parametrize("thought", [(0.92, 0.98), (1.02, 1.12), (0.86, 0.94), (0.95, 1.05)])
def test_an_m_lasts_as_long_as_the_lips_are_seen_closed(thought: tuple[float, float]) -> None:
    start, end = thought
    seconds, gap = gap_that_closes(0.92, 1.04)
    phonemes = (Phoneme("a", 0, start), Phoneme("m", start, end), Phoneme("a", end, 2.0))

    moved = on_seen_closures(phonemes, seconds, gap)

    assert follows(moved, 2.0)
    assert (moved[1].start_seconds, moved[1].end_seconds) == pytest.approx((0.92, 1.04))


def test_sounds_whose_lips_are_not_seen_to_meet_stay() -> None:
    seconds, gap = gap_that_closes(1.5, 1.6)
    phonemes = (Phoneme("a", 0, 0.5), Phoneme("m", 0.5, 0.6), Phoneme("s", 0.6, 1.5), Phoneme("t", 1.5, 2.0))

    assert on_seen_closures(phonemes, seconds, gap) == phonemes


def test_lips_that_rested_before_a_p_close_for_it_only_at_the_end() -> None:
    seconds, gap = gap_that_closes(-1, 1.0)
    phonemes = (Phoneme(SILENCE, 0, 0.98), Phoneme("p", 0.98, 1.04), Phoneme("a", 1.04, 2.0))

    moved = on_seen_closures(phonemes, seconds, gap)

    assert moved[1].end_seconds == pytest.approx(1.0)
    assert 0.75 < moved[1].start_seconds < 0.95


def test_any_film_leaves_sounds_that_follow_one_another() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        edges = np.concatenate([[0], np.sort(rng.uniform(0.05, 1.95, 14)), [2.0]])
        edges = np.unique(np.round(edges / 0.05) * 0.05)
        symbols = rng.choice(list("pbmas"), len(edges) - 1)
        phonemes = tuple(map(Phoneme, map(str, symbols), edges[:-1].tolist(), edges[1:].tolist()))
        seconds, gap = gap_that_closes(0, 0)

        moved = on_seen_closures(phonemes, seconds, gap * rng.uniform(0, 1, len(gap)) ** 3)

        assert follows(moved, 2.0)
        assert [p.symbol for p in moved] == [p.symbol for p in phonemes]
