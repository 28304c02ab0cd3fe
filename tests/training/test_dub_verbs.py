"""`dub`, `head` and `compare` as they are typed, and what they print for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("mediapipe")

from lipsync_core.audio.waveform import write_wav
from lipsync_core.dubbing.provenance import read_provenance
from lipsync_core.model.model_file import write_model
from tests.conftest import babble
from tests.core.staged_film import KnowingTracker, StagedFilm, stage, staged_model
from training.cli import main
from training.dub_evaluation import LIP_MARKS, compare_films
from training.verbs import given


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dub")
    write_model(path / "m.lipsync3d", staged_model())
    write_wav(path / "speech.wav", babble(0.4))
    return path


@pytest.fixture(scope="module")
def film(folder: Path) -> StagedFilm:
    return stage(folder / "target.mp4", frames=12)


@pytest.fixture
def known_face(film: StagedFilm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given, "tracker", lambda landmarker: film.tracker)


@pytest.mark.usefixtures("known_face")
def test_dub_tells_a_program_how_far_it_is_and_what_came_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(folder / name) for name in ("m.lipsync3d", "target.mp4", "speech.wav")]

    assert main(["dub", *files, "-o", str(folder / "out.mp4"), "--json-progress"]) == 0

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    shares = [line["progress"] for line in lines[:-1]]
    assert shares == sorted(shares)
    assert lines[-1]["done"] == str(folder / "out.mp4")
    assert lines[-1]["report"]["frames"] == 10
    assert read_provenance(folder / "out.mp4") is not None


@pytest.mark.usefixtures("known_face")
def test_a_fault_is_told_to_a_program_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(folder / name) for name in ("m.lipsync3d", "target.mp4", "none.wav")]

    assert main(["dub", *files, "-o", str(folder / "none.mp4"), "--json-progress"]) == 2

    assert "no sound file" in json.loads(capsys.readouterr().out.splitlines()[-1])["error"]
    assert not (folder / "none.mp4").exists()


def test_a_model_without_consent_is_warned_of(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = [str(folder / "m.lipsync3d"), str(folder / "speech.wav")]

    assert main(["head", *files, "-o", str(folder / "head.mp4"), "--side", "96"]) == 0

    assert "nobody's consent is stated" in caplog.text


def test_a_film_is_its_own_perfect_dub(film: StagedFilm) -> None:
    errors = compare_films(film.path, film.path, KnowingTracker(list(film.points)), every=4)

    assert errors.similarity == errors.mouth_similarity == 1
    assert errors.landmarks == 0
    assert errors.flicker == 1
    assert errors.sharpness == errors.filmed_sharpness


def test_another_mouth_is_further_away(film: StagedFilm, tmp_path: Path) -> None:
    other = stage(tmp_path / "other.mp4", frames=12, turn=11.0)
    both = [*film.points, *(other.points * (1, 1.01, 1))]

    class InTurn(KnowingTracker):
        def restart(self) -> None:
            pass  # it sees one film after the other

    errors = compare_films(film.path, other.path, InTurn(both), every=4)

    assert errors.landmarks > 0
    assert errors.similarity < 1


def test_the_marks_of_the_mouth_are_twenty() -> None:
    assert len(set(LIP_MARKS)) == 20
