"""Press the button, and look at what Blender shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipsync_core.animation import FaceAnimation
from lipsync_core.audio.waveform import read_wav, speech_waveform, write_wav
from lipsync_core.model.model_file import SpeechModel, write_model
from lipsync_core.synthesis import synthesize
from tests.blender.conftest import (
    FACE_UNIT,
    curve_values,
    evaluated_points,
    make_character,
    needs_sound,
    our_head,
    sound_strips,
)
from tests.conftest import babble, tiny_model

bpy = pytest.importorskip("bpy")


def predicted(model: SpeechModel, sound: str, fps: float = 25.0) -> FaceAnimation:
    """What the engine alone makes of a sound file."""
    return synthesize(model, speech_waveform(*read_wav(Path(sound)), sound), fps)


def shown_in_face_space() -> np.ndarray:
    """The talking head's vertices in the current frame, turned back into face space, face units."""
    x, y, z = (evaluated_points(our_head()) / FACE_UNIT).T
    return np.stack([x, z, -y], axis=1)


def state_of_file() -> tuple[Any, ...]:
    """Everything that a failed or undone run must leave as it was."""
    scene = bpy.context.scene
    collections = (bpy.data.objects, bpy.data.meshes, bpy.data.actions, bpy.data.sounds, bpy.data.materials)
    names = tuple(tuple(collection.keys()) for collection in collections)
    return names, len(sound_strips()), scene.frame_start, scene.frame_end, scene.frame_current


def speak_with(settings: Any, character: Any) -> None:
    """Generate for a character alone."""
    settings.make_head = False
    settings.animate_character = True
    settings.character = character
    bpy.ops.lipsync3d.generate()


def test_the_mesh_of_every_frame_is_the_networks(ready: Any, model: SpeechModel) -> None:
    scene = bpy.context.scene
    scene.frame_start = 7

    bpy.ops.lipsync3d.generate()

    expected = predicted(model, ready.sound_path).vertices()
    for number, vertices in enumerate(expected):
        scene.frame_set(7 + number)
        np.testing.assert_allclose(shown_in_face_space(), vertices, atol=1e-4)


def test_codes_beyond_the_sliders_reach_are_shown_too(ready: Any, model: SpeechModel) -> None:
    weights = {**model.encoder_weights, "exit.bias": np.full(32, 40, np.float32)}
    loud = replace(model, encoder_weights=weights, shapes=model.shapes / 40)
    write_model(Path(ready.model_path), loud)

    bpy.ops.lipsync3d.generate()

    bpy.context.scene.frame_set(12)
    vertices = predicted(loud, ready.sound_path).vertices()[11]
    np.testing.assert_allclose(shown_in_face_space(), vertices, atol=1e-4)


def test_a_scenes_broadcast_rate_is_kept(ready: Any, model: SpeechModel) -> None:
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 30, 1.001

    bpy.ops.lipsync3d.generate()

    expected = predicted(model, ready.sound_path, 30 / scene.render.fps_base)
    scene.frame_set(scene.frame_end)
    assert scene.frame_end == expected.frame_count == 30
    np.testing.assert_allclose(shown_in_face_space(), expected.vertices()[-1], atol=1e-4)


def test_the_head_looks_along_minus_y_with_its_crown_up(ready: Any) -> None:
    bpy.ops.lipsync3d.generate()

    basis = np.array([point.co for point in our_head().data.shape_keys.reference_key.points])
    nose, chin, forehead, left_eye = basis[4], basis[152], basis[10], basis[263]
    assert nose[1] < chin[1]
    assert forehead[2] > chin[2]
    assert left_eye[0] > 0


def test_the_heads_keys_are_linear_and_lie_on_whole_frames(ready: Any) -> None:
    bpy.ops.lipsync3d.generate()

    head = our_head()
    assert len(head.data.shape_keys.key_blocks) == 33
    assert all(len(values) == 25 for values in curve_values(head.data.shape_keys).values())
    assert head.data.shape_keys.animation_data.action.name == "LipSync hello"


def test_mouth_and_eyes_have_colours_of_their_own(ready: Any) -> None:
    bpy.ops.lipsync3d.generate()

    mesh = our_head().data
    names = [mesh.materials[polygon.material_index].name for polygon in mesh.polygons]
    assert names.count("LipSync mouth") == 18
    assert names.count("LipSync eyes") == 28
    assert names.count("LipSync lips") > 50


@needs_sound
def test_the_sound_lies_in_the_sequencer_and_the_scene_plays_it(ready: Any) -> None:
    scene = bpy.context.scene
    scene.frame_start = 5

    bpy.ops.lipsync3d.generate()

    (strip,) = sound_strips()
    assert (strip.frame_final_start, strip.name) == (5, "hello")
    assert (scene.frame_start, scene.frame_end) == (5, 29)
    assert scene.sync_mode == "AUDIO_SYNC"


