"""The talking head wears its atlas: what Blender shows of it in every frame, and what stays behind."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from lipsync_core.model.model_file import write_model
from lipsync_core.texture.images import AtlasImages, tile_of, write_sequence, write_sheet
from lipsync_core.texture.layout import ATLAS_SIZE, CROP_SIZE
from lipsync_core.texture.png import write_png
from tests.blender.conftest import FACE_UNIT, evaluated_points, our_head
from tests.conftest import tiny_model
from tests.core.test_sheet import LAYOUT

bpy = pytest.importorskip("bpy")

Part = Callable[[str], ModuleType]
KINDS = ["sheet", "sequence"]
CHOICES = {"sheet": "PACKED", "sequence": "FILES"}
FRAMES = 13  # half a second
LIPS = (13, 14)  # the middles of the inner lips
BELOW = (18,)  # the skin below the lower lip
FOREHEAD = (10, 151)
WHITE = 255  # of the reference


def save_scene(folder: Path, name: str = "scene.blend") -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / name))


def speak(settings: Any, kind: str, folder: Path) -> Any:
    """Generate a textured head, its files beside a saved scene; return the head."""
    if not bpy.data.filepath:
        save_scene(folder)
    settings.texture = CHOICES[kind]
    bpy.ops.lipsync3d.generate()
    return our_head()


def own_image(head: Any) -> Any:
    """The image that the head's only material shows."""
    (node,) = (node for node in head.data.materials[0].node_tree.nodes if node.bl_idname == "ShaderNodeTexImage")
    return node.image


def corner_vertices(mesh: Any) -> np.ndarray:
    """The vertex of each corner, `(898, 3)`."""
    vertices = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", vertices)
    return vertices.reshape(-1, 3)


def shown_coordinates(head: Any) -> np.ndarray:
    """The texture coordinates that Blender shows in the current frame, `(898, 3, 2)`."""
    mesh = head.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    values = np.empty(2 * len(mesh.loops), np.float32)
    mesh.attributes["LipSync atlas"].data.foreach_get("vector", values)
    return values.reshape(-1, 3, 2)


def in_pixels(coordinates: np.ndarray, width: int, height: int) -> np.ndarray:
    """Turn texture coordinates into px from the top left."""
    return np.stack([coordinates[..., 0] * width, (1 - coordinates[..., 1]) * height], axis=-1)


def moving_triangles(head: Any) -> np.ndarray:
    values = np.empty(len(head.data.polygons), bool)
    head.data.attributes["lipsync3d_moving"].data.foreach_get("value", values)
    return values


def shown_atlas_points(head: Any) -> np.ndarray:
    """Where the layout says that each corner of the shown mesh lies, `(898, 3, 2)` px."""
    x, y, z = (evaluated_points(head) / FACE_UNIT).T
    return LAYOUT.atlas_points(np.stack([x, z, -y], axis=1))[corner_vertices(head.data)]


def rest_points(head: Any) -> np.ndarray:
    """Where each corner of the neutral face lies, `(898, 3, 2)` px."""
    return LAYOUT.atlas_points(tiny_model().neutral)[corner_vertices(head.data)]


def sheet_columns(head: Any) -> tuple[int, int]:
    """Tiles across and down the sheet of a head."""
    width, height = own_image(head).size
    return width // CROP_SIZE, height // CROP_SIZE


def grey_crops(greys: list[int]) -> list[np.ndarray]:
    return [np.full((1, CROP_SIZE, CROP_SIZE, 3), grey, np.uint8) for grey in greys]


@dataclass
class Stage:
    """Heads that wear flat greys, which a picture tells apart."""

    part: Part
    model: Path
    sound: Path
    folder: Path

    def wear(self, kind: str, greys: list[int], first_frame: int = 1) -> Any:
        """Let the head wear one grey per frame in the lip crop, and white around it."""
        generation = self.part("addon.generation")
        scene = bpy.context.scene
        scene.frame_start = first_frame
        order = generation.Order(
            self.model, self.sound, face_unit=FACE_UNIT, texture=kind, texture_folder=self.folder / "pictures"
        )
        speech = generation.read_speech(bpy.context, order)
        model = generation.check(bpy.context, order)
        animation = self.part("lipsync_core.synthesis").synthesize(model, speech.waveform, 25.0)
        generation.write(bpy.context, order, speech, animation, self._atlas(kind, greys))
        return our_head()

    def _atlas(self, kind: str, greys: list[int]) -> AtlasImages:
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        reference = np.full((ATLAS_SIZE, ATLAS_SIZE, 3), WHITE, np.uint8)
        pictures = (reference, LAYOUT, grey_crops(greys), len(greys))
        if kind == "sheet":
            images: Any = write_sheet(scratch / "atlas.png", *pictures)
        else:
            images = write_sequence(scratch, "atlas", *pictures)
        rest = tuple((float(x), float(y)) for x, y in LAYOUT.atlas_points(tiny_model().neutral))
        values = {name: getattr(images, name) for name in ("kind", "first", "frame_count", "layout", "columns")}
        return self.part("lipsync_core.texture.images").AtlasImages(**values, rest=rest)


