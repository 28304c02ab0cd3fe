"""Make the demo's second head in Blender: a stylised character with ARKit's shape keys, as an artist would bring one.

python tools/demo_character.py OUT.blend
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a file, by Blender or by Python

from lipsync_core.face.arkit import ARKIT_NAMES
from training.virtual_speaker.head import CHARACTER, HeadPart, build_head

METRES_PER_FACE_UNIT = 0.09
NAME = "Character"
_STILL = 1e-5  # face units: a part that a shape moves less has no key for it


def build(path: Path) -> None:
    """Write a scene that holds nothing but the character: a root, and one mesh for each part of the head."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    root = bpy.data.objects.new(NAME, None)
    root.empty_display_size = 0.02
    scene.collection.objects.link(root)
    for part in build_head(CHARACTER).parts:
        thing = bpy.data.objects.new(f"{NAME} {part.name}", _mesh(part))
        thing.parent = root
        scene.collection.objects.link(thing)
        _add_shape_keys(thing, part)
    path.parent.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(path.resolve()), compress=True)


def _mesh(part: HeadPart) -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new(part.name)
    mesh.from_pydata(_into_blender(part.vertices).tolist(), [], part.triangles.tolist())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
    colours = mesh.color_attributes.new("Colour", "FLOAT_COLOR", "POINT")
    linear = np.where(part.colours < 0.04045, part.colours / 12.92, ((part.colours + 0.055) / 1.055) ** 2.4)
    opaque = np.concatenate([linear, np.ones((len(linear), 1))], axis=1)
    colours.data.foreach_set("color", opaque.astype(np.float32).ravel())
    mesh.materials.append(_material(part))
    return mesh


def _material(part: HeadPart) -> bpy.types.Material:
    material = bpy.data.materials.new(part.name)
    material.use_nodes = True
    nodes, shader = material.node_tree.nodes, material.node_tree.nodes["Principled BSDF"]
    colour = nodes.new("ShaderNodeVertexColor")
    colour.layer_name = "Colour"
    material.node_tree.links.new(colour.outputs["Color"], shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = 0.6
    return material


def _add_shape_keys(thing: bpy.types.Object, part: HeadPart) -> None:
    """Give a mesh the keys of the shapes that move it."""
    moving = [index for index in range(len(ARKIT_NAMES)) if np.abs(part.deltas[index]).max() > _STILL]
    if not moving:
        return
    thing.shape_key_add(name="Basis", from_mix=False)
    for index in moving:
        key = thing.shape_key_add(name=ARKIT_NAMES[index], from_mix=False)
        key.value = 0.0
        key.points.foreach_set("co", _into_blender(part.vertices + part.deltas[index]).ravel())


def _into_blender(points: np.ndarray) -> np.ndarray:
    """Turn `(V, 3)` points of face space, face units, to Blender's axes, m."""
    return (METRES_PER_FACE_UNIT * points[:, [0, 2, 1]] * (1, -1, 1)).astype(np.float32)


if __name__ == "__main__":
    build(Path(sys.argv[sys.argv.index("--") + 1 if "--" in sys.argv else 1]))
