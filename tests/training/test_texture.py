"""The texture from pictures to a model that paints: unrolled, measured, taught, exported, compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")

from lipsync_core.animation import animation_from_codes  # noqa: E402
from lipsync_core.audio.features import FeatureSpec, hear  # noqa: E402
from lipsync_core.audio.waveform import Waveform  # noqa: E402
from lipsync_core.capture.alignment import HeadMotion  # noqa: E402
from lipsync_core.capture.clip import Clip, ReferenceAtlas, Take, write_clip  # noqa: E402
from lipsync_core.capture.normalisation import NormalisedFace  # noqa: E402
from lipsync_core.capture.unrolling import UnrolledFrames, picture_points, unroll  # noqa: E402
from lipsync_core.errors import ConfigError  # noqa: E402
from lipsync_core.face.basis import arkit_basis  # noqa: E402
from lipsync_core.face.topology import face_triangles  # noqa: E402
from lipsync_core.model.model_file import ModelDescription, SpeechModel, read_model, write_model  # noqa: E402
from lipsync_core.model.runtimes import Runtime, compile_network  # noqa: E402
from lipsync_core.model.texture import Painted, TextureModel  # noqa: E402
from lipsync_core.synthesis import predict_codes  # noqa: E402
from lipsync_core.texture.layout import ATLAS_SIZE, CROP_SIZE  # noqa: E402
from lipsync_core.texture.sheet import sheet_layout  # noqa: E402
from lipsync_core.texture.warping import rasterise, sample  # noqa: E402
from lipsync_core.texturing import paint_crops  # noqa: E402
from tests.conftest import babble, tiny_model  # noqa: E402
from tests.core.test_alignment import rotation  # noqa: E402
from tests.core.test_clip import clip, take  # noqa: E402
from tests.core.test_sheet import FACE, LAYOUT, drawn, smooth_crops, speaking_faces  # noqa: E402
from training import texture_networks  # noqa: E402
from training.appearance import Appearance, fit_appearance, measure_amounts  # noqa: E402
from training.building import build_network  # noqa: E402
from training.checkpoint import Checkpoint, read_checkpoint  # noqa: E402
from training.cli import main  # noqa: E402
from training.config import DataConfig, LossConfig, TrainingConfig, read_config  # noqa: E402
from training.dataset import Batch, load_footage  # noqa: E402
from training.export import export_run, model_from_network  # noqa: E402
from training.losses import Face  # noqa: E402
from training.measures.evaluation import evaluate_late_film  # noqa: E402
from training.measures.lip_crops import measure_texture, painted_crops  # noqa: E402
from training.measures.lips import silent_frames  # noqa: E402
from training.networks import SpeakerNetwork  # noqa: E402
from training.sharpness import sharpened  # noqa: E402
from training.texture_export import decoder_layers, memory_layers  # noqa: E402
from training.texture_ground import TextureGround, filmed_takes, texture_ground  # noqa: E402
from training.texture_lessons import PictureLesson, SheetLesson, texture_lesson  # noqa: E402
from training.texture_networks import PaperDecoder, PaperMemory, SheetMemory  # noqa: E402
from training.trainer import train  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_core")

SMALL = ("model.width=16", "model.texture_units=16", "model.skin_components=3", "model.inside_components=2")
FEWER_DECODED, FEWER_REMEMBERED = (24, 16, 8, 8, 4), (4, 8, 8, 16, 16)


def smooth_atlas() -> np.ndarray:
    """An atlas `(256, 256, 3)` of soft waves."""
    y, x = np.mgrid[:ATLAS_SIZE, :ATLAS_SIZE]
    waves = [120 + 60 * np.sin(x / 19), 120 + 60 * np.cos(y / 23), 110 + 40 * np.sin((x + y) / 31)]
    return np.rint(np.stack(waves, axis=-1)).astype(np.uint8)


@cache
def speaking_clip(takes: int = 2, seconds: float = 1.2) -> Clip:
    """A speaker whose jaw falls with the loudness of what he says, and who reddens with it."""
    jaw = arkit_basis(FACE).delta("jawOpen")
    made = []
    for seed in range(takes):
        frames = round(25 * seconds)
        speech, still = babble(seconds, seed), take(frames, seed)
        heard = hear(speech, still.seconds, FeatureSpec())
        loudness = heard.features.mean(1)[np.rint(heard.columns).astype(int)]
        opening = np.clip((loudness - np.median(loudness)) / 20, 0, 1)
        vertices = (FACE + 0.6 * opening[:, None, None] * jaw).astype(np.float32)
        made.append(
            replace(
                still,
                vertices=vertices,
                detected=np.ones(frames, bool),
                waveform=speech,
                crops=smooth_crops(vertices, opening),
            )
        )
    return replace(clip(), reference=ReferenceAtlas(LAYOUT, smooth_atlas()), takes=tuple(made))


@pytest.fixture(scope="module")
def footage() -> Clip:
    return speaking_clip()


@cache
def ground_of(texture: str) -> TextureGround:
    ground = texture_ground(speaking_clip(), read_config(None, [*SMALL, f"model.texture={texture}"]).model)
    assert ground is not None
    return ground


# Unrolling


def seen_face(eye_distance: float, yaw: float = 0.0) -> NormalisedFace:
    """The resting face in the middle of a picture that is four eye distances wide, that many px large."""
    turn = rotation(yaw, 0, 0).astype(np.float32)
    middle = eye_distance * np.array((2, -2, 0), np.float32)
    seen = (eye_distance * FACE) @ turn.T + middle
    back = -(turn.T @ middle) / eye_distance
    head = HeadMotion(np.float32([1 / eye_distance]), turn.T[None], back[None].astype(np.float32))
    np.testing.assert_allclose(head.remove(seen[None])[0], FACE, atol=1e-4)
    return NormalisedFace(FACE[None], head)


def unrolled(picture: np.ndarray, face: NormalisedFace) -> UnrolledFrames:
    pytest.importorskip("cv2")
    return unroll([picture], picture_points(face), face.vertices, LAYOUT)


def facing_viewer(frames: UnrolledFrames, face: NormalisedFace) -> np.ndarray:
    """Pixels of the atlas whose triangle the picture shows, wide enough to tell its texture, and nothing before it."""
    points = picture_points(face)[0].astype(np.float64)

    def area(at: np.ndarray) -> np.ndarray:
        a, b, c = np.moveaxis(at[face_triangles()], 1, 0)
        return (c - a)[:, 0] * (b - a)[:, 1] - (c - a)[:, 1] * (b - a)[:, 0]

    seen, whole = area(points), area(LAYOUT.atlas_points(FACE).astype(np.float64))
    shown = seen > 0.5 * whole * seen.sum() / whole.sum()
    return frames.surface.covered[0] & shown[frames.surface.covering[0]]


@pytest.mark.parametrize("yaw", [0, 12])
def test_a_picture_drawn_from_an_atlas_unrolls_to_that_atlas(yaw: float) -> None:
    face = seen_face(90.0, yaw)
    atlas = smooth_atlas()
    surface = rasterise(picture_points(face), face_triangles(), 360, 360)
    picture = np.rint(sample(atlas, surface.carry(LAYOUT.atlas_points(FACE)))[0]).astype(np.uint8)

    frames = unrolled(picture, face)

    shown = facing_viewer(frames, face)
    difference = np.abs(frames.atlases[0] - atlas / 255)[shown]
    assert shown.sum() > 15_000
    assert difference.mean() < 0.01
    assert np.percentile(difference, 99) < 0.06


def test_there_is_nothing_outside_the_face() -> None:
    face = seen_face(90.0)

    frames = unrolled(np.full((360, 360, 3), 255, np.uint8), face)

    covered = frames.surface.covered[0]
    assert 20_000 < covered.sum() < ATLAS_SIZE**2
    np.testing.assert_array_equal(frames.atlases[0], np.repeat(covered[..., None], 3, axis=2))


@pytest.mark.parametrize("side", [1, 2])
def test_a_fine_pattern_of_a_large_picture_becomes_its_mean(side: int) -> None:
    face = seen_face(4 * 62.0)  # four px of the picture for one of the atlas
    y, x = np.mgrid[:1000, :1000] // side
    board = np.repeat(((x + y) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)

    frames = unrolled(board, face)

    shown = facing_viewer(frames, face)
    assert np.abs(frames.atlases[0][shown] - 0.5).mean() < 0.05
    assert frames.atlases[0][shown].std() < 0.1  # a pixel of the board is 0 or 1: 0.5


def test_each_picture_is_unrolled_by_its_own_face() -> None:
    faces = [seen_face(90.0, yaw) for yaw in (0, 10)]
    pictures = [np.random.default_rng(i).integers(0, 256, (360, 360, 3), dtype=np.uint8) for i in range(2)]
    both = NormalisedFace(
        np.concatenate([face.vertices for face in faces]),
        HeadMotion(
            *(
                np.concatenate([getattr(face.head, name) for face in faces])
                for name in ("scale", "rotation", "translation")
            )
        ),
    )

    together = unroll(pictures, picture_points(both), both.vertices, LAYOUT)

    assert together.atlases.shape == (2, ATLAS_SIZE, ATLAS_SIZE, 3)
    for i in range(2):
        alone = unrolled(pictures[i], faces[i])
        assert np.abs(together.atlases[i] - alone.atlases[0]).mean() < 0.02  # they share one scale


def test_picture_points_are_where_the_face_was_tracked() -> None:
    rng = np.random.default_rng(0)
    tracked = rng.uniform(0, 480, (3, 468, 3)).astype(np.float32) * (1, -1, 1)
    turns = np.stack([rotation(5.0 * i, 3.0, -4.0) for i in range(3)]).astype(np.float32)
    head = HeadMotion(np.float32([0.01, 0.02, 0.015]), turns, rng.normal(size=(3, 3)).astype(np.float32))

    points = picture_points(NormalisedFace(head.remove(tracked), head))

    np.testing.assert_allclose(points, tracked[..., :2] * (1, -1), atol=0.01)  # y runs down in pictures


# Appearance


@dataclass(frozen=True)
class KnownSheets:
    """Footage that was mixed from known sheets.

    Attributes:
        faces: `(T, 468, 3)`; every other one has its mouth shut.
        crops: `(T, 128, 128, 3)`.
        truth: The sheets, two of the skin and one of the inside.
        amounts: `(T, 3)`.
    """

    faces: np.ndarray
    crops: np.ndarray
    truth: Appearance
    amounts: np.ndarray


@cache
def known_sheets() -> KnownSheets:
    rng = np.random.default_rng(0)
    faces = speaking_faces(32)
    faces[::2] = FACE
    layout = sheet_layout(faces, LAYOUT)
    y, x = np.mgrid[:CROP_SIZE, :CROP_SIZE] / 25
    skin, inside = (np.repeat(mask[mask], 3) for mask in (layout.skin, layout.inside))
    waves = [np.repeat(wave[layout.skin], 3) for wave in (np.sin(x + 0.3), np.cos(y))]
    teeth = np.repeat((np.mgrid[:CROP_SIZE, :CROP_SIZE][0] < 70)[layout.inside], 3)
    rows = np.zeros((3, layout.size))
    rows[:2, : layout.skin_size], rows[2, layout.skin_size :] = np.linalg.qr(np.stack(waves, axis=1))[0].T, teeth
    components = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    mean = np.concatenate([0.5 * skin, 0.4 * inside]).astype(np.float32)
    amounts = (rng.normal(size=(32, 3)) * (0.05, 0.03, 0.08) * np.sqrt(layout.size)).astype(np.float32)
    amounts[:, 2] *= 0.3
    crops, _ = layout.lay(mean + amounts @ components, LAYOUT.crop_points(faces))
    truth = Appearance(layout, mean, components, 2, amounts.std(axis=0), mean, components)
    return KnownSheets(faces, np.rint(np.clip(crops, 0, 1) * 255).astype(np.uint8), truth, amounts)


def test_main_sheets_are_orthonormal_and_each_changes_its_own_part(footage: Clip) -> None:
    found = fit_appearance(filmed_takes(footage), LAYOUT, 4, 3)

    np.testing.assert_allclose(found.components @ found.components.T, np.eye(7), atol=1e-4)
    size = found.layout.skin_size
    assert found.skin_count == 4
    assert not found.components[:4, size:].any()
    assert not found.components[4:, :size].any()
    assert list(found.scale[:4]) == sorted(found.scale[:4], reverse=True)
    assert (found.scale > 0).all()


def test_as_many_sheets_as_the_footage_was_made_of_explain_it() -> None:
    known = known_sheets()

    found = fit_appearance([(known.crops, known.faces)], LAYOUT, 2, 1)
    amounts = measure_amounts([(known.crops, known.faces)], LAYOUT, found).amounts

    crops, face = found.layout.lay(found.mean + amounts @ found.components, LAYOUT.crop_points(known.faces))
    left = np.square(crops - known.crops / 255)[face].mean()
    plain, _ = found.layout.lay(np.repeat(found.mean[None], 32, axis=0), LAYOUT.crop_points(known.faces))
    assert left < 0.02 * np.square(plain - known.crops / 255)[face].mean()


def test_shut_mouths_do_not_spoil_the_sheets_of_the_inside() -> None:
    known = known_sheets()
    seen = known.truth.layout.lift(known.crops, LAYOUT.crop_points(known.faces))[1]
    assert (seen.sum(axis=1) == 0).mean() >= 0.5  # half of the footage shows nothing of the inside

    found = fit_appearance([(known.crops, known.faces)], LAYOUT, 2, 1)

    often = np.repeat(seen.mean(axis=0) > 0.1, 3)
    size = known.truth.layout.skin_size
    inner = [appearance.components[2, size:][often] for appearance in (found, known.truth)]
    assert abs(np.corrcoef(*inner)[0, 1]) > 0.98
    np.testing.assert_allclose(found.mean[size:][often].mean(), 0.4, atol=0.1)


def test_amounts_are_found_again() -> None:
    known = known_sheets()

    measured = measure_amounts(
        [(known.crops[:20], known.faces[:20]), (known.crops[20:], known.faces[20:])], LAYOUT, known.truth
    )

    wide_open = measured.visible[:, 0, 0] > 0.3
    assert wide_open.sum() > 5
    spread = known.amounts.std(axis=0)
    assert (np.abs(measured.amounts - known.amounts)[:, :2] < 0.2 * spread[:2]).all()
    assert (np.abs(measured.amounts - known.amounts)[wide_open, 2] < 0.2 * spread[2]).all()


def test_of_a_shut_mouth_the_inside_is_unknown_and_counts_for_nothing() -> None:
    known = known_sheets()
    shut = slice(0, None, 2)

    measured = measure_amounts([(known.crops[shut], known.faces[shut])], LAYOUT, known.truth)

    assert not measured.visible.any()
    np.testing.assert_array_equal(measured.amounts[:, 2], 0)


def test_what_is_visible_tells_the_error_of_the_pixels_that_are_seen(footage: Clip) -> None:
    takes = filmed_takes(footage)
    found = fit_appearance(takes, LAYOUT, 3, 4)
    error = np.random.default_rng(0).normal(size=4).astype(np.float32)

    measured = measure_amounts(takes, LAYOUT, found)

    _, seen = found.layout.lift(takes[0][0], LAYOUT.crop_points(takes[0][1]))
    of_pixels = np.square(np.tensordot(error, found.inside, axes=1)).sum(axis=1)
    by_amounts = np.einsum("i,tij,j->t", error, measured.visible[: len(seen)], error)
    np.testing.assert_allclose(by_amounts, seen @ of_pixels, rtol=1e-3, atol=1e-5)
    assert by_amounts.max() > 0.1


def test_footage_that_never_changes_has_sheets_all_the_same() -> None:
    faces = np.repeat(FACE[None], 5, axis=0)

    found = fit_appearance([(smooth_crops(faces), faces)], LAYOUT, 4, 4)
    measured = measure_amounts([(smooth_crops(faces), faces)], LAYOUT, found)

    assert np.isfinite(measured.amounts).all()
    assert np.abs(measured.amounts @ found.components).max() < 1e-3


def test_a_clip_without_a_found_face_has_no_sheets(footage: Clip) -> None:
    blind = replace(footage, takes=tuple(replace(part, detected=~part.detected) for part in footage.takes))

    with pytest.raises(ConfigError, match="no frame with a texture; prepare the video again"):
        texture_ground(blind, TrainingConfig().model)


def test_shown_sheets_are_sharper_than_their_mean_and_measured_ones_stay(footage: Clip) -> None:
    faces = speaking_faces(16)
    grain = np.random.default_rng(0).normal(0, 25, (CROP_SIZE, CROP_SIZE, 1)).astype(np.float32)
    grainy = smooth_crops(faces) + sample(grain, drawn(faces).carry(LAYOUT.crop_points(FACE)))
    takes = [(np.clip(grainy, 0, 255).astype(np.uint8), faces)]
    fitted = fit_appearance(takes, LAYOUT, 2, 1)

    shown = sharpened(fitted, takes, LAYOUT)

    def fineness(values: np.ndarray) -> float:
        skin = fitted.layout.pictures(values[None])[0][0]
        return float(np.abs(np.diff(skin, axis=1))[fitted.layout.skin[:, 1:]].mean())

    assert fineness(shown.shown_mean) > 1.05 * fineness(fitted.mean)
    np.testing.assert_array_equal(shown.mean, fitted.mean)
    np.testing.assert_array_equal(shown.components, fitted.components)


def test_a_checkpoint_keeps_what_the_texture_is_made_on(footage: Clip, tmp_path: Path) -> None:
    for texture in ("sheet", "paper"):
        ground = ground_of(texture)
        torch.save(ground.to_values(), tmp_path / "g.pt")

        back = TextureGround.from_values(torch.load(tmp_path / "g.pt", weights_only=True))

        assert (back.reference.layout, back.reference.light) == (LAYOUT, "normalised")
        np.testing.assert_array_equal(back.reference.picture, ground.reference.picture)
        assert (back.appearance is None) == (texture == "paper")
        if back.appearance is not None:
            np.testing.assert_array_equal(back.appearance.shown_mean, ground.appearance.shown_mean)
            np.testing.assert_array_equal(back.appearance.layout.skin, ground.appearance.layout.skin)


# Lessons


class Recorder(torch.nn.Module):
    """A texture network whose answers are known, and that keeps what it was told of the frames before."""

    def __init__(self, answer: torch.Tensor) -> None:
        super().__init__()
        self.answer = answer
        self.previous = torch.empty(0)

    def forward(self, code: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        self.previous = previous
        return self.answer.expand(len(code), *self.answer.shape[-previous.ndim + 1 :])


def batch_of(frames: torch.Tensor, known: torch.Tensor | None = None) -> Batch:
    nothing = torch.zeros(0)
    return Batch(nothing, nothing, Face(nothing, nothing), torch.ones(frames.shape) if known is None else known, frames)


@cache
def lesson_of(texture: str) -> SheetLesson | PictureLesson:
    """Of the whole footage, with nothing forgotten."""
    footage = speaking_clip()
    data = DataConfig(forgetting=0.0, pictures=4)
    heard = load_footage(footage, FeatureSpec())
    return texture_lesson(footage, ground_of(texture), heard, LossConfig(texture=1.0, texture_motion=1.0), data)


FRAMES = torch.tensor([[0, 1, 2, 3], [28, 29, 30, 31]])  # 30 begins the second take
GENERATOR = partial(torch.Generator, "cpu")


def sheet_errors(footage: Clip, answer: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """For `(2, 4, K)` amounts of `FRAMES`: errors of every value of the sheet, `(2, 4, P)`, and which of the inside are
    seen, `(2, 4, Q)`.
    """
    found = ground_of("sheet").appearance
    filmed = filmed_takes(footage)
    amounts = measure_amounts(filmed, LAYOUT, found).amounts[FRAMES.numpy()]
    seen = np.concatenate([found.layout.lift(crops, LAYOUT.crop_points(faces))[1] for crops, faces in filmed])
    return (answer.numpy() - amounts) @ found.components, seen[FRAMES.numpy()]


@pytest.mark.parametrize("moving", [False, True], ids=["still", "moving"])
def test_the_loss_of_sheets_is_the_error_of_their_pixels(footage: Clip, moving: bool) -> None:
    answer = torch.randn(2, 4, 5, generator=GENERATOR().manual_seed(0))
    weights = LossConfig(texture=1.0 - moving, texture_motion=float(moving))
    lesson = replace(lesson_of("sheet"), weights=weights)

    loss = float(lesson.loss(Recorder(answer.flatten(0, 1)), torch.zeros(2, 4, 32), batch_of(FRAMES), GENERATOR()))

    errors, seen = sheet_errors(footage, answer)
    counted = np.concatenate(
        [np.ones((*seen.shape[:2], errors.shape[2] - 3 * seen.shape[2])), np.repeat(seen, 3, 2)], 2
    )
    if moving:
        errors, counted = np.diff(errors, axis=1), counted[:, 1:]
    assert len({int(number) for number in seen.sum(axis=2).ravel()}) > 4  # mouths open and shut
    slowly = (np.square(errors) * counted).sum(axis=2).mean() * 100**2 / errors.shape[2]
    assert loss == pytest.approx(slowly, rel=1e-3)
    assert slowly > 1e-3


def test_frames_whose_face_is_unknown_do_not_count(footage: Clip) -> None:
    lesson = lesson_of("sheet")
    known = torch.tensor([[1.0, 1, 1, 1], [0, 0, 0, 0]])
    network = Recorder(torch.ones(1, 5))

    some = lesson.loss(network, torch.zeros(2, 4, 32), batch_of(FRAMES, known), GENERATOR())
    first = lesson.loss(network, torch.zeros(1, 4, 32), batch_of(FRAMES[:1]), GENERATOR())

    assert float(some) == pytest.approx(float(first), rel=1e-5)
    assert float(lesson.loss(network, torch.zeros(2, 4, 32), batch_of(FRAMES, 0 * known), GENERATOR())) == 0


def test_a_network_hears_of_the_frame_before_and_at_a_beginning_of_none(footage: Clip) -> None:
    lesson = lesson_of("sheet")
    network = Recorder(torch.zeros(1, 5))

    lesson.loss(network, torch.zeros(2, 4, 32), batch_of(FRAMES), GENERATOR())

    heard = network.previous.unflatten(0, (2, 4))
    for piece, frame in np.ndindex(2, 4):
        number = int(FRAMES[piece, frame])
        wanted = torch.zeros(5) if number in (0, 30) else lesson.amounts[number - 1]
        torch.testing.assert_close(heard[piece, frame], wanted)
    assert heard[0, 1:].abs().sum() > 0


@pytest.mark.parametrize("texture", ["sheet", "paper"])
def test_one_who_forgets_everything_hears_of_no_frame_before(footage: Clip, texture: str) -> None:
    lesson = replace(lesson_of(texture), data=DataConfig(forgetting=1.0, pictures=4))
    answer = torch.zeros(1, 5) if texture == "sheet" else torch.zeros(1, 3, 128, 128)
    network = Recorder(answer)

    lesson.loss(network, torch.zeros(2, 4, 32), batch_of(FRAMES), GENERATOR())

    assert network.previous.shape[0] == (8 if texture == "sheet" else 4)
    assert not network.previous.any()


def test_a_share_is_forgotten(footage: Clip) -> None:
    lesson = replace(lesson_of("sheet"), data=DataConfig(forgetting=0.3))
    network = Recorder(torch.zeros(1, 5))
    frames = torch.arange(1, 29).repeat(40, 1)  # no beginnings

    lesson.loss(network, torch.zeros(40, 28, 32), batch_of(frames), GENERATOR().manual_seed(0))

    blank = (network.previous == 0).all(dim=1).float().mean()
    assert float(blank) == pytest.approx(0.3, abs=0.05)


def test_drawing_the_filmed_picture_costs_nothing(footage: Clip) -> None:
    lesson = lesson_of("paper")
    truth = torch.from_numpy(footage.takes[0].crops[7:8]).permute(0, 3, 1, 2) / 255 - lesson.reference
    batch = batch_of(torch.full((1, 8), 7))

    right = lesson.loss(Recorder(truth), torch.zeros(1, 8, 32), batch, GENERATOR())
    wrong = lesson.loss(Recorder(0 * truth), torch.zeros(1, 8, 32), batch, GENERATOR())

    assert float(right) == pytest.approx(0, abs=1e-5)
    assert float(wrong) > 0.1


def test_a_picture_follows_the_filmed_one_before_it(footage: Clip) -> None:
    lesson = lesson_of("paper")
    network = Recorder(torch.zeros(1, 3, 128, 128))
    frames = torch.tensor([[30, 31, 32]])

    lesson.loss(network, torch.zeros(1, 3, 32), batch_of(frames), GENERATOR())

    filmed = torch.from_numpy(footage.takes[1].crops[:2]).permute(0, 3, 1, 2) / 255
    heard = sorted(network.previous, key=lambda picture: float(picture.sum()))
    wanted = sorted([torch.zeros(3, 128, 128), *filmed], key=lambda picture: float(picture.sum()))
    torch.testing.assert_close(torch.stack(heard), torch.stack(wanted))


# Export


@pytest.fixture
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The paper's networks with few channels."""
    monkeypatch.setattr(texture_networks, "PaperDecoder", partial(PaperDecoder, channels=FEWER_DECODED))
    monkeypatch.setattr(texture_networks, "PaperMemory", partial(PaperMemory, channels=FEWER_REMEMBERED))