@pytest.fixture
def stage(part: Part, textured_file: Path, sound_path: Path, tmp_path: Path) -> Stage:
    return Stage(part, textured_file, sound_path, tmp_path)


def make_flat(head: Any) -> None:
    """Let the head glow in the colours of its image, as they are in the file."""
    tree = head.data.materials[0].node_tree
    (image,) = (node for node in tree.nodes if node.bl_idname == "ShaderNodeTexImage")
    (output,) = (node for node in tree.nodes if node.bl_idname == "ShaderNodeOutputMaterial")
    image.interpolation = "Closest"
    glow = tree.nodes.new("ShaderNodeEmission")
    tree.links.new(image.outputs["Color"], glow.inputs["Color"])
    tree.links.new(glow.outputs["Emission"], output.inputs["Surface"])


def set_camera(head: Any, points: tuple[int, ...]) -> None:
    """Look straight at the middle of some points, very closely, and render a few pixels."""
    scene = bpy.context.scene
    camera = bpy.data.objects.get("Camera") or bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    if camera.name not in scene.collection.objects:
        scene.collection.objects.link(camera)
    camera.data.type, camera.data.ortho_scale = "ORTHO", 0.001
    middle = evaluated_points(head)[list(points)].mean(axis=0)
    camera.location = (middle[0], -1.0, middle[2])
    camera.rotation_euler = (np.pi / 2, 0, 0)
    scene.camera = camera
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    scene.render.resolution_x = scene.render.resolution_y = 4
    scene.render.resolution_percentage = 100
    scene.view_settings.view_transform = "Standard"
    scene.render.dither_intensity = 0
    scene.render.image_settings.file_format = "PNG"


def rendered_grey(frame: int, folder: Path, points: tuple[int, ...] = BELOW) -> int:
    """Render a frame, and return the grey in the middle of the picture."""
    scene, head = bpy.context.scene, our_head()
    scene.frame_set(frame)
    set_camera(head, points)
    scene.render.filepath = str(folder / "render.png")
    bpy.ops.render.render(write_still=True)
    picture = bpy.data.images.load(scene.render.filepath)
    values = np.array(picture.pixels[:]).reshape(4, 4, -1)
    bpy.data.images.remove(picture)
    red, green, blue = np.rint(255 * values[1:3, 1:3, :3].mean(axis=(0, 1)))
    assert red == green == blue, f"not grey in frame {frame}: {red, green, blue}"
    return int(red)


def blocks() -> dict[str, list[str]]:
    """The names of all data-blocks that a head with an atlas is made of."""
    kinds = ("objects", "meshes", "actions", "materials", "images", "node_groups", "shape_keys")
    return {kind: sorted(getattr(bpy.data, kind).keys()) for kind in kinds}


def test_blender_reads_what_was_written(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (9, 13, 3), np.uint8)
    write_png(tmp_path / "p.png", picture)

    image = bpy.data.images.load(str(tmp_path / "p.png"))

    pixels = np.array(image.pixels[:]).reshape(9, 13, 4)[::-1, :, :3]
    assert image.colorspace_settings.name == "sRGB"
    np.testing.assert_array_equal(np.rint(255 * pixels), picture)


def test_the_lip_crops_triangles_are_those_around_the_mouth(dressed: Any, part: Part, tmp_path: Path) -> None:
    head = speak(dressed, "sheet", tmp_path)

    moving, triangles = moving_triangles(head), corner_vertices(head.data)
    lips, eyes = (getattr(part("lipsync_core.face.topology"), name) for name in ("LIPS", "eye_triangles"))
    assert moving[np.isin(triangles, lips).any(axis=1)].all()
    assert not moving[-len(eyes()) :].any()
    assert not moving[np.isin(triangles, FOREHEAD).any(axis=1)].any()


