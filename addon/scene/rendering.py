"""Render a scene as a movie with sound, and put up a camera and a light where there are none."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...lipsync_core.archive import replacing
from ...lipsync_core.errors import LipSyncError, VideoError
from ...lipsync_core.progress import Progress
from .texture_nodes import UV_MAP

ENGINES = ("workbench", "cycles", "eevee")
_FOCAL_LENGTH = 85.0  # mm: a portrait lens
_MARGIN = 1.25  # how much wider than the faces the picture is
_BACKGROUND = (0.62, 0.64, 0.67)
_CYCLES_SAMPLES = 64  # in a scene of our own making
_FFMPEG_SETTINGS = {
    "format": "MPEG4",
    "codec": "H264",
    "constant_rate_factor": "HIGH",
    "audio_codec": "AAC",
    "audio_bitrate": 192,  # kbit/s
    "audio_mixrate": 48_000,  # Hz
}


def set_stage(scene: bpy.types.Scene, faces: NDArray[np.float32]) -> None:
    """Put up a camera, a light and a plain background for some faces; do nothing if the scene has a camera.

    Args:
        scene: The scene.
        faces: `(N, 3)` points that must be in the picture, m, world space; they look along -Y.
    """
    if scene.camera is not None:
        return
    low, high = faces.min(axis=0), faces.max(axis=0)
    _add_camera(scene, low, high)
    _add_light(scene, low, high)
    if scene.world is None:
        scene.world = bpy.data.worlds.new("LipSync background")
        scene.world.color = _BACKGROUND
        _light_background(scene.world)
    if hasattr(scene, "cycles"):
        scene.cycles.samples = _CYCLES_SAMPLES
        scene.cycles.use_denoising = False  # not every build can
    scene.display.shading.background_type = "WORLD"
    view: Any = scene.view_settings
    view.view_transform = "Standard"


def set_resolution(scene: bpy.types.Scene, width: int, height: int) -> None:
    """Set the size of a scene's pictures, pixels."""
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.resolution_percentage = 100


def render_movie(scene: bpy.types.Scene, path: Path, engine: str, progress: Progress) -> None:
    """Render a scene's frame range to an .mp4 file with its sound (H.264, AAC), whole or not at all.

    The scene's own render settings are as before afterwards.

    Args:
        scene: The scene.
        path: The movie; an existing one is replaced.
        engine: One of `ENGINES`.
        progress: Told the share of frames rendered.

    Raises:
        VideoError: If Blender cannot render or write it.
        LipSyncError: If this Blender lacks the engine.
    """
    with replacing(path) as partial, _movie_settings(scene, partial, engine), _told(scene, progress):
        try:
            bpy.ops.render.render(animation=True, scene=scene.name)
        except RuntimeError as fault:
            raise VideoError(f"The movie {path} cannot be rendered ({str(fault).strip()}).") from fault
        if not partial.is_file():
            raise VideoError(f"Blender wrote no movie to {path}; check that the folder can be written.")


@contextmanager
def _movie_settings(scene: bpy.types.Scene, path: Path, engine: str) -> Iterator[None]:
    render = scene.render
    with (
        _kept(render, "filepath", "engine", "use_file_extension", "resolution_x", "resolution_y"),
        _kept(render.image_settings, "media_type", "file_format", "color_mode"),  # must be set in this order
        _kept(render.ffmpeg, *_FFMPEG_SETTINGS),
        _kept(scene.display.shading, "light", "color_type"),
    ):
        render.filepath = str(path)
        render.use_file_extension = True
        render.resolution_x += render.resolution_x % 2  # H.264 wants even sides
        render.resolution_y += render.resolution_y % 2
        _choose_engine(scene, engine)
        _choose_h264(render)
        yield


def _choose_h264(render: bpy.types.RenderSettings) -> None:
    if hasattr(render.image_settings, "media_type"):  # 5.0 and later
        render.image_settings.media_type = "VIDEO"
    render.image_settings.file_format = "FFMPEG"
    render.image_settings.color_mode = "RGB"
    for name, value in _FFMPEG_SETTINGS.items():
        setattr(render.ffmpeg, name, value)


