"""What weights that follow a moving face promise."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_core.face.arkit import ARKIT_NAMES, arkit_index
from lipsync_core.face.basis import BlendshapeBasis, arkit_basis
from lipsync_core.face.mouth import lip_gap
from lipsync_core.face.solver import SolverConfig, fit_blendshapes, lip_residual
from lipsync_core.face.topology import LOWER_INNER_LIP, generic_face

JITTER = 0.004  # face units: what a tracker's points do by themselves
FRAMES = 60
MOUTH = [n for n in ARKIT_NAMES if n.startswith(("jaw", "mouth"))]
PLAIN_TO_SEE = ["jawOpen", "mouthFunnel", "mouthPucker", "mouthRollLower", "mouthRollUpper", "jawForward", "mouthLeft"]
PAIRED = ["mouthSmile", "mouthStretch", "mouthUpperUp", "mouthPress", "mouthFrown", "mouthLowerDown", "mouthDimple"]


@pytest.fixture(scope="module")
def basis() -> BlendshapeBasis:
    return arkit_basis(generic_face())


def wave(**most: float) -> np.ndarray:
    """Weights that rise from nothing to the given values and fall again, `(FRAMES, 52)`."""
    rise = np.sin(np.linspace(0, np.pi, FRAMES))
    weights = np.zeros((FRAMES, len(ARKIT_NAMES)), np.float32)
    for name, value in most.items():
        weights[:, arkit_index(name)] = value * rise
    return weights


def talk() -> np.ndarray:
    """Jaw, lips and corners at once, at different paces, with one closure."""
    time = np.linspace(0, 2 * np.pi, FRAMES)
    weights = wave(mouthPucker=0.3, mouthSmileLeft=0.4, mouthSmileRight=0.4)
    weights[:, arkit_index("jawOpen")] = 0.2 * (1 - np.cos(3 * time))
    weights[25:32, arkit_index("mouthClose")] = weights[25:32, arkit_index("jawOpen")]
    return weights


def jittered(vertices: np.ndarray) -> np.ndarray:
    return vertices + np.random.default_rng(0).normal(0, JITTER, vertices.shape).astype(np.float32)


@pytest.mark.parametrize("factor", [-3.0, 0.5, 4.0])
def test_weights_stay_between_none_and_all(basis: BlendshapeBasis, factor: float) -> None:
    moved = basis.neutral + factor * (basis.apply(talk()) - basis.neutral)

    weights = fit_blendshapes(moved, basis).weights

    assert weights.dtype == np.float32
    assert weights.min() >= 0
    assert weights.max() <= 1


def test_a_face_at_rest_needs_no_shape(basis: BlendshapeBasis) -> None:
    fit = fit_blendshapes(np.repeat(basis.neutral[None], FRAMES, axis=0), basis)

    np.testing.assert_array_equal(fit.weights, 0)
    assert fit.residual == 0


def test_a_jittering_face_at_rest_needs_hardly_any(basis: BlendshapeBasis) -> None:
    rest = jittered(np.repeat(basis.neutral[None], FRAMES, axis=0))

    weights = fit_blendshapes(rest, basis).weights

    assert weights[:, [arkit_index(name) for name in MOUTH]].mean() < 0.01


@pytest.mark.parametrize("name", PLAIN_TO_SEE)
def test_a_shape_alone_is_told_from_all_others(basis: BlendshapeBasis, name: str) -> None:
    weights = fit_blendshapes(jittered(basis.apply(wave(**{name: 0.8}))), basis).weights

    most = weights.max(axis=0)
    assert ARKIT_NAMES[most.argmax()] == name
    assert 0.5 < most.max() < 0.9


@pytest.mark.parametrize("stem", PAIRED)
def test_a_pair_of_shapes_is_found_and_alike_on_both_sides(basis: BlendshapeBasis, stem: str) -> None:
    left, right = f"{stem}Left", f"{stem}Right"

    weights = fit_blendshapes(basis.apply(wave(**{left: 0.8, right: 0.8})), basis).weights

    np.testing.assert_allclose(weights[:, arkit_index(left)], weights[:, arkit_index(right)], atol=1e-3)
    assert set(np.array(ARKIT_NAMES)[np.argsort(-weights.max(axis=0))[:3]]) >= {left, right}


def test_one_corner_may_smile_without_the_other(basis: BlendshapeBasis) -> None:
    most = fit_blendshapes(basis.apply(wave(mouthSmileLeft=0.9)), basis).weights.max(axis=0)

    assert most[arkit_index("mouthSmileLeft")] > 3 * most[arkit_index("mouthSmileRight")]


@pytest.mark.parametrize("symmetry", [0.1, 1.0])
def test_a_wish_for_symmetry_never_answers_left_with_right(basis: BlendshapeBasis, symmetry: float) -> None:
    aside = basis.apply(wave(mouthLeft=0.8, jawLeft=0.5))

    most = fit_blendshapes(aside, basis, SolverConfig(symmetry=symmetry)).weights.max(axis=0)

    assert most[arkit_index("mouthLeft")] > 0.2 < most[arkit_index("jawLeft")]
    assert most[arkit_index("mouthRight")] < 0.01 > most[arkit_index("jawRight")]


def test_lips_closed_over_an_open_jaw_are_found_as_such(basis: BlendshapeBasis) -> None:
    fit = fit_blendshapes(jittered(basis.apply(wave(jawOpen=0.5, mouthClose=0.5))), basis)

    middle = fit.weights[FRAMES // 2]
    assert min(middle[arkit_index("jawOpen")], middle[arkit_index("mouthClose")]) > 0.35
    assert lip_gap(basis.apply(fit.weights)).max() < 0.01


def test_lips_part_and_meet_when_the_tracked_ones_do(basis: BlendshapeBasis) -> None:
    truth = basis.apply(talk())

    posed = basis.apply(fit_blendshapes(jittered(truth), basis).weights)

    assert np.corrcoef(lip_gap(posed), lip_gap(truth))[0, 1] > 0.99
    assert np.abs(lip_gap(posed) - lip_gap(truth)).max() < 0.03


def test_lips_that_gape_as_no_shape_does_are_still_as_far_apart(basis: BlendshapeBasis) -> None:
    vertices = basis.apply(talk())
    vertices[:, LOWER_INNER_LIP[1:-1], 1] -= 0.03 * np.sin(np.linspace(0, 9, FRAMES))[:, None].astype(np.float32) ** 2

    posed = basis.apply(fit_blendshapes(vertices, basis).weights)

    assert np.abs(lip_gap(posed) - lip_gap(vertices)).max() < 0.2 * 0.03


def test_what_speech_hardly_uses_is_not_brought_in_by_jitter(basis: BlendshapeBasis) -> None:
    weights = fit_blendshapes(jittered(basis.apply(talk())), basis).weights

    rare = [n for n in MOUTH if n.startswith(("mouthFrown", "mouthDimple", "jawForward", "jawLeft", "jawRight"))]
    assert weights[:, [arkit_index(name) for name in rare]].mean() < 0.02


def test_the_rarer_a_shape_the_clearer_it_must_be_seen(basis: BlendshapeBasis) -> None:
    vertices = jittered(basis.apply(wave(jawOpen=0.3, mouthFrownLeft=0.5, mouthFrownRight=0.5)))

    def frown(rarity: float) -> float:
        weights = fit_blendshapes(vertices, basis, SolverConfig(rarity=rarity)).weights
        return float(weights[:, arkit_index("mouthFrownLeft")].max())

    assert frown(20.0) < frown(SolverConfig().rarity) < 0.8 * frown(1.0)


def test_the_future_counts_as_much_as_the_past(basis: BlendshapeBasis) -> None:
    vertices = jittered(basis.apply(talk()))

    forward, backward = (fit_blendshapes(faces, basis).weights for faces in (vertices, vertices[::-1]))

    np.testing.assert_allclose(backward[::-1], forward, atol=1e-5)


@pytest.mark.parametrize(("stronger", "measure"), [("smoothness", "restlessness"), ("sparsity", "sum")])
def test_each_prior_does_what_it_is_for(basis: BlendshapeBasis, stronger: str, measure: str) -> None:
    vertices = jittered(basis.apply(talk()))

    def measured(value: float) -> float:
        weights = fit_blendshapes(vertices, basis, SolverConfig(**{stronger: value})).weights
        return float(np.abs(np.diff(weights, axis=0)).sum() if measure == "restlessness" else weights.sum())

    assert measured(0.5) < measured(0.05) < measured(0.0)


def test_the_residual_is_how_far_the_lips_are_missed(basis: BlendshapeBasis) -> None:
    vertices = basis.apply(talk())
    aside = vertices + np.float32((0.0, 0.0, 0.3))  # no shape pushes the whole face forward

    fit, missed = fit_blendshapes(vertices, basis), fit_blendshapes(aside, basis)

    assert fit.residual == lip_residual(vertices, basis, fit.weights) < 0.01
    assert missed.residual > 10 * fit.residual
    assert lip_residual(aside, basis, talk()) == pytest.approx(0.3, rel=1e-4)