@pytest.mark.parametrize("kind", KINDS)
def test_lip_triangles_follow_the_mesh_and_all_others_rest(dressed: Any, tmp_path: Path, kind: str) -> None:
    bpy.context.scene.frame_start = 7
    head = speak(dressed, kind, tmp_path)
    moving = moving_triangles(head)
    columns, rows = sheet_columns(head) if kind == "sheet" else (2, 2)
    seen = []

    for frame in (7, 8, 12, 18):
        bpy.context.scene.frame_set(frame)
        shown = in_pixels(shown_coordinates(head), columns * CROP_SIZE, rows * CROP_SIZE)
        wanted = shown_atlas_points(head)[moving]
        if kind == "sheet":
            row, column = tile_of(frame - 7, columns)
            in_crop = np.clip(wanted - (LAYOUT.left, LAYOUT.top), 0.5, CROP_SIZE - 0.5)
            wanted = in_crop + CROP_SIZE * np.array([column, row])
        np.testing.assert_allclose(shown[moving], wanted, atol=1e-3)
        np.testing.assert_allclose(shown[~moving], rest_points(head)[~moving], atol=1e-3)
        seen.append(wanted)

    assert np.abs(seen[1] - seen[0]).max() > 0.1


def test_on_a_sheet_lip_triangles_stay_inside_their_tile(dressed: Any, tmp_path: Path) -> None:
    scene = bpy.context.scene
    scene.frame_start = 7
    head = speak(dressed, "sheet", tmp_path)
    moving, (columns, rows) = moving_triangles(head), sheet_columns(head)
    head.data.shape_keys.animation_data_clear()

    for pull in (0.0, 9.0, -9.0):  # further than any speech
        head.data.shape_keys.key_blocks[1].value = head.data.shape_keys.key_blocks[2].value = pull
        for frame, index in ((-20, 0), (6, 0), (7, 0), (9, 2), (19, FRAMES - 1), (20, FRAMES - 1), (900, FRAMES - 1)):
            scene.frame_set(frame)
            shown = in_pixels(shown_coordinates(head), columns * CROP_SIZE, rows * CROP_SIZE)[moving]
            row, column = tile_of(index, columns)
            inside = shown - CROP_SIZE * np.array([column, row])
            assert inside.min() >= 0.5 - 1e-3
            assert inside.max() <= CROP_SIZE - 0.5 + 1e-3


