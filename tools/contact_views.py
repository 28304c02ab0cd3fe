"""Render a character's mouth at every p, b and m of what it says, and tell how far its lips are apart there.

python tools/contact_views.py SCENE.blend SAID.TextGrid OUT_STEM [HEAD]

Writes OUT_STEM_00.png and so on with Cycles, which needs no graphics driver, and OUT_STEM.json: for each picture its
`symbol`, `seconds`, `millimetres` beyond rest, and the `fault` if the lips do not touch. The head looks along -Y.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a file, by Blender or by Python

from lipsync_core.archive import write_text
from lipsync_core.phones.textgrid import read_textgrid
from tools.lip_contact import EYE_DISTANCE, LipMotion, eye_distance, judge_contacts, measure_lips, speaking_head

_SIDE = 256  # px
_SAMPLES = 32
_WIDE = 85.0  # mm that a picture is wide
_AWAY = 400.0  # mm of the camera from the lips


def main(scene_path: Path, said: Path, stem: Path, head_name: str = "") -> None:
    """Measure and render a scene that was generated from the sound of a TextGrid."""
    bpy.ops.wm.open_mainfile(filepath=str(scene_path.resolve()), load_ui=False)
    scene, head = bpy.context.scene, speaking_head(head_name)
    motion = measure_lips(head)
    scene.frame_set(scene.frame_start)
    _look_at(head, motion)
    shown = []
    for number, contact in enumerate(judge_contacts(motion, read_textgrid(said)).contacts):
        picture = stem.with_name(f"{stem.name}_{number:02d}.png")
        scene.frame_set(scene.frame_start + contact.frame)
        scene.render.filepath = str(picture.resolve())
        bpy.ops.render.render(write_still=True)
        shown.append(
            {
                "picture": picture.name,
                "symbol": contact.phoneme.symbol,
                "seconds": round(contact.phoneme.start_seconds, 2),
                "millimetres": round(contact.millimetres, 2),
                "fault": contact.fault,
            }
        )
    write_text(stem.with_suffix(".json"), json.dumps(shown, indent=1) + "\n")


def _look_at(head: bpy.types.Object, motion: LipMotion) -> None:
    """Put a camera in front of the lips, and set what renders them."""
    scene = bpy.context.scene
    millimetre = (eye_distance(head) or EYE_DISTANCE / 1000) / EYE_DISTANCE
    ends = np.array([head.matrix_world @ head.data.vertices[vertex].co for vertex in motion.pair])
    camera = bpy.data.objects.new("Lips", bpy.data.cameras.new("Lips"))
    camera.data.type, camera.data.ortho_scale = "ORTHO", _WIDE * millimetre
    camera.data.clip_start = millimetre
    camera.location = Vector(ends.mean(axis=0)) + Vector((0, -_AWAY * millimetre, 0))
    camera.rotation_euler = (math.pi / 2, 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.render.engine, scene.cycles.samples = "CYCLES", _SAMPLES
    scene.cycles.use_denoising = False  # not every build can
    scene.render.resolution_x = scene.render.resolution_y = _SIDE
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "PNG"


if __name__ == "__main__":
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    main(Path(arguments[0]), Path(arguments[1]), Path(arguments[2]), *arguments[3:4])
