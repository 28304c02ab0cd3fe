"""Which frame is shown when, and how frames are read in that order and written with their times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lipsync_core.dubbing.timing import Length, schedule

STEADY = np.arange(20) / 25
WAVERING = np.cumsum(np.append(0, np.random.default_rng(1).uniform(0.02, 0.09, 19)))


@pytest.mark.parametrize("seconds", [STEADY, WAVERING], ids=["steady", "wavering"])
@pytest.mark.parametrize("speech", [0.1, 0.79, 2.0, 7.3])
def test_playing_back_and_forth_never_jumps(seconds: np.ndarray, speech: float) -> None:
    plan = schedule(seconds, speech, "loop")

    assert (np.abs(np.diff(plan.frames)) == 1).all()
    assert plan.frames[0] == 0
    assert plan.end >= speech - 1e-6
    assert plan.starts[-1] < speech


def test_times_between_frames_are_the_same_in_both_directions() -> None:
    plan = schedule(WAVERING, 2.5, "loop")

    steps = {(min(a, b), max(a, b)): set() for a, b in zip(plan.frames[:-1], plan.frames[1:], strict=True)}
    for a, b, step in zip(plan.frames[:-1], plan.frames[1:], np.diff(plan.starts), strict=True):
        steps[min(a, b), max(a, b)].add(round(float(step), 6))
    assert all(len(found) == 1 for found in steps.values())


@pytest.mark.parametrize("length", ["loop", "hold"])
def test_a_longer_target_is_cut_where_the_speech_ends(length: Length) -> None:
    plan = schedule(STEADY, 0.4, length)

    assert plan.frames.tolist() == list(range(10))


def test_the_last_frame_is_held_for_the_rest_of_the_speech() -> None:
    plan = schedule(WAVERING, 3.0, "hold")

    assert plan.frames[:20].tolist() == list(range(20))
    assert (plan.frames[20:] == 19).all()
    assert plan.end >= 3.0 - 1e-6


@pytest.mark.parametrize("speech", [0.2, 9.0])
def test_keeping_the_length_shows_every_frame_once(speech: float) -> None:
    plan = schedule(WAVERING, speech, "keep")

    assert plan.frames.tolist() == list(range(20))
    assert np.diff(plan.starts) == pytest.approx(np.diff(WAVERING))


def test_a_frame_shows_the_middle_of_its_time() -> None:
    plan = schedule(STEADY, 0.4, "keep")

    assert plan.middles == pytest.approx((np.arange(20) + 0.5) / 25)


def test_a_single_frame_is_enough_for_any_speech() -> None:
    plan = schedule(np.zeros(1), 1.0, "loop")

    assert set(plan.frames.tolist()) == {0}
    assert plan.end >= 1.0


def test_pictures_come_in_any_order_that_does_not_jump(tmp_path: Path) -> None:
    pytest.importorskip("av")
    from lipsync_core.dubbing import reading
    from tests.core.staged_film import write_pictures

    greys = [np.full((64, 64, 3), 10 * number, np.uint8) for number in range(20)]
    path = write_pictures(tmp_path / "greys.mp4", greys)
    order = schedule(STEADY, 2.6, "loop").frames

    read = list(reading.pictures_in_order(path, STEADY, order))

    assert [round(frame.image.mean() / 10) for frame in read] == order.tolist()


def test_few_pictures_are_kept_while_playing_backwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av")
    from lipsync_core.dubbing import reading
    from tests.core.staged_film import write_pictures

    monkeypatch.setattr(reading, "_BACKWARDS_BYTES", 64 * 64 * 4.5 * 3)
    greys = [np.full((64, 64, 3), 10 * number, np.uint8) for number in range(20)]
    path = write_pictures(tmp_path / "greys.mp4", greys)
    order = np.concatenate([np.arange(20), np.arange(18, -1, -1)]).astype(np.int32)

    read = list(reading.pictures_in_order(path, STEADY, order))

    assert [round(frame.image.mean() / 10) for frame in read] == order.tolist()


@pytest.mark.parametrize("size", [(64, 96), (65, 97)])
def test_a_film_keeps_times_size_and_metadata(tmp_path: Path, size: tuple[int, int]) -> None:
    av = pytest.importorskip("av")
    from lipsync_core.capture.video import read_frames
    from lipsync_core.dubbing.film import FilmForm, ShownPicture, write_film
    from tests.core.staged_film import voice

    picture = np.full((*size, 3), 100, np.uint8)
    shown = [ShownPicture(picture, float(start), float(start) + 0.05) for start in WAVERING]
    form = FilmForm(Fraction(25), matrix=1, primaries=1, transfer=1, aspect=Fraction(4, 3))
    write_film(tmp_path / "film.mp4", shown, voice(1.0), form, {"comment": "synthetic", "model": "nobody"})

    frames = list(read_frames(tmp_path / "film.mp4"))
    with av.open(str(tmp_path / "film.mp4")) as container:
        stream = container.streams.video[0]
        metadata = dict(container.metadata)
        matrix, aspect = stream.codec_context.colorspace, stream.sample_aspect_ratio
    assert metadata["model"] == "nobody"
    assert (matrix, aspect) == (1, Fraction(4, 3))
    assert [frame.seconds for frame in frames] == pytest.approx(WAVERING, abs=2e-3)
    assert frames[0].image.shape == (64 + size[0] % 2 * 2, 96 + size[1] % 2 * 2, 3)
    assert frames[3].image.mean() == pytest.approx(100, abs=2)


def test_what_is_outside_the_change_keeps_its_own_planes(tmp_path: Path) -> None:
    pytest.importorskip("av")
    from lipsync_core.capture.video import read_frames
    from lipsync_core.dubbing.film import FilmForm, ShownPicture, write_film
    from tests.core.staged_film import voice

    planes = np.random.default_rng(0).integers(60, 180, (96, 64), dtype=np.uint8)
    planes[:] = planes.mean()
    image = np.zeros((64, 64, 3), np.uint8)  # says black all over, but changed only in a corner
    shown = [
        ShownPicture(image, number / 25, (number + 1) / 25, planes, (slice(0, 21), slice(0, 13))) for number in range(5)
    ]
    write_film(tmp_path / "film.mp4", shown, voice(0.2), FilmForm(), {})

    frame = next(read_frames(tmp_path / "film.mp4", planes=True))
    assert frame.planes is not None
    assert np.abs(frame.planes[30:64].astype(int) - planes[30:64]).max() <= 2
    assert frame.planes[:18, :10].max() < 25


@pytest.mark.parametrize("matrix", [1, 2, 5, 6, 9])
def test_colours_come_back_whatever_the_coding_of_the_source(tmp_path: Path, matrix: int) -> None:
    pytest.importorskip("av")
    from lipsync_core.capture.video import read_frames
    from lipsync_core.dubbing.film import FilmForm, ShownPicture, read_form, write_film
    from tests.core.staged_film import voice

    skin = np.broadcast_to(np.array([200, 120, 80], np.uint8), (64, 64, 3)).copy()
    write_film(tmp_path / "film.mp4", [ShownPicture(skin, 0.0, 0.04)], voice(0.1), FilmForm(matrix=matrix), {})

    frame = next(iter(read_frames(tmp_path / "film.mp4")))
    assert read_form(tmp_path / "film.mp4").matrix == matrix
    assert np.abs(frame.image.astype(int) - skin).max() <= 4