@dataclass(frozen=True)
class Exported:
    """A network far from its start, and the model that it became."""

    network: SpeakerNetwork
    ground: TextureGround
    model: SpeechModel


def exported(texture: str, memory_size: int) -> Exported:
    config = read_config(None, [*SMALL, f"model.texture={texture}", f"model.memory_size={memory_size}"])
    ground = ground_of(texture)
    torch.manual_seed(0)
    components = np.random.default_rng(0).normal(0, 1e-3, (32, 1404)).astype(np.float32)
    network = build_network(config.model, 52, components, ground).eval()
    for parameter in network.texture.parameters():
        spread = 1.3 / parameter[0].numel() ** 0.5 if parameter.ndim > 1 else 0.1
        torch.nn.init.normal_(parameter, std=spread)
    about = {"blendshapes": [f"shape{i}" for i in range(52)]}
    nothing = torch.zeros(1)
    saved = Checkpoint(0, {}, {}, {}, {}, nothing, nothing, nothing, ground.to_values(), about)
    model = model_from_network(network, config, FACE, ModelDescription("nobody", 25.0), saved)
    return Exported(network, ground, model)


def painted_by_torch(made: Exported, speech: Waveform, seconds: np.ndarray) -> np.ndarray:
    """Frame after frame, black outside the face."""
    heard = hear(speech, seconds, made.model.features)
    features = made.network.encoder.standardise(torch.from_numpy(heard.features))
    code, offsets, _ = made.network(features[None], torch.from_numpy(heard.columns)[None])
    points = LAYOUT.crop_points(FACE + offsets[0].numpy())
    shown = made.ground.appearance
    reference = torch.from_numpy(made.ground.reference.picture[LAYOUT.crop]).permute(2, 0, 1)[None] / 255
    state = torch.zeros_like(reference) if shown is None else torch.zeros(1, len(shown.components))
    states = []
    for number in code[0]:
        state = made.network.texture(number[None], state)
        if shown is None:
            state = (reference + state).clamp(0, 1)
        states.append(state)
    answer = torch.cat(states)
    if shown is None:
        face = rasterise(points, face_triangles(), CROP_SIZE, CROP_SIZE).covered
        return answer.permute(0, 2, 3, 1).numpy() * face[..., None]
    crops, face = shown.layout.lay(shown.shown_mean + answer.numpy() @ shown.shown_components, points)
    return crops * face[..., None]


