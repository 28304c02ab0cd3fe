"""Measures with their intervals, and the pages that show them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")

from lipsync_core.capture.alignment import HeadMotion  # noqa: E402
from lipsync_core.capture.clip import Clip, Take, write_clip  # noqa: E402
from lipsync_core.face.mouth import closed_gap, lip_gap, mouth_width  # noqa: E402
from lipsync_core.face.topology import LIPS, LOWER_INNER_LIP, generic_face  # noqa: E402
from lipsync_core.model.model_file import write_model  # noqa: E402
from tests.conftest import tiny_model  # noqa: E402
from tests.core.test_clip import clip, take, textured  # noqa: E402
from training.cli import main  # noqa: E402
from training.measures.bootstrap import by_sentence, figures_of, ratio  # noqa: E402
from training.measures.evaluation import descriptions, evaluate_predictor  # noqa: E402
from training.measures.lips import Errors, measure  # noqa: E402
from training.measures.page import telling_moments  # noqa: E402
from training.measures.tables import markdown_table, text_table  # noqa: E402

FPS = 25


def mouthing(opening: np.ndarray, seed: int = 0, pixels: float = 100.0) -> Take:
    """A take whose lower lip is lowered by `opening` `(T,)`, in mouth widths; the eyes are `pixels` apart."""
    frames = len(opening)
    vertices = np.repeat(generic_face()[None], frames, axis=0)
    closed = lip_gap(vertices[0])
    width = mouth_width(vertices[0])
    vertices[:, list(LOWER_INNER_LIP), 1] -= (opening * width - closed)[:, None].astype(np.float32)
    head = HeadMotion(
        np.full(frames, 1 / pixels, np.float32),
        np.broadcast_to(np.eye(3, dtype=np.float32), (frames, 3, 3)),
        np.zeros((frames, 3), np.float32),
    )
    return replace(take(frames, seed), vertices=vertices, detected=np.ones(frames, bool), head=head)


def syllables(frames: int = 75, seed: int = 0) -> np.ndarray:
    """Openings in mouth widths that come and go, and shut now and then."""
    rng = np.random.default_rng(seed)
    rough = np.convolve(rng.normal(size=frames + 20), np.hanning(9), mode="same")[10:-10]
    return np.clip(0.15 + 0.12 * rough, 0.0, None)


def speaker(takes: int = 6) -> Clip:
    return clip(*(mouthing(syllables(seed=seed), seed) for seed in range(takes)))


@pytest.mark.parametrize("frames", [-4, -1, 0, 2, 5])
def test_lips_that_come_late_are_told_by_how_much(frames: int) -> None:
    errors = measure(lambda part: np.roll(part.vertices, frames, axis=0), speaker())

    assert errors.delay == pytest.approx(1000 * frames / FPS, abs=8)


def test_half_a_frame_of_delay_is_seen() -> None:
    smooth = np.interp(np.arange(75) - 0.5, np.arange(75), 0.2 + 0.1 * np.sin(np.arange(75) / 3))
    footage = clip(mouthing(0.2 + 0.1 * np.sin(np.arange(75) / 3)))

    errors = measure(lambda part: mouthing(smooth).vertices, footage)

    assert errors.delay == pytest.approx(20, abs=5)


def test_landmarks_are_compared_without_their_mean() -> None:
    moved = measure(lambda part: part.vertices + np.float32([0.1, 0.05, 0.2]), speaker())

    assert moved.landmark_distance == pytest.approx(0, abs=1e-4)
    assert moved.mean_lip_error == pytest.approx(100 * math.sqrt(0.1**2 + 0.05**2 + 0.2**2), rel=1e-4)


def test_landmarks_are_measured_in_pixels_and_in_eye_distances() -> None:
    footage = clip(mouthing(syllables(), pixels=80.0))

    errors = measure(lambda part: part.vertices[0] + 1.1 * (part.vertices - part.vertices[0]), footage)

    assert errors.landmark_distance == pytest.approx(0.8 * errors.landmark_error, rel=1e-4)
    assert errors.landmark_error > 0.1


def test_the_largest_error_is_that_of_the_worst_vertex() -> None:
    def one_wrong(part: Take) -> np.ndarray:
        wrong = part.vertices.copy()
        wrong[:, LIPS[7], 2] += 0.3
        return wrong

    errors = measure(one_wrong, speaker())

    assert errors.max_lip_error == pytest.approx(30, rel=1e-4)
    assert errors.mean_lip_error == pytest.approx(30 / len(LIPS), rel=1e-4)


def test_a_mouth_that_never_opens_hits_every_closure_and_predicts_none() -> None:
    shut = mouthing(np.zeros(75))

    errors = measure(lambda part: shut.vertices, speaker())

    assert errors.closure_recall == 1
    assert math.isnan(errors.closure_precision)
    assert "closure_precision" not in errors.as_dict()


def test_closures_of_its_own_make_a_predictor_less_precise() -> None:
    def chatter(part: Take) -> np.ndarray:
        return mouthing(np.where(np.arange(75) % 10 < 3, 0.0, 0.3)).vertices

    errors = measure(chatter, clip(*(mouthing(np.maximum(syllables(seed=seed), 0.1)) for seed in range(3))))

    assert errors.closure_precision == 0
    assert math.isnan(errors.closure_recall)


@pytest.mark.parametrize(
    ("left", "closed", "nearly"),
    [(0.0, 1, 1), (0.015, 1, 1), (0.03, 0, 1), (0.07, 0, 1), (0.1, 0, 0)],
    ids=lambda value: str(value),
)
def test_lips_close_where_they_touch_and_nearly_where_they_do_not_quite(
    left: float, closed: float, nearly: float
) -> None:
    """A film's lips touch three times; the predicted ones are left apart by so much, in mouth widths."""
    touching = np.isin(np.arange(75) % 25, (11, 12, 13))
    footage = clip(mouthing(np.where(touching, 0.0, 0.3)))

    errors = measure(lambda part: mouthing(np.where(touching, left, 0.3)).vertices, footage)

    assert errors.closure_recall == closed
    assert errors.nearly_closed_recall == nearly
    assert "8 %" in descriptions()["nearly_closed_recall"].title


