"""The dub from Blender: what is asked of the other Python, and what becomes of its film."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.blender.conftest import sound_strips

bpy = pytest.importorskip("bpy")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for the other Python is a shell script")

STAND_IN = """#!/bin/sh
printf '%s\\n' "$@" > {folder}/asked.txt
echo '{{"progress": 0.5}}'
{ending}
"""


def stand_in(folder: Path, ending: str) -> Path:
    """A program that notes what it is asked for and ends as told, in place of a Python that dubs."""
    path = folder / "python"
    path.write_text(STAND_IN.format(folder=folder, ending=ending), encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A short film, rendered by Blender itself."""
    scene = bpy.context.scene
    scene.render.resolution_x = scene.render.resolution_y = 32
    scene.frame_end = 10
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    colour = strips.new_effect("grey", "COLOR", 1, 1, **EFFECT_END)
    path = tmp_path / "film.mp4"
    if hasattr(scene.render.image_settings, "media_type"):
        scene.render.image_settings.media_type = "VIDEO"
    scene.render.image_settings.file_format = "FFMPEG"
    scene.render.ffmpeg.format, scene.render.ffmpeg.codec = "MPEG4", "H264"
    scene.render.filepath = str(path)
    bpy.ops.render.render(animation=True)
    strips.remove(colour)
    return path


EFFECT_END = {"length": 10} if bpy.app.version >= (5, 0) else {"frame_end": 11}


@pytest.fixture
def dub(part: Callable[[str], ModuleType], dressed: Any, film: Path, tmp_path: Path) -> Callable[..., str]:
    """Dub with a stand-in that ends as told."""

    def dub_with(ending: str) -> str:
        module = part("addon.dubbing")
        settings = bpy.context.scene.lipsync3d
        order = module.DubOrder(
            *(Path(path) for path in (settings.model_path, film, settings.sound_path, tmp_path / "out.mp4")),
            style="cartoon",
            mark=True,
            python=stand_in(tmp_path, ending),
        )
        return str(module.dub(bpy.context.scene, order))

    return dub_with


def test_the_film_lies_in_the_sequencer_and_a_second_one_takes_its_place(
    dub: Callable[..., str], film: Path, tmp_path: Path
) -> None:
    done = json.dumps({"done": str(tmp_path / "out.mp4")})
    ending = f"cp {film} {tmp_path}/out.mp4; echo '{done}'"

    dub(ending)
    message = dub(ending)

    assert message == "out.mp4 plays from frame 1 to 10."
    films = [strip for strip in sound_strips() if strip.type == "MOVIE"]
    assert [strip.get("lipsync3d") for strip in films] == ["dub"]


def test_every_choice_reaches_the_other_python(dub: Callable[..., str], film: Path, tmp_path: Path) -> None:
    done = json.dumps({"done": str(film)})

    dub(f"echo '{done}'")

    asked = (tmp_path / "asked.txt").read_text(encoding="utf-8").split("\n")
    assert asked[2:5] == ["-m", "training", "dub"]
    assert {"--style", "cartoon", "--mark", "--loop-target", "--json-progress", str(tmp_path / "out.mp4")} <= {*asked}
    assert "--anyway" not in asked


def test_a_fault_of_the_dub_is_told_and_leaves_the_sequencer_alone(
    dub: Callable[..., str], part: Callable[[str], ModuleType]
) -> None:
    fault = json.dumps({"error": "The video shows another person."})

    with pytest.raises(Exception, match="another person"):
        dub(f"echo '{fault}'; exit 2")

    assert not sound_strips()


def test_a_grey_dub_button_says_why(dressed: Any, part: Callable[[str], ModuleType]) -> None:
    missing = part("addon.operators.dub").missing_for_dub

    assert missing(bpy.context) == "Choose the video first"
    dressed.dub.target = "talk.mp4"
    assert missing(bpy.context) == ""
    bpy.ops.lipsync3d.use_built_in_model()
    assert missing(bpy.context) == "Import the model of the video's speaker first"


def test_a_video_that_is_not_there_is_refused(dressed: Any) -> None:
    dressed.dub.target = "/nowhere/talk.mp4"

    with pytest.raises(RuntimeError, match="There is no video at"):
        bpy.ops.lipsync3d.dub()
