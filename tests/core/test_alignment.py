"""Head motion comes out, and goes back in."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_core.capture.alignment import (
    HeadMotion,
    fit_head_motion,
    fit_similarity,
    smooth_head_motion,
    smooth_over_time,
)
from lipsync_core.errors import ShapeError
from lipsync_core.face.topology import LIPS, generic_face


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Rotation about y, then x, then z, degrees."""
    (cy, cp, cr), (sy, sp, sr) = (f(np.radians([yaw, pitch, roll])) for f in (np.cos, np.sin))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


def moving_head(frames: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """A face turned, shifted and scaled in every frame, px; and the face that it is, face units."""
    t = np.linspace(0, 2 * np.pi, frames)
    turns = np.stack([rotation(15 * np.sin(a), 6 * np.cos(a), 4 * np.sin(2 * a)) for a in t])
    face = np.repeat(generic_face()[None], frames, axis=0).astype(np.float64)
    face[:, LIPS, 1] -= 0.1 * np.clip(np.sin(5 * t), 0, None)[:, None]
    seen = (150 + 10 * np.sin(t))[:, None, None] * face @ turns.transpose(0, 2, 1)
    return seen + np.stack([200 + 20 * t, -150 + 5 * t, 0 * t], axis=1)[:, None], face


def test_a_moved_face_is_found_again() -> None:
    seen, face = moving_head()

    found = fit_similarity(seen, face)

    np.testing.assert_allclose(found.remove(seen), face, atol=1e-4)


def test_a_mirrored_cloud_is_not_mirrored_back() -> None:
    cloud = np.random.default_rng(0).normal(size=(1, 20, 3))

    found = fit_similarity(cloud * (-1, 1, 1), cloud[0])

    assert np.linalg.det(found.rotation[0]) == pytest.approx(1, abs=1e-5)


def test_weights_decide_whom_to_follow() -> None:
    cloud = np.random.default_rng(0).normal(size=(1, 20, 3))
    spoilt = cloud.copy()
    spoilt[0, :5] += 3
    weights = np.ones((1, 20))
    weights[0, :5] = 0

    found = fit_similarity(spoilt, cloud[0], weights)

    np.testing.assert_allclose(found.remove(spoilt)[0, 5:], cloud[0, 5:], atol=1e-5)


def test_clouds_of_different_size_are_refused() -> None:
    with pytest.raises(ShapeError, match="weights"):
        fit_similarity(np.zeros((2, 5, 3)), np.zeros((5, 3)), np.ones((2, 4)))


def test_speech_does_not_move_the_head() -> None:
    seen, face = moving_head()

    normalised = fit_head_motion(seen, generic_face()).remove(seen)

    np.testing.assert_allclose(normalised, face, atol=1e-4)  # the lips moved, the fit did not follow them


def test_one_wild_point_hardly_tilts_the_head() -> None:
    seen, face = moving_head()
    seen[:, 4, 2] += 30  # the tip of the nose, 0.2 face units too far out

    normalised = fit_head_motion(seen, generic_face()).remove(seen)

    assert np.abs(normalised - face)[:, list(LIPS)].max() < 0.01


def test_what_was_removed_can_be_restored() -> None:
    seen, _ = moving_head()
    motion = fit_head_motion(seen, generic_face())

    np.testing.assert_allclose(motion.restore(motion.remove(seen)), seen, atol=0.01)


def test_angles_are_those_that_the_head_was_turned_by() -> None:
    seen = generic_face()[None] @ np.stack([rotation(12, 0, 0), rotation(0, -7, 0), rotation(0, 0, 5)]).transpose(
        0, 2, 1
    )

    angles = fit_similarity(seen, generic_face()).angles()

    np.testing.assert_allclose(np.abs(angles), np.diag([12, 7, 5]), atol=1e-3)
    assert angles[0, 0] > 0  # +y rotation turns the nose towards +x, the speaker's left
    assert angles[1, 1] > 0  # the negative rotation about x lifts the nose


def test_smoothing_stills_jitter_without_delay() -> None:
    seen, _ = moving_head(100)
    rng = np.random.default_rng(0)
    noisy = seen + rng.normal(0, 0.5, seen.shape)
    raw = fit_head_motion(noisy, generic_face())

    still = smooth_head_motion(raw, noisy, generic_face(), 9)

    truth = fit_head_motion(seen, generic_face())
    assert np.std(still.angles() - truth.angles()) < 0.6 * np.std(raw.angles() - truth.angles())


def test_a_parabola_passes_the_filter_unchanged() -> None:
    t = np.arange(20.0)

    np.testing.assert_allclose(smooth_over_time(3 + 2 * t - t**2, 5), 3 + 2 * t - t**2, atol=1e-9)


def test_a_track_shorter_than_the_filter_is_left_alone() -> None:
    motion = HeadMotion(
        np.ones(2, np.float32), np.stack([np.eye(3, dtype=np.float32)] * 2), np.zeros((2, 3), np.float32)
    )

    np.testing.assert_array_equal(smooth_over_time(motion.scale, 9), motion.scale)
