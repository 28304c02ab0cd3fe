"""The generic face on meshes of other topology, and its shapes on their vertices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lipsync_core.errors import CharacterError
from lipsync_core.face.basis import arkit_basis
from lipsync_core.face.topology import LOWER_INNER_LIP, POINT_COUNT, UPPER_INNER_LIP, generic_face, skin_triangles
from lipsync_core.transfer.binding import Binding, bind
from lipsync_core.transfer.registration import FaceFit, Similarity, face_space_of, fit_face
from lipsync_core.transfer.surface import Surface, nearest_on_triangles

TURN = np.array([[0.98, 0.0, 0.199], [0.0, 1.0, 0.0], [-0.199, 0.0, 0.98]])  # 11 degrees to the side


def head() -> tuple[np.ndarray, np.ndarray]:
    """The generic face, each triangle split into four, on a skull that closes it behind; in metres, somewhere."""
    points, triangles = generic_face().astype(float), skin_triangles()
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges, number = np.unique(np.sort(sides, axis=1), axis=0, return_inverse=True)
    middle = (number + len(points)).reshape(3, -1).T
    dense = np.concatenate([points, points[edges].mean(axis=1)])
    a, b, c = triangles.T
    ab, bc, ca = middle.T
    split = np.concatenate(
        [np.stack(corner, axis=1) for corner in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
    )
    angles = np.stack(np.meshgrid(np.linspace(0, np.pi, 30), np.linspace(0, np.pi, 20)), axis=-1).reshape(-1, 2)
    skull = np.stack([np.cos(angles[:, 0]), np.cos(angles[:, 1]) * 1.2 - 0.1, -np.sin(angles[:, 0]) - 0.3], axis=1)
    everything = np.concatenate([dense, skull * (0.8, 1.0, 0.8)])
    return 0.09 * everything @ TURN.T + (0.3, 1.6, 0.2), split.astype(np.int32)


@pytest.fixture(scope="module")
def fitted() -> FaceFit:
    return fit_face(*head())


@pytest.fixture(scope="module")
def binding(fitted: FaceFit) -> Binding:
    return bind(fitted, *head())


def test_a_face_is_found_wherever_it_is(fitted: FaceFit) -> None:
    points, _ = head()

    assert np.linalg.norm(fitted.points - points[:POINT_COUNT], axis=1).mean() < 0.02 * 0.09
    assert fitted.mean_distance < 0.01
    assert fitted.verdict.startswith("The face fits well")


def test_a_start_by_hand_is_enough_for_a_face_that_is_hard_to_find() -> None:
    points, triangles = head()
    pushed = np.concatenate([points, points.mean(axis=0) + np.random.default_rng(0).normal(0, 0.5, (3000, 3))])
    start = Similarity(0.085, np.eye(3), np.array([0.31, 1.59, 0.21]))

    fit = fit_face(pushed, triangles, start)

    assert fit.mean_distance < 0.015


def test_a_mesh_without_a_face_is_told_so() -> None:
    rng = np.random.default_rng(0)
    ball = rng.normal(size=(2000, 3))
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    triangles = np.stack([rng.permutation(2000) for _ in range(3)], axis=1).astype(np.int32)

    verdict = fit_face(ball, triangles).verdict

    assert verdict.startswith("The face does not fit")


def test_a_mesh_that_is_too_coarse_is_refused() -> None:
    with pytest.raises(CharacterError, match="too few for a face"):
        fit_face(np.zeros((8, 3)), np.zeros((12, 3), np.int32))


@pytest.mark.parametrize("name", ["jawOpen", "mouthSmileLeft", "mouthPucker", "eyeBlinkLeft", "browInnerUp"])
def test_carried_shapes_are_the_shapes_of_the_face(binding: Binding, name: str) -> None:
    moved = binding.transfer(arkit_basis(binding.neutral).delta(name))[:POINT_COUNT]

    wanted = 0.09 * arkit_basis(generic_face()).delta(name) @ TURN.T
    likeness = np.sum(moved * wanted) / np.linalg.norm(moved) / np.linalg.norm(wanted)
    assert likeness > 0.9
    assert 0.75 < np.linalg.norm(moved) / np.linalg.norm(wanted) < 1.2


def test_the_lips_part_and_neither_follows_the_other(binding: Binding) -> None:
    basis = arkit_basis(binding.neutral)

    moved = binding.transfer(basis.delta("jawOpen"))

    middle = slice(3, 8)
    upper, lower = (np.array(lip)[middle] for lip in (UPPER_INNER_LIP, LOWER_INNER_LIP))
    parted = moved[upper, 1] - moved[lower, 1]
    wanted = binding.pose.scale * (basis.delta("jawOpen")[upper, 1] - basis.delta("jawOpen")[lower, 1])
    assert (parted > 0.7 * wanted).all()


def test_motion_fades_out_behind_the_face(binding: Binding) -> None:
    points, _ = head()
    moved = np.linalg.norm(binding.transfer(arkit_basis(binding.neutral).delta("jawOpen")), axis=1)

    behind = (points - (0.3, 1.6, 0.2)) @ TURN[:, 2] < -0.09

    assert behind.sum() > 50
    assert moved[behind].max() < 0.02 * moved.max()


def test_a_pose_and_its_undoing_are_inverse(fitted: FaceFit) -> None:
    neutral, pose = face_space_of(fitted)

    np.testing.assert_allclose(pose.apply(neutral), fitted.points, atol=1e-6)
    assert np.linalg.norm(neutral[263] - neutral[33]) == pytest.approx(1)


def test_the_nearest_point_of_a_triangle_beats_every_other() -> None:
    rng = np.random.default_rng(1)
    points, corners = rng.normal(size=(200, 3)), rng.normal(size=(200, 3, 3))

    weights, squared = nearest_on_triangles(points, corners)

    others = rng.dirichlet(np.ones(3) / 2, (500, 200))
    distances = np.sum((np.einsum("knc,ncd->knd", others, corners) - points) ** 2, axis=-1)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert (squared <= distances.min(axis=0) + 1e-9).all()


def test_normals_look_out_of_the_face() -> None:
    face = Surface.of(generic_face(), skin_triangles())

    assert face.normals[4, 2] > 0.5  # the tip of the nose
    np.testing.assert_allclose(np.linalg.norm(face.normals, axis=1), 1)


def test_a_scanned_head_opens_its_mouth_as_its_own_shape_does(footage: Path) -> None:
    stored = np.load(footage / "characters" / "ict_facekit_expressions.npz")
    points, faces = stored["neutral"].astype(float), stored["faces"]
    triangles = np.concatenate([faces[:, [0, 1, 2]], faces[faces[:, 3] >= 0][:, [0, 2, 3]]]).astype(np.int32)
    own = stored["deltas"][list(stored["names"]).index("jawOpen")].astype(float)

    binding = bind(fit_face(points, triangles), points, triangles)
    moved = binding.transfer(arkit_basis(binding.neutral).delta("jawOpen"))

    assert np.sum(moved * own) / np.linalg.norm(moved) / np.linalg.norm(own) > 0.85