@pytest.mark.parametrize("memory_size", [0, 2])
@pytest.mark.parametrize("texture", ["sheet", "paper"])
@pytest.mark.usefixtures("small_pictures")
def test_a_model_file_paints_what_torch_paints(footage: Clip, tmp_path: Path, texture: str, memory_size: int) -> None:
    made = exported(texture, memory_size)
    speech, seconds = babble(1.0), (np.arange(18) + 0.5) / 25  # more than one block of frames
    with torch.no_grad():
        wanted = painted_by_torch(made, speech, seconds)
    write_model(tmp_path / "m.lipsync3d", made.model)

    model = read_model(tmp_path / "m.lipsync3d")
    codes = predict_codes(model, speech, seconds)
    parts = list(model.texture.paint(codes, model.vertices(codes), "NumPy"))

    crops = np.concatenate([crops * face[..., None] for crops, face in parts])
    assert wanted[wanted > 0].std() > 0.02
    assert np.abs(np.diff(wanted, axis=0)).max() > 0.01  # it changes from frame to frame
    assert np.abs(crops - wanted).mean() < 1e-3
    assert np.percentile(np.abs(crops - wanted), 99.9) < 0.02  # the outline may move by a pixel


@pytest.mark.parametrize("texture", ["sheet", "paper"])
@pytest.mark.usefixtures("small_pictures")
def test_both_runtimes_finish_the_same_crops(texture: str) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    model = exported(texture, 2).model
    told = animation_from_codes(predict_codes(model, babble(1.0), (np.arange(18) + 0.5) / 25), 25.0, model)

    by_numpy, by_onnx = (
        np.concatenate(list(paint_crops(model, told, runtime=runtime).crops)) for runtime in ("NumPy", "ONNX Runtime")
    )

    assert np.abs(by_numpy.astype(int) - by_onnx).max() <= 1
    np.testing.assert_array_equal(by_numpy[:, [0, -1]], by_onnx[:, [0, -1]])  # the reference, that none computes


