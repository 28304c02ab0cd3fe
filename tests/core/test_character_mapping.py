"""Names of shape keys, the table that drives them, and visemes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lipsync_core.character.mapping import (
    MappingRow,
    automatic_mapping,
    has_mouth,
    mapped_curves,
    read_preset,
    write_preset,
)
from lipsync_core.character.names import find_head_bone, find_jaw_bone, meanings_of
from lipsync_core.character.visemes import VISEMES, viseme_pose, viseme_weights
from lipsync_core.errors import FormatError
from lipsync_core.face.arkit import ARKIT_NAMES
from lipsync_core.face.basis import arkit_basis
from lipsync_core.face.mouth import lip_gap
from lipsync_core.face.topology import generic_face

SPELLINGS = {
    "mouthSmileLeft": "mouthSmileLeft",
    "MouthSmileLeft": "mouthSmileLeft",
    "mouthSmile_L": "mouthSmileLeft",
    "mouthSmile.R": "mouthSmileRight",
    "mouth_smile_right": "mouthSmileRight",
    "mouthSmileR": "mouthSmileRight",
    "JAWOPEN": "jawOpen",
    "Jaw_Open": "jawOpen",
    "jaw.L": "jawLeft",
    "Head.jawOpen": "jawOpen",
    "Face:mouthFunnel": "mouthFunnel",
    "Mouth_Down_Lower_L": "mouthLowerDownLeft",
    "Mouth_Up_Upper_R": "mouthUpperUpRight",
    "Mouth_Roll_In_Lower": "mouthRollLower",
    "Eye_L_Look_L": "eyeLookOutLeft",
    "Eye_R_Look_L": "eyeLookInRight",
    "Eye_Blink_R": "eyeBlinkRight",
    "facs_bs_MouthSmileL": "mouthSmileLeft",
    "facs_jnt_JawOpen": "jawOpen",
    "viseme_PP": "viseme_PP",
    "vrc.v_aa": "viseme_aa",
    "V_Explosive": "viseme_PP",
    "V_Dental_Lip": "viseme_FF",
    "Fcl_MTH_A": "viseme_aa",
    "Fcl_MTH_U": "viseme_U",
    "jaw": "",
    "Ears": "",
    "mouthSmileLeft.001": "",
    "A": "",
    "Basis": "",
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_shape_keys_are_known_by_many_spellings(name: str) -> None:
    meaning = meanings_of([name]).get(name, {})

    assert dict(meaning) == ({SPELLINGS[name]: 1.0} if SPELLINGS[name] else {})


def test_every_arkit_shape_is_known_with_either_way_of_writing_a_side() -> None:
    for name in ARKIT_NAMES:
        short = name.replace("Left", "_L").replace("Right", "_R")
        assert meanings_of([name.upper()]) == {name.upper(): {name: 1.0}}
        assert meanings_of([short]) == {short: {name: 1.0}}


def test_a_key_of_both_sides_shows_half_of_each() -> None:
    assert meanings_of(["mouthSmile"]) == {"mouthSmile": {"mouthSmileLeft": 0.5, "mouthSmileRight": 0.5}}


def test_the_exact_name_beats_the_likely_one() -> None:
    assert meanings_of(["jawopen", "jawOpen"]) == {"jawOpen": {"jawOpen": 1.0}}


def test_single_letters_are_vowels_only_in_company() -> None:
    vowels = meanings_of(["A", "I", "U", "E", "O"])

    assert {key: next(iter(meaning)) for key, meaning in vowels.items()} == {
        "A": "viseme_aa", "I": "viseme_I", "U": "viseme_U", "E": "viseme_E", "O": "viseme_O",
    }  # fmt: skip


def test_bones_are_known_by_name() -> None:
    assert find_jaw_bone(["Spine", "DEF-jaw", "Head"]) == "DEF-jaw"
    assert find_jaw_bone(["CC_Base_Head", "CC_Base_JawRoot"]) == "CC_Base_JawRoot"
    assert find_jaw_bone(["Spine", "HeadTop_End"]) == ""
    assert find_head_bone(["HeadTop_End", "mixamorig:Head", "Neck"]) == "mixamorig:Head"


def test_a_character_with_arkits_mouth_is_driven_by_it_alone() -> None:
    rows = automatic_mapping([*ARKIT_NAMES, *VISEMES])

    assert {row.source for row in rows} == set(ARKIT_NAMES)


def test_a_character_with_visemes_only_gets_them_and_keeps_its_lids() -> None:
    rows = automatic_mapping([*VISEMES, "eyeBlinkLeft", "mouthPucker"])

    assert {row.source for row in rows} == {*VISEMES, "eyeBlinkLeft"}
    assert not has_mouth(rows)


def test_rows_of_one_key_add_up_with_gain_and_offset() -> None:
    rows = [MappingRow("jawOpen", "Open", 2.0, 0.1), MappingRow("mouthClose", "Open", -1.0)]

    curves = mapped_curves(rows, np.array([[0.5, 0.2]], np.float32), ("jawOpen", "mouthClose"))

    assert curves["Open"] == pytest.approx([0.9])


def test_rows_without_their_source_are_left_out() -> None:
    rows = [MappingRow("eyeBlinkLeft", "Blink", 1.0)]

    assert mapped_curves(rows, np.ones((3, 1), np.float32), ("jawOpen",)) == {}


def mouths(weights: np.ndarray, names: tuple[str, ...] = ARKIT_NAMES) -> np.ndarray:
    """The generic face with ARKit's shapes, or with visemes."""
    poses = np.array([viseme_pose(name) for name in names], np.float32) if names == VISEMES else np.eye(52)
    return arkit_basis(generic_face()).apply(weights @ poses)


