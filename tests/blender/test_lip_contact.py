"""Do a character's own lips touch at p, b and m? The measure, and what the built-in model reaches by it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipsync_core.audio.waveform import write_wav
from lipsync_core.errors import LipSyncError
from lipsync_core.phones.phoneme import Phoneme
from lipsync_core.phones.textgrid import read_textgrid
from tests.blender.test_generate import speak_with
from tests.conftest import REPOSITORY

bpy = pytest.importorskip("bpy")

from tools.lip_contact import (  # noqa: E402
    Contact,
    ContactFigures,
    LipMotion,
    judge_contacts,
    measure_lips,
    report,
    speaking_head,
)

MOUTH = 0.05  # m wide
NOT_YET = "the built-in model does not hear every p, b and m yet"


def made_head(names: tuple[str, ...], slit: float = 0.0) -> Any:
    """A mouth and a chin: rows of an upper and a lower lip, `slit` apart at rest, and the keys that move them (m)."""
    across = np.linspace(-MOUTH / 2, MOUTH / 2, 9)
    rows = {"nose": 0.02, "border": 0.008, "upper": slit, "lower": 0.0, "below": -0.008, "chin": -0.03}
    points = np.array([(x, 0, height) for height in rows.values() for x in across])
    row = np.repeat(list(rows), len(across))
    shifts = {
        "jawOpen": np.isin(row, ("lower", "below", "chin")) * -0.02,
        "viseme_aa": np.isin(row, ("lower", "below", "chin")) * -0.02,
        "mouthUpperUpLeft": np.isin(row, ("upper", "border")) * 0.002,
        "mouthUpperUpRight": np.isin(row, ("upper", "border")) * 0.002,
        "mouthLowerDownLeft": np.isin(row, ("lower", "below")) * -0.002,
        "mouthLowerDownRight": np.isin(row, ("lower", "below")) * -0.002,
    }
    mesh = bpy.data.meshes.new("Head")
    mesh.from_pydata(points.tolist(), [], [])
    head = bpy.data.objects.new("Head", mesh)
    bpy.context.scene.collection.objects.link(head)
    head.shape_key_add(name="Basis", from_mix=False)
    for name in names:
        key = head.shape_key_add(name=name, from_mix=False)
        key.value = 0.0
        key.points.foreach_set("co", (points + shifts[name][:, None] * (0, 0, 1)).ravel())
    return head


def keyed(head: Any, name: str, values: list[float]) -> None:
    """Give a key a value in each frame of the scene."""
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, len(values)
    for frame, value in enumerate(values, start=1):
        head.data.shape_keys.key_blocks[name].value = value
        head.data.shape_keys.key_blocks[name].keyframe_insert("value", frame=frame)


LIP_KEYS = ("mouthUpperUpLeft", "mouthUpperUpRight", "mouthLowerDownLeft", "mouthLowerDownRight")


@pytest.mark.parametrize("slit", [0.0, 0.003])
@pytest.mark.parametrize("names", [("jawOpen", *LIP_KEYS), ("viseme_aa",)], ids=["ARKit", "visemes alone"])
def test_lips_are_measured_beyond_where_they_rest(names: tuple[str, ...], slit: float) -> None:
    head = made_head(names, slit)
    keyed(head, names[0], [0.0, 0.5, 1.0, 0.05])

    motion = measure_lips(head)

    np.testing.assert_allclose(motion.millimetres, [0, 10, 20, 1], atol=1e-3)
    np.testing.assert_allclose(motion.parting, [0, 10, 20, 1], atol=1e-3)
    assert not motion.scaled
    heights = [head.data.vertices[vertex].co for vertex in motion.pair]
    assert heights[0][2] == pytest.approx(slit)
    assert heights[1][2] == pytest.approx(0)
    assert abs(heights[0][0]) < 0.06 * MOUTH


def test_millimetres_are_those_of_a_head_of_a_grown_persons_size() -> None:
    head = made_head(("viseme_aa",))
    keyed(head, "viseme_aa", [0.0, 0.5])
    head.scale = (10, 10, 10)
    for name, place in (("Eye.L", 0.315), ("Eye.R", -0.315)):
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata([(place - 0.1, 0, 0.5), (place + 0.1, 0, 0.5)], [], [])
        bpy.context.scene.collection.objects.link(bpy.data.objects.new(name, mesh))
    bpy.context.view_layer.update()

    motion = measure_lips(head)

    assert motion.scaled
    np.testing.assert_allclose(motion.millimetres, [0, 10], atol=1e-3)


def test_lips_that_are_past_each_other_do_not_touch() -> None:
    head = made_head(("viseme_aa",))
    head.data.shape_keys.key_blocks["viseme_aa"].slider_min = -1
    keyed(head, "viseme_aa", [-0.1, 0.1])

    motion = measure_lips(head)

    np.testing.assert_allclose(motion.millimetres, [2, 2], atol=1e-3)
    np.testing.assert_allclose(motion.parting, [-2, 2], atol=1e-3)
    faults = [Contact(SAID[2], 2.0, parting, 0).fault for parting in motion.parting]
    assert faults == ["past each other", "open"]


def test_what_opens_no_mouth_has_no_lips() -> None:
    head = made_head(LIP_KEYS)

    with pytest.raises(LipSyncError, match="no shape key that opens a mouth"):
        measure_lips(head)


SAID = (
    Phoneme("", 0.0, 1.0),
    Phoneme("ɑ", 1.0, 1.2),
    Phoneme("b", 1.2, 1.28),
    Phoneme("ɑ", 1.28, 1.4),
    Phoneme("m", 1.4, 1.48),
    Phoneme("s", 1.48, 1.6),
)


def moving(apart: dict[float, float], rest: float = 0.0) -> LipMotion:
    """Lips that are 8 mm apart from 1 s on, but for the given times, 25 frames a second."""
    millimetres = np.where(np.arange(40) < 25, rest, 8.0)
    for seconds, distance in apart.items():
        millimetres[round(seconds * 25)] = distance
    return LipMotion(millimetres, millimetres, 25.0, (0, 1), True)


def test_contacts_are_told_from_near_misses() -> None:
    figures = judge_contacts(moving({1.24: 0.9, 1.44: 1.1}, rest=0.4), SAID)

    assert [contact.phoneme.symbol for contact in figures.contacts] == ["b", "m"]
    assert [contact.touches for contact in figures.contacts] == [True, False]
    assert figures.touching == 1
    assert figures.silence == pytest.approx(0.4)
    assert figures.open_vowels == pytest.approx(8)
    assert "m at   1.40 s:   1.1 mm  open" in report(figures)


def test_the_worst_frame_of_a_silence_counts() -> None:
    assert judge_contacts(moving({0.48: 3.0}), SAID).silence == pytest.approx(3)


def test_a_contact_two_frames_late_is_missed() -> None:
    assert judge_contacts(moving({1.56: 0.0}), SAID).touching == 0
    assert judge_contacts(moving({1.56: 0.0}), SAID, offset=0.1).touching == 1


# ---- What the built-in model reaches


def spoken_by(head_name: str, root: Any, sound: Path, said: tuple[Phoneme, ...]) -> ContactFigures:
    """Let the built-in model move a character, and measure its lips."""
    settings = bpy.context.scene.lipsync3d
    settings.sound_path = str(sound)
    speak_with(settings, root)
    return judge_contacts(measure_lips(speaking_head(head_name)), said)


def assert_lips_close_and_open(figures: ContactFigures) -> None:
    assert figures.touching >= 12 / 13 * len(figures.contacts), report(figures)
    assert not figures.silence > 1.5, report(figures)  # a sentence may have no long pause
    assert figures.open_vowels >= 7, report(figures)


@pytest.mark.xfail(reason=NOT_YET, strict=False)
@pytest.mark.parametrize("sound", ["acoustic_corpus", "cold_corpus3"])
@pytest.mark.parametrize("name", ["arkit_and_visemes", "visemes_only"])
def test_the_lips_of_imported_heads_close_and_open(footage: Path, name: str, sound: str) -> None:
    bpy.ops.import_scene.gltf(filepath=str(footage / "characters" / f"{name}.glb"))
    rig = next(thing for thing in bpy.context.scene.objects if thing.type == "ARMATURE")
    aligned = footage / "speech" / "aligned"

    figures = spoken_by("Wolf3D_Head", rig, aligned / f"{sound}.wav", read_textgrid(aligned / f"{sound}.TextGrid"))

    assert_lips_close_and_open(figures)


@pytest.mark.xfail(reason=NOT_YET, strict=False)
def test_the_lips_of_the_demos_character_close_and_open(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    from training.virtual_speaker.sentences import HELD_OUT_SENTENCES
    from training.virtual_speaker.speech import speak

    scene = tmp_path / "character.blend"
    subprocess.run([sys.executable, str(REPOSITORY / "tools" / "demo_character.py"), str(scene)], check=True)
    bpy.ops.wm.open_mainfile(filepath=str(scene))
    speech = speak(HELD_OUT_SENTENCES[0])
    write_wav(tmp_path / "sentence.wav", speech.waveform)

    root = bpy.data.objects["Character"]
    figures = spoken_by("", root, tmp_path / "sentence.wav", tuple(speech.phonemes))

    assert_lips_close_and_open(figures)
