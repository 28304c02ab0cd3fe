"""The checkout as Blender sees it: an enabled extension, and an empty file around every test."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lipsync_core.audio.waveform import write_wav
from lipsync_core.model.model_file import write_model
from tests.conftest import REPOSITORY, babble
from tests.core.test_texture_model import textured_model

try:
    import bpy
except ImportError:  # the test modules skip themselves; a conftest may not
    bpy = None
try:
    import aud
except ImportError:  # some builds of Blender leave their decoder out
    aud = None

needs_sound = pytest.mark.skipif(
    bpy is None or not bpy.app.build_options.audaspace, reason="this build of Blender has no sound"
)
needs_decoder = pytest.mark.skipif(aud is None, reason="this build of Blender has no decoder")
FACE_UNIT = 0.09  # m, the default of the panel


@pytest.fixture(scope="session")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The checkout, enabled as Blender would enable it: through an extension repository."""
    import addon_utils

    folder = tmp_path_factory.mktemp("extensions")
    (folder / "lipsync3d").symlink_to(REPOSITORY, target_is_directory=True)
    bpy.context.preferences.extensions.repos.new(
        name="Checkout", module="checkout", custom_directory=str(folder), source="USER"
    )
    module = addon_utils.enable("bl_ext.checkout.lipsync3d", default_set=True)
    assert module is not None
    yield module
    addon_utils.disable("bl_ext.checkout.lipsync3d", default_set=True)


@pytest.fixture
def part(extension: ModuleType) -> Callable[[str], ModuleType]:
    """Give modules of the extension by their name inside it: `part("addon.scene.meshes")`."""
    return lambda name: importlib.import_module(f"{extension.__name__}.{name}")


@pytest.fixture(autouse=True)
def empty_file(extension: ModuleType) -> Iterator[None]:
    """An empty scene of 25 frames per second, before and after."""
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.context.scene.render.fps = 25
    yield
    bpy.ops.wm.read_homefile(use_empty=True)


@pytest.fixture
def sound_path(tmp_path: Path) -> Path:
    """A second of something like speech."""
    path = tmp_path / "hello.wav"
    write_wav(path, babble(1.0))
    return path


@pytest.fixture
def ready(model_path: Path, sound_path: Path) -> object:
    """The panel's settings with a model imported and a sound file chosen."""
    bpy.ops.lipsync3d.import_model(filepath=str(model_path))
    settings = bpy.context.scene.lipsync3d
    settings.sound_path = str(sound_path)
    return settings


@pytest.fixture(scope="session")
def textured_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A speaker who has a texture, too; not to be changed."""
    path = tmp_path_factory.mktemp("models") / "nobody.lipsync3d"
    write_model(path, textured_model(memory_size=0))
    return path


@pytest.fixture
def dressed(textured_file: Path, sound_path: Path) -> object:
    """The panel's settings with a speaker imported who has a texture, and a sound of half a second chosen."""
    write_wav(sound_path, babble(0.5))
    bpy.ops.lipsync3d.import_model(filepath=str(textured_file))
    settings = bpy.context.scene.lipsync3d
    settings.sound_path = str(sound_path)
    return settings


def make_character(name: str, key_names: list[str]) -> object:
    """A triangle with shape keys, linked into the scene."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 0, 1)], [], [(0, 1, 2)])
    character = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(character)
    character.shape_key_add(name="Basis", from_mix=False)
    for number, key_name in enumerate(key_names, start=1):
        key = character.shape_key_add(name=key_name, from_mix=False)
        key.value = 0.0
        key.points[0].co = (0.0, -0.1 * number, 0.0)
    return character


def linked_character(library: Path, name: str, key_names: list[str]) -> object:
    """The same, linked from a library file."""
    made = make_character(name, key_names)
    bpy.data.libraries.write(str(library), {made})
    bpy.data.objects.remove(made)
    bpy.ops.outliner.orphans_purge()
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.objects = [name]
    bpy.context.scene.collection.objects.link(wanted.objects[0])
    return wanted.objects[0]


def our_head() -> object:
    """The talking head of the scene."""
    return next(thing for thing in bpy.context.scene.objects if thing.get("lipsync3d") == "head")


def sound_strips() -> list[object]:
    """The strips of the scene's sequencer."""
    editor = bpy.context.scene.sequence_editor
    if editor is None:
        return []
    return list(editor.strips if hasattr(editor, "strips") else editor.sequences)


def evaluated_points(thing: object) -> np.ndarray:
    """What Blender shows of a mesh object in the current frame, `(V, 3)`, object space."""
    shown = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    points = np.empty(3 * len(shown.vertices), np.float32)
    shown.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)


def curves_of(owner: object) -> list[object]:
    """The F-curves of a data-block's own Action, through either Action API."""
    animation = owner.animation_data
    action = animation.action
    if hasattr(action, "layers"):
        return list(action.layers[0].strips[0].channelbag(animation.action_slot).fcurves)
    return list(action.fcurves)


def curve_values(owner: object) -> dict[str, np.ndarray]:
    """What the F-curves of a data-block's own Action show on every frame from the first key to the last."""
    return {curve.data_path: drawn(curve) for curve in curves_of(owner)}


def drawn(curve: object) -> np.ndarray:
    """What an F-curve shows on every frame from its first key to its last."""
    first, last = (round(end) for end in curve.range())
    return np.array([curve.evaluate(frame) for frame in range(first, last + 1)])