@pytest.mark.parametrize("viseme", VISEMES[1:])
def test_the_pose_of_a_viseme_is_met_by_visemes(viseme: str) -> None:
    pose = np.repeat(viseme_pose(viseme)[None], 5, axis=0)

    found = viseme_weights(pose, ARKIT_NAMES, VISEMES)

    wanted, made = mouths(pose) - generic_face(), mouths(found, VISEMES) - generic_face()
    assert np.linalg.norm(made - wanted) < 0.15 * np.linalg.norm(wanted)


@pytest.mark.parametrize("viseme", ["viseme_PP", "viseme_FF", "viseme_CH", "viseme_aa", "viseme_I", "viseme_U"])
def test_poses_that_look_like_no_other_are_found_as_themselves(viseme: str) -> None:
    found = viseme_weights(np.repeat(viseme_pose(viseme)[None], 5, axis=0), ARKIT_NAMES, VISEMES)

    assert VISEMES[found[2].argmax()] == viseme


def test_a_closed_mouth_is_no_viseme_and_an_open_one_opens() -> None:
    weights = np.zeros((40, 52), np.float32)
    weights[10:30, ARKIT_NAMES.index("jawOpen")] = 0.5

    found = viseme_weights(weights, ARKIT_NAMES, VISEMES)

    gap = lip_gap(mouths(found, VISEMES))
    assert gap[:9].max() < 1e-3
    assert gap[15:25].min() > 0.5 * lip_gap(mouths(weights))[15:25].min()


def test_lips_closed_over_an_open_jaw_stay_closed_with_visemes() -> None:
    weights = np.zeros((20, 52), np.float32)
    weights[:, ARKIT_NAMES.index("jawOpen")] = 0.2
    opened = lip_gap(mouths(weights))
    weights[:, ARKIT_NAMES.index("mouthClose")] = 0.2

    found = viseme_weights(weights, ARKIT_NAMES, VISEMES)

    assert lip_gap(mouths(found, VISEMES)).max() < 0.15 * opened.min()


def test_a_preset_comes_back_as_it_was_written(tmp_path: Path) -> None:
    rows = (MappingRow("jawOpen", "Mund auf", 1.5, -0.25), MappingRow("viseme_PP", "MBP"))

    write_preset(tmp_path / "hero.json", rows)

    assert read_preset(tmp_path / "hero.json") == rows


PRESET_FAULTS = {
    "nothing": None,
    "no JSON": "jawOpen",
    "something else": '{"format": "other", "version": 1, "rows": []}',
    "an unknown source": '{"format": "lipsync3d-mapping", "version": 1, "rows": [{"source": "x", "target": "y"}]}',
}


@pytest.mark.parametrize("fault", PRESET_FAULTS)
def test_a_file_that_is_no_preset_is_refused_in_one_sentence(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "preset.json"
    if PRESET_FAULTS[fault] is not None:
        path.write_text(PRESET_FAULTS[fault], encoding="utf-8")

    with pytest.raises(FormatError, match=r"preset\.json"):
        read_preset(path)
