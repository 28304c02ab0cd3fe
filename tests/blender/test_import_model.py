"""Choose a speaker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lipsync_core.model.model_file import ModelDescription, SpeechModel, write_model

bpy = pytest.importorskip("bpy")


def test_the_scene_remembers_the_model_and_its_card(tmp_path: Path, model: SpeechModel) -> None:
    description = ModelDescription(
        speaker="Anna",
        fps=30.0,
        created="2026-02-03",
        training_seconds=95.0,
        held_out={"lip error": 0.0123},
        consent="given in writing",
        licence="CC BY 4.0",
    )
    path = tmp_path / "anna.lipsync3d"
    write_model(path, replace(model, description=description))

    bpy.ops.lipsync3d.import_model(filepath=str(path))

    settings = bpy.context.scene.lipsync3d
    card = settings.model_card
    assert settings.model_path == str(path)
    assert (card.speaker, card.fps, card.created, card.training_seconds) == ("Anna", 30.0, "2026-02-03", 95.0)
    assert (card.held_out, card.consent, card.licence) == (
        "lip error 0.0123",
        "given in writing",
        "CC BY 4.0",
    )


def test_a_saved_file_remembers_the_way_from_itself(tmp_path: Path, model_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))

    bpy.ops.lipsync3d.import_model(filepath=str(model_path))

    assert bpy.context.scene.lipsync3d.model_path == f"//{model_path.name}"


def test_what_is_no_model_is_refused_and_the_old_one_kept(model_path: Path, sound_path: Path) -> None:
    bpy.ops.lipsync3d.import_model(filepath=str(model_path))

    with pytest.raises(RuntimeError, match="is not a LipSync3D model file"):
        bpy.ops.lipsync3d.import_model(filepath=str(sound_path))

    assert bpy.context.scene.lipsync3d.model_path == str(model_path)
