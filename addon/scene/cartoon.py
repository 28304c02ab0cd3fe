"""The cartoon look of a talking head: flat tones, and the contours of lips, nose, cheeks and chin as lines of ink.

The lines are tubes along edges of the mesh, made by Geometry Nodes after the shape keys, so every engine draws them.
"""

from itertools import pairwise
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...lipsync_core.dubbing.cartoon import CONTOURS
from ...lipsync_core.face.topology import POINT_COUNT
from .materials import is_of_head
from .ownership import claim, is_ours

CONTOUR = "lipsync3d_contour"  # attribute of a head's edges: those that are drawn
_GROUP_ROLE = "contours"
_INK_ROLE = "ink"
_FLAT = "LipSync flat tones"  # name of the nodes that replace the shading
_NAME = "LipSync contours"
_INK = (0.04, 0.016, 0.013, 1.0)  # linear
_RADIUS = 0.006  # face units
_SIDES = 6  # of a tube
_TONES = 6.0  # steps of brightness


def contour_edges() -> NDArray[np.int32]:
    """Return the pairs of points that contours join, `(E, 2)`."""
    pairs = [pair for line, _ in CONTOURS for pair in pairwise(line)]
    return np.unique(np.sort(np.array(pairs, np.int32), axis=1), axis=0)


def mark_contours(mesh: Any) -> None:
    """Tell a head's mesh which of its edges are drawn."""
    edges = np.empty(2 * len(mesh.edges), np.int32)
    mesh.edges.foreach_get("vertices", edges)
    numbers = np.sort(edges.reshape(-1, 2)) @ (POINT_COUNT, 1)
    drawn = np.isin(numbers, contour_edges() @ (POINT_COUNT, 1))
    mesh.attributes.new(CONTOUR, "BOOLEAN", "EDGE").data.foreach_set("value", drawn)


def set_cartoon(head: bpy.types.Object, is_cartoon: bool, face_unit: float) -> None:
    """Give a head the cartoon look, or take it off; materials and modifiers of the artist's stay as they are.

    Args:
        head: The talking head.
        is_cartoon: Which of the two.
        face_unit: Length of one face unit, m.
    """
    _remove_contours(head)
    if is_cartoon:
        modifier: Any = head.modifiers.new(_NAME, "NODES")
        modifier.node_group = _contour_group(face_unit)
    for material in filter(is_of_head, head.data.materials):
        _set_flat(material, is_cartoon)


def _remove_contours(head: bpy.types.Object) -> None:
    nodes: list[Any] = [modifier for modifier in head.modifiers if modifier.type == "NODES"]
    for modifier in nodes:
        group = modifier.node_group
        if is_ours(group, _GROUP_ROLE):
            head.modifiers.remove(modifier)
            if group.users == 0:
                bpy.data.node_groups.remove(group)


def _contour_group(face_unit: float) -> bpy.types.NodeTree:
    """Make the nodes that add tubes of ink along the marked edges."""
    tree: Any = bpy.data.node_groups.new(_NAME, "GeometryNodeTree")
    claim(tree, _GROUP_ROLE)
    tree.is_modifier = True
    for in_out in ("INPUT", "OUTPUT"):
        tree.interface.new_socket("Geometry", in_out=in_out, socket_type="NodeSocketGeometry")
    kinds = ("NodeGroupInput", "GeometryNodeInputNamedAttribute", "GeometryNodeMeshToCurve", "GeometryNodeCurveToMesh",
             "GeometryNodeSetMaterial", "GeometryNodeJoinGeometry", "NodeGroupOutput")  # fmt: skip
    start, marked, curves, tubes, inked, joined, end = (_node(tree, kind, number) for number, kind in enumerate(kinds))
    profile = _node(tree, "GeometryNodeCurvePrimitiveCircle", 2, row=1)
    marked.data_type = "BOOLEAN"
    marked.inputs["Name"].default_value = CONTOUR
    profile.inputs["Resolution"].default_value = _SIDES
    profile.inputs["Radius"].default_value = _RADIUS * face_unit
    inked.inputs["Material"].default_value = _ink()
    for source, target in (
        (start.outputs[0], curves.inputs["Mesh"]),
        (marked.outputs["Attribute"], curves.inputs["Selection"]),
        (curves.outputs[0], tubes.inputs["Curve"]),
        (profile.outputs[0], tubes.inputs["Profile Curve"]),
        (tubes.outputs[0], inked.inputs["Geometry"]),
        (inked.outputs[0], joined.inputs[0]),
        (start.outputs[0], joined.inputs[0]),
        (joined.outputs[0], end.inputs[0]),
    ):
        tree.links.new(source, target)
    return tree


def _node(tree: Any, kind: str, column: int, row: int = 0) -> Any:
    node = tree.nodes.new(kind)
    node.location = (180 * column, -170 * row)
    return node


def _ink() -> bpy.types.Material:
    """Return the black that lines are drawn with: the same under any light."""
    existing = (material for material in bpy.data.materials if is_ours(material, _INK_ROLE))
    material = next(existing, None)
    if material is None:
        material = bpy.data.materials.new("LipSync ink")
        claim(material, _INK_ROLE)
        material.diffuse_color = _INK
        _flat_shader(material, None)
    return material


def _set_flat(material: bpy.types.Material, is_flat: bool) -> None:
    """Let a material of ours show steps of its own colour without shading, or its shading again."""
    tree: Any = material.node_tree
    earlier = [node for node in tree.nodes if node.label == _FLAT]
    for node in earlier:
        tree.nodes.remove(node)
    shader = tree.nodes.get("Principled BSDF")
    if shader is not None and is_flat:
        _flat_shader(material, shader.inputs["Base Color"])
    elif shader is not None and earlier:
        tree.links.new(shader.outputs[0], _output(tree).inputs["Surface"])


def _flat_shader(material: bpy.types.Material, colour: Any) -> None:
    """Lead a colour in steps of brightness to the material's surface; ink where there is none."""
    if bpy.app.version < (5, 0):
        material.use_nodes = True
    tree: Any = material.node_tree
    glow = _labelled(tree, "ShaderNodeEmission")
    tree.links.new(glow.outputs[0], _output(tree).inputs["Surface"])
    if colour is None:
        glow.inputs["Color"].default_value = _INK
        return
    apart, together = (_labelled(tree, f"ShaderNode{verb}Color") for verb in ("Separate", "Combine"))
    apart.mode = together.mode = "HSV"
    step = _labelled(tree, "ShaderNodeMath")
    step.operation = "SNAP"
    step.inputs[1].default_value = 1 / _TONES
    middle = _labelled(tree, "ShaderNodeMath")
    middle.operation = "ADD"
    middle.inputs[1].default_value = 0.5 / _TONES
    if colour.is_linked:
        tree.links.new(colour.links[0].from_socket, apart.inputs[0])
    else:
        apart.inputs[0].default_value = colour.default_value
    for channel in range(2):
        tree.links.new(apart.outputs[channel], together.inputs[channel])
    tree.links.new(apart.outputs[2], step.inputs[0])
    tree.links.new(step.outputs[0], middle.inputs[0])
    tree.links.new(middle.outputs[0], together.inputs[2])
    tree.links.new(together.outputs[0], glow.inputs["Color"])


def _labelled(tree: Any, kind: str) -> Any:
    node = tree.nodes.new(kind)
    node.label = _FLAT
    return node


def _output(tree: Any) -> Any:
    outputs = [node for node in tree.nodes if node.bl_idname == "ShaderNodeOutputMaterial"]
    return outputs[0] if outputs else tree.nodes.new("ShaderNodeOutputMaterial")
