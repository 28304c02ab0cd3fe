"""Several videos of a speaker in one face space, and an upper face that holds still."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")

from lipsync_core.capture.alignment import fit_similarity
from lipsync_core.capture.normalisation import (
    NormalisedFace,
    ReferenceFrame,
    Smoothing,
    choose_reference,
    into_face_space,
    neutral_face,
    normalise_speaker,
    steady_upper_face,
)
from lipsync_core.capture.tracking import LandmarkTrack
from lipsync_core.face.topology import LIPS, OUTER_EYE_CORNERS, RIGID_POINTS, generic_face
from tests.core.test_alignment import moving_head, rotation


def track(frames: int = 60) -> LandmarkTrack:
    points, _ = moving_head(frames)
    return LandmarkTrack(points.astype(np.float32), np.ones(frames, bool), np.arange(frames) / 25)


def test_the_reference_looks_straight_ahead_with_the_lips_together() -> None:
    chosen = choose_reference([track()])

    _, face = moving_head(60)
    assert np.abs(face[chosen.frame] - generic_face()).max() < 0.02  # the lips have not moved
    turned = fit_similarity(track().points[[chosen.frame]], generic_face()).angles()[0]
    assert abs(turned[0]) < 6


def test_a_frame_without_a_face_is_never_the_reference() -> None:
    best = choose_reference([track()]).frame
    hidden = track()
    hidden.detected[best] = False

    assert choose_reference([hidden]).frame != best


def test_the_neutral_face_is_upright_and_one_unit_between_the_eyes() -> None:
    neutral = neutral_face([track()], ReferenceFrame(0, 0))

    corners = neutral[list(OUTER_EYE_CORNERS)]
    np.testing.assert_allclose(corners.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(corners[1] - corners[0], (1, 0, 0), atol=0.01)


def test_face_space_does_not_depend_on_where_the_face_was() -> None:
    moved = 3 * generic_face() @ rotation(20, 10, 5).T + (4, 5, 6)

    np.testing.assert_allclose(into_face_space(moved), into_face_space(generic_face()), atol=1e-4)


def test_two_videos_of_one_face_agree() -> None:
    first, second = track(60), track(80)
    neutral = neutral_face([first, second], choose_reference([first, second]))

    faces = normalise_speaker([first, second], neutral, Smoothing(0, 0, 0))

    skulls = [face.vertices[:, RIGID_POINTS].mean(0) for face in faces]
    np.testing.assert_allclose(*skulls, atol=2e-3)


def bending_face(frames: int = 200) -> NormalisedFace:
    """A tracker's face whose upper half shears as the head turns, and whose lips open."""
    t = np.linspace(0, 12, frames)
    points, _ = moving_head(frames)
    head = fit_similarity(points, generic_face())
    vertices = np.repeat(generic_face()[None], frames, axis=0)
    upper = generic_face()[:, 1] > -0.4
    vertices[:, upper, 0] += 0.001 * head.angles()[:, :1]
    vertices[:, list(LIPS), 1] -= 0.1 * np.clip(np.sin(9 * t), 0, None)[:, None].astype(np.float32)
    return NormalisedFace(vertices, head)


def test_what_bends_with_the_pose_is_straightened() -> None:
    face = bending_face()

    (steady,) = steady_upper_face([face], generic_face(), 9)

    skull = [bent.vertices[:, RIGID_POINTS] for bent in (face, steady)]
    before, after = (np.std(points - points.mean(0)) for points in skull)
    assert after < 0.2 * before


def test_the_lips_are_left_alone() -> None:
    face = bending_face()

    (steady,) = steady_upper_face([face], generic_face(), 9)

    np.testing.assert_array_equal(steady.vertices[:, list(LIPS)], face.vertices[:, list(LIPS)])


def test_without_a_window_nothing_changes() -> None:
    face = bending_face()

    assert steady_upper_face([face], generic_face(), 0) == [face]