def test_a_film_whose_lips_nearly_close_has_no_closure() -> None:
    footage = clip(mouthing(np.where(np.isin(np.arange(75) % 25, (11, 12, 13)), 0.05, 0.3)), mouthing(np.zeros(75)))

    errors = measure(lambda part: part.vertices, footage)

    assert math.isnan(errors.closure_recall)
    assert errors.nearly_closed_recall == 1


def test_a_tracked_face_that_is_taken_to_rest_open_closes_where_its_lips_are_nearest() -> None:
    open_at_rest = mouthing(np.array([0.07])).vertices[0]

    assert closed_gap(open_at_rest) == pytest.approx(0.02)
    assert closed_gap(open_at_rest, np.linspace(0.003, 0.4, 1000, dtype=np.float32)) < 0.012
    assert closed_gap(generic_face(), np.full(50, 0.2, np.float32)) == closed_gap(generic_face())


def test_correlation_in_speech_leaves_out_silence() -> None:
    spoken = mouthing(syllables())
    samples = np.where(np.arange(len(spoken.waveform.samples)) < 24_000, 0.1, 0).astype(np.float32)
    footage = clip(replace(spoken, waveform=replace(spoken.waveform, samples=samples)))
    half = spoken.seconds * spoken.waveform.sample_rate < 24_000 + 320

    errors = measure(lambda part: mouthing(np.where(half, syllables(), 0.6 - syllables())).vertices, footage)

    assert errors.speech_gap_correlation > 0.9
    assert errors.gap_correlation < 0.5


def test_trembling_in_silence_is_told_apart_from_trembling_in_speech() -> None:
    quiet = mouthing(syllables())
    samples = quiet.waveform.samples + np.float32(0.05)
    samples[16_000:] = 0
    half_silent = clip(replace(quiet, waveform=replace(quiet.waveform, samples=samples)))

    def trembling(part: Take) -> np.ndarray:
        face = part.vertices.copy()
        face[30:, :, 0] += 0.02 * (np.arange(45) % 2)[:, None]
        return face

    errors = measure(trembling, half_silent)

    assert errors.speech_jitter_ratio < 1.5
    assert errors.silence_jitter_ratio > 2
    assert errors.speech_jitter_ratio < errors.jitter_ratio < errors.silence_jitter_ratio


