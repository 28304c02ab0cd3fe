"""Dubbing real faces: who is who, and no seams. Skipped where there is no footage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mediapipe")

from lipsync_core.capture.clip import Clip
from lipsync_core.capture.tracking import FaceMeshTracker
from lipsync_core.capture.video import read_frames
from lipsync_core.dubbing.composition import FaceInPicture, compose, mouth_share
from lipsync_core.dubbing.dub import OTHER_PERSON, SeenTarget, look_at
from lipsync_core.dubbing.placement import place
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.model.texture import SheetPainter, TextureModel
from lipsync_core.texture.sheet import sheet_layout
from tests.core.staged_film import staged_model
from training.preparation import PreparationOptions, prepare_clip


@pytest.fixture(scope="module")
def clip(footage: Path) -> Clip:
    videos = sorted((footage / "grid_s1" / "train").glob("*.mpg"))[:2]
    return prepare_clip(videos, FaceMeshTracker(), PreparationOptions())


@pytest.fixture(scope="module")
def model(clip: Clip) -> SpeechModel:
    """The clip's face and its main motions, with the mean look of its lips: all but the hearing."""
    assert clip.reference is not None
    layout, faces = clip.reference.layout, np.concatenate([take.vertices for take in clip.takes])
    sheet = sheet_layout(faces, layout)
    crops = np.concatenate([take.crops for take in clip.takes if take.crops is not None])
    mean = sheet.lift(crops, layout.crop_points(faces))[0].mean(axis=0)
    known = staged_model()
    assert known.texture is not None
    painter = known.texture.painter
    assert isinstance(painter, SheetPainter)
    painter = replace(painter, sheet=sheet, mean=mean, components=np.zeros((4, sheet.size), np.float32))
    _, sizes, motions = np.linalg.svd((faces - clip.neutral).reshape(len(faces), -1), full_matrices=False)
    shapes = (sizes[:32, None] * motions[:32] / np.sqrt(len(faces))).reshape(32, 468, 3).astype(np.float32)
    texture = TextureModel(layout, clip.reference.picture, painter)
    return replace(known, neutral=clip.neutral, base=clip.neutral, shapes=shapes, texture=texture)


@pytest.fixture(scope="module")
def video(footage: Path) -> Path:
    return sorted((footage / "grid_s1" / "test").glob("*.mpg"))[10]


@pytest.fixture(scope="module")
def target(model: SpeechModel, video: Path) -> SeenTarget:
    return look_at(video, model, FaceMeshTracker())


def test_the_speaker_is_known_again_and_others_are_not(model: SpeechModel, target: SeenTarget, footage: Path) -> None:
    others = sorted((footage / "grid_speakers").glob("*.mpg"))[1:4]  # the first is the speaker himself

    found = [look_at(path, model, FaceMeshTracker()).face.unlikeness for path in others]

    assert target.face.unlikeness < OTHER_PERSON < min(found)


def test_nothing_covers_a_face_that_only_talks(target: SeenTarget) -> None:
    assert target.face.usable.all()


def pairs(
    model: SpeechModel, target: SeenTarget, video: Path
) -> Iterator[tuple[np.ndarray, np.ndarray, FaceInPicture]]:
    """Some pictures as filmed, with lips that rest, and the face that was laid in."""
    assert model.texture is not None
    order = np.arange(len(target.seconds), dtype=np.int32)
    still = np.zeros((len(order), 468, 3), np.float32)
    placed = place(target.face, order, still, np.ones(len(order), np.float32))
    layout = model.texture.layout
    at = layout.crop_points(model.neutral)
    painted = model.texture.reference[layout.crop][None] / np.float32(255)
    for n, frame in islice(enumerate(read_frames(video)), 5, None, 15):
        lit = target.light.of_crops(order[n : n + 1], model.texture).restore(painted)[0] * 255
        face = FaceInPicture(placed.filmed[n], placed.spoken[n], float(placed.unit[n]), lit, at, lit, at, 1.0)
        picture = frame.image.copy()
        compose(picture, face)
        yield frame.image, picture, face


def test_real_lips_are_laid_in_without_a_seam(model: SpeechModel, target: SeenTarget, video: Path) -> None:
    slopes = []
    for filmed, dubbed, face in pairs(model, target, video):
        for picture, points in ((filmed, face.filmed), (dubbed, face.spoken)):
            share = mouth_share(points, face.unit, *picture.shape[:2])
            border = (share > 0.02) & (share < 0.98)
            slopes.append(np.hypot(*np.gradient(picture.mean(axis=-1)))[border].mean())

    before, after = np.array(slopes).reshape(-1, 2).mean(axis=0)
    assert after <= 1.1 * before