def test_the_papers_decoder_computes_in_numpy_what_it_does_in_torch() -> None:
    torch.manual_seed(0)
    decoder = PaperDecoder(34).eval()
    code = torch.randn(1, 34)

    with torch.no_grad():
        wanted = decoder(code).permute(0, 2, 3, 1).numpy()
    layers = decoder_layers(decoder, np.eye(32))

    assert layers.output_shape((34,)) == (CROP_SIZE, CROP_SIZE, 3)
    np.testing.assert_allclose(compile_network(layers, (34,), "NumPy")(code.numpy()), wanted, atol=1e-5)


def test_the_papers_networks_have_the_channels_of_its_tables() -> None:
    with torch.device("meta"):
        decoder, memory = PaperDecoder(34), PaperMemory(2)

    assert decoder.entry.weight.shape == (16_384, 34)
    assert [tuple(layer.weight.shape) for layer in decoder.convolutions] == [
        (512, 1024, 3, 3),
        (256, 512, 3, 3),
        (128, 256, 3, 3),
        (64, 128, 3, 3),
    ]
    assert decoder.exit.weight.shape == (3, 64, 5, 5)
    assert [layer.weight.shape[0] for layer in memory.convolutions] == [128, 256, 512, 1024, 2048]
    assert all(layer.stride == (2, 2) and layer.kernel_size == (5, 5) for layer in memory.convolutions)
    assert memory(torch.zeros(1, 3, CROP_SIZE, CROP_SIZE, device="meta")).shape == (1, 2)