def test_half_frames_show_the_tile_of_the_frame_before(dressed: Any, tmp_path: Path) -> None:
    head = speak(dressed, "sheet", tmp_path)
    moving, (columns, rows) = moving_triangles(head), sheet_columns(head)

    bpy.context.scene.frame_set(4, subframe=0.75)

    shown = in_pixels(shown_coordinates(head), columns * CROP_SIZE, rows * CROP_SIZE)[moving].mean(axis=(0, 1))
    row, column = tile_of(3, columns)
    assert tuple(shown // CROP_SIZE) == (column, row)


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_shows_its_own_picture(stage: Stage, tmp_path: Path, kind: str) -> None:
    greys = [20, 60, 100, 140, 180, 30]
    head = stage.wear(kind, greys, first_frame=7)
    make_flat(head)

    shown = [rendered_grey(frame, tmp_path) for frame in range(7, 13)]

    assert shown == pytest.approx(greys, abs=1)
    assert rendered_grey(9, tmp_path, FOREHEAD) == pytest.approx(WHITE, abs=1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_and_last_pictures_stay_before_and_after(stage: Stage, tmp_path: Path, kind: str) -> None:
    head = stage.wear(kind, [20, 60, 100], first_frame=7)
    make_flat(head)

    shown = [rendered_grey(frame, tmp_path) for frame in (-3, 5, 6, 10, 50)]

    assert shown == pytest.approx([20, 20, 20, 100, 100], abs=1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_speech_of_one_frame_shows_its_picture(stage: Stage, tmp_path: Path, kind: str) -> None:
    make_flat(stage.wear(kind, [90], first_frame=3))

    assert [rendered_grey(frame, tmp_path) for frame in (1, 3, 9)] == pytest.approx([90, 90, 90], abs=1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_speech_shows_its_own_pictures(stage: Stage, tmp_path: Path, kind: str) -> None:
    make_flat(stage.wear(kind, [20, 60, 100], first_frame=7))

    stage.wear(kind, [200, 150], first_frame=3)

    assert [rendered_grey(frame, tmp_path) for frame in (3, 4, 9)] == pytest.approx([200, 150, 150], abs=1)


@pytest.mark.parametrize("kind", KINDS)
def test_running_again_leaves_no_more_than_running_once(dressed: Any, tmp_path: Path, kind: str) -> None:
    speak(dressed, kind, tmp_path)
    first, files = blocks(), sorted(tmp_path.rglob("*"))

    for _ in range(2):
        speak(dressed, kind, tmp_path)

    assert blocks() == first
    assert sorted(tmp_path.rglob("*")) == files
    assert len(our_head().modifiers) == 1
    assert not [image for image in bpy.data.images if image.users == 0]


def test_a_packed_texture_needs_no_file(dressed: Any, tmp_path: Path) -> None:
    head = speak(dressed, "sheet", tmp_path)

    image = own_image(head)
    assert image.packed_file is not None
    assert tuple(image.size) == (5 * CROP_SIZE, 4 * CROP_SIZE)
    assert {path.name for path in tmp_path.iterdir()} == {"scene.blend", "hello.wav"}


def test_texture_files_lie_beside_the_scene(dressed: Any, tmp_path: Path) -> None:
    head = speak(dressed, "sequence", tmp_path)

    image, folder = own_image(head), tmp_path / "scene_textures"
    assert image.source == "SEQUENCE"
    assert image.filepath.startswith("//scene_textures")
    assert len(list(folder.glob("*.png"))) == FRAMES
    assert Path(bpy.path.abspath(image.filepath)).parent == folder


def test_the_texture_can_be_changed_back_and_forth(dressed: Any, tmp_path: Path) -> None:
    seen = {}
    for choice in ("PACKED", "FILES", "NONE", "PACKED", "NONE", "FILES", "PACKED"):
        if not bpy.data.filepath:
            save_scene(tmp_path)
        dressed.texture = choice
        bpy.ops.lipsync3d.generate()
        head = our_head()
        materials = [material.name for material in head.data.materials]
        state = (materials, len(head.modifiers), len(bpy.data.images), len(bpy.data.node_groups))
        assert seen.setdefault(choice, state) == state

    assert seen["NONE"] == ([f"LipSync {name}" for name in ("skin", "lips", "mouth", "eyes")], 0, 0, 0)
    assert seen["PACKED"] == seen["FILES"] == (["nobody head atlas"], 1, 1, 1)


def test_a_model_without_texture_wears_plain_colours(ready: Any) -> None:
    ready.texture = "PACKED"

    bpy.ops.lipsync3d.generate()

    head = our_head()
    assert [material.name for material in head.data.materials] == [
        f"LipSync {name}" for name in ("skin", "lips", "mouth", "eyes")
    ]
    assert not head.modifiers
    assert not bpy.data.images
    assert "painted" not in bpy.context.window_manager.lipsync3d.message


@pytest.mark.parametrize("kind", KINDS)
def test_the_artists_material_and_modifier_stay(dressed: Any, tmp_path: Path, kind: str) -> None:
    head = speak(dressed, kind, tmp_path)
    skin = bpy.data.materials.new("My skin")
    head.data.materials[0] = skin
    head.modifiers.new("Smooth", "SUBSURF")
    head.modifiers.new("My nodes", "NODES").node_group = bpy.data.node_groups.new("My group", "GeometryNodeTree")

    for choice in ("PACKED", "NONE", "FILES"):
        dressed.texture = choice
        bpy.ops.lipsync3d.generate()
        assert list(head.data.materials) == [skin]
        assert [modifier.name for modifier in head.modifiers if modifier.name != "nobody head atlas"] == [
            "Smooth",
            "My nodes",
        ]

    assert head.modifiers[0].name == "nobody head atlas"
    assert {group.name for group in bpy.data.node_groups} == {"nobody head atlas", "My group"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_artists_own_nodes_show_the_new_pictures(stage: Stage, tmp_path: Path, kind: str) -> None:
    head = stage.wear(kind, [20, 60], first_frame=1)
    mine = head.data.materials[0].copy()
    mine.name = "My skin"
    del mine["lipsync3d"]
    head.data.materials[0] = mine
    make_flat(head)

    stage.wear(kind, [120, 160], first_frame=5)

    assert list(head.data.materials) == [mine]
    assert [rendered_grey(frame, tmp_path) for frame in (5, 6)] == pytest.approx([120, 160], abs=1)
    assert len([image for image in bpy.data.images if image.get("lipsync3d")]) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_that_no_material_shows_do_not_pile_up(stage: Stage, kind: str) -> None:
    head = stage.wear(kind, [20, 60])
    head.data.materials[0] = bpy.data.materials.new("My skin")
    stage.wear(kind, [20, 60])
    once = blocks()

    for _ in range(2):
        stage.wear(kind, [20, 60])

    assert blocks() == once


@pytest.mark.parametrize("kind", KINDS)
def test_renamed_things_are_known_again(dressed: Any, tmp_path: Path, kind: str) -> None:
    head = speak(dressed, kind, tmp_path)
    head.name = "Anna"
    head.data.materials[0].name = "Anna's skin"
    head.modifiers[0].name = "Anna's nodes"
    own_image(head).name = "Anna's pictures"
    before = {kind: len(names) for kind, names in blocks().items()}

    speak(dressed, kind, tmp_path)

    assert our_head() == head
    assert [modifier.name for modifier in head.modifiers] == ["Anna's nodes"]
    assert [material.name for material in head.data.materials] == ["Anna's skin"]
    assert {kind: len(names) for kind, names in blocks().items()} == before
    if kind == "sequence":
        assert len(list((tmp_path / "scene_textures").glob("*.png"))) == FRAMES


def test_subdivided_heads_keep_their_coordinates(dressed: Any, tmp_path: Path) -> None:
    head = speak(dressed, "sheet", tmp_path)
    head.modifiers.new("Smooth", "SUBSURF").levels = 1
    columns, rows = sheet_columns(head)
    bpy.context.scene.frame_set(5)

    mesh = head.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    values = np.empty(2 * len(mesh.loops), np.float32)
    mesh.uv_layers["LipSync atlas"].uv.foreach_get("vector", values)

    assert len(mesh.loops) == 898 * 12
    shown = in_pixels(values.reshape(898, 12, 2), columns * CROP_SIZE, rows * CROP_SIZE)[moving_triangles(head)]
    row, column = tile_of(4, columns)
    assert (shown // CROP_SIZE == (column, row)).all()


def test_two_heads_wear_their_own(dressed: Any, stage: Stage, tmp_path: Path) -> None:
    make_flat(stage.wear("sheet", [20, 60]))
    first = our_head()
    first["lipsync3d_speaker"] = "somebody"
    first.name = "somebody head"

    speak(dressed, "sheet", tmp_path)

    heads = [thing for thing in bpy.context.scene.objects if thing.get("lipsync3d") == "head"]
    assert len(heads) == 2
    assert len({own_image(head) for head in heads}) == 2
    assert len({head.modifiers[0].node_group for head in heads}) == 2
    assert len({head.data.materials[0] for head in heads}) == 2
    assert tuple(own_image(first).size) == (3 * CROP_SIZE, 2 * CROP_SIZE)


def test_files_for_an_unsaved_scene_are_refused_with_the_remedy(dressed: Any) -> None:
    before = blocks()
    dressed.texture = "FILES"

    with pytest.raises(RuntimeError, match=r"save it first, or choose the packed texture\."):
        bpy.ops.lipsync3d.generate()

    assert blocks() == before
    assert our_sound_free()


def our_sound_free() -> bool:
    """Tell whether the scene is as silent as at the start."""
    return not bpy.data.sounds and bpy.context.scene.frame_end == 250


def test_pictures_in_the_way_are_refused_and_nothing_is_written(dressed: Any, tmp_path: Path) -> None:
    save_scene(tmp_path)
    theirs = tmp_path / "scene_textures" / "nobody_head_0003.png"
    theirs.parent.mkdir()
    theirs.write_bytes(b"theirs")
    before = blocks()
    dressed.texture = "FILES"

    with pytest.raises(RuntimeError, match=r"nobody_head_0003\.png is in the way of the texture"):
        bpy.ops.lipsync3d.generate()

    assert blocks() == before
    assert list(theirs.parent.iterdir()) == [theirs]
    assert our_sound_free()


def test_a_model_without_texture_needs_no_saved_scene(ready: Any) -> None:
    ready.texture = "FILES"

    bpy.ops.lipsync3d.generate()

    assert our_head()


def test_a_saved_scene_shows_its_packed_texture_wherever_it_goes(stage: Stage, tmp_path: Path) -> None:
    make_flat(stage.wear("sheet", [20, 60, 100], first_frame=7))
    save_scene(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(tmp_path / "scene.blend", elsewhere / "scene.blend")
    shutil.rmtree(stage.folder / "scratch")

    bpy.ops.wm.open_mainfile(filepath=str(elsewhere / "scene.blend"))

    assert [rendered_grey(frame, tmp_path) for frame in (7, 9)] == pytest.approx([20, 100], abs=1)


def test_a_saved_scene_and_its_texture_files_can_be_moved(stage: Stage, tmp_path: Path) -> None:
    stage.folder = home = tmp_path / "home"
    home.mkdir()
    save_scene(home)
    make_flat(stage.wear("sequence", [20, 60, 100], first_frame=7))
    save_scene(home)
    elsewhere = tmp_path / "elsewhere"
    home.rename(elsewhere)

    bpy.ops.wm.open_mainfile(filepath=str(elsewhere / "scene.blend"))

    assert own_image(our_head()).filepath.startswith("//")
    assert [rendered_grey(frame, tmp_path) for frame in (7, 9)] == pytest.approx([20, 100], abs=1)


@pytest.mark.parametrize("kind", KINDS)
def test_one_undo_step_takes_the_texture_off(dressed: Any, tmp_path: Path, kind: str) -> None:
    save_scene(tmp_path)
    dressed.texture = CHOICES[kind]
    bpy.ops.ed.undo_push(message="before")
    before = blocks()

    bpy.ops.lipsync3d.generate("EXEC_DEFAULT", True)
    assert blocks() != before
    bpy.ops.ed.undo()

    assert blocks() == before


def test_the_message_says_what_painted(dressed: Any, part: Part, tmp_path: Path) -> None:
    runtime = part("lipsync_core.model.runtimes").best_runtime()

    speak(dressed, "sheet", tmp_path)

    assert f"{runtime} painted its texture." in bpy.context.window_manager.lipsync3d.message


class Layout:
    """Stands for a panel's layout, and keeps the names of the properties that are drawn."""

    def __init__(self, drawn: dict[str, bool]) -> None:
        self.drawn = drawn
        self.active = True

    def column(self, **_: Any) -> Layout:
        return Layout(self.drawn)

    row = column

    def prop(self, _: Any, name: str, **__: Any) -> None:
        self.drawn[name] = self.active


def drawn_results(part: Part) -> dict[str, bool]:
    """What the panel draws of the results: name of the property, and whether it is active."""
    layout = Layout({})
    part("addon.panels")._draw_results(layout, bpy.context.scene.lipsync3d)
    return layout.drawn


def test_the_panel_offers_a_texture_only_where_there_is_one(
    part: Part, textured_file: Path, model_path: Path, tmp_path: Path
) -> None:
    assert "texture" not in drawn_results(part)

    bpy.ops.lipsync3d.import_model(filepath=str(textured_file))
    assert drawn_results(part)["texture"]
    bpy.context.scene.lipsync3d.make_head = False
    assert drawn_results(part)["texture"] is False

    write_model(tmp_path / "plain.lipsync3d", tiny_model())
    bpy.ops.lipsync3d.import_model(filepath=str(tmp_path / "plain.lipsync3d"))
    assert "texture" not in drawn_results(part)


def test_without_a_head_nothing_is_painted(part: Part, textured_file: Path, sound_path: Path) -> None:
    order = part("addon.generation").Order(textured_file, sound_path, character="Hero", texture="sequence")

    assert order.pictures is None


def test_workbench_adds_no_light_to_filmed_faces_alone(dressed: Any, part: Part, tmp_path: Path) -> None:
    light = part("addon.scene.rendering").workbench_light
    scene = bpy.context.scene
    speak(dressed, "sheet", tmp_path)

    alone = light(scene)
    scene.collection.objects.link(bpy.data.objects.new("Cube", bpy.data.meshes.new("Cube")))

    assert (alone, light(scene)) == ("FLAT", "STUDIO")
