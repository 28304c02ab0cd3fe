"""Our shapes against a scanned head's: what `tools/compare_blendshapes.py` finds."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("scipy")

from lipsync_core.face.arkit import ARKIT_NAMES
from lipsync_core.face.basis import BlendshapeBasis, arkit_basis
from lipsync_core.face.topology import LIP_GAP, LIPS, LOWER_INNER_LIP, UPPER_INNER_LIP, generic_face, mirror_pairs

TOOL = Path(__file__).parents[2] / "tools" / "compare_blendshapes.py"
LEAST_COSINE = 0.8
LARGEST_RATIO = 1.6


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compare_blendshapes", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def head(tool: ModuleType, footage: Path) -> object:
    path = footage / "characters" / "ict_facekit_expressions.npz"
    if not path.is_file():
        pytest.skip("no scanned head")
    return tool.read_head(path)


@pytest.fixture(scope="module")
def basis(head: object) -> BlendshapeBasis:
    return arkit_basis(head.neutral)


def test_a_turned_and_scaled_face_is_brought_back(tool: ModuleType) -> None:
    face = generic_face().astype(np.float64)
    c, s = np.cos(0.3), np.sin(0.3)
    elsewhere = 8.5 * face @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) + (1, 2, 3)

    scale, rotation, shift = tool.similarity(elsewhere, face)

    np.testing.assert_allclose(scale * elsewhere @ rotation.T + shift, face, atol=1e-9)


def test_the_seam_parts_the_lips_without_their_corners(tool: ModuleType) -> None:
    above, below = tool.lips_beside_the_seam()

    assert not set(above) & set(below)
    assert set(LIPS) - set(above) - set(below) == {61, 291, 76, 306, 62, 292, 78, 308}


def test_the_scanned_head_lies_on_our_points(head: object) -> None:
    assert head.distance < 0.03
    mirrored = head.neutral[mirror_pairs()] * (-1, 1, 1)
    assert np.abs(mirrored - head.neutral).max() < 0.1
    assert np.linalg.norm(np.subtract(*head.neutral[list(LIP_GAP)])) < 0.03


def test_its_jaw_opens_between_our_lips(head: object) -> None:
    opened = head.deltas["jawOpen"][:, 1]

    middle = slice(3, -3)
    assert opened[list(UPPER_INNER_LIP[middle])].min() > -0.1
    assert opened[list(LOWER_INNER_LIP[middle])].max() < -0.25


@pytest.mark.parametrize("name", [n for n in ARKIT_NAMES if n.startswith(("jaw", "mouth", "cheek", "noseSneer"))])
def test_every_shape_moves_the_face_as_the_scanned_one_does(basis: BlendshapeBasis, head: object, name: str) -> None:
    ours, theirs = basis.delta(name).astype(np.float64), head.deltas[name]

    sizes = np.linalg.norm(ours), np.linalg.norm(theirs)
    assert np.sum(ours * theirs) > LEAST_COSINE * sizes[0] * sizes[1]
    assert 1 / LARGEST_RATIO < sizes[0] / sizes[1] < LARGEST_RATIO


def test_the_table_has_a_row_for_every_shape_of_one_side(tool: ModuleType, head: object) -> None:
    head_row, rule, *body = tool.markdown(tool.shape_rows(head)).splitlines()

    assert {line.split("|")[1].strip() for line in body} == {n for n in tool.COMPARED if not n.endswith("Right")}
    assert {len(line) for line in body} == {len(head_row)} == {len(rule)}
