"""New speech in a film: it changes the mouth, follows the head and the light, and leaves all else as it was."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("cv2")
pytest.importorskip("scipy")

from lipsync_core.audio.decoding import decode_sound
from lipsync_core.audio.waveform import write_wav
from lipsync_core.capture.tracking import LandmarkTrack
from lipsync_core.capture.video import read_frames
from lipsync_core.dubbing import cartoon
from lipsync_core.dubbing.composition import FaceInPicture, compose, mouth_share
from lipsync_core.dubbing.displacement import displacement, moved_region
from lipsync_core.dubbing.dub import OTHER_PERSON, DubOptions, Style, dub, look_at
from lipsync_core.dubbing.placement import fading_strength, lay_target, place, spoken_share
from lipsync_core.dubbing.portrait import PortraitOptions, film_head, frontal_points
from lipsync_core.dubbing.provenance import Provenance, draw_mark, read_provenance
from lipsync_core.dubbing.relighting import LightMeter
from lipsync_core.errors import Cancelled, FormatError, VideoError
from lipsync_core.face.topology import CHIN_LINE, FACE_OVAL, LIP_GAP, LIPS, NOSE_TIP
from lipsync_core.model.model_file import ModelDescription
from lipsync_core.model.texture import SheetPainter
from lipsync_core.texture.layout import CROP_SIZE
from tests.conftest import babble
from tests.core.staged_film import (
    FPS,
    SIDE,
    UNIT,
    KnowingTracker,
    StagedFilm,
    stage,
    staged_model,
    staged_pictures,
    staged_points,
    talking_faces,
    without_texture,
    write_pictures,
)
from tests.core.test_texture_model import textured_model

MODEL = staged_model()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> StagedFilm:
    return stage(tmp_path_factory.mktemp("film") / "target.mp4")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "speech.wav"
    write_wav(path, babble(0.64))
    return path


def pictures_of(path: Path) -> np.ndarray:
    return np.stack([frame.image for frame in read_frames(path)]).astype(np.int16)


def placed_face(film: StagedFilm, frame: int, drop: float = 0.0) -> FaceInPicture:
    """A face whose lips and chin are to be lower than filmed by so many face units."""
    assert MODEL.texture is not None
    filmed = (film.points[frame, :, :2] * (1, -1)).astype(np.float32)
    below = np.clip((MODEL.neutral[LIP_GAP[0], 1] - MODEL.neutral[:, 1]) / 0.3, 0, 1)
    low = (below * spoken_share(MODEL.neutral))[:, None] * np.array([0, drop * UNIT])
    crop = MODEL.texture.reference[MODEL.texture.layout.crop].astype(np.float32)
    at = MODEL.texture.layout.crop_points(MODEL.neutral)
    return FaceInPicture(filmed, (filmed + low).astype(np.float32), UNIT, crop, at, crop, at, 1.0)


# ---- Geometry


def test_a_face_that_says_what_was_filmed_stays_where_it_was(film: StagedFilm) -> None:
    target = lay_target(film.track, MODEL, np.zeros(len(film.points), bool))
    same = target.face.vertices - target.rest

    placed = place(target, np.arange(len(same)), same, np.ones(len(same)))

    assert np.abs(placed.spoken - placed.filmed).max() < 0.01  # px


def test_the_points_of_the_upper_face_never_move(film: StagedFilm) -> None:
    target = lay_target(film.track, MODEL, np.zeros(len(film.points), bool))
    loud = np.random.default_rng(0).normal(0, 0.1, target.rest.shape)

    placed = place(target, np.arange(len(loud)), loud, np.ones(len(loud)))

    upper = MODEL.neutral[:, 1] > MODEL.neutral[NOSE_TIP, 1]
    assert np.array_equal(placed.spoken[:, upper], placed.filmed[:, upper])
    assert np.abs(placed.spoken - placed.filmed)[:, LIPS].mean() > 1


def test_the_predicted_lips_turn_with_the_head(film: StagedFilm) -> None:
    said = talking_faces(len(film.points), seed=8)
    target = lay_target(film.track, MODEL, np.zeros(len(film.points), bool))

    placed = place(target, np.arange(len(said)), said - MODEL.neutral, np.ones(len(said)))

    wanted = staged_points(said)[:, LIPS, :2] * (1, -1)
    assert np.linalg.norm(placed.spoken[:, LIPS] - wanted, axis=-1).mean() < 0.03 * UNIT


def test_another_face_is_told_from_the_models_own(film: StagedFilm) -> None:
    wide = talking_faces(len(film.points)) * (1.12, 1, 1)
    other = LandmarkTrack(staged_points(wide), film.track.detected, film.track.seconds)
    covered = np.zeros(len(film.points), bool)

    own_unlikeness, other_unlikeness = (lay_target(track, MODEL, covered).unlikeness for track in (film.track, other))

    assert own_unlikeness < OTHER_PERSON / 2
    assert other_unlikeness > OTHER_PERSON


def test_the_new_speech_fades_out_before_a_gap_and_in_after_it() -> None:
    usable = np.ones(40, bool)
    usable[18:21] = False

    strength = fading_strength(usable)

    assert (strength[~usable] == 0).all()
    assert strength[0] == strength[-1] == 1
    assert (np.diff(strength[:19]) <= 0).all()
    assert (np.diff(strength[20:]) >= 0).all()
    assert np.abs(np.diff(strength)).max() < 0.4


# ---- The skin


@pytest.mark.parametrize("drop", [-0.12, 0.05, 0.15])
def test_the_skin_moves_without_folds_and_is_still_at_the_border(film: StagedFilm, drop: float) -> None:
    face = placed_face(film, 4, drop)
    region = moved_region(face.filmed, face.spoken, UNIT, SIDE, SIDE)

    field = displacement(face.filmed, face.spoken, UNIT, region)

    stretch = 1 + np.diff(field[..., 1], axis=0)  # of a column of pixels
    assert stretch.min() > 0
    assert np.abs(np.concatenate([field[0], field[:, 0], field[:, -1]])).max() < 1e-3


def test_the_area_under_the_chin_follows_the_chin(film: StagedFilm) -> None:
    drop = 0.1
    face = placed_face(film, 4, drop)
    region = moved_region(face.filmed, face.spoken, UNIT, SIDE, SIDE)

    field = displacement(face.filmed, face.spoken, UNIT, region)

    x, y = np.rint(face.spoken[CHIN_LINE[4]] - region.corner).astype(int)
    below = field[y : y + int(0.5 * UNIT), x, 1]
    assert below[1] == pytest.approx(-drop * UNIT, abs=0.15 * drop * UNIT)
    assert (np.diff(below) > -0.05).all()  # px: ever less, down to the collar


def test_outside_the_region_of_a_face_no_pixel_changes(film: StagedFilm) -> None:
    picture = film.pictures[4].copy()

    region = compose(picture, placed_face(film, 4, 0.1))

    changed = (picture != film.pictures[4]).any(axis=-1)
    inside = np.zeros_like(changed)
    inside[region.slices] = True
    assert changed.any()
    assert not (changed & ~inside).any()


def test_blending_leaves_no_seam(film: StagedFilm) -> None:
    picture = film.pictures[4].copy()
    face = placed_face(film, 4)  # nothing moves: what is steeper than before is a seam
    compose(picture, face)

    share = mouth_share(face.spoken, UNIT, SIDE, SIDE)
    border = (share > 0.02) & (share < 0.98)
    after, before = (
        np.hypot(*np.gradient(image.mean(axis=-1)))[border].mean() for image in (picture, film.pictures[4])
    )
    assert after <= 1.1 * before


@pytest.mark.parametrize("kind", ["sheet", "picture"])
def test_what_is_laid_into_a_picture_is_what_the_painter_paints(kind: str) -> None:
    model = textured_model(kind, memory_size=0)
    texture = model.texture
    assert texture is not None
    if isinstance(texture.painter, SheetPainter):  # random sheets are noise, which no two ways of reading agree on
        painter = replace(texture.painter, components=0 * texture.painter.components)
        texture = replace(texture, painter=painter)
    codes = np.random.default_rng(5).normal(0, 1, (3, model.encoder.code_size)).astype(np.float32)
    vertices = model.vertices(codes)
    at = texture.layout.crop_points(vertices)
    crops = np.concatenate([block for block, _ in texture.paint(codes, vertices, "NumPy")]) * 255
    (block,) = texture.unlaid(codes, vertices, "NumPy")

    for n, crop in enumerate(crops):
        picture = np.zeros((CROP_SIZE, CROP_SIZE, 3), np.uint8)
        parts = (block.skin[n] * 255, block.skin_points[n], block.inside[n] * 255, at[n])
        compose(picture, FaceInPicture(at[n], at[n], 80.0, *parts, 1.0))

        mouth = mouth_share(at[n], 80.0, CROP_SIZE, CROP_SIZE) == 1
        assert np.abs(picture[mouth] - crop[mouth].clip(0, 255)).mean() < 3  # grey levels


def test_a_face_at_the_border_of_the_picture_is_cut_off_there(film: StagedFilm) -> None:
    face = placed_face(film, 4, 0.1)
    shift = np.array([0, SIDE - face.filmed[:, 1].mean()], np.float32)
    picture = np.roll(film.pictures[4], int(shift[1]), axis=0)

    region = compose(picture, replace(face, filmed=face.filmed + shift, spoken=face.spoken + shift))

    assert region.top + region.height == SIDE


# ---- Light


def test_the_predicted_texture_takes_on_the_light_of_the_target(film: StagedFilm) -> None:
    assert MODEL.texture is not None
    dimmed = np.linspace(0.45, 1.0, SIDE)[None, :, None]
    meter = LightMeter(film.tracker, MODEL.neutral, MODEL.texture)
    for picture in film.pictures:
        frame = next(iter(read_frames(film.path)))
        meter.find(replace(frame, image=(picture * dimmed).astype(np.uint8)))

    light = meter.light()

    crop = MODEL.texture.reference[MODEL.texture.layout.crop][None] / np.float32(255)
    lit = light.of_crops(np.array([4], np.int32), MODEL.texture).restore(crop)[0]
    columns = MODEL.texture.layout.crop_points(MODEL.neutral)[[61, 291]].astype(int)  # corners of the mouth
    darkening = [(lit[y, x] / crop[0, y, x]).mean() for x, y in columns]
    places = film.points[4, [61, 291], 0] / SIDE
    assert darkening == pytest.approx(0.45 + 0.55 * places, abs=0.06)


def test_a_covered_mouth_is_noticed(film: StagedFilm) -> None:
    assert MODEL.texture is not None
    hidden = range(6, 9)
    meter = LightMeter(film.tracker, MODEL.neutral, MODEL.texture)
    frame = next(iter(read_frames(film.path)))
    for number, picture in enumerate(film.pictures):
        image = picture.copy()
        if number in hidden:
            image[78:136, 42:116] = (20, 30, 160)  # a sleeve
        meter.find(replace(frame, image=image))

    light = meter.light()

    found = set(np.flatnonzero(light.covered).tolist())
    assert set(hidden) <= found <= set(range(hidden[0] - 1, hidden[-1] + 2))


# ---- The whole road


def test_a_dub_is_as_long_as_the_speech_and_as_large_as_the_target(
    film: StagedFilm, sound: Path, tmp_path: Path
) -> None:
    report = dub(MODEL, film.path, sound, tmp_path / "out.mp4", film.tracker)

    frames, heard = list(read_frames(tmp_path / "out.mp4")), decode_sound(tmp_path / "out.mp4")
    spoken = decode_sound(sound)
    assert report.frames == len(frames) == 16
    assert frames[0].image.shape == (SIDE, SIDE, 3)
    count = min(len(heard.channels), len(spoken.channels))
    assert count / heard.sample_rate == pytest.approx(0.64, abs=0.05)
    assert np.corrcoef(heard.channels[:count, 0], spoken.channels[:count, 0])[0, 1] > 0.9  # neither late nor early


def test_only_the_lower_face_changes_and_the_mouth_does(film: StagedFilm, sound: Path, tmp_path: Path) -> None:
    dub(MODEL, film.path, sound, tmp_path / "out.mp4", film.tracker)

    change = np.abs(pictures_of(tmp_path / "out.mp4") - pictures_of(film.path)).mean(axis=-1)
    nose = int((film.points[:, NOSE_TIP, 1] * -1).min() - 0.35 * UNIT)
    assert change[:, :nose].mean() < 1.5  # grey levels: coding
    lips = (film.points[:, LIPS, :2] * (1, -1)).mean(axis=1).astype(int)
    around = [c[y - 12 : y + 12, x - 20 : x + 20].mean() for c, (x, y) in zip(change, lips, strict=True)]
    assert np.mean(around) > 3


def test_frames_without_a_face_pass_through_and_are_reported(film: StagedFilm, sound: Path, tmp_path: Path) -> None:
    answers = [None if number in (7, 8, 9) else points for number, points in enumerate(film.points)]

    report = dub(MODEL, film.path, sound, tmp_path / "out.mp4", KnowingTracker(answers))

    change = np.abs(pictures_of(tmp_path / "out.mp4") - pictures_of(film.path)).mean(axis=(1, 2, 3))
    assert len(report.lost) == 1
    assert report.lost[0] == pytest.approx((7 / FPS, 10 / FPS))
    assert change[8] < change[[1, 2, 14, 15]].min()


def test_a_film_of_another_person_is_refused_unless_told_otherwise(
    film: StagedFilm, sound: Path, tmp_path: Path
) -> None:
    wide = list(staged_points(talking_faces(16) * (1.12, 1, 1)))

    with pytest.raises(VideoError, match=r"another person.*nobody"):
        dub(MODEL, film.path, sound, tmp_path / "out.mp4", KnowingTracker(wide))
    report = dub(MODEL, film.path, sound, tmp_path / "out.mp4", KnowingTracker(wide), DubOptions(anyway=True))

    assert report.unlikeness > OTHER_PERSON


def test_a_model_without_texture_is_refused(film: StagedFilm, sound: Path, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no texture"):
        dub(without_texture(MODEL), film.path, sound, tmp_path / "out.mp4", film.tracker)


def test_the_target_is_never_written_over(film: StagedFilm, sound: Path) -> None:
    with pytest.raises(VideoError, match="another name"):
        dub(MODEL, film.path, sound, film.path, film.tracker)


def test_a_stopped_dub_leaves_nothing(film: StagedFilm, sound: Path, tmp_path: Path) -> None:
    def stop(share: float) -> None:
        if share > 0.7:
            raise Cancelled

    with pytest.raises(Cancelled):
        dub(MODEL, film.path, sound, tmp_path / "out.mp4", film.tracker, progress=stop)

    assert list(tmp_path.iterdir()) == []


def test_a_dub_keeps_a_variable_frame_rate(sound: Path, tmp_path: Path) -> None:
    starts = np.cumsum(np.random.default_rng(2).uniform(0.02, 0.08, 16))
    points = staged_points(talking_faces(16))
    target = write_pictures(tmp_path / "target.mp4", staged_pictures(points, MODEL), starts - starts[0])

    dub(MODEL, target, sound, tmp_path / "out.mp4", KnowingTracker(list(points)), DubOptions(length="keep"))

    given, got = ([frame.seconds for frame in read_frames(path)] for path in (target, tmp_path / "out.mp4"))
    assert got == pytest.approx(given, abs=2e-3)


def test_a_longer_speech_swings_the_target_back_and_forth(film: StagedFilm, tmp_path: Path) -> None:
    write_wav(tmp_path / "long.wav", babble(1.2))

    report = dub(MODEL, film.path, tmp_path / "long.wav", tmp_path / "out.mp4", film.tracker)

    wall = pictures_of(tmp_path / "out.mp4")[:, :30]  # above the face all is as filmed
    there = pictures_of(film.path)[:, :30]
    assert report.repeated
    assert report.frames == 30
    assert np.abs(wall[16:30] - there[14:0:-1]).mean() < 2


# ---- What the film says of itself


def test_every_dub_says_that_it_is_synthetic_and_who_agreed(film: StagedFilm, sound: Path, tmp_path: Path) -> None:
    agreed = replace(MODEL, description=replace(MODEL.description, consent="Nobody, in writing"))

    dub(agreed, film.path, sound, tmp_path / "out.mp4", film.tracker)

    provenance = read_provenance(tmp_path / "out.mp4")
    assert provenance is not None
    assert provenance.synthetic
    assert provenance.model == "nobody"
    assert provenance.consent == "Nobody, in writing"
    assert provenance.software.startswith("LipSync3D")
    assert read_provenance(film.path) is None


def test_a_dub_without_consent_says_so() -> None:
    metadata = Provenance.of(ModelDescription("nobody", 25.0)).metadata()

    assert metadata["consent"] == "not stated"
    assert "Consent: not stated" in metadata["comment"]


def test_the_mark_is_small_and_in_the_corner() -> None:
    picture = np.full((480, 640, 3), 90, np.uint8)

    draw_mark(picture)

    changed = np.argwhere((picture != 90).any(axis=-1))
    assert 0.0005 < len(changed) / picture[..., 0].size < 0.02
    assert changed[:, 0].min() > 0.9 * 480
    assert changed[:, 1].max() < 0.4 * 640


# ---- The cartoon


def test_a_cartoon_is_smoother_and_keeps_its_edges() -> None:
    rng = np.random.default_rng(0)
    step = np.where(np.arange(120)[None, :, None] < 60, 80, 180) + rng.normal(0, 6, (120, 120, 3))

    drawn = cartoon.smooth_up_to_edges(step.clip(0, 255).astype(np.uint8), 120.0).astype(float)

    assert drawn[:, 5:50].std() < 2
    assert drawn[:, 66:].mean() - drawn[:, :54].mean() > 95
    assert np.abs(np.diff(drawn.mean(axis=(0, 2)))).max() > 60


def test_contours_follow_lips_and_chin(film: StagedFilm) -> None:
    points = film.points[4, :, :2] * (1, -1)
    picture = np.full((SIDE, SIDE, 3), 200, np.uint8)

    cartoon.draw_contours(picture, points, UNIT)

    along = [61, 0, 17, 291, 152, 361]
    assert all(picture[y - 1 : y + 2, x - 1 : x + 2].max(axis=-1).min() < 120 for x, y in points[along].astype(int))
    assert (picture[: int(points[33, 1])] == 200).all()  # nothing above the eyes


def test_the_cartoon_of_a_dub_has_contours(film: StagedFilm, sound: Path, tmp_path: Path) -> None:
    dub(MODEL, film.path, sound, tmp_path / "out.mp4", film.tracker, DubOptions(style="cartoon", mark=True))

    picture = next(islice(read_frames(tmp_path / "out.mp4"), 4, None)).image
    x, y = (film.points[4, 152, :2] * (1, -1)).astype(int)
    assert picture[y - 8 : y + 8, x].max(axis=-1).min() < 110


def test_the_head_alone_says_the_whole_sound_as_painted_or_as_a_cartoon(sound: Path, tmp_path: Path) -> None:
    styles: tuple[Style, ...] = ("natural", "cartoon")
    outlines = []
    for style in styles:
        animation = film_head(MODEL, sound, tmp_path / "head.mp4", PortraitOptions(style, side=128))
        frames = pictures_of(tmp_path / "head.mp4")
        x, y = (
            frontal_points(animation.vertices(), MODEL.neutral, 128)[0][0, FACE_OVAL[9:28]].clip(0, 127).astype(int).T
        )
        outlines.append(frames[0, y, x].mean())
        assert frames.shape == (16, 128, 128, 3)
        assert read_provenance(tmp_path / "head.mp4") is not None

    assert outlines[1] < 0.75 * outlines[0]  # from ear to ear under the chin


def test_looking_at_a_target_tells_progress(film: StagedFilm) -> None:
    told: list[float] = []

    look_at(film.path, MODEL, film.tracker, told.append)

    assert told == sorted(told)
    assert told[-1] == 1
