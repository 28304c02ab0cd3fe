"""Recordings of people with their words: held against the phones that another aligner found."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from lipsync_core.animation import frame_times
from lipsync_core.audio.waveform import Waveform, read_wav, speech_waveform
from lipsync_core.model.model_file import SpeechModel, read_model
from lipsync_core.phones.alignment import align
from lipsync_core.phones.classes import LIPS_CLOSED, NO_SPEECH, class_starts, classes_of
from lipsync_core.phones.phoneme import Phoneme
from lipsync_core.phones.pronunciation import pronounce
from lipsync_core.phones.script import Script, script_beside
from lipsync_core.phones.textgrid import read_textgrid
from lipsync_core.synthesis import Spoken, predict
from tests.conftest import REPOSITORY

pytest.importorskip("espeakng_loader")

FRAME = 0.04  # s
LARGEST_MEDIAN = 0.03  # s
LEAST_RECALL = 0.95
WRONG = "The quick brown fox jumps over the lazy dog and runs away into the dark forest where nobody has ever lived."


@dataclass(frozen=True)
class Recording:
    """A sound, its words, and the phones that are said in it."""

    waveform: Waveform
    words: str
    phonemes: tuple[Phoneme, ...]


@pytest.fixture(scope="module")
def hearing() -> SpeechModel:
    """The built-in model, if it hears phones."""
    model = read_model(REPOSITORY / "addon" / "models" / "any_voice.lipsync3d")
    if not model.encoder.phones:
        pytest.skip("the built-in model hears no phones")
    return model


@pytest.fixture(scope="module")
def recordings(footage: Path) -> tuple[Recording, ...]:
    sounds = sorted((footage / "speech" / "aligned").glob("*.wav"))
    if not sounds:
        pytest.skip("no aligned recordings in the footage")
    return tuple(
        Recording(
            speech_waveform(*read_wav(sound), str(sound)),
            sound.with_suffix(".txt").read_text(encoding="utf-8"),
            read_textgrid(sound.with_suffix(".TextGrid")),
        )
        for sound in sounds
    )


def spoken(model: SpeechModel, recording: Recording, words: str = "") -> Spoken:
    """What a model makes of a recording at 25 frames a second."""
    seconds = frame_times(int(recording.waveform.duration / FRAME), 1 / FRAME)
    return predict(model, recording.waveform, seconds, script=Script(words=words) if words else None)


def starts(phonemes: Sequence[Phoneme]) -> list[tuple[str, float]]:
    """The classes that are passed through, without pauses, and when each begins."""
    return [item for phoneme in phonemes for item in class_starts(phoneme) if item[0] not in NO_SPEECH]


def test_phones_of_the_text_begin_where_another_aligner_found_them(
    hearing: SpeechModel, recordings: tuple[Recording, ...]
) -> None:
    errors = list[float]()
    for recording in recordings:
        evidence = spoken(hearing, recording).phones
        assert evidence is not None
        found = starts(align(pronounce(recording.words, "en-us"), evidence).phonemes())
        known = starts(recording.phonemes)
        same = difflib.SequenceMatcher(None, [name for name, _ in known], [name for name, _ in found], autojunk=False)
        for block in same.get_matching_blocks():
            errors += [abs(found[block.b + n][1] - known[block.a + n][1]) for n in range(block.size)]
    assert len(errors) > 200
    assert np.median(errors) <= LARGEST_MEDIAN


def test_with_the_text_lips_close_at_p_b_m(hearing: SpeechModel, recordings: tuple[Recording, ...]) -> None:
    hits = list[bool]()
    for recording in recordings:
        closures = [g for g in spoken(hearing, recording, recording.words).gestures if g.kind == "lips_closed"]
        for phoneme in recording.phonemes:
            if classes_of(phoneme.symbol)[0] in LIPS_CLOSED:
                first, last = phoneme.start_seconds - FRAME, phoneme.end_seconds + FRAME
                hits.append(any(g.start_seconds < last and g.end_seconds > first for g in closures))
    assert np.mean(hits) >= LEAST_RECALL


def test_a_wrong_text_changes_nothing_but_what_is_said_of_it(
    hearing: SpeechModel, recordings: tuple[Recording, ...]
) -> None:
    for number, recording in enumerate(recordings):
        alone = spoken(hearing, recording)
        for words in (WRONG, recordings[number - 1].words):
            wrong = spoken(hearing, recording, words)
            np.testing.assert_array_equal(wrong.codes, alone.codes)
            assert wrong.gestures == alone.gestures
            assert "is not in the sound" in wrong.remark


def test_a_textgrid_beside_a_sound_is_taken_before_its_words(footage: Path) -> None:
    sounds = sorted((footage / "speech" / "aligned").glob("*.wav"))
    found = [script_beside(sound) for sound in sounds]
    assert all(script and script.source.endswith(".TextGrid") and script.phonemes for script in found)
