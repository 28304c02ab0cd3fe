"""The whole road on the virtual speaker, whose every frame is known: film, track, train, say something new."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("mediapipe")
pytest.importorskip("espeakng_loader")

from lipsync_core.capture.clip import Clip, read_clip  # noqa: E402
from lipsync_core.face.basis import arkit_basis  # noqa: E402
from lipsync_core.face.mouth import lip_gap, mouth_width  # noqa: E402
from lipsync_core.face.topology import generic_face  # noqa: E402
from lipsync_core.model.model_file import SpeechModel, read_model  # noqa: E402
from lipsync_core.synthesis import synthesize  # noqa: E402
from training.cli import main  # noqa: E402
from training.virtual_speaker.comparison import compare_speech, compare_tracking  # noqa: E402
from training.virtual_speaker.sentences import HELD_OUT_SENTENCES, TRAINING_SENTENCES  # noqa: E402
from training.virtual_speaker.speaker import (  # noqa: E402
    VirtualSpeakerTruth,
    read_truth,
    record_virtual_speaker,
    truth_path,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("road")
    record_virtual_speaker(path / "footage.mp4", TRAINING_SENTENCES[:14], seed=1)
    record_virtual_speaker(path / "unseen.mp4", HELD_OUT_SENTENCES[:1], seed=2)
    assert main(["prepare", str(path / "footage.mp4"), "-o", str(path / "footage.clip")]) == 0
    like = ["--like", str(path / "footage.clip")]
    assert main(["prepare", str(path / "unseen.mp4"), "-o", str(path / "unseen.clip"), *like]) == 0
    return path


@pytest.fixture(scope="module")
def truth(folder: Path) -> VirtualSpeakerTruth:
    return read_truth(truth_path(folder / "footage.mp4"))


@pytest.fixture(scope="module")
def model(folder: Path) -> SpeechModel:
    run, path = str(folder / "run"), folder / "m.lipsync3d"
    assert main(["train", str(folder / "footage.clip"), "-o", run, "--set", "data.held_out=0"]) == 0
    assert main(["export", run, "-o", str(path)]) == 0
    return read_model(path)


@pytest.fixture(scope="module")
def unseen(folder: Path) -> Clip:
    return read_clip(folder / "unseen.clip")


def test_the_tracked_lips_do_what_the_true_ones_do(folder: Path, truth: VirtualSpeakerTruth) -> None:
    figures = compare_tracking(read_clip(folder / "footage.clip").takes[0], truth)

    assert figures.gap_correlation >= 0.96  # rounded lips, which nearly meet, are followed less well than open ones


def test_the_upper_face_holds_still_while_the_head_turns(folder: Path, truth: VirtualSpeakerTruth) -> None:
    figures = compare_tracking(read_clip(folder / "footage.clip").takes[0], truth)

    assert figures.largest_turn > 12  # degrees
    assert figures.upper_face_motion <= 0.5  # percent of the eye distance


def test_an_unseen_sentence_is_said_from_sound_alone(folder: Path, model: SpeechModel, unseen: Clip) -> None:
    figures = compare_speech(model, unseen.takes[0], read_truth(truth_path(folder / "unseen.mp4")))

    # with half of the demo's footage; the sums of a training differ from machine to machine
    assert figures.gap_correlation > 0.85
    assert figures.nearly > figures.closures / 2
    assert figures.closed > figures.closures / 4


def test_another_face_closes_with_the_blendshapes(model: SpeechModel, unseen: Clip) -> None:
    animation = synthesize(model, unseen.takes[0].waveform)
    other = arkit_basis(generic_face())

    gap = lip_gap(other.apply(animation.blendshapes)) / mouth_width(other.neutral)

    closed = lip_gap(animation.vertices()) / mouth_width(model.neutral) < 0.03
    assert closed.sum() > 10
    assert np.median(gap[closed]) < 0.08


def test_in_silence_the_mouth_rests(model: SpeechModel, unseen: Clip) -> None:
    animation = synthesize(model, unseen.takes[0].waveform)

    gap = lip_gap(animation.vertices()) / mouth_width(model.neutral)

    assert gap[:5].max() < 0.08  # before the sentence
    assert gap[-5:].max() < 0.08  # after it