def test_memories_compute_in_numpy_what_they_do_in_torch() -> None:
    torch.manual_seed(0)
    scale = torch.tensor([0.01, 0.3, 1.0, 8.0])
    cases = [
        (SheetMemory(2, scale), torch.randn(3, 4) * scale, (4,)),
        (PaperMemory(2, FEWER_REMEMBERED), torch.rand(3, 3, 128, 128), (128, 128, 3)),
    ]

    for memory, state, shape in cases:
        with torch.no_grad():
            wanted = memory(state).numpy()
        read = np.moveaxis(state.numpy(), 1, -1) if state.ndim == 4 else state.numpy()
        assert np.abs(wanted).max() < 0.99  # tanh says something
        np.testing.assert_allclose(compile_network(memory_layers(memory), shape, "NumPy")(read), wanted, atol=1e-5)


def test_turned_codes_are_turned_back_before_the_decoder() -> None:
    torch.manual_seed(0)
    decoder = PaperDecoder(6, FEWER_DECODED).eval()
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0] * (3, 2, 1, 0.5)
    code, memory = torch.randn(2, 4), torch.randn(2, 2)

    with torch.no_grad():
        wanted = decoder(torch.cat([code, memory], dim=1)).permute(0, 2, 3, 1).numpy()
    read = np.concatenate([code.numpy() @ turn, memory.numpy()], axis=1).astype(np.float32)

    np.testing.assert_allclose(decoder_layers(decoder, np.linalg.inv(turn)).run(read), wanted, atol=1e-5)
    assert memory_layers(None) is None


