"""The films on the page of an evaluation: what they show and what is heard."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("scipy")
pytest.importorskip("cv2")
pytest.importorskip("av")

from lipsync_core.audio.decoding import decode_sound
from lipsync_core.capture.clip import Clip
from lipsync_core.capture.video import read_frames
from lipsync_core.model.model_file import SpeechModel
from tests.core.staged_film import calm_model, staged_clip, without_texture
from training.measures.evaluation import Evaluation, evaluate_predictor
from training.measures.page import write_page
from training.measures.predictors import model_predictor
from training.measures.side_by_side import Sentence, finished_crops, shown_sentences, side_by_side


def evaluated(model: SpeechModel, footage: Clip) -> Evaluation:
    return evaluate_predictor("model", model_predictor(model, footage), footage)


def played(film: bytes, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The pictures `(T, H, W, 3)`, 0 to 255, and one channel of the sound."""
    path = folder / "film.mp4"
    path.write_bytes(film)
    pictures = np.stack([frame.image for frame in read_frames(path)]).astype(np.float64)
    return pictures, decode_sound(path).channels[:, 0]


def test_a_film_shows_filmed_lips_on_the_left_and_painted_ones_on_the_right(tmp_path: Path) -> None:
    footage, model = staged_clip(frames=8), calm_model()
    take = footage.takes[0]

    film = side_by_side(Sentence(0, 0, 8, 1.0), evaluated(model, footage), model, footage)
    pictures, _ = played(film, tmp_path)

    left, right = pictures[:, ::2, :256:2], pictures[:, ::2, 256::2]
    assert take.crops is not None
    filmed, painted = take.crops.astype(np.float64), finished_crops(model, take).astype(np.float64)
    assert pictures.shape == (8, 256, 512, 3)
    assert np.abs(left - filmed).mean() < 8  # what coding changes
    assert np.abs(right - painted).mean() < 0.5 * np.abs(right - filmed).mean()


def test_a_film_has_the_length_and_the_sound_of_its_sentence(tmp_path: Path) -> None:
    footage, model = staged_clip(frames=50), calm_model()
    take = footage.takes[0]

    film = side_by_side(Sentence(0, 20, 40, 1.0), evaluated(model, footage), without_texture(model), footage)
    pictures, sound = played(film, tmp_path)

    said = take.waveform.samples[round(0.8 * 16_000) : round(1.6 * 16_000)]
    heard = sound[: len(said)]
    assert len(pictures) == 20
    assert len(sound) / 16_000 == pytest.approx(0.8, abs=0.1)
    likeness = [np.corrcoef(np.roll(heard, -shift), said)[0, 1] for shift in range(-40, 41)]
    assert max(likeness) > 0.9


def test_without_a_texture_the_real_lips_are_grey_and_the_predicted_ones_red(tmp_path: Path) -> None:
    footage, model = staged_clip(frames=10), without_texture(calm_model())
    aside = replace(footage, takes=tuple(replace(take, crops=None) for take in footage.takes), reference=None)
    high = evaluate_predictor("high", lambda take: take.vertices + np.float32([0, 0.12, 0]), aside)

    pictures, _ = played(side_by_side(Sentence(0, 0, 10, 1.0), high, model, aside), tmp_path)

    red = (pictures[..., 0] > pictures[..., 1] + 60).any(axis=(0, 2))
    grey = ((pictures.max(axis=-1) < 190) & (np.ptp(pictures, axis=-1) < 30)).any(axis=(0, 2))
    assert pictures.shape == (10, 256, 256, 3)
    assert np.flatnonzero(grey).mean() - np.flatnonzero(red).mean() > 20  # rows: the predicted lips are higher


def test_the_middling_and_the_worst_sentence_are_shown() -> None:
    footage = staged_clip(takes=3, frames=75)
    shifts = dict(zip((take.name for take in footage.takes), (0.01, 0.03, 0.02), strict=True))
    off = evaluate_predictor("off", lambda take: take.vertices + np.float32(shifts[take.name]), footage)

    shown = shown_sentences(off, footage.fps)

    assert [sentence.take for sentence in shown] == [2, 1]
    assert shown[1].error == pytest.approx(100 * np.sqrt(3) * 0.03, rel=1e-3)


def test_a_long_take_is_shown_by_the_sentence() -> None:
    footage = staged_clip(frames=230)
    late = evaluate_predictor("late", lambda take: np.roll(take.vertices, 2, axis=0), footage)

    shown = shown_sentences(late, footage.fps)

    assert len(shown) == 2
    assert all(75 <= sentence.last - sentence.first <= 78 for sentence in shown)


def test_a_single_sentence_is_shown_once() -> None:
    footage = staged_clip(frames=30)

    shown = shown_sentences(evaluated(calm_model(), footage), footage.fps)

    assert [(sentence.first, sentence.last) for sentence in shown] == [(0, 30)]


def test_a_page_without_pyav_says_what_would_show_films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    footage, model = staged_clip(frames=30), without_texture(calm_model())
    evaluation = evaluated(model, footage)
    monkeypatch.setitem(sys.modules, "av", None)

    write_page(tmp_path / "page.html", [evaluation], model, footage)

    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<video" not in text
    assert "pip install av" in text
