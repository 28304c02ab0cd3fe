"""A benchmark's dubs: films of the test with their own sound, and the tail of a film as a film."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("av")

from lipsync_core.audio.decoding import decode_sound
from lipsync_core.capture.video import read_frames
from lipsync_core.progress import ignore_progress
from tests.core.staged_film import StagedFilm, stage, staged_model
from training.benchmark.dubs import DUB_PREFIX, dub_figures, dub_measures, evenly, write_tail


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> StagedFilm:
    return stage(tmp_path_factory.mktemp("films") / "target.mp4", frames=16)


def test_the_tail_of_a_film_shows_what_the_film_shows_at_its_end(film: StagedFilm, tmp_path: Path) -> None:
    write_tail(film.path, 0.5, tmp_path / "tail.mp4")

    whole, tail = (list(read_frames(path)) for path in (film.path, tmp_path / "tail.mp4"))
    assert len(tail) == 7  # how long the last picture is shown is not known
    assert tail[0].seconds == pytest.approx(0, abs=1e-3)
    for late, early in zip(whole[8:], tail, strict=False):
        assert np.abs(late.image.astype(int) - early.image).mean() < 4


def test_the_tail_of_a_film_has_its_sound(film: StagedFilm, tmp_path: Path) -> None:
    write_tail(film.path, 0.5, tmp_path / "tail.mp4")

    whole, tail = decode_sound(film.path), decode_sound(tmp_path / "tail.mp4")
    lost = len(whole.channels) / whole.sample_rate - len(tail.channels) / tail.sample_rate
    assert lost == pytest.approx(8 / 25, abs=0.05)


def test_dubs_are_held_against_their_films(film: StagedFilm, tmp_path: Path) -> None:
    figures = dub_figures(staged_model(), [film.path], tmp_path, film.tracker, ignore_progress)

    assert set(figures) == set(dub_measures())
    assert 0.5 < figures[DUB_PREFIX + "similarity"].value < 1
    assert figures[DUB_PREFIX + "mouth_similarity"].value < figures[DUB_PREFIX + "similarity"].value
    assert (tmp_path / "target.mp4").is_file()


def test_films_are_chosen_over_the_whole_test() -> None:
    films = [Path(f"{number}.mp4") for number in range(40)]

    chosen = evenly(films, 5)

    assert chosen[0] == films[0]
    assert chosen[-1] == films[-1]
    assert len(set(chosen)) == 5
    assert evenly(films[:3], 5) == films[:3]