@dataclass(frozen=True)
class Heights:
    """Sums and counts."""

    sums: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True)
class Mean:
    """Their mean."""

    mean: np.ndarray


def test_an_interval_is_as_wide_as_the_mean_is_uncertain() -> None:
    values = np.random.default_rng(1).normal(10, 2, 100)

    figure = figures_of(Heights(values, np.ones(100)), lambda sums: Mean(ratio(sums.sums, sums.counts)))["mean"]

    assert figure.value == pytest.approx(values.mean())
    assert figure.high - figure.low == pytest.approx(2 * 1.96 * values.std() / 10, rel=0.15)
    assert figure.low < figure.value < figure.high


def test_a_few_sentences_have_no_interval() -> None:
    figure = figures_of(Heights(np.arange(4.0), np.ones(4)), lambda sums: Mean(ratio(sums.sums, sums.counts)))["mean"]

    assert figure.as_dict() == {"value": 1.5, "low": None, "high": None}


def test_a_long_take_is_cut_into_sentences() -> None:
    frames = Heights(np.arange(760.0), np.ones(760))

    sentences = by_sentence(frames, FPS)

    assert len(sentences.counts) == 10
    assert np.ptp(sentences.counts) <= 1
    assert sentences.sums.sum() == frames.sums.sum()


def test_every_measure_is_described() -> None:
    evaluation = evaluate_predictor("itself", lambda part: part.vertices, speaker())

    assert set(evaluation.figures) == {name for name in descriptions() if not name.startswith(("texture_", "syncnet_"))}
    assert set(Errors.__dataclass_fields__) == set(evaluation.figures)


def test_tables_show_what_is_known() -> None:
    footage = speaker()
    itself = evaluate_predictor("itself", lambda part: part.vertices, footage)
    still = evaluate_predictor("still", lambda part: np.repeat(footage.neutral[None], 75, axis=0), footage)

    text, markdown = text_table([itself, still]), markdown_table([itself, still])

    assert "correlation of the lip gap" in text
    assert "1.000 [1.000, 1.000]  0.000 [0.000, 0.000]" in text
    assert "| delay against the real, ms | 0.0 [0.0, 0.0] | – |" in markdown
    assert "SSIM" not in text


def test_the_best_frames_are_nearer_than_the_worst() -> None:
    footage = speaker(2)
    late = evaluate_predictor("late", lambda part: np.roll(part.vertices, 3, axis=0), footage)

    best, worst = telling_moments(late, 1), telling_moments(late, -1)

    assert max(moment.error for moment in best) < min(moment.error for moment in worst)
    frames = [moment.frame for moment in worst if moment.take == 0]
    assert all(abs(one - other) >= 12 for one in frames for other in frames if one != other)


@pytest.mark.parametrize("pictures", [False, True])
def test_evaluate_writes_a_page_that_needs_nothing_else(pictures: bool, tmp_path: Path) -> None:
    footage = textured(speaker(2)) if pictures else speaker(2)
    write_clip(tmp_path / "c.clip", footage)
    write_model(tmp_path / "m.lipsync3d", tiny_model())
    page, figures = tmp_path / "page.html", tmp_path / "figures.json"

    code = main(
        [
            "evaluate",
            str(tmp_path / "m.lipsync3d"),
            str(tmp_path / "c.clip"),
            "--html",
            str(page),
            "--json",
            str(figures),
        ]
    )

    text = page.read_text(encoding="utf-8")
    assert code == 0
    assert text.count("<svg") == 2 + 8  # curves, then the best and the worst frames
    assert text.count("<video") == 2  # the middling and the worst sentence
    assert "http" not in text.replace("http://www.w3.org", "")
    assert set(json.loads(figures.read_text())["model"]["delay"]) == {"value", "low", "high"}
