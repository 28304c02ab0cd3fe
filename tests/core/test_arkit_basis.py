"""What ARKit's shapes promise on the 468-point face."""

import numpy as np
import pytest

from lipsync_core.face.arkit import ARKIT_NAMES, TONGUE_SHAPES, mirrored_name
from lipsync_core.face.basis import BlendshapeBasis, arkit_basis
from lipsync_core.face.topology import (
    CHIN,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LIP_GAP,
    LOWER_INNER_LIP,
    LOWER_OUTER_LIP,
    MOUTH_CORNERS,
    RIGID_POINTS,
    UPPER_INNER_LIP,
    UPPER_OUTER_LIP,
    generic_face,
    mirror_pairs,
)

LEFT, UP, FORWARD = 0, 1, 2
ROUNDING = 1e-6  # face units: float32


@pytest.fixture(scope="module")
def basis() -> BlendshapeBasis:
    return arkit_basis(generic_face())


def posed(basis: BlendshapeBasis, **weights: float) -> np.ndarray:
    row = np.array([[weights.get(name, 0.0) for name in basis.names]], np.float32)
    return basis.apply(row)[0]


def lip_gap(face: np.ndarray) -> float:
    upper, lower = face[list(LIP_GAP)]
    return float(upper[UP] - lower[UP])


def someone_else() -> np.ndarray:
    """A longer, wider-mouthed, lopsided face."""
    face = generic_face() * np.float32((1.0, 1.15, 0.9))
    face[:, LEFT] += 0.03 * np.sin(3 * face[:, UP])
    return face


def test_the_order_of_the_shapes_is_that_of_arkit(basis):
    assert basis.names == ARKIT_NAMES
    assert basis.deltas.dtype == np.float32


def test_no_weight_leaves_the_neutral(basis):
    np.testing.assert_array_equal(posed(basis), generic_face())


def test_only_what_the_mesh_does_not_have_stands_still(basis):
    still = {name for name in basis.names if not basis.delta(name).any()}

    assert still == {name for name in ARKIT_NAMES if "eyeLook" in name} | set(TONGUE_SHAPES)


@pytest.mark.parametrize("name", ARKIT_NAMES)
def test_left_is_the_mirror_of_right_on_a_symmetric_face(basis, name):
    reflected = basis.delta(mirrored_name(name))[mirror_pairs()] * np.float32((-1, 1, 1))

    np.testing.assert_array_equal(basis.delta(name), reflected)


def test_a_fully_open_jaw_parts_the_lips_by_a_third_of_the_eye_distance_or_more(basis):
    assert 0.35 < lip_gap(posed(basis, jawOpen=1)) < 0.45


def test_the_jaw_takes_the_lower_lip_and_leaves_the_upper_one(basis):
    jaw_open = basis.delta("jawOpen")
    middle = slice(4, 7)

    assert not jaw_open[[*UPPER_INNER_LIP[middle], *UPPER_OUTER_LIP[middle]]].max(axis=0)[UP] < -0.02
    assert (jaw_open[[*LOWER_INNER_LIP[middle], *LOWER_OUTER_LIP[middle]], UP] < -0.3).all()
    assert jaw_open[CHIN, UP] < -0.2
    assert (jaw_open[list(MOUTH_CORNERS), UP] < -0.1).all()


