"""A run from clip to model, on a speaker whose mouth opens as loud as he is."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lipsync_core.audio.features import FeatureSpec, hear  # noqa: E402
from lipsync_core.audio.waveform import write_wav  # noqa: E402
from lipsync_core.capture.clip import Clip, write_clip  # noqa: E402
from lipsync_core.face.arkit import arkit_index  # noqa: E402
from lipsync_core.face.topology import LOWER_INNER_LIP  # noqa: E402
from lipsync_core.model.model_file import read_model  # noqa: E402
from tests.conftest import REPOSITORY, babble  # noqa: E402
from tests.core.test_clip import clip, take  # noqa: E402
from training.checkpoint import read_checkpoint  # noqa: E402
from training.cli import main  # noqa: E402
from training.config import TrainingConfig, read_config  # noqa: E402
from training.measures.lips import closure_frames, measure  # noqa: E402
from training.measures.predictors import mean_predictor, ridge_predictor  # noqa: E402
from training.trainer import train  # noqa: E402

QUICK = ["model.width=32", "optimizer.least_steps=150", "optimizer.passes=1", "optimizer.averaging=0.9"]


def loud_mouthed_clip(takes: int = 4, seconds: float = 4.0) -> Clip:
    """A speaker whose lower lip drops with the loudness of what he says."""
    made = []
    for seed in range(takes):
        frames = round(25 * seconds)
        speech = babble(seconds, seed)
        quiet = take(frames, seed)
        heard = hear(speech, quiet.seconds, FeatureSpec())
        loudness = heard.features.mean(1)[np.rint(heard.columns).astype(int)]
        opening = np.clip((loudness - np.median(loudness)) / 20, 0, 1)
        vertices = np.repeat(clip().neutral[None], frames, axis=0)
        vertices[:, list(LOWER_INNER_LIP), 1] -= opening[:, None]
        blendshapes = np.zeros((frames, 52), np.float32)
        blendshapes[:, arkit_index("jawOpen")] = opening
        made.append(
            replace(
                quiet,
                vertices=vertices,
                blendshapes=blendshapes,
                detected=np.ones(frames, bool),
                waveform=speech,
            )
        )
    return clip(*made)


@pytest.fixture(scope="module")
def clip_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "loud.clip"
    write_clip(path, loud_mouthed_clip())
    return path


@pytest.fixture(scope="module")
def run_folder(clip_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "loud"
    settings = [part for setting in QUICK for part in ("--set", setting)]
    assert main(["train", str(clip_path), "-o", str(folder), "--device", "cpu", *settings]) == 0
    return folder


def test_training_learns_what_the_mouth_does(run_folder: Path) -> None:
    errors = json.loads((run_folder / "held_out.json").read_text())

    assert errors["gap_correlation"] > 0.9


def test_the_log_shows_the_loss_falling(run_folder: Path) -> None:
    losses = [json.loads(line)["loss"] for line in (run_folder / "log.jsonl").read_text().splitlines()]

    assert len(losses) == 3
    assert losses[-1] < losses[0]


def test_an_exported_model_says_what_it_is(run_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "loud.lipsync3d"

    assert main(["export", str(run_folder), "-o", str(output), "--notes", "a test"]) == 0

    description = read_model(output).description
    assert description.speaker == "nobody"
    assert description.training_seconds == pytest.approx(14.4)  # 90 % of four takes of 4 s
    assert description.held_out["gap_correlation"] > 0.9
    assert description.notes == "a test"


def test_a_stopped_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    config = read_config(None, [*QUICK[:1], "optimizer.least_steps=12", "optimizer.passes=0"])
    footage = loud_mouthed_clip(2)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        folder.mkdir()

    def stop_half_way(share: float) -> None:
        if share >= 0.5:
            raise KeyboardInterrupt

    device = torch.device("cpu")
    train(footage, config, whole, device=device)
    with pytest.raises(KeyboardInterrupt):
        train(footage, config, parts, device=device, progress=stop_half_way)
    stopped_at = read_checkpoint(parts).step
    train(footage, config, parts, device=device, resume=True)

    assert stopped_at == 6
    assert read_checkpoint(parts).step == 12
    for name, value in read_checkpoint(whole).average.items():
        torch.testing.assert_close(read_checkpoint(parts).average[name], value, atol=1e-5, rtol=1e-3)


def test_animate_writes_a_live_link_take(run_folder: Path, tmp_path: Path) -> None:
    model, sound, output = tmp_path / "m.lipsync3d", tmp_path / "s.wav", tmp_path / "take.csv"
    main(["export", str(run_folder), "-o", str(model)])
    write_wav(sound, babble(1.0, 9))

    assert main(["animate", str(model), str(sound), "-o", str(output), "--fps", "30"]) == 0

    header, *rows = output.read_text().splitlines()
    assert header.split(",")[:3] == ["Timecode", "BlendshapeCount", "EyeBlinkLeft"]
    assert len(rows) == 30
    jaw = header.split(",").index("JawOpen")
    assert max(float(row.split(",")[jaw]) for row in rows) > 0.05


def test_animate_follows_the_phones_beside_the_sound_unless_told_otherwise(
    tmp_path: Path, model_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wav(tmp_path / "s.wav", babble(1.0, 9))
    (tmp_path / "s.txt").write_text("0.2 0.5 m\n0.5 0.9 a\n", encoding="utf-8")
    (tmp_path / "other.lab").write_text("0.2 0.5 m\n", encoding="utf-8")

    def remark(*options: str) -> str:
        command = ["animate", str(model_path), str(tmp_path / "s.wav"), "-o", str(tmp_path / "take.csv"), *options]
        assert main(command) == 0
        return capsys.readouterr().out.strip().splitlines()[-1]

    assert remark() == "s.txt is followed: 2 phones."
    assert remark("--text", str(tmp_path / "other.lab")) == "other.lab is followed: 1 phone."
    assert remark("--no-text").endswith("frames a second")
    assert main(["animate", str(model_path), str(tmp_path / "s.wav"), "-o", "o.csv", "--text", "gone.txt"]) == 2
    assert "There is no file at gone.txt" in capsys.readouterr().err


def test_evaluate_compares_with_a_regression(run_folder: Path, clip_path: Path, tmp_path: Path) -> None:
    model, figures = tmp_path / "m.lipsync3d", tmp_path / "f.json"
    main(["export", str(run_folder), "-o", str(model)])

    code = main(
        [
            "evaluate",
            str(model),
            str(clip_path),
            "--tail",
            "0.2",
            "--against",
            str(clip_path),
            "--json",
            str(figures),
        ]
    )

    assert code == 0
    rows = json.loads(figures.read_text())
    assert set(rows) == {"model", "ridge regression", "mean face"}
    assert rows["model"]["mean_lip_error"]["value"] < rows["mean face"]["mean_lip_error"]["value"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "nowhere.clip", "-o", "run"], "There is no clip file at nowhere.clip"),
        (["evaluate", "nowhere.lipsync3d", "nowhere.clip"], "There is no model file"),
        (["export", "nowhere", "-o", "m.lipsync3d"], "nowhere holds no checkpoint"),
        (["export", "nowhere", "-o", "m.model"], "should end in .lipsync3d"),
        (["animate", "nowhere.lipsync3d", "a.wav", "-o", "o.csv"], "There is no model file"),
        (["animate", "nowhere.lipsync3d", "a.wav", "-o", "o.txt"], "should end in .csv"),
        (["prepare", "nowhere.mp4", "-o", "c.clip"], "There is no sound file at nowhere.mp4"),
    ],
)
def test_a_mistake_is_one_sentence_and_an_exit_code(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if arguments[0] == "prepare":
        pytest.importorskip("mediapipe")

    code = main(arguments)

    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert code == 2
    assert sentence in message
    assert list(tmp_path.iterdir()) == []  # nothing half-written


def test_training_needs_torch_numpy_and_scipy_alone(clip_path: Path, tmp_path: Path) -> None:
    absent = ("tqdm", "av", "cv2", "mediapipe", "librosa", "skimage", "onnxruntime", "numba", "bpy", "matplotlib")
    settings = [part for setting in (*QUICK, "optimizer.least_steps=3") for part in ("--set", setting)]
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({absent})); from training.cli import main; "
        f"sys.exit(main({['train', str(clip_path), '-o', str(tmp_path / 'run'), '--device', 'cpu', *settings]!r}))"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "training: 100 %" in done.stderr


def test_too_little_footage_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_clip(tmp_path / "short.clip", clip(take(20)))

    code = main(["train", str(tmp_path / "short.clip"), "-o", str(tmp_path / "run")])

    assert code == 2
    assert not (tmp_path / "run").exists()
    assert "training needs some minutes" in capsys.readouterr().err


def test_a_perfect_predictor_has_no_error() -> None:
    footage = loud_mouthed_clip(1)

    errors = measure(lambda part: part.vertices, footage)

    assert errors.gap_correlation == pytest.approx(1)
    assert errors.mean_lip_error == 0
    assert errors.closure_recall == 1


def test_a_regression_beats_the_mean_face() -> None:
    first, last = loud_mouthed_clip().split_tail(0.25)

    ridge, mean = (measure(make(first), last) for make in (ridge_predictor, mean_predictor))

    assert ridge.mean_lip_error < 0.7 * mean.mean_lip_error


def test_closures_are_found_between_openings() -> None:
    gap = np.array([0.2, 0.2, 0.01, 0.01, 0.2, 0.3, 0.02, 0.2, 0.01])

    assert list(closure_frames(gap, 0.04)) == [2, 6]  # the last one never opens again


def test_defaults_are_the_track_encoder() -> None:
    assert TrainingConfig().model.encoder == "track"