def test_a_characters_curves_are_the_predicted_weights(ready: Any, model: SpeechModel) -> None:
    names = ["jawOpen", "mouthSmileLeft", "Ears"]
    character = make_character("Hero", names)

    speak_with(ready, character)

    animation = predicted(model, ready.sound_path)
    curves = curve_values(character.data.shape_keys)
    assert set(curves) == {'key_blocks["jawOpen"].value', 'key_blocks["mouthSmileLeft"].value'}
    for name in names[:2]:
        weights = animation.blendshapes[:, animation.blendshape_names.index(name)]
        np.testing.assert_allclose(curves[f'key_blocks["{name}"].value'], weights, atol=0.0101)


def test_a_characters_mesh_really_moves(ready: Any, model: SpeechModel) -> None:
    character = make_character("Hero", ["jawOpen"])

    speak_with(ready, character)

    animation = predicted(model, ready.sound_path)
    weights = animation.blendshapes[:, animation.blendshape_names.index("jawOpen")]
    for frame in (1, 13, 25):
        bpy.context.scene.frame_set(frame)
        assert evaluated_points(character)[0, 1] == pytest.approx(-0.1 * weights[frame - 1], abs=0.00101)


def test_weights_stay_within_a_sliders_range(ready: Any) -> None:
    character = make_character("Hero", ["jawOpen"])
    character.data.shape_keys.key_blocks["jawOpen"].slider_max = 0.1

    speak_with(ready, character)

    (values,) = curve_values(character.data.shape_keys).values()
    assert values.max() == pytest.approx(0.1)


def test_all_meshes_on_the_characters_armature_speak(ready: Any) -> None:
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.scene.collection.objects.link(rig)
    face, teeth, hat = (make_character(name, ["jawOpen"]) for name in ("Face", "Teeth", "Hat"))
    face.parent = rig
    teeth.modifiers.new("Armature", "ARMATURE").object = rig

    speak_with(ready, face)

    assert face.data.shape_keys.animation_data.action is not None
    assert teeth.data.shape_keys.animation_data.action is not None
    assert hat.data.shape_keys.animation_data is None


def test_without_a_chosen_character_the_active_object_speaks(ready: Any) -> None:
    character = make_character("Hero", ["jawOpen"])
    bpy.context.view_layer.objects.active = character

    speak_with(ready, None)

    assert curve_values(character.data.shape_keys)


def test_a_new_head_stands_beside_the_character(ready: Any) -> None:
    character = make_character("Hero", ["jawOpen"])
    ready.animate_character = True
    ready.character = character

    bpy.ops.lipsync3d.generate()

    assert our_head().location.x > 0.1


def test_the_artists_animation_plays_on(ready: Any) -> None:
    character = make_character("Hero", ["jawOpen", "Ears"])
    keys = character.data.shape_keys
    for value, frame in ((0.0, 1), (1.0, 21)):
        keys.key_blocks["Ears"].value = value
        keys.key_blocks["Ears"].keyframe_insert("value", frame=frame)
        character.location.x = value
        character.keyframe_insert("location", index=0, frame=frame)
    artists = keys.animation_data.action
    bpy.context.scene.frame_set(11)
    ears, place = keys.key_blocks["Ears"].value, character.location.x

    speak_with(ready, character)

    bpy.context.scene.frame_set(11)
    assert artists.use_fake_user
    assert keys.animation_data.action != artists
    assert keys.key_blocks["Ears"].value == pytest.approx(ears)
    assert keys.key_blocks["jawOpen"].value == pytest.approx(
        curve_values(keys)['key_blocks["jawOpen"].value'][10], abs=1e-5
    )
    assert character.location.x == pytest.approx(place)
    assert artists.name in bpy.context.window_manager.lipsync3d.message


def test_driven_keys_are_left_to_their_drivers(ready: Any) -> None:
    character = make_character("Hero", ["jawOpen", "mouthClose"])
    character.data.shape_keys.key_blocks["mouthClose"].driver_add("value")

    speak_with(ready, character)

    assert set(curve_values(character.data.shape_keys)) == {'key_blocks["jawOpen"].value'}