def _choose_engine(scene: bpy.types.Scene, engine: str) -> None:
    eevee = "BLENDER_EEVEE" if bpy.app.version >= (5, 0) else "BLENDER_EEVEE_NEXT"
    identifiers = {"workbench": "BLENDER_WORKBENCH", "cycles": "CYCLES", "eevee": eevee}
    render: Any = scene.render
    try:
        render.engine = identifiers[engine]
    except TypeError as fault:
        raise LipSyncError(f"This Blender has no {engine}; choose another --engine.") from fault
    shading: Any = scene.display.shading
    shading.light = workbench_light(scene)
    shading.color_type = _workbench_colours(scene)


def workbench_light(scene: bpy.types.Scene) -> str:
    """Tell how Workbench lights meshes: not at all if they all wear atlases, whose pictures have light in them."""
    meshes: list[Any] = [thing.data for thing in scene.objects if thing.type == "MESH" and not thing.hide_render]
    filmed = bool(meshes) and all(UV_MAP in mesh.uv_layers for mesh in meshes)
    return "FLAT" if filmed else "STUDIO"


def _workbench_colours(scene: bpy.types.Scene) -> str:
    """Tell what Workbench paints meshes with: their colour attributes where each has one, else their textures.

    Where there is no texture, the second means the material's colour; a mesh without a colour attribute would stay
    white under the first.
    """
    meshes: list[Any] = [thing.data for thing in scene.objects if thing.type == "MESH" and not thing.hide_render]
    painted = bool(meshes) and all(len(mesh.color_attributes) for mesh in meshes)
    return "VERTEX" if painted else "TEXTURE"


@contextmanager
def _kept(owner: Any, *names: str) -> Iterator[None]:
    """Put some properties of a thing back afterwards."""
    before = {name: getattr(owner, name) for name in names if hasattr(owner, name)}
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(owner, name, value)


@contextmanager
def _told(scene: bpy.types.Scene, progress: Progress) -> Iterator[None]:
    """Tell how many of a scene's frames are rendered."""
    count = scene.frame_end - scene.frame_start + 1

    def frame_done(rendered: bpy.types.Scene, *_: object) -> None:
        progress(min(1.0, (rendered.frame_current - scene.frame_start + 1) / count))

    handlers: list[Callable[..., None]] = bpy.app.handlers.render_write
    handlers.append(frame_done)
    try:
        yield
    finally:
        handlers.remove(frame_done)


def _add_camera(scene: bpy.types.Scene, low: NDArray[np.float32], high: NDArray[np.float32]) -> None:
    lens = bpy.data.cameras.new("LipSync camera")
    lens.lens = _FOCAL_LENGTH
    camera = bpy.data.objects.new(lens.name, lens)
    scene.collection.objects.link(camera)
    width, height = (float(side) * _MARGIN for side in (high - low)[[0, 2]])
    aspect = scene.render.resolution_x / scene.render.resolution_y
    longer_side = max(width, height * aspect) if aspect >= 1 else max(height, width / aspect)
    distance = longer_side * _FOCAL_LENGTH / lens.sensor_width  # the sensor lies along the longer side
    middle = (low + high) / 2
    camera.location = (middle[0], low[1] - distance, middle[2])
    camera.rotation_euler = (math.pi / 2, 0.0, 0.0)  # looks along +Y
    lens.clip_start, lens.clip_end = distance / 100, distance * 100
    scene.camera = camera


def _add_light(scene: bpy.types.Scene, low: NDArray[np.float32], high: NDArray[np.float32]) -> None:
    light: Any = bpy.data.lights.new("LipSync light", "SUN")
    light.energy = 2.5
    light.angle = 0.3  # rad: soft shadows
    lamp = bpy.data.objects.new(light.name, light)
    lamp.location = (low[0], low[1] - float(np.ptp([low, high])), high[2])
    lamp.rotation_euler = (math.radians(55), 0.0, math.radians(-30))
    scene.collection.objects.link(lamp)


def _light_background(world: bpy.types.World) -> None:
    if bpy.app.version < (5, 0):
        world.use_nodes = True
    background: Any = world.node_tree.nodes.get("Background") if world.node_tree else None
    if background is not None:
        background.inputs["Color"].default_value = (*_BACKGROUND, 1.0)
        background.inputs["Strength"].default_value = 0.6