@pytest.mark.parametrize("amount", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("neutral", [generic_face(), someone_else()])
def test_lips_meet_when_the_mouth_closes_as_far_as_the_jaw_opens(neutral, amount):
    face = posed(arkit_basis(neutral), jawOpen=amount, mouthClose=amount)

    np.testing.assert_allclose(face[list(UPPER_INNER_LIP)], face[list(LOWER_INNER_LIP)], atol=ROUNDING)
    assert face[CHIN, UP] < neutral[CHIN, UP] - 0.2 * amount


@pytest.mark.parametrize("name", [n for n in ARKIT_NAMES if n.startswith(("jaw", "mouth"))])
def test_speech_does_not_move_the_skull(basis, name):
    assert not basis.delta(name)[list(RIGID_POINTS)].any()


def test_a_blink_brings_the_lids_together(basis):
    face = posed(basis, eyeBlinkLeft=1)

    np.testing.assert_allclose(face[list(LEFT_UPPER_LID)], face[list(LEFT_LOWER_LID)], atol=ROUNDING)


def test_corners_go_where_the_muscles_pull(basis):
    left_corner = MOUTH_CORNERS[1]

    pulls = {name: basis.delta(name)[left_corner] for name in basis.names}

    assert pulls["mouthSmileLeft"][UP] > 0.05 < pulls["mouthSmileLeft"][LEFT]
    assert pulls["mouthFrownLeft"][UP] < -0.03
    assert pulls["mouthStretchLeft"][LEFT] > 0.05
    assert pulls["mouthPucker"][LEFT] < -0.03 < 0.05 < pulls["mouthPucker"][FORWARD]
    assert pulls["mouthLeft"][LEFT] > 0.05 < -pulls["mouthRight"][LEFT]


def test_a_funnel_rounds_the_lips_open_and_a_pucker_rounds_them_shut(basis):
    funnel, pucker = posed(basis, mouthFunnel=1), posed(basis, mouthPucker=1)

    assert lip_gap(funnel) > 0.1
    assert abs(lip_gap(pucker)) < ROUNDING
    for rounded in (funnel, pucker):
        assert np.ptp(rounded[list(MOUTH_CORNERS), LEFT]) < 0.85 * np.ptp(generic_face()[list(MOUTH_CORNERS), LEFT])


def test_no_shape_tears_the_skin(basis):
    assert np.isfinite(basis.deltas).all()
    assert np.abs(basis.deltas).max() < 0.6


SHUT = [
    *("mouthPucker", "mouthLeft", "mouthRight", "mouthRollLower", "mouthRollUpper", "cheekPuff"),
    *(f"mouth{stem}{side}" for stem in ("Smile", "Frown", "Dimple", "Stretch", "Press") for side in ("Left", "Right")),
]


@pytest.mark.parametrize("name", SHUT)
def test_only_shapes_that_open_the_mouth_open_it(basis, name):
    face = posed(basis, **{name: 1})

    upper, lower = face[list(UPPER_INNER_LIP)], face[list(LOWER_INNER_LIP)]
    np.testing.assert_allclose(upper[:, [LEFT, UP]], lower[:, [LEFT, UP]], atol=ROUNDING)


@pytest.mark.parametrize("name", ["mouthLowerDownLeft", "mouthUpperUpLeft", "mouthFunnel", "jawOpen"])
def test_each_lip_keeps_to_its_side_of_the_seam(basis, name):
    face = posed(basis, **{name: 1})

    assert (face[list(UPPER_INNER_LIP), UP] - face[list(LOWER_INNER_LIP), UP] >= -ROUNDING).all()
    assert lip_gap(face) > 0.01


def test_the_lower_lip_does_most_of_the_closing_and_the_corners_come_up_again(basis):
    opened, closed = posed(basis, jawOpen=1), posed(basis, jawOpen=1, mouthClose=1)
    upper, lower = LIP_GAP

    assert closed[lower, UP] - opened[lower, UP] > 3 * (opened[upper, UP] - closed[upper, UP]) > 0
    assert (closed[list(MOUTH_CORNERS), UP] > opened[list(MOUTH_CORNERS), UP]).all()


@pytest.mark.parametrize(
    ("name", "point", "axis", "sign"),
    [
        ("mouthSmileLeft", 434, UP, 1),  # the cheek is lifted
        ("mouthSmileLeft", 432, LEFT, 1),
        ("mouthDimpleLeft", 432, FORWARD, -1),  # beside the corner the skin is drawn in
        ("mouthDimpleLeft", 425, FORWARD, 1),  # and above it the cheek bulges
        ("mouthUpperUpLeft", 426, UP, 1),  # the fold beside the nose
        ("mouthPressLeft", 378, UP, 1),  # the chin
        ("cheekSquintLeft", 411, UP, 1),
    ],
)
def test_the_skin_around_goes_with_the_mouth_on_its_own_side(basis, name, point, axis, sign):
    delta = basis.delta(name)

    assert sign * delta[point, axis] > 0.01
    assert np.linalg.norm(delta[mirror_pairs()[point]]) < 0.6 * np.linalg.norm(delta[point])


@pytest.mark.parametrize("name", ["mouthRollLower", "mouthRollUpper"])
def test_rolled_lips_leave_the_chin_alone(basis, name):
    assert np.abs(basis.delta(name)[CHIN]).max() < 0.05 * np.abs(basis.delta(name)).max()