# Evaluation


@dataclass(frozen=True)
class Showing:
    """Paints what it is given."""

    crops: np.ndarray
    faces: np.ndarray

    def paint(
        self, codes: np.ndarray, points: np.ndarray, reference: np.ndarray, runtime: Runtime
    ) -> Iterator[Painted]:
        """See `Painter`."""
        for first in range(0, len(codes), 16):
            block = slice(first, first + 16)
            yield self.crops[block].astype(np.float32) / 255, self.faces[block]


def showing(footage: Clip, crops: np.ndarray) -> SpeechModel:
    painter = Showing(crops, drawn(footage.takes[0].vertices).covered)
    return replace(tiny_model(), texture=TextureModel(LAYOUT, footage.reference.picture, painter))


@pytest.fixture(scope="module")
def one_take() -> Clip:
    return speaking_clip(1, 1.0)


def test_the_truth_is_as_like_and_as_sharp_as_can_be(one_take: Clip) -> None:
    errors = measure_texture(showing(one_take, one_take.takes[0].crops), one_take)

    assert errors.similarity == pytest.approx(1)
    assert errors.face_similarity == pytest.approx(1)
    assert errors.noise_ratio == 100  # dB, as good as equal
    assert errors.sharpness == pytest.approx(1)
    assert errors.jitter_ratio == pytest.approx(1)


