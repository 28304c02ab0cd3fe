"""The artist's character: any names, any rig, any file; sliders act on the kept prediction."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipsync_core.character.visemes import VISEMES
from lipsync_core.face.arkit import SPEECH_SHAPES
from lipsync_core.face.topology import generic_face, skin_triangles
from lipsync_core.model.model_file import SpeechModel, write_model
from tests.blender.conftest import curve_values, curves_of, evaluated_points, linked_character, make_character
from tests.blender.test_generate import predicted, speak_with

bpy = pytest.importorskip("bpy")

JAW_PATH = 'key_blocks["jawOpen"].value'


def entry() -> Any:
    """What the scene remembers of its one character."""
    (only,) = bpy.context.scene.lipsync3d_characters
    return only


def map_by_name(settings: Any, character: Any) -> Any:
    """Press the button; return what the scene remembers of the character."""
    settings.animate_character = True
    settings.character = character
    bpy.ops.lipsync3d.map_by_name()
    return entry()


def jaw_rig(name: str = "Rig") -> Any:
    """An armature with a body, a head and a jaw bone that points forward and down, as jaws do."""
    rig = bpy.data.objects.new(name, bpy.data.armatures.new(name))
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for bone_name, head, tail in (
        ("Spine", (0, 0, 0), (0, 0, 1)),
        ("Head", (0, 0, 1), (0, 0, 1.3)),
        ("jaw", (0, -0.02, 1.1), (0, -0.1, 1.05)),
    ):
        bone = rig.data.edit_bones.new(bone_name)
        bone.head, bone.tail, bone.roll = head, tail, 0.7
    rig.data.edit_bones["jaw"].parent = rig.data.edit_bones["Head"]
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig


def chin(rig: Any) -> np.ndarray:
    """Where the end of the jaw bone is in the current frame."""
    return np.array(rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones["jaw"].tail)


def jaw_weights(settings: Any, model: SpeechModel) -> np.ndarray:
    """What the engine alone says of the jaw."""
    animation = predicted(model, settings.sound_path)
    return animation.blendshapes[:, animation.blendshape_names.index("jawOpen")]


def test_a_character_that_has_only_visemes_speaks(ready: Any) -> None:
    character = make_character("Hero", list(VISEMES))

    speak_with(ready, character)

    values = curve_values(character.data.shape_keys)
    assert set(values) == {f'key_blocks["{name}"].value' for name in VISEMES}
    assert max(curve.max() for curve in values.values()) > 0.05


def test_a_keys_gain_and_offset_take_effect_at_once(ready: Any, model: SpeechModel) -> None:
    character = make_character("Hero", ["jawOpen"])
    character.data.shape_keys.key_blocks["jawOpen"].slider_max = 5
    speak_with(ready, character)

    (row,) = entry().rows
    row.gain, row.offset = 2.0, 0.25

    values = curve_values(character.data.shape_keys)[JAW_PATH]
    np.testing.assert_allclose(values, 2 * jaw_weights(ready, model) + 0.25, atol=0.0101)


def test_a_row_may_name_any_key(ready: Any, model: SpeechModel) -> None:
    character = make_character("Hero", ["Mund auf"])
    row = map_by_name(ready, character).rows.add()
    row.source, row.target = "jawOpen", "Mund auf"

    speak_with(ready, character)

    values = curve_values(character.data.shape_keys)['key_blocks["Mund auf"].value']
    np.testing.assert_allclose(values, jaw_weights(ready, model), atol=0.0101)


def test_a_mapping_travels_as_a_preset(ready: Any, tmp_path: Path) -> None:
    first, second = make_character("First", ["jawOpen"]), make_character("Second", ["jawOpen"])
    map_by_name(ready, first).rows[0].gain = 0.5
    bpy.ops.lipsync3d.save_mapping(filepath=str(tmp_path / "preset.json"))

    ready.character = second
    bpy.ops.lipsync3d.load_mapping(filepath=str(tmp_path / "preset.json"))

    (row,) = bpy.context.scene.lipsync3d_characters[1].rows
    assert (row.source, row.target, row.gain) == ("jawOpen", "jawOpen", 0.5)


def test_the_mapping_lives_in_the_blend_file(ready: Any, tmp_path: Path) -> None:
    character = make_character("Hero", ["jawOpen"])
    speak_with(ready, character)
    entry().rows[0].gain = 0.5
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))

    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    entry().intensity = 0.0

    assert entry().rows[0].gain == 0.5
    assert curve_values(bpy.data.objects["Hero"].data.shape_keys)[JAW_PATH].max() == 0


def test_intensity_acts_without_the_model(ready: Any, model: SpeechModel) -> None:
    character = make_character("Hero", ["jawOpen"])
    speak_with(ready, character)
    Path(ready.model_path).unlink()

    entry().intensity = 0.5

    values = curve_values(character.data.shape_keys)[JAW_PATH]
    np.testing.assert_allclose(values, 0.5 * jaw_weights(ready, model), atol=0.0101)


def test_sliders_leave_one_action_behind(ready: Any) -> None:
    character = make_character("Hero", ["jawOpen", "eyeBlinkLeft"])
    speak_with(ready, character)
    before = sorted(action.name for action in bpy.data.actions)

    for value in (0.2, 0.9, 1.4):
        entry().jaw = value

    assert sorted(action.name for action in bpy.data.actions) == before == ["LipSync hello"]


def test_fewer_keys_stay_within_the_stated_error(ready: Any, model: SpeechModel) -> None:
    character = make_character("Hero", ["jawOpen"])
    speak_with(ready, character)
    wanted = jaw_weights(ready, model)

    for error in (0.0, 0.02, 0.2):
        entry().largest_error = error
        (curve,) = curves_of(character.data.shape_keys)
        shown = curve_values(character.data.shape_keys)[JAW_PATH]
        assert np.abs(shown - wanted).max() <= error + 1e-5
        assert (len(curve.keyframe_points) == 25) == (error == 0)


def test_all_meshes_share_one_action_with_a_slot_each(ready: Any) -> None:
    if bpy.app.version < (4, 4):
        pytest.skip("Actions have slots from Blender 4.4 on")
    face, teeth = make_character("Face", ["jawOpen"]), make_character("Teeth", ["jawOpen"])
    teeth.parent = face

    speak_with(ready, face)

    animations = [thing.data.shape_keys.animation_data for thing in (face, teeth)]
    assert animations[0].action == animations[1].action
    assert animations[0].action_slot != animations[1].action_slot
    assert [action.name for action in bpy.data.actions] == ["LipSync hello"]


def test_a_chosen_action_keeps_its_other_curves(ready: Any) -> None:
    character = make_character("Hero", ["jawOpen", "Ears"])
    keys = character.data.shape_keys
    keys.key_blocks["Ears"].value = 0.7
    keys.key_blocks["Ears"].keyframe_insert("value", frame=1)
    artists = keys.animation_data.action
    map_by_name(ready, character).action = artists

    speak_with(ready, character)
    speak_with(ready, character)

    assert keys.animation_data.action == artists
    assert set(curve_values(keys)) == {JAW_PATH, 'key_blocks["Ears"].value'}
    assert not keys.animation_data.nla_tracks


def test_a_new_action_bears_the_chosen_name(ready: Any) -> None:
    character = make_character("Hero", ["jawOpen"])
    map_by_name(ready, character).action_name = "Act one"

    speak_with(ready, character)

    assert character.data.shape_keys.animation_data.action.name == "Act one"


def test_keyframes_pushed_to_the_nla_move_the_mouth_and_are_replaced(ready: Any, model: SpeechModel) -> None:
    character = make_character("Hero", ["jawOpen"])
    map_by_name(ready, character).to_nla = True

    speak_with(ready, character)
    speak_with(ready, character)

    animation = character.data.shape_keys.animation_data
    assert animation.action is None
    assert [len(track.strips) for track in animation.nla_tracks] == [1]
    bpy.context.scene.frame_set(13)
    shown = evaluated_points(character)[0, 1]
    assert shown == pytest.approx(-0.1 * jaw_weights(ready, model)[12], abs=0.00101)


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "ZXY", "AXIS_ANGLE"])
def test_a_jaw_bone_opens_downwards_in_every_rotation_mode(ready: Any, model: SpeechModel, mode: str) -> None:
    rig = jaw_rig()
    rig.pose.bones["jaw"].rotation_mode = mode
    rest = chin(rig)

    speak_with(ready, rig)

    weights = jaw_weights(ready, model)
    frame = int(weights.argmax())
    bpy.context.scene.frame_set(1 + frame)
    head, angle = np.array([0, -0.02, 1.1]), np.radians(20.0 * min(weights[frame], 1))
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(chin(rig), head + turn @ (rest - head), atol=2e-4)
    assert chin(rig)[2] < rest[2]


def test_the_body_animation_stays_active_above_a_jaw_bone(ready: Any) -> None:
    rig = jaw_rig()
    for frame, angle in ((1, 0.0), (20, 1.0)):
        rig.pose.bones["Spine"].rotation_quaternion = (np.cos(angle / 2), 0, np.sin(angle / 2), 0)
        rig.pose.bones["Spine"].keyframe_insert("rotation_quaternion", frame=frame)
    body = rig.animation_data.action

    speak_with(ready, rig)

    assert rig.animation_data.action == body
    places = []
    for frame in range(1, 26):
        bpy.context.scene.frame_set(frame)
        places.append(chin(rig))
    assert np.ptp(places, axis=0)[2] > 1e-3
    assert rig.pose.bones["Spine"].rotation_quaternion[2] != 0


def test_a_jaw_bone_rests_where_a_shape_key_opens_the_mouth(ready: Any) -> None:
    rig, face = jaw_rig(), make_character("Face", ["jawOpen"])
    face.parent = rig

    speak_with(ready, rig)

    assert face.data.shape_keys.animation_data.action is not None
    assert rig.animation_data is None or rig.animation_data.action is None


@pytest.fixture
def mouth_only(ready: Any, model: SpeechModel) -> Any:
    """The panel's settings with a model that moves the mouth and nothing else, as trained ones do."""
    columns = [model.blendshape_names.index(name) for name in SPEECH_SHAPES]
    weights, bias = model.blendshape_weights[:, columns], model.blendshape_bias[columns]
    speaker = replace(model, blendshape_names=SPEECH_SHAPES, blendshape_weights=weights, blendshape_bias=bias)
    write_model(Path(ready.model_path), speaker)
    return ready