@needs_sound
def test_a_second_run_replaces_the_first_and_nothing_else(ready: Any, tmp_path: Path) -> None:
    character = make_character("Hero", ["jawOpen"])
    ready.animate_character = True
    ready.character = character
    bpy.ops.lipsync3d.generate()
    head = our_head()
    head.location = (1, 2, 3)
    own_strip = add_strip(ready.sound_path, 40)
    before = state_of_file()
    write_wav(tmp_path / "again.wav", babble(1.0, seed=5))
    ready.sound_path = str(tmp_path / "again.wav")

    bpy.ops.lipsync3d.generate()

    after = state_of_file()
    assert our_head() == head
    assert tuple(head.location) == (1, 2, 3)
    assert {strip.name for strip in sound_strips()} == {own_strip, "again"}
    assert [len(names) for names in after[0]] == [len(names) for names in before[0]]
    assert {action.name.split(".")[0] for action in bpy.data.actions} == {"LipSync again"}


def test_two_speakers_have_two_heads(ready: Any, model: SpeechModel, tmp_path: Path) -> None:
    bpy.ops.lipsync3d.generate()
    other = replace(tiny_model(3), description=replace(model.description, speaker="somebody"))
    write_model(tmp_path / "other.lipsync3d", other)
    bpy.ops.lipsync3d.import_model(filepath=str(tmp_path / "other.lipsync3d"))

    bpy.ops.lipsync3d.generate()

    assert {thing.name for thing in bpy.context.scene.objects} == {"nobody head", "somebody head"}


def test_one_undo_step_takes_everything_back(ready: Any) -> None:
    make_character("Hero", ["jawOpen"])
    ready.animate_character = True
    ready.character = bpy.data.objects["Hero"]
    bpy.ops.ed.undo_push(message="before")
    before = state_of_file()

    bpy.ops.lipsync3d.generate("EXEC_DEFAULT", True)
    assert state_of_file() != before
    bpy.ops.ed.undo()

    assert state_of_file() == before
    assert bpy.data.objects["Hero"].data.shape_keys.animation_data is None


def add_strip(path: str, frame: int) -> str:
    """Lay a sound into the sequencer as an artist would; return the strip's name."""
    scene = bpy.context.scene
    editor = scene.sequence_editor or scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    return str(strips.new_sound("Line", path, 3, frame).name)


@needs_sound
def test_a_strip_speaks_what_it_shows(ready: Any, model: SpeechModel) -> None:
    strip_name = add_strip(ready.sound_path, 101)
    strip = sound_strips()[0]
    strip.frame_offset_start, strip.frame_offset_end = 5, 4
    ready.sound_source, ready.sound_strip = "STRIP", strip_name

    bpy.ops.lipsync3d.generate()

    channels, rate = read_wav(Path(ready.sound_path))
    cut = speech_waveform(channels[round(0.2 * rate) : round(0.84 * rate)], rate, "strip")
    vertices = synthesize(model, cut, 25.0).vertices()
    assert len(vertices) == 16
    for number in (0, 7, 15):
        bpy.context.scene.frame_set(106 + number)
        np.testing.assert_allclose(shown_in_face_space(), vertices[number], atol=1e-4)
    assert len(sound_strips()) == 1
    assert bpy.context.scene.frame_start == 1
    assert bpy.context.scene.frame_end == 250


@needs_sound
def test_a_strip_with_a_sub_frame_offset_speaks_later(ready: Any, model: SpeechModel) -> None:
    strip_name = add_strip(ready.sound_path, 11)
    sound_strips()[0].sound_offset = 0.5 / 25
    ready.sound_source, ready.sound_strip = "STRIP", strip_name

    bpy.ops.lipsync3d.generate()

    channels, rate = read_wav(Path(ready.sound_path))
    cut = speech_waveform(channels[round(0.02 * rate) : round(0.98 * rate)], rate, "strip")
    bpy.context.scene.frame_set(12)  # frame 11 begins before the sound does
    np.testing.assert_allclose(shown_in_face_space(), synthesize(model, cut, 25.0).vertices()[0], atol=1e-4)


@needs_sound
def test_the_phones_of_a_file_follow_a_strips_trim(ready: Any, part: Any) -> None:
    Path(ready.sound_path).with_suffix(".txt").write_text("0.3 0.4 m\n0.4 0.9 a\n", encoding="utf-8")
    strip_name = add_strip(ready.sound_path, 101)
    sound_strips()[0].frame_offset_start = 5
    speech = part("addon.scene.sounds").speech_from_strip(bpy.context.scene, strip_name)
    assert speech.source == Path(ready.sound_path)
    script = part("lipsync_core.phones.script").ScriptChoice().script_for(speech.source, speech.skipped_seconds)
    assert script.phonemes[0].start_seconds == pytest.approx(0.1, abs=1e-3)