def test_what_lies_outside_the_face_does_not_count(one_take: Clip) -> None:
    crops = one_take.takes[0].crops.copy()
    crops[~drawn(one_take.takes[0].vertices).covered] = 255

    assert measure_texture(showing(one_take, crops), one_take).similarity == pytest.approx(1)


def test_a_face_that_stands_still_is_worse_and_does_not_move(one_take: Clip) -> None:
    still = np.repeat(one_take.takes[0].crops.mean(axis=0, keepdims=True).astype(np.uint8), 25, axis=0)

    errors = measure_texture(showing(one_take, still), one_take)

    assert errors.similarity < 0.99
    assert errors.face_similarity < errors.similarity
    assert errors.noise_ratio < 40
    assert errors.jitter_ratio < 0.9


def test_the_film_a_frame_late_is_as_sharp_as_itself_but_less_like(one_take: Clip) -> None:
    figures = {name: figure.value for name, figure in evaluate_late_film(one_take).figures.items()}

    assert figures["delay"] == pytest.approx(1000 / one_take.fps, abs=1)
    assert figures["jitter_ratio"] == pytest.approx(1, abs=0.1)
    assert 0.5 < figures["texture_similarity"] < 1
    assert figures["texture_sharpness"] == pytest.approx(1, abs=0.1)


def test_noise_is_jitter(one_take: Clip) -> None:
    noise = np.random.default_rng(0).normal(0, 4, one_take.takes[0].crops.shape)
    shaken = np.clip(one_take.takes[0].crops + noise, 0, 255).astype(np.uint8)

    assert measure_texture(showing(one_take, shaken), one_take).jitter_ratio > 1.5


def test_jitter_in_silence_is_told_apart(one_take: Clip) -> None:
    part = one_take.takes[0]
    samples = part.waveform.samples + np.float32(0.05)
    samples[:8_000] = 0  # half a second, 12 frames
    half_silent = replace(one_take, takes=(replace(part, waveform=replace(part.waveform, samples=samples)),))
    shaken = part.crops.copy()
    shaken[14:] += np.random.default_rng(0).integers(0, 20, shaken[14:].shape, dtype=np.uint8)

    loud = measure_texture(showing(one_take, shaken), half_silent)
    quiet = measure_texture(showing(one_take, shaken[::-1]), half_silent)

    assert loud.jitter_ratio > 1.5
    assert loud.silence_jitter_ratio == pytest.approx(1, abs=1e-6)
    assert quiet.silence_jitter_ratio > 1.5


def test_frames_whose_face_was_not_found_are_not_compared(one_take: Clip) -> None:
    part = one_take.takes[0]
    detected = part.detected.copy()
    detected[7:9] = False
    spoiled = part.crops.copy()
    spoiled[7:9] = 255 - spoiled[7:9]
    gaps = replace(one_take, takes=(replace(part, detected=detected),))

    assert measure_texture(showing(one_take, spoiled), gaps).similarity == pytest.approx(1)
    assert measure_texture(showing(one_take, spoiled), one_take).similarity < 0.99


def test_textures_of_different_atlases_are_not_compared(one_take: Clip) -> None:
    model = showing(one_take, one_take.takes[0].crops)
    elsewhere = replace(one_take.reference, layout=replace(LAYOUT, top=LAYOUT.top - 1))

    with pytest.raises(ConfigError, match="--like"):
        measure_texture(model, replace(one_take, reference=elsewhere))
    with pytest.raises(ConfigError, match="prepare and train with one"):
        measure_texture(tiny_model(), one_take)
    with pytest.raises(ConfigError, match="prepare and train with one"):
        measure_texture(model, clip())


