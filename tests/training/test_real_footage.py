"""Real faces: tracked, normalised, followed by blendshapes. Skipped where there is no footage."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mediapipe")

from lipsync_core.capture.clip import Clip
from lipsync_core.capture.tracking import FaceLandmarkerTracker, FaceMeshTracker, track_face
from lipsync_core.capture.video import read_frames
from lipsync_core.errors import TrackingError
from lipsync_core.face.arkit import ARKIT_NAMES, TONGUE_SHAPES
from lipsync_core.face.basis import arkit_basis
from lipsync_core.face.mouth import lip_gap, mouth_width
from lipsync_core.face.solver import fit_blendshapes
from lipsync_core.face.topology import RIGID_POINTS
from lipsync_core.texture.sheet import sheet_layout
from training.preparation import PreparationOptions, prepare_clip


@pytest.fixture(scope="module")
def grid(footage: Path) -> list[Path]:
    return sorted((footage / "grid_s1" / "train").glob("*.mpg"))[:4]


@pytest.fixture(scope="module")
def clip(grid: list[Path]) -> Clip:
    return prepare_clip(grid, FaceMeshTracker(), PreparationOptions())


def test_the_face_is_found_in_every_frame(clip: Clip) -> None:
    assert all(take.detected.all() for take in clip.takes)
    assert clip.frame_count == 4 * 75


def test_the_upper_face_holds_still(clip: Clip) -> None:
    skull = np.concatenate([take.vertices[:, RIGID_POINTS] for take in clip.takes])

    motion = np.sqrt(np.mean(np.sum((skull - skull.mean(0)) ** 2, axis=-1)))

    assert motion < 0.01  # of the eye distance


def test_the_neutral_face_rests_with_its_lips_together(clip: Clip) -> None:
    assert lip_gap(clip.neutral) < 0.05 * mouth_width(clip.neutral)


def test_blendshapes_follow_the_lips(clip: Clip) -> None:
    vertices = clip.takes[0].vertices

    fit = fit_blendshapes(vertices, arkit_basis(clip.neutral))

    posed = arkit_basis(clip.neutral).apply(fit.weights)
    assert fit.residual < 0.012
    assert np.corrcoef(lip_gap(posed), lip_gap(vertices))[0, 1] > 0.95


def test_the_other_tracker_sees_the_same_mouth(footage: Path, grid: list[Path]) -> None:
    landmarker = FaceLandmarkerTracker(footage / "landmarker" / "face_landmarker.task")

    tracks = [track_face(read_frames(grid[0]), tracker, "a video") for tracker in (FaceMeshTracker(), landmarker)]

    gaps = [lip_gap(track.points) for track in tracks]
    assert np.corrcoef(*gaps)[0, 1] > 0.9


def test_the_other_tracker_tells_its_scores_of_every_picture(footage: Path, grid: list[Path]) -> None:
    scores: list[Mapping[str, float] | None] = []
    tracker = FaceLandmarkerTracker(footage / "landmarker" / "face_landmarker.task", scores.append)

    track_face(islice(read_frames(grid[0]), 10), tracker, "a video")

    assert len(scores) == 10
    assert set(scores[0]) >= set(ARKIT_NAMES) - set(TONGUE_SHAPES)
    assert all(0 <= score <= 1 for picture in scores for score in picture.values())


def test_a_real_lip_crop_comes_back_from_its_sheet(clip: Clip) -> None:
    crops, points = clip.takes[0].crops, clip.reference.layout.crop_points(clip.takes[0].vertices)
    sheet = sheet_layout(np.concatenate([take.vertices for take in clip.takes]), clip.reference.layout)

    values, _ = sheet.lift(crops, points)
    laid, face = sheet.lay(values, points)

    noise = np.square(laid * 255 - crops)[face].mean()
    assert 10 * np.log10(255**2 / noise) > 32  # dB


def test_normalised_sentences_of_one_speaker_are_lit_alike(grid: list[Path], clip: Clip) -> None:
    filmed = prepare_clip(grid, FaceMeshTracker(), PreparationOptions(normalise_light=False))

    cheek = np.s_[:, 20:40, 10:30]  # of the lip crop
    spread = [
        np.std([take.crops[cheek].mean(axis=(0, 1, 2)) for take in footage.takes], axis=0).mean()
        for footage in (clip, filmed)
    ]

    assert spread[0] < 0.7 * spread[1]


def test_a_landmarker_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="no landmarker file"):
        FaceLandmarkerTracker(tmp_path / "absent.task")
