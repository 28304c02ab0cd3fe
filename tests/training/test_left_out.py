"""Voices, languages and speakers that are kept from a training, and closures measured on voices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from lipsync_core.errors import ConfigError
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.phones.phoneme import SILENCE, Phoneme
from tests.conftest import babble
from tests.training.test_training import loud_mouthed_clip
from training.any_voice import corpus, kept_voices
from training.any_voice.corpus import CorpusOptions
from training.any_voice.kept_voices import stretches_of, voice_closures, voices_called
from training.any_voice.left_out import check_left_out, language_of, voices_but
from training.any_voice.recipe import Recipe, ingredients
from training.any_voice.recorded_voices import VOICES
from training.cli import main
from training.virtual_speaker.speech import Speech


def test_a_voice_is_left_out_by_its_name_or_its_language() -> None:
    kept = voices_but(VOICES, ("rms", "it"))

    assert {voice.name for voice in VOICES} - {voice.name for voice in kept} == {"rms", "lp_diphone", "pc_diphone"}


def test_a_person_is_left_out_with_every_voice_made_of_them() -> None:
    kept = voices_but(VOICES, ("slt", "hi"))

    left_out = {voice.name for voice in VOICES} - {voice.name for voice in kept}
    assert left_out == {"slt", "cmu_us_slt_arctic_hts", "hindi_NSK_diphone"}


def test_espeak_reads_no_language_that_is_left_out() -> None:
    rng = np.random.default_rng(0)

    languages = {language_of(corpus._text_but(("en", "it"), rng)[0]) for _ in range(60)}

    assert len(languages) > 5
    assert not languages & {"en", "it"}


def test_a_speaker_who_is_left_out_is_neither_told_nor_named() -> None:
    clip = loud_mouthed_clip(takes=1)
    others = replace(clip, speaker="another")

    recipe = Recipe(CorpusOptions(without=(clip.speaker,)), real=(clip, others))

    assert recipe.shown == (others,)
    assert f"motion of {clip.speaker}" not in ingredients(recipe)
    assert "motion of another" in ingredients(recipe)


def test_a_name_of_nobody_is_refused() -> None:
    check_left_out(("s2", "rms", "de", "en"), speakers=["s2", "s3"])

    with pytest.raises(ConfigError, match="Nobody is called s4"):
        check_left_out(("s2", "s4"), speakers=["s2", "s3"])


def test_the_command_refuses_a_name_of_nobody_before_it_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train-default", "-o", str(tmp_path / "run"), "--without", "s4"]) == 2

    assert "Nobody is called s4" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_phones_of_any_language_close_open_or_rest_the_lips() -> None:
    phonemes = (Phoneme(SILENCE, 0, 0.2), Phoneme("m", 0.2, 0.3), Phoneme("aɪ", 0.3, 0.5), Phoneme("ʂ", 0.5, 0.6))

    stretches = stretches_of(phonemes)

    assert [s.phone for s in stretches] == ["SIL", "B", "AA", "AA", "K"]
    assert [s.end for s in stretches] == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.6])


def test_a_voice_speaks_as_long_as_asked(monkeypatch: pytest.MonkeyPatch, model: SpeechModel) -> None:
    said = Speech(babble(1.0), (Phoneme("m", 0, 0.5), Phoneme("a", 0.5, 1.0)))
    asked = []
    monkeypatch.setattr(kept_voices, "speeches_of", lambda voice, rng: asked.append(voice) or [said])

    found = voice_closures(model, VOICES[0], seconds=3.0)

    assert len(asked) == 3
    assert 0 <= found.recall <= 1


def test_a_voice_that_is_not_installed_cannot_be_measured_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_voices, "installed_voices", lambda: VOICES[:2])

    assert voices_called("en") == VOICES[:2]
    with pytest.raises(ConfigError, match="No recorded voice 'rms'"):
        voices_called("rms")