def test_life_is_a_layer_that_can_be_switched_off(mouth_only: Any) -> None:
    rig, face = jaw_rig(), make_character("Face", ["jawOpen", "eyeBlinkLeft", "eyeLookUpLeft"])
    face.parent = rig
    speak_with(mouth_only, face)
    keys = face.data.shape_keys

    entry().eyes = 1.0
    entry().head = 1.0
    moving = [track.name for owner in (keys, rig) for track in owner.animation_data.nla_tracks]
    entry().eyes = 0.0
    entry().head = 0.0

    assert moving == ["LipSync life", "LipSync life"]
    assert not keys.animation_data.nla_tracks
    assert not rig.animation_data.nla_tracks
    assert set(curve_values(keys)) == {JAW_PATH}


def test_life_leaves_what_the_artist_has_keyed(mouth_only: Any) -> None:
    rig, face = jaw_rig(), make_character("Face", ["jawOpen", "eyeLookUpLeft"])
    face.parent = rig
    look = face.data.shape_keys.key_blocks["eyeLookUpLeft"]
    for frame, value in ((1, 0.0), (25, 0.5)):
        look.value = value
        look.keyframe_insert("value", frame=frame)
        rig.pose.bones["Head"].keyframe_insert("rotation_quaternion", frame=frame)
    map_by_name(mouth_only, face)
    entry().eyes = entry().head = 1.0

    speak_with(mouth_only, face)

    bpy.context.scene.frame_set(25)
    assert look.value == pytest.approx(0.5)
    assert not rig.animation_data.nla_tracks
    assert "Head has keyframes of its own" in bpy.context.window_manager.lipsync3d.message


