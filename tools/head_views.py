"""Render a talking head from three sides.

python tools/head_views.py HEAD.blend FRAME OUT_STEM

Writes OUT_STEM_right.png, OUT_STEM_front.png and OUT_STEM_left.png with Cycles, which needs no graphics driver.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import bpy
from mathutils import Matrix, Vector

_SIDE = 448  # px
_SAMPLES = 48
_TURNS = {"right": -38.0, "front": 0.0, "left": 38.0}  # degrees, of the camera about the head


def main(scene_path: Path, frame: int, stem: Path) -> None:
    """Render the views of the only textured head of a scene that has a camera."""
    bpy.ops.wm.open_mainfile(filepath=str(scene_path.resolve()), load_ui=False)
    scene = bpy.context.scene
    scene.frame_set(frame)
    scene.render.engine = "CYCLES"
    scene.cycles.samples = _SAMPLES
    scene.render.resolution_x = scene.render.resolution_y = _SIDE
    scene.render.image_settings.file_format = "PNG"
    head = next(thing for thing in scene.objects if thing.type == "MESH" and thing.data.shape_keys)
    camera, home = scene.camera, scene.camera.matrix_world.copy()
    for name, degrees in _TURNS.items():
        camera.matrix_world = _about(head, degrees) @ home
        scene.render.filepath = str(stem.resolve().with_name(f"{stem.name}_{name}.png"))
        bpy.ops.render.render(write_still=True)


def _about(head: bpy.types.Object, degrees: float) -> Matrix:
    """Return a turn about the upright line through the middle of a head's bounds."""
    corners = [head.matrix_world @ Vector(corner) for corner in head.bound_box]
    middle = sum(corners[1:], corners[0].copy()) / len(corners)
    there = Matrix.Translation(middle)
    return there @ Matrix.Rotation(math.radians(degrees), 4, "Z") @ there.inverted()


if __name__ == "__main__":
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    main(Path(arguments[0]), int(arguments[1]), Path(arguments[2]))
