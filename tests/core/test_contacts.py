"""Contacts on the face's own mesh and on a character's own shape keys."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_core.animation import frame_times
from lipsync_core.character.contact import (
    KeyShapes,
    LipResponse,
    at_rest,
    contact_frames,
    lip_response,
    shut,
    with_lip_contacts,
)
from lipsync_core.face.contact import gesture_share, gestures_seen, with_contacts
from lipsync_core.face.mouth import lip_gap, mouth_width
from lipsync_core.face.topology import LOWER_INNER_LIP, generic_face
from lipsync_core.phones.gestures import Gesture

FPS = 25.0
SECONDS = frame_times(50, FPS)
CLOSED = Gesture("lips_closed", 0.8, 0.9)
QUIET = Gesture("rest", 1.2, 2.0)
PARTING = (0.0, 0.0, 0.012)  # m, what the jaw of the head below opens


def jaw_face() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The generic face with one number, which lowers its lower lip."""
    face = generic_face()
    shapes = np.zeros((1, *face.shape), np.float32)
    shapes[0, list(LOWER_INNER_LIP[1:-1]), 1] = -0.1
    return face, face, shapes


def lips_with(strength: float) -> LipResponse:
    """A head of ten points whose jaw opens by so much, and whose second key takes half of that back."""
    x = np.linspace(-0.02, 0.02, 5)
    upper = np.stack([x, 0 * x, 0 * x + 0.001], axis=1)
    points = np.concatenate([upper, upper - (0, 0, 0.001)])
    opened = np.concatenate([np.zeros((5, 3)), np.tile(np.multiply(PARTING, -strength), (5, 1))])
    deltas = {"open": opened, "shut": -0.5 * opened}
    found = lip_response(KeyShapes(points, deltas, dict.fromkeys(deltas, (0.0, 1.0)), opening=("open",)))
    assert found is not None
    return found


def test_a_face_closes_its_lips_where_it_is_asked_and_nowhere_else() -> None:
    neutral, base, shapes = jaw_face()
    codes = np.ones((50, 1), np.float32)

    moved = with_contacts(codes, SECONDS, (CLOSED,), (neutral, base, shapes))

    gap = lip_gap(base + np.tensordot(moved, shapes, 1)) / mouth_width(neutral)
    share = gesture_share((CLOSED,), "lips_closed", SECONDS, 0.09)
    assert gap[share == 1].max() < 0.02
    np.testing.assert_array_equal(moved[share == 0], codes[share == 0])


def test_a_face_rests_through_a_pause() -> None:
    neutral, base, shapes = jaw_face()

    moved = with_contacts(np.ones((50, 1), np.float32), SECONDS, (QUIET,), (neutral, base, shapes))

    gap = lip_gap(base + np.tensordot(moved, shapes, 1)) - lip_gap(neutral)
    assert np.abs(gap[(SECONDS > 1.4) & (SECONDS < 1.8)]).max() < 1e-4


def test_lips_that_come_near_between_openings_are_seen_to_close() -> None:
    face = jaw_face()
    codes = np.ones((50, 1), np.float32)
    codes[20:22] = 0.1

    (closure,) = gestures_seen(codes, SECONDS, face, 0.07)

    assert SECONDS[20] <= closure.middle_seconds <= SECONDS[21]
    assert gestures_seen(np.ones((50, 1), np.float32), SECONDS, face, 0.07) == ()
    assert gestures_seen(codes, SECONDS, face, 0.0) == ()


@pytest.mark.parametrize("strength", [0.3, 1.0, 4.0])
def test_a_characters_lips_touch_whatever_its_jaw_does(strength: float) -> None:
    lips = lips_with(strength)
    values = {"open": np.full(50, 0.7, np.float32), "shut": np.zeros(50, np.float32)}

    moved = with_lip_contacts(values, lips, (CLOSED,), SECONDS)

    parting = lips.parting(np.stack([moved["open"], moved["shut"]], axis=1)).max(axis=1)
    whole = contact_frames((CLOSED,), SECONDS)
    assert len(whole) >= 2
    assert np.abs(parting[whole]).max() < 0.01 * lips.width
    assert all(value.min() >= 0 and value.max() <= 1 for value in moved.values())
    np.testing.assert_array_equal(moved["open"][SECONDS < 0.6], values["open"][SECONDS < 0.6])


def test_a_contact_comes_and_goes_without_a_jump() -> None:
    moved = with_lip_contacts({"open": np.full(50, 0.7, np.float32)}, lips_with(1.0), (CLOSED,), SECONDS)["open"]

    bottom = int(moved.argmin())
    assert (np.diff(moved[:bottom]) <= 1e-6).all()
    assert (np.diff(moved[bottom:]) >= -1e-6).all()
    assert np.abs(np.diff(moved)).max() < 0.5


def test_a_shorter_gesture_than_a_frame_still_shows() -> None:
    blink = Gesture("lips_closed", 0.801, 0.802)

    assert len(contact_frames((blink,), SECONDS)) >= 1


def test_keys_and_jaws_rest_in_a_pause() -> None:
    middle = (SECONDS > 1.4) & (SECONDS < 1.8)

    assert at_rest({"open": np.ones(50, np.float32)}, (QUIET,), SECONDS)["open"][middle].max() < 1e-6
    jaw = shut(np.ones(50), (CLOSED, QUIET), SECONDS)
    assert jaw[middle].max() < 1e-6
    assert jaw[(SECONDS > 0.81) & (SECONDS < 0.89)].max() < 1e-6


def test_keys_that_part_nothing_have_no_lips() -> None:
    points = np.zeros((4, 3))

    assert lip_response(KeyShapes(points, {"a": points}, {"a": (0.0, 1.0)}, opening=("a",))) is None