def test_linked_characters_speak_and_still_do_after_reopening(ready: Any, tmp_path: Path) -> None:
    linked = linked_character(tmp_path / "library.blend", "Hero", ["jawOpen"])

    speak_with(ready, linked)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))

    (hero,) = bpy.context.scene.objects
    assert hero.override_library is not None
    bpy.context.scene.frame_set(13)
    weights = curve_values(hero.data.shape_keys)[JAW_PATH]
    assert evaluated_points(hero)[0, 1] == pytest.approx(-0.1 * weights[12], abs=1e-5)


def test_a_character_without_anything_to_move_is_refused(ready: Any) -> None:
    rig = jaw_rig()
    map_by_name(ready, rig).jaw_bone = "tail"

    with pytest.raises(RuntimeError, match="no bone 'tail'"):
        speak_with(ready, rig)


def test_an_exported_gltf_keeps_the_morphs_moving(ready: Any, tmp_path: Path) -> None:
    character = make_character("Hero", ["jawOpen", "mouthFunnel"])
    speak_with(ready, character)
    path = tmp_path / "hero.glb"

    bpy.ops.export_scene.gltf(filepath=str(path), export_animations=True)

    content, buffer = read_glb(path)
    (channel,) = [each for each in content["animations"][0]["channels"] if each["target"]["path"] == "weights"]
    sampler = content["animations"][0]["samplers"][channel["sampler"]]
    weights = accessor(content, buffer, sampler["output"]).reshape(-1, 2)
    wanted = curve_values(character.data.shape_keys)
    assert content["meshes"][0]["extras"]["targetNames"] == ["jawOpen", "mouthFunnel"]
    np.testing.assert_allclose(weights[:, 0], wanted[JAW_PATH], atol=1e-4)


