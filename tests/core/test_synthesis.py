"""From a model and a sound to an animation."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lipsync_core.animation import read_animation, write_animation
from lipsync_core.audio.waveform import Waveform
from lipsync_core.errors import AudioError, FormatError
from lipsync_core.face.topology import LOWER_INNER_LIP
from lipsync_core.model import encoders
from lipsync_core.model.model_file import SpeechModel, read_model, write_model
from lipsync_core.synthesis import crisp, synthesize
from lipsync_core.worker import WorkerRequest, run
from tests.conftest import babble


def test_a_sound_gets_one_frame_for_every_frame_time(model: SpeechModel) -> None:
    animation = synthesize(model, babble(2.0), fps=30)

    assert animation.codes.shape == (60, 32)
    assert animation.vertices().shape == (60, 468, 3)


def test_blendshapes_stay_between_zero_and_one(model: SpeechModel, speech: Waveform) -> None:
    blendshapes = synthesize(model, speech).blendshapes

    assert blendshapes.min() >= 0
    assert blendshapes.max() <= 1


def ajar(model: SpeechModel) -> SpeechModel:
    """The same speaker with a chin so low that the lips never come near each other."""
    base = model.base.copy()
    base[list(LOWER_INNER_LIP), 1] -= 100
    return replace(model, base=base)


def test_the_frame_rate_does_not_change_what_is_said_when(model: SpeechModel, speech: Waveform) -> None:
    model = ajar(model)
    slow, fast = synthesize(model, speech, fps=25), synthesize(model, speech, fps=75)

    np.testing.assert_allclose(fast.codes[1::3], slow.codes, atol=1e-5)  # the middle of each three


def test_a_long_track_in_blocks_equals_the_whole(model: SpeechModel, monkeypatch: pytest.MonkeyPatch) -> None:
    speech = babble(4.0)
    whole = synthesize(model, speech)

    monkeypatch.setattr(encoders, "_BLOCK_STEPS", 37)

    np.testing.assert_allclose(synthesize(model, speech).codes, whole.codes, atol=1e-5)


def test_the_recording_level_does_not_matter(model: SpeechModel, speech: Waveform) -> None:
    quiet = Waveform(speech.samples * 0.1, speech.sample_rate)

    np.testing.assert_allclose(synthesize(model, quiet).codes, synthesize(model, speech).codes, atol=1e-3)


def test_a_click_is_too_short_to_speak(model: SpeechModel) -> None:
    with pytest.raises(AudioError, match="too short"):
        synthesize(model, babble(0.01))


def test_progress_only_rises(model: SpeechModel, speech: Waveform) -> None:
    shares: list[float] = []

    synthesize(model, speech, progress=shares.append)

    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_model_file_gives_back_the_model(tmp_path: Path, model: SpeechModel, speech: Waveform) -> None:
    write_model(tmp_path / "m.lipsync3d", model)

    again = read_model(tmp_path / "m.lipsync3d")

    assert again.description == model.description
    np.testing.assert_array_equal(synthesize(again, speech).codes, synthesize(model, speech).codes)


def test_an_animation_file_gives_back_the_animation(tmp_path: Path, model: SpeechModel, speech: Waveform) -> None:
    animation = synthesize(model, speech)

    write_animation(tmp_path / "a.npz", animation)

    again = read_animation(tmp_path / "a.npz")
    np.testing.assert_array_equal(again.vertices(), animation.vertices())
    assert again.blendshape_names == animation.blendshape_names


def test_numpy_alone_reads_a_model(model_path: Path) -> None:
    with np.load(model_path, allow_pickle=False) as stored:
        assert stored["base"].shape == (468, 3)
        assert json.loads(stored["header.json"])["format"] == "lipsync3d-model"


def test_a_text_file_is_not_a_model(tmp_path: Path) -> None:
    path = tmp_path / "letter.lipsync3d"
    path.write_text("Dear model,")

    with pytest.raises(FormatError, match="is not a LipSync3D model"):
        read_model(path)


def test_a_newer_model_asks_for_an_update(tmp_path: Path, model: SpeechModel, monkeypatch: pytest.MonkeyPatch) -> None:
    from lipsync_core.model import model_file

    monkeypatch.setattr(model_file, "MODEL_FORMAT", replace(model_file.MODEL_FORMAT, version=99))
    write_model(tmp_path / "new.lipsync3d", model)
    monkeypatch.undo()

    with pytest.raises(FormatError, match=r"version 99.*update LipSync3D"):
        read_model(tmp_path / "new.lipsync3d")


def test_a_cut_off_model_is_damaged(model_path: Path) -> None:
    content = model_path.read_bytes()
    model_path.write_bytes(content[:200] + b"\0" * 300 + content[500:])

    with pytest.raises(FormatError, match="damaged"):
        read_model(model_path)


def test_nothing_half_written_stays(tmp_path: Path, model: SpeechModel) -> None:
    unwritable = replace(model, encoder_weights={"bad": np.array([object()])})

    with pytest.raises(ValueError, match=r"[Oo]bject arrays"):
        write_model(tmp_path / "m.lipsync3d", unwritable)

    assert list(tmp_path.iterdir()) == []


def test_the_worker_answers_with_progress_and_a_file(tmp_path: Path, model_path: Path, speech: Waveform) -> None:
    np.save(tmp_path / "samples.npy", speech.samples)
    output = tmp_path / "out.npz"
    request = WorkerRequest(str(model_path), str(tmp_path / "samples.npy"), 16_000, 25.0, str(output))
    answers = io.StringIO()

    code = run(request, answers)

    lines = [json.loads(line) for line in answers.getvalue().splitlines()]
    assert code == 0
    assert lines[-1] == {"done": str(output)}
    assert all("progress" in line for line in lines[:-1])
    assert read_animation(output).frame_count == 50


def test_the_worker_says_what_is_wrong(tmp_path: Path, speech: Waveform) -> None:
    np.save(tmp_path / "samples.npy", speech.samples)
    request = WorkerRequest("nowhere.lipsync3d", str(tmp_path / "samples.npy"), 16_000, 25.0, "out.npz")
    answers = io.StringIO()

    code = run(request, answers)

    assert code == 2
    assert "nowhere.lipsync3d" in json.loads(answers.getvalue().splitlines()[-1])["error"]


def test_crispness_deepens_a_short_closure_and_moves_nothing_in_time() -> None:
    seconds = (np.arange(50) + 0.5) / 25
    codes = np.ones((50, 2), np.float32)
    codes[25] = 0.5

    sharper = crisp(codes, seconds, 1.0)

    assert sharper[25].max() < 0.3
    assert sharper[:, 0].argmin() == 25
    np.testing.assert_allclose(sharper[:10], 1, atol=1e-6)
    np.testing.assert_array_equal(crisp(codes, seconds, 0.0), codes)


def test_a_models_crispness_is_kept_in_its_file_and_heard(tmp_path: Path, model: SpeechModel) -> None:
    model = ajar(model)
    write_model(tmp_path / "m.lipsync3d", replace(model, crispness=0.5))

    read = read_model(tmp_path / "m.lipsync3d")

    plain, sharper = synthesize(model, babble()), synthesize(read, babble())
    assert read.crispness == 0.5
    np.testing.assert_allclose(sharper.codes, crisp(plain.codes, plain.times, 0.5), atol=1e-5)