def test_the_panel_takes_words_or_a_file_and_says_what_became_of_them(ready: Any, tmp_path: Path) -> None:
    session = bpy.context.window_manager.lipsync3d
    (tmp_path / "phones.lab").write_text("0.1 0.3 m\n0.3 0.9 a\n", encoding="utf-8")
    ready.text_source, ready.text_path = "FILE", str(tmp_path / "phones.lab")
    bpy.ops.lipsync3d.generate()
    assert "phones.lab is followed: 2 phones." in session.message

    ready.text_source, ready.text = "WORDS", "mama"
    bpy.ops.lipsync3d.generate()
    assert "The text is not followed: this model hears no phones" in session.message

    ready.text = " "
    before = state_of_file()
    with pytest.raises(RuntimeError, match="There is no text"):
        bpy.ops.lipsync3d.generate()
    assert state_of_file() == before

    ready.text_source = "NONE"
    bpy.ops.lipsync3d.generate()
    assert "followed" not in session.message


@needs_sound
def test_a_packed_sound_is_read_from_the_file_itself(ready: Any) -> None:
    strip_name = add_strip(ready.sound_path, 1)
    sound_strips()[0].sound.pack()
    Path(ready.sound_path).unlink()
    ready.sound_source, ready.sound_strip = "STRIP", strip_name

    bpy.ops.lipsync3d.generate()

    assert our_head().data.shape_keys.animation_data.action.name == "LipSync Line"


FAULTS = {
    "a missing model": "There is no model file at",
    "a text file as model": "is not a LipSync3D model file",
    "a missing sound": "There is no sound file at",
    "a text file as sound": "cannot be read as a",
    "an empty file as sound": "cannot be read as a",
    "a silent sound": "is silent throughout",
    "a click": "too short to speak",
    "a missing strip": "There is no sound strip 'Line'",
    "a character without matching names": "No shape key of Hero is named like",
    "a character without shape keys": "No shape key of Hero is named like",
    "a character in tweak mode": "leave tweak mode",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_sentence_and_changes_nothing(ready: Any, tmp_path: Path, fault: str) -> None:
    break_something(ready, tmp_path, fault)
    before = state_of_file()

    with pytest.raises(RuntimeError, match=FAULTS[fault]) as caught:
        bpy.ops.lipsync3d.generate()

    session = bpy.context.window_manager.lipsync3d
    assert session.is_error
    assert session.message in str(caught.value)
    assert session.message.endswith(".")
    assert state_of_file() == before


def break_something(settings: Any, folder: Path, fault: str) -> None:
    """Bring about one of the `FAULTS`."""
    path = folder / "broken.wav"
    if fault == "a missing model":
        Path(settings.model_path).unlink()
    elif fault == "a text file as model":
        Path(settings.model_path).write_text("Dear model,")
    elif fault == "a missing strip":
        settings.sound_source, settings.sound_strip = "STRIP", "Line"
    elif "character" in fault:
        settings.animate_character = True
        settings.character = faulty_character(fault, folder)
    else:
        settings.sound_path = str(path)
        write_faulty_sound(path, fault)


def write_faulty_sound(path: Path, fault: str) -> None:
    """Write the sound of one of the `FAULTS`."""
    if fault == "a text file as sound":
        path.write_text("Dear sound,")
    elif fault == "an empty file as sound":
        path.write_bytes(b"")
    elif fault == "a silent sound":
        write_wav(path, replace(babble(1.0), samples=np.zeros(16_000, np.float32)))
    elif fault == "a click":
        write_wav(path, replace(babble(1.0), samples=babble(1.0).samples[1000:1300]))


def faulty_character(fault: str, folder: Path) -> Any:
    """Make the character of one of the `FAULTS`."""
    names = {"a character without matching names": ["Ears"], "a character without shape keys": []}
    character = make_character("Hero", names.get(fault, ["jawOpen"]))
    if fault == "a character in tweak mode":
        keys = character.data.shape_keys
        keys.key_blocks["jawOpen"].keyframe_insert("value", frame=1)
        keys.key_blocks["jawOpen"].keyframe_insert("value", frame=9)
        animation = keys.animation_data
        track = animation.nla_tracks.new()
        track.strips.new("Take", 1, animation.action)
        animation.action = None
        track.select = True
        track.strips[0].select = True
        animation.nla_tracks.active = track
        animation.use_tweak_mode = True
    return character


def test_a_grey_button_says_why(ready: Any, part: Any) -> None:
    missing = part("addon.operators.generate").missing_for_generation
    context = bpy.context
    assert missing(context) == ""

    ready.animate_character = True
    assert missing(context) == "Select the character to animate first"
    ready.make_head = ready.animate_character = False
    assert missing(context) == "Switch on the talking head, the character, or both"
    ready.sound_source = "STRIP"
    assert missing(context) == "Choose a sound strip of the sequencer first"
    ready.sound_source, ready.sound_path = "FILE", ""
    assert missing(context) == "Choose a sound file first"
    with pytest.raises(RuntimeError, match="poll"):
        bpy.ops.lipsync3d.generate()
