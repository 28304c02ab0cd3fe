"""SyncNet's protocol, held against rigged and random networks: its weights are not ours to give."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")
pytest.importorskip("cv2")
pytest.importorskip("av")

from lipsync_core.audio.waveform import Waveform  # noqa: E402
from lipsync_core.capture.clip import write_clip  # noqa: E402
from lipsync_core.errors import FormatError, VideoError  # noqa: E402
from lipsync_core.face.topology import FACE_OVAL  # noqa: E402
from lipsync_core.model.model_file import write_model  # noqa: E402
from tests.conftest import babble  # noqa: E402
from tests.core.staged_film import KnowingTracker, StagedFilm, calm_model, stage, staged_clip  # noqa: E402
from training.cli import main  # noqa: E402
from training.judges.face_crops import cut_faces, evenly, face_boxes, filmed_face  # noqa: E402
from training.judges.mfcc import mel_cepstra  # noqa: E402
from training.judges.syncnet import (  # noqa: E402
    FRAME_RATE,
    SyncNet,
    from_distances,
    judge_synchrony,
    read_syncnet,
    shifted_distances,
)
from training.measures.lip_sync import filmed_head, painted_head  # noqa: E402
from training.verbs import given  # noqa: E402

RATE = 16_000


@pytest.fixture(scope="module")
def network() -> SyncNet:
    torch.manual_seed(0)
    return SyncNet().eval()


@pytest.fixture(scope="module")
def weights(network: SyncNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("syncnet") / "syncnet_v2.model"
    torch.save(network.state_dict(), path)
    return path


class Loudness(SyncNet):
    """A rigged network: it embeds how bright a picture is, and how loud its sound."""

    def embed_faces(self, pictures: torch.Tensor) -> torch.Tensor:
        brightness = pictures.mean(dim=(0, 2, 3))
        return brightness.unfold(0, 5, 1) / 10

    def embed_sounds(self, cepstra: torch.Tensor) -> torch.Tensor:
        return cepstra[:, 0].unflatten(1, (5, 4)).mean(dim=2)


def flashing(pictures: int, late: int = 0) -> tuple[list[np.ndarray], Waveform]:
    """Pictures as bright as their sound is loud, so many of them later than it."""
    levels = np.random.default_rng(2).uniform(0.5, 1.0, pictures)
    samples = np.random.default_rng(3).normal(size=(pictures, RATE // FRAME_RATE)) * 0.1 * levels[:, None] ** 4
    sound = Waveform(samples.ravel().astype(np.float32), RATE)
    loud = mel_cepstra(sound)[:, 0]
    bright = np.clip(10 * np.pad(loud, (0, 4), mode="edge")[: 4 * pictures].reshape(-1, 4).mean(axis=1), 0, 255)
    shown = np.roll(bright, late)
    return [np.full((224, 224, 3), np.uint8(value), np.uint8) for value in shown], sound


def tone(hertz: float, level: float = 0.5) -> Waveform:
    return Waveform((level * np.sin(2 * np.pi * hertz * np.arange(RATE // 2) / RATE)).astype(np.float32), RATE)


def test_a_tone_has_the_coefficients_of_python_speech_features() -> None:
    known = [20.4996, 26.0436, 9.4326, -7.5629, -21.881, -29.1958, -25.879, -15.1937, -0.21, 12.4969, 19.968]

    column = mel_cepstra(tone(440))[3]

    assert column[:11] == pytest.approx(known, abs=1e-3)
    assert len(column) == 13


def test_a_column_comes_every_ten_milliseconds() -> None:
    for samples, columns in ((300, 1), (400, 1), (401, 2), (560, 2), (16_000, 99)):
        assert mel_cepstra(Waveform(np.ones(samples, np.float32) / 10, RATE)).shape == (columns, 13)


def test_a_sound_of_twice_the_level_differs_in_energy_alone() -> None:
    soft, loud = (mel_cepstra(Waveform(level * babble(1.0).samples, RATE)) for level in (0.25, 0.5))

    busy = soft[:, 0] > 12  # louder than the rounding to 16 bits
    assert loud[busy, 0] - soft[busy, 0] == pytest.approx(np.full(busy.sum(), np.log(4)), abs=0.02)
    assert np.abs(loud - soft)[busy, 1:].max() < 0.6


def test_silence_has_coefficients_too() -> None:
    assert np.isfinite(mel_cepstra(Waveform(np.zeros(RATE, np.float32), RATE))).all()


def test_another_sample_rate_is_heard_alike() -> None:
    speech = babble(1.0)

    difference = mel_cepstra(speech.at_rate(48_000)) - mel_cepstra(speech)

    assert np.abs(difference[:95, 0]).mean() < 0.1


def test_every_five_pictures_and_every_fifth_of_a_second_have_an_embedding(network: SyncNet) -> None:
    with torch.inference_mode():
        faces, sounds = network.embed_faces(torch.rand(3, 7, 224, 224)), network.embed_sounds(torch.rand(4, 13, 20))

    assert faces.shape == (3, 1024)
    assert sounds.shape == (4, 1024)


def test_five_pictures_are_seen_alike_in_whatever_stretch(network: SyncNet) -> None:
    pictures = 255 * torch.rand(3, 7, 224, 224)

    with torch.inference_mode():
        together, alone = network.embed_faces(pictures)[2], network.embed_faces(pictures[:, 2:])[0]

    assert torch.allclose(together, alone, atol=1e-5)
    assert together.std() > 0


def test_the_names_of_the_weights_are_those_of_the_published_file(network: SyncNet) -> None:
    shapes = {name: tuple(values.shape) for name, values in network.state_dict().items()}

    assert {name.split(".")[0] for name in shapes} == {"netcnnaud", "netfcaud", "netcnnlip", "netfclip"}
    assert shapes["netcnnaud.18.weight"] == (512, 256, 5, 4)
    assert shapes["netcnnlip.0.weight"] == (96, 3, 5, 7, 7)
    assert shapes["netcnnlip.18.weight"] == (512, 256, 1, 6, 6)
    assert shapes["netfclip.3.weight"] == shapes["netfcaud.3.weight"] == (1024, 512)


@pytest.mark.parametrize("old", [False, True])
def test_weights_are_read_as_they_were_written_also_by_an_old_torch(
    old: bool, network: SyncNet, tmp_path: Path
) -> None:
    path, state = tmp_path / "syncnet_v2.model", network.state_dict()
    if old:
        state = {name: values for name, values in state.items() if not name.endswith("num_batches_tracked")}
    torch.save(state, path, _use_new_zipfile_serialization=not old)

    read = read_syncnet(path).state_dict()

    assert all(torch.equal(read[name], values) for name, values in state.items())


def test_a_missing_file_of_weights_is_told(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no file with SyncNet's weights"):
        read_syncnet(tmp_path / "none.model")


def test_foreign_files_are_no_weights(network: SyncNet, tmp_path: Path) -> None:
    text, other, partial, whole = (tmp_path / name for name in ("text", "other", "partial", "whole"))
    text.write_text("these are no weights")
    torch.save({"layer.weight": torch.zeros(3)}, other)
    torch.save({name: values for name, values in network.state_dict().items() if "netfclip" not in name}, partial)
    torch.save(network, whole)  # a pickle that could run anything

    for path in (text, other, partial, whole):
        with pytest.raises(FormatError, match="does not hold the weights of SyncNet"):
            read_syncnet(path)


@pytest.mark.parametrize("late", [-3, 0, 4])
def test_the_offset_is_how_much_later_the_picture_is_than_the_sound(late: int) -> None:
    faces, sound = flashing(80, late)

    said = judge_synchrony(Loudness().eval(), faces, sound, "flashes")

    assert said.offset == late
    assert said.lse_c > 1


def test_pictures_that_go_with_the_sound_are_nearer_and_surer() -> None:
    faces, sound = flashing(80)
    others = [faces[i] for i in np.random.default_rng(5).permutation(80)]

    together, apart = (judge_synchrony(Loudness().eval(), each, sound, "flashes") for each in (faces, others))

    assert together.lse_d < 0.5 * apart.lse_d
    assert together.lse_c > 1.5 * apart.lse_c


def test_beyond_the_ends_a_mouth_is_held_against_zeros() -> None:
    seen, heard = torch.randn(6, 8), torch.randn(6, 8)

    distances = shifted_distances(seen, heard)

    assert distances.shape == (6, 31)
    assert torch.allclose(distances[:, 0], seen.norm(dim=1), atol=1e-4)
    assert torch.allclose(distances[:, 15], (seen - heard).norm(dim=1), atol=1e-4)
    assert torch.allclose(distances[0, 17], (seen[0] - heard[2]).norm(), atol=1e-4)


def test_the_errors_are_the_least_mean_distance_and_how_far_the_median_is_above_it() -> None:
    mean = torch.full((31,), 9.0)
    mean[18] = 6.5

    said = from_distances(torch.stack([mean - 1, mean + 1]))

    assert (said.lse_d, said.lse_c, said.offset) == (6.5, 2.5, -3)


def test_a_sound_shorter_than_its_pictures_ends_the_measurement(network: SyncNet) -> None:
    faces = [np.full((224, 224, 3), 9 * number, np.uint8) for number in range(12)]
    sound = babble(8 / FRAME_RATE)

    whole, cut = (judge_synchrony(network, each, sound, "film") for each in (faces, faces[:8]))

    assert whole.lse_d == pytest.approx(cut.lse_d, rel=1e-5)


def test_what_is_too_short_is_told(network: SyncNet) -> None:
    with pytest.raises(VideoError, match=r"film\.mp4 is too short"):
        judge_synchrony(network, [np.zeros((224, 224, 3), np.uint8)] * 5, babble(1.0), "film.mp4")


@pytest.mark.parametrize(("fps", "expected"), [(25, [0, 1, 2, 3, 4]), (50, [0, 2]), (12.5, [0, 0, 1, 2, 2])])
def test_every_rate_becomes_25_pictures_a_second(fps: float, expected: list[int]) -> None:
    order = evenly(7.0 + np.arange(5) / fps)

    assert len(order) == round(5 / fps * 25)
    assert order[: len(expected)].tolist() == expected


def test_pictures_at_30_a_second_are_shown_when_they_were() -> None:
    seconds = np.arange(90) / 30

    shown = seconds[evenly(seconds)]

    assert len(shown) == 75
    assert np.abs(shown - np.arange(75) / 25).max() <= 0.5 / 30 + 1e-9


def boxed(middle: tuple[float, float], half: float, frames: int = 20) -> np.ndarray:
    """`(T, 468, 2)` points whose outline fills a square."""
    points = np.full((frames, 468, 2), middle, np.float64)
    points[:, FACE_OVAL[0]] -= half
    points[:, FACE_OVAL[1]] += half
    return points


def test_a_crop_reaches_further_below_the_face_than_above_it() -> None:
    picture = np.zeros((300, 400, 3), np.uint8)
    picture[100:200, 150:250] = 255  # the face
    boxes = face_boxes(boxed((200, 150), 50))

    face = next(cut_faces([picture] * 20, replace(boxes, middle=boxes.middle[:20])))[..., 0] > 127

    rows, columns = np.flatnonzero(face.any(axis=1)), np.flatnonzero(face.any(axis=0))
    assert face.shape == (224, 224)
    assert (rows[0], rows[-1] + 1) == pytest.approx((0, 224 / 1.4), abs=2)
    assert (columns[0], columns[-1] + 1) == pytest.approx((112 - 80, 112 + 80), abs=2)


def test_beyond_the_picture_a_crop_is_grey() -> None:
    white = np.full((120, 120, 3), 255, np.uint8)

    face = next(cut_faces([white], face_boxes(boxed((60, 80), 40, frames=1))))

    assert (face[:100, 112] == 255).all()
    assert (face[-20:] == 110).all()


def test_one_wild_frame_does_not_move_the_box() -> None:
    points = boxed((200, 150), 50, frames=40)
    points[20] += 60

    boxes = face_boxes(points)

    assert boxes.middle[20] == pytest.approx([200, 150])
    assert boxes.reach[20] == 50


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> StagedFilm:
    return stage(tmp_path_factory.mktemp("film") / "film.mp4", frames=14)


def test_a_face_is_cut_out_of_a_film_with_its_sound(film: StagedFilm) -> None:
    cut = filmed_face(film.path, film.tracker)
    faces = list(cut.faces)

    assert len(faces) == 14
    assert {face.shape for face in faces} == {(224, 224, 3)}
    assert cut.sound.duration == pytest.approx(14 / 25, abs=0.05)


def test_the_painted_and_the_filmed_head_are_seen_alike() -> None:
    footage, still = staged_clip(), replace(calm_model(), shapes=np.zeros_like(calm_model().shapes))
    resting = replace(footage.takes[0], vertices=np.repeat(footage.neutral[None], 12, axis=0))
    assert footage.reference is not None
    assert still.texture is not None

    painted = list(painted_head(still, still.texture, resting))
    filmed = list(filmed_head(footage, footage.reference, still.texture, resting))

    assert len(painted) == len(filmed) == 12
    changed = np.abs(np.stack(painted).astype(int) - np.stack(filmed)).mean(axis=(0, 3))
    assert changed[:60].max() == 0  # the forehead, where nothing speaks
    assert changed[90:130, 90:130].mean() > 5
    assert not (filmed[0] == 110).all(axis=-1).any()  # the whole crop lies in the drawn picture


def test_compare_asks_syncnet_about_both_films(
    film: StagedFilm, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given, "tracker", lambda landmarker: KnowingTracker(list(film.points)))
    figures = tmp_path / "figures.json"

    options = ["--syncnet", str(weights), "--json", str(figures), "--every", "14"]
    code = main(["compare", str(film.path), str(film.path), *options])

    said = json.loads(figures.read_text())
    assert code == 0
    assert said["syncnet_lse_d"] == said["syncnet_filmed_lse_d"] > 0
    assert {"syncnet_lse_c", "syncnet_offset", "syncnet_filmed_lse_c", "syncnet_filmed_offset"} <= set(said)


def test_evaluate_asks_syncnet_about_the_models_head_and_the_filmed_one(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_clip(tmp_path / "c.clip", staged_clip())
    write_model(tmp_path / "m.lipsync3d", calm_model())
    files = [str(tmp_path / name) for name in ("m.lipsync3d", "c.clip")]

    code = main(["evaluate", *files, "--syncnet", str(weights), "--json", str(tmp_path / "f.json")])

    said = json.loads((tmp_path / "f.json").read_text())["model"]
    assert code == 0
    assert said["syncnet_lse_d"]["value"] > 0
    assert said["syncnet_filmed_lse_d"]["value"] > 0
    assert "LSE-C (SyncNet)" in capsys.readouterr().out


def test_missing_weights_are_told_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["compare", "a.mp4", "b.mp4", "--syncnet", str(tmp_path / "none")])

    assert code == 2
    assert "SyncNet's weights" in capsys.readouterr().err