def test_silence_is_where_nothing_is_heard() -> None:
    samples = np.zeros(32_000, np.float32)
    samples[8_000:24_000] = babble(1.0).samples + 0.1
    seconds = (np.arange(50) + 0.5) / 25

    silent = silent_frames(Waveform(samples, 16_000), seconds)

    np.testing.assert_array_equal(silent, (seconds < 0.5) | (seconds > 1.5))


def test_frames_beyond_the_sound_are_silent() -> None:
    seconds = np.array([-0.5, -0.3, 0.2, 0.4, 1.4, 1.6])

    silent = silent_frames(Waveform(np.full(16_000, 0.3, np.float32), 16_000), seconds)

    assert list(silent) == [True, True, False, False, True, True]


# A whole run

SHORT = [*SMALL, "optimizer.passes=0", "data.batch_size=2", "data.crop_seconds=1.0"]
QUICK = [*SHORT, "optimizer.least_steps=120", "optimizer.averaging=0.9", "optimizer.learning_rate=3e-3"]


@pytest.fixture(scope="module")
def run_folder(footage: Clip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texture")
    write_clip(folder / "speaker.clip", footage)
    settings = [part for setting in QUICK for part in ("--set", setting)]
    run = folder / "run"
    assert main(["train", str(folder / "speaker.clip"), "-o", str(run), "--device", "cpu", *settings]) == 0
    return run


def crop_error(model: SpeechModel, part: Take) -> float:
    """Mean squared error on the face that was filmed, squared shares of white."""
    codes = predict_codes(model, part.waveform, part.seconds)
    crops, face = (np.concatenate(x) for x in zip(*model.texture.paint(codes, part.vertices, "NumPy"), strict=True))
    return float(np.square(crops - part.crops / 255)[face].mean())


def test_a_trained_texture_is_nearer_than_the_mean_sheet(run_folder: Path, footage: Clip) -> None:
    model = export_run(run_folder)
    painter = model.texture.painter
    unmoved = replace(painter, components=np.zeros_like(painter.components))
    mean = replace(model, texture=replace(model.texture, painter=unmoved))

    assert crop_error(model, footage.takes[0]) < 0.7 * crop_error(
        mean, footage.takes[0]
    )  # soft edges differ from drawn ones


def test_a_run_says_how_near_its_texture_is(run_folder: Path) -> None:
    errors = json.loads((run_folder / "held_out.json").read_text())

    assert 0.5 < errors["texture_similarity"] <= 1
    assert errors["texture_noise_ratio"] > 15


def test_a_page_shows_filmed_and_painted_frames(run_folder: Path, tmp_path: Path) -> None:
    model, page, figures = (tmp_path / name for name in ("m.lipsync3d", "page.html", "figures.json"))
    main(["export", str(run_folder), "-o", str(model)])
    footage = str(run_folder.parent / "speaker.clip")

    assert main(["evaluate", str(model), footage, "--html", str(page), "--json", str(figures)]) == 0

    text = page.read_text(encoding="utf-8")
    films, pictures = (text.count(f"data:{kind};base64,") for kind in ("video/mp4", "image/png"))
    assert films == 2
    assert films + pictures == text.count("<figure>") - 2  # all but the curves of two takes
    measured = json.loads(figures.read_text())["model"]
    assert measured["texture_blur_detection"]["value"] <= 1
    assert 0.5 < measured["texture_similarity"]["value"] <= 1


def test_an_exported_model_has_the_clips_texture(run_folder: Path, footage: Clip, tmp_path: Path) -> None:
    output = tmp_path / "m.lipsync3d"

    assert main(["export", str(run_folder), "-o", str(output)]) == 0

    texture = read_model(output).texture
    assert texture.layout == LAYOUT
    np.testing.assert_array_equal(texture.reference, footage.reference.picture)
    assert texture.painter.components.shape[0] == 5


def test_a_stopped_run_goes_on_with_its_texture(footage: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "training.texture_ground.sharpened", lambda appearance, *_: appearance
    )  # slow, and tested above
    config = read_config(None, [*SHORT, "optimizer.least_steps=6"])
    whole, parts = tmp_path / "whole", tmp_path / "parts"

    def stop_half_way(share: float) -> None:
        if share >= 0.5:
            raise KeyboardInterrupt

    device = torch.device("cpu")
    train(footage, config, whole, device=device)
    with pytest.raises(KeyboardInterrupt):
        train(footage, config, parts, device=device, progress=stop_half_way)
    assert read_checkpoint(parts).step == 3
    train(footage, config, parts, device=device, resume=True)

    one, other = read_checkpoint(whole), read_checkpoint(parts)
    assert any(name.startswith("texture.") for name in one.average)
    for name, value in one.average.items():
        torch.testing.assert_close(other.average[name], value, atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(other.texture["sheets"], one.texture["sheets"])


@pytest.mark.usefixtures("small_pictures")
def test_the_papers_texture_is_trained_and_exported(footage: Clip, tmp_path: Path) -> None:
    settings = [*SHORT, "model.texture=paper", "data.pictures=4", "optimizer.least_steps=2"]
    config = read_config(None, settings)
    train(footage, config, tmp_path, device=torch.device("cpu"))

    model = export_run(tmp_path)

    assert model.texture.painter.kind == "picture"
    assert painted_crops(model, footage.takes[0].between(0, 3)).any()


def test_a_texture_can_be_left_out_of_training(footage: Clip, tmp_path: Path) -> None:
    config = read_config(None, [*SHORT, "model.texture=none", "optimizer.least_steps=2"])
    train(footage, config, tmp_path, device=torch.device("cpu"))

    assert read_checkpoint(tmp_path).texture is None
    assert export_run(tmp_path).texture is None
