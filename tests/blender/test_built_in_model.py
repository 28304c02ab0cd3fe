"""The first click after installing: no model, no training, any voice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lipsync_core.audio.waveform import write_wav
from lipsync_core.face.arkit import ARKIT_NAMES
from lipsync_core.model.model_file import read_model
from tests.blender.conftest import curve_values, make_character, our_head
from tests.conftest import babble

bpy = pytest.importorskip("bpy")

JAW_PATH = 'key_blocks["jawOpen"].value'


@pytest.fixture
def fresh(tmp_path: Path) -> Any:
    """The panel's settings as a new user finds them, with a sound chosen."""
    settings = bpy.context.scene.lipsync3d
    write_wav(tmp_path / "hello.wav", babble(2.0))
    settings.sound_path = str(tmp_path / "hello.wav")
    return settings


def test_a_selected_character_speaks_with_nothing_but_a_sound(fresh: Any) -> None:
    character = make_character("Hero", list(ARKIT_NAMES))
    bpy.context.view_layer.objects.active = character

    bpy.ops.lipsync3d.generate()

    jaw = curve_values(character.data.shape_keys)[JAW_PATH]
    assert jaw.max() > 0.02
    assert bpy.context.scene.objects.keys() == ["Hero"]


def test_the_generic_head_speaks_too(fresh: Any) -> None:
    fresh.make_head, fresh.animate_character = True, False

    bpy.ops.lipsync3d.generate()

    assert len(our_head().data.shape_keys.key_blocks) > 1


def test_a_new_user_without_a_character_is_told_what_to_do(fresh: Any, part: Callable[[str], ModuleType]) -> None:
    missing = part("addon.operators.generate").missing_for_generation

    assert missing(bpy.context) == "Select the character to animate first"


def test_the_imported_speaker_gives_way_to_the_built_in_model(ready: Any, part: Callable[[str], ModuleType]) -> None:
    bpy.ops.lipsync3d.use_built_in_model()

    ordered = part("addon.operators.generate").ordered
    assert ordered(bpy.context).model == part("addon.generation").BUILT_IN_MODEL
    assert (ready.make_head, ready.animate_character, ready.model_card.speaker) == (False, True, "")


def test_what_ships_is_small_and_says_what_went_into_it(part: Callable[[str], ModuleType]) -> None:
    path = part("addon.generation").BUILT_IN_MODEL
    description = read_model(path).description

    assert path.stat().st_size < 5e6
    assert "espeak-ng" in description.notes
    assert description.licence == "GPL-3.0-or-later"
