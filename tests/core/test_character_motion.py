"""Shaping, fewer keyframes, and signs of life."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lipsync_core.animation import FaceAnimation
from lipsync_core.character.life import LifeConfig, draw_life
from lipsync_core.character.reduction import kept_frames
from lipsync_core.character.shaping import Shaping, closed_frames, shape_weights
from lipsync_core.character.wearing import worn
from lipsync_core.face.arkit import ARKIT_NAMES
from lipsync_core.face.basis import arkit_basis
from lipsync_core.face.topology import generic_face
from lipsync_core.livelink import write_livelink
from lipsync_core.model.model_file import ModelDescription
from lipsync_core.weights_json import write_weights_json

JAW, CLOSE, SMILE = (ARKIT_NAMES.index(name) for name in ("jawOpen", "mouthClose", "mouthSmileLeft"))
PUCKER, BROW = ARKIT_NAMES.index("mouthPucker"), ARKIT_NAMES.index("browInnerUp")
SHUT = (20, 50)


def speech(fps: float = 25.0, frames: int = 80) -> FaceAnimation:
    """A jaw that is open but for two frames, and lips that pucker: as codes, and as blendshapes."""
    basis = arkit_basis(generic_face())
    weights = np.zeros((frames, 52), np.float32)
    weights[:, JAW] = 0.4 + 0.1 * np.sin(np.arange(frames))
    weights[list(SHUT), JAW] = 0.0
    weights[:, PUCKER] = 0.3 * np.abs(np.sin(np.arange(frames) / 7))
    weights[:, [SMILE, BROW, CLOSE]] = 0.1
    description = ModelDescription(speaker="nobody", fps=fps, created="2026-01-01")
    codes = weights[:, [JAW]]
    return FaceAnimation(fps, codes, basis.neutral, basis.deltas[[JAW]], ARKIT_NAMES, weights, description)


def test_without_any_choice_the_prediction_is_worn_as_it_is() -> None:
    animation = speech()

    np.testing.assert_allclose(shape_weights(animation, Shaping()), animation.blendshapes, atol=1e-7)


def test_each_group_has_its_own_strength() -> None:
    animation = speech()

    worn = shape_weights(animation, Shaping(intensity=2, jaw=0.5, lips=0.25, smile=3, upper_face=0))

    ratio = worn[7] / np.maximum(animation.blendshapes[7], 1e-9)
    assert ratio[[JAW, CLOSE, PUCKER, SMILE, BROW]] == pytest.approx([1, 1, 0.5, 6, 0])


def test_closures_are_found_at_their_deepest_frame() -> None:
    animation = speech()

    np.testing.assert_array_equal(closed_frames(animation), SHUT)
    np.testing.assert_array_equal(closed_frames(animation, delay=0.08), np.array(SHUT) + 2)


def test_smoothing_calms_the_jaw_and_keeps_every_closure() -> None:
    animation = speech()

    worn = shape_weights(animation, Shaping(smoothing=0.08))

    away = np.r_[28:42, 58:75]
    assert (
        np.abs(np.diff(worn[away, JAW], 2)).mean() < 0.6 * np.abs(np.diff(animation.blendshapes[away, JAW], 2)).mean()
    )
    assert worn[list(SHUT), JAW].max() < 0.02


def test_smoothing_delays_nothing() -> None:
    animation = speech()
    mirrored = replace(animation, codes=animation.codes[::-1], blendshapes=animation.blendshapes[::-1])

    there = shape_weights(animation, Shaping(smoothing=0.05))
    back = shape_weights(mirrored, Shaping(smoothing=0.05))

    np.testing.assert_allclose(there, back[::-1], atol=1e-6)


def test_a_delay_shifts_by_fractions_of_a_frame_too() -> None:
    animation = speech()

    worn = shape_weights(animation, Shaping(delay=0.06))[:, JAW]

    expected = (animation.blendshapes[1:-1, JAW] + animation.blendshapes[:-2, JAW]) / 2
    np.testing.assert_allclose(worn[2:], expected, atol=1e-6)


@pytest.mark.parametrize("largest_error", [0.003, 0.01, 0.05])
def test_reduced_curves_stay_within_the_stated_error(largest_error: float) -> None:
    rng = np.random.default_rng(0)
    curves = np.cumsum(rng.normal(0, 0.05, (20, 400)), axis=1)

    kept = kept_frames(curves, largest_error)

    frames = np.arange(400)
    drawn = np.array([np.interp(frames, frames[own], curve[own]) for own, curve in zip(kept, curves, strict=True)])
    assert np.abs(drawn - curves).max() <= largest_error
    assert kept.mean() < 1


def test_a_straight_curve_needs_its_two_ends() -> None:
    kept = kept_frames(np.stack([np.linspace(0, 1, 100), np.full(100, 0.5)]), 0.001)

    assert kept.sum(axis=1).tolist() == [2, 2]


def test_a_bend_costs_one_key_where_it_is() -> None:
    bent = np.abs(np.linspace(-1, 1, 101))

    (kept,) = kept_frames(bent[None], 0.01)

    assert np.flatnonzero(kept).tolist() == [0, 50, 100]


def test_closures_keep_their_keys() -> None:
    kept = kept_frames(np.zeros((3, 100)), 0.01, always=np.array([33, 66]))

    assert all(np.flatnonzero(own).tolist() == [0, 33, 66, 99] for own in kept)


def test_without_a_permitted_error_every_frame_stays() -> None:
    assert kept_frames(np.zeros((2, 10)), 0.0).all()


def test_one_frame_is_no_trouble() -> None:
    assert kept_frames(np.zeros((2, 1)), 0.01).all()


def test_the_same_seed_gives_the_same_life() -> None:
    config = LifeConfig(blinks=1, eyes=1, head=1, seed=3)

    first, again, other = (draw_life(500, 25, each) for each in (config, config, replace(config, seed=4)))

    np.testing.assert_array_equal(first.weights, again.weights)
    assert not np.array_equal(first.weights, other.weights)


def test_parts_of_life_do_not_change_each_other() -> None:
    both = draw_life(500, 25, LifeConfig(blinks=1, eyes=1))
    alone = draw_life(500, 25, LifeConfig(blinks=1))

    np.testing.assert_array_equal(both.weights[:, : alone.weights.shape[1]], alone.weights)


def test_people_blink_ten_to_twenty_times_a_minute_and_close_faster_than_they_open() -> None:
    life = draw_life(60 * 60 * 5, 60, LifeConfig(blinks=1))

    lids = life.weights[:, life.names.index("eyeBlinkLeft")]
    blinks = np.count_nonzero((lids[1:-1] > 0.99) & (lids[1:-1] > lids[:-2]))
    assert 10 < blinks / 5 < 20
    assert np.count_nonzero(np.diff(lids) > 0) < 0.7 * np.count_nonzero(np.diff(lids) < 0)


def test_eyes_never_look_both_ways_at_once() -> None:
    life = draw_life(2000, 25, LifeConfig(eyes=1))

    weights = dict(zip(life.names, life.weights.T, strict=True))
    np.testing.assert_array_equal(weights["eyeLookOutLeft"], weights["eyeLookInRight"])
    assert (weights["eyeLookOutLeft"] * weights["eyeLookInLeft"]).max() == 0
    assert weights["eyeLookUpLeft"].max() > 0.05


def test_the_head_moves_a_little_slowly_and_comes_to_rest() -> None:
    head = draw_life(25 * 60, 25, LifeConfig(head=1)).head

    assert head is not None
    assert 1 < np.abs(head).max() < 12
    assert np.abs(np.diff(head, axis=0)).max() < 1
    assert np.abs(head[[0, -1]]).max() == 0


def test_no_life_is_no_motion() -> None:
    life = draw_life(100, 25, LifeConfig())

    assert life.names == ()
    assert life.weights.shape == (100, 0)
    assert life.head is None


def test_worn_weights_stay_within_their_range_and_lids_join_them() -> None:
    animation = replace(
        speech(frames=400), blendshape_names=("jawOpen",), blendshapes=speech(frames=400).blendshapes[:, [JAW]]
    )

    shown = worn(animation, Shaping(intensity=3), LifeConfig(blinks=1))

    assert shown.blendshape_names == ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight")
    assert (shown.blendshapes.min(), shown.blendshapes.max()) == (0, 1)


def test_weights_are_written_as_json_with_their_times(tmp_path: Path) -> None:
    animation = speech()

    write_weights_json(tmp_path / "line.json", animation)

    content = json.loads((tmp_path / "line.json").read_text(encoding="utf-8"))
    assert content["times"] == pytest.approx(animation.times)
    np.testing.assert_allclose(content["weights"]["jawOpen"], animation.blendshapes[:, JAW], atol=5e-5)


def test_a_live_link_take_holds_the_weights_in_its_own_columns(tmp_path: Path) -> None:
    animation = speech()

    write_livelink(tmp_path / "line.csv", animation)

    rows = list(csv.reader((tmp_path / "line.csv").open(encoding="utf-8")))
    column = rows[0].index("JawOpen")
    assert len(rows[0]) == 2 + 61
    assert [float(row[column]) for row in rows[1:]] == pytest.approx(animation.blendshapes[:, JAW].tolist())