def read_glb(path: Path) -> tuple[dict[str, Any], bytes]:
    """The JSON and the binary chunk of a GLB file."""
    data = path.read_bytes()
    (size,) = struct.unpack_from("<I", data, 12)
    return json.loads(data[20 : 20 + size]), data[28 + size :]


def accessor(content: dict[str, Any], buffer: bytes, number: int) -> np.ndarray:
    """The float values of an accessor."""
    meant = content["accessors"][number]
    view = content["bufferViews"][meant["bufferView"]]
    assert meant["componentType"] == 5126
    return np.frombuffer(buffer, np.float32, meant["count"], view["byteOffset"])


def bare_head() -> Any:
    """The generic face as a mesh of an artist's: no shape keys, its own place, turn and scale."""
    mesh = bpy.data.meshes.new("Bust")
    x, y, z = generic_face().T
    mesh.from_pydata(np.stack([x, -z, y], axis=1).tolist(), [], skin_triangles().tolist())
    bust = bpy.data.objects.new("Bust", mesh)
    bpy.context.scene.collection.objects.link(bust)
    bust.location, bust.scale = (1, 2, 3), (0.2, 0.2, 0.2)
    bust.rotation_euler = (0.1, 0.0, 0.15)
    bpy.context.view_layer.update()
    bpy.context.view_layer.objects.active = bust
    return bust


def test_a_character_without_shape_keys_gets_them_and_speaks(ready: Any) -> None:
    bust = bare_head()
    ready.animate_character, ready.character = True, bust

    bpy.ops.lipsync3d.fit_face()
    verdict = bpy.context.window_manager.lipsync3d.message
    bpy.ops.lipsync3d.add_shape_keys()
    speak_with(ready, bust)

    assert verdict.startswith("The face fits well")
    opened = bust.data.shape_keys.key_blocks["jawOpen"]
    moved = np.array([point.co for point in opened.points]) - np.array([v.co for v in bust.data.vertices])
    assert moved[152, 2] < -0.15  # the chin goes down, in the mesh's own space
    assert np.abs(moved[10]).max() < 0.01  # the forehead stays
    assert curve_values(bust.data.shape_keys)[JAW_PATH].max() > 0


def test_the_guide_stands_on_the_face_and_a_second_run_moves_it_only(ready: Any) -> None:
    bust = bare_head()
    ready.character = bust

    bpy.ops.lipsync3d.fit_face()
    (guide,) = (thing for thing in bpy.context.scene.objects if thing.get("lipsync3d") == "guide")
    guide.location.x += 0.01
    bpy.context.view_layer.update()
    bpy.ops.lipsync3d.fit_face()

    bpy.context.view_layer.update()
    shown = np.array([guide.matrix_world @ vertex.co for vertex in guide.data.vertices])
    own = np.array([bust.matrix_world @ vertex.co for vertex in bust.data.vertices])
    assert np.linalg.norm(shown - own, axis=1).mean() < 0.01 * 0.2
    assert len(bpy.context.scene.objects) == 2


def test_shape_keys_need_a_guide(ready: Any) -> None:
    bare_head()

    with pytest.raises(RuntimeError, match="Fit the face first"):
        bpy.ops.lipsync3d.add_shape_keys()


@pytest.mark.parametrize("name", ["arkit_and_visemes", "visemes_only"])
def test_characters_speak_as_they_are_imported(ready: Any, footage: Path, name: str) -> None:
    bpy.ops.import_scene.gltf(filepath=str(footage / "characters" / f"{name}.glb"))
    rig = next(thing for thing in bpy.context.scene.objects if thing.type == "ARMATURE")

    speak_with(ready, rig)

    head = bpy.data.objects["Wolf3D_Head"]
    rest = np.array([point.co for point in head.data.shape_keys.reference_key.points])
    moved = []
    for frame in (3, 12, 20):
        bpy.context.scene.frame_set(frame)
        keys = head.data.shape_keys.evaluated_get(bpy.context.evaluated_depsgraph_get()).key_blocks
        shown = sum(key.value * (np.array([point.co for point in key.points]) - rest) for key in keys[1:])
        moved.append(np.linalg.norm(shown, axis=1).max())
    assert max(moved) > 0.002  # m
    assert {thing.name for thing in speaking_objects()} == {"Wolf3D_Head", "Wolf3D_Teeth", "EyeLeft", "EyeRight"}


def speaking_objects() -> list[Any]:
    """The mesh objects whose shape keys are animated."""
    meshes = [thing for thing in bpy.context.scene.objects if thing.type == "MESH" and thing.data.shape_keys]
    return [thing for thing in meshes if thing.data.shape_keys.animation_data is not None]
