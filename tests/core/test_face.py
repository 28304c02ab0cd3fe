"""The surface of the face, its cylinder, its mouth."""

from __future__ import annotations

from collections import Counter

import numpy as np

from lipsync_core.face import topology
from lipsync_core.face.arkit import ARKIT_NAMES, mirrored_name
from lipsync_core.face.cylinder import fit_cylinder
from lipsync_core.face.mouth import lip_gap, mouth_width


def edges(triangles: np.ndarray) -> Counter[tuple[int, int]]:
    return Counter((a, b) for t in triangles.tolist() for a, b in zip(t, t[1:] + t[:1], strict=True))


def test_the_surface_is_wound_one_way() -> None:
    assert max(edges(topology.face_triangles()).values()) == 1  # no edge is walked twice in one direction


def test_mouth_and_eyes_are_closed_without_a_gap() -> None:
    counts = edges(topology.face_triangles())
    border = {a for (a, b) in counts if (b, a) not in counts}

    assert border == set(topology.FACE_OVAL)


def test_the_generic_face_is_symmetric() -> None:
    face = topology.generic_face()

    np.testing.assert_allclose(face[topology.mirror_pairs()] * (-1, 1, 1), face, atol=1e-6)


def test_mirroring_twice_changes_nothing() -> None:
    pairs = topology.mirror_pairs()

    np.testing.assert_array_equal(pairs[pairs], np.arange(468))


def test_outer_eye_corners_are_one_unit_apart_about_the_origin() -> None:
    corners = topology.generic_face()[list(topology.OUTER_EYE_CORNERS)]

    np.testing.assert_allclose(corners.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(corners[1] - corners[0]), 1, atol=1e-6)


def test_the_generic_face_rests_with_its_lips_together() -> None:
    assert lip_gap(topology.generic_face()) == 0
    assert 0.4 < mouth_width(topology.generic_face()) < 0.8


def test_the_skull_has_no_lips() -> None:
    assert not set(topology.RIGID_POINTS) & set(topology.LIPS)


def test_there_are_52_arkit_names_each_once() -> None:
    assert len(set(ARKIT_NAMES)) == len(ARKIT_NAMES) == 52


def test_every_left_shape_has_a_right_one() -> None:
    assert all(mirrored_name(name) in ARKIT_NAMES for name in ARKIT_NAMES)


def test_most_points_are_near_the_cylinder() -> None:
    face = topology.generic_face()
    cylinder = fit_cylinder(face)

    radius = np.hypot(face[:, 0], face[:, 2] - cylinder.axis_depth)

    assert np.median(np.abs(radius - cylinder.radius)) < 0.2 * cylinder.radius


def test_the_whole_face_lies_inside_the_texture_the_right_way_round() -> None:
    face = topology.generic_face()

    uv = fit_cylinder(face).texture_coordinates(face)

    assert uv.min() > 0
    assert uv.max() < 1
    assert uv[topology.CHIN, 1] < uv[topology.NOSE_TIP, 1] < uv[10, 1]
    assert uv[33, 0] < 0.5 < uv[263, 0]  # the speaker's right eye is on the left of the texture
