"""Press the button, and look at what Blender shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from lipsync_core.model.model_file import SpeechModel  # noqa: E402
from lipsync_core.synthesis import synthesize  # noqa: E402
from tests.blender.conftest import FACE_UNIT, curve_values, evaluated_points, make_character  # noqa: E402
from tests.conftest import babble  # noqa: E402


def head():
    return next(thing for thing in bpy.context.scene.objects if thing.get("lipsync3d") == "head")


def test_the_mesh_of_every_frame_is_the_networks(ready, model: SpeechModel) -> None:
    scene = bpy.context.scene
    scene.frame_start = 7

    bpy.ops.lipsync3d.generate()

    predicted = synthesize(model, read_back(ready.sound_path), 25.0).vertices()
    for number, expected in enumerate(predicted):
        scene.frame_set(7 + number)
        x, y, z = (evaluated_points(head()) / FACE_UNIT).T
        np.testing.assert_allclose(np.stack([x, z, -y], axis=1), expected, atol=1e-4)
    assert (scene.frame_start, scene.frame_end) == (7, 31)


def read_back(path: str):
    from lipsync_core.audio.waveform import read_wav, speech_waveform

    return speech_waveform(*read_wav(Path(path)), path)
