"""The cartoon look of a talking head."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.blender.conftest import evaluated_points, our_head

bpy = pytest.importorskip("bpy")

HEAD_POINTS = 468


def surfaces(head: Any) -> set[str]:
    """What kinds of shaders the head's materials show."""
    outputs = [
        node.inputs["Surface"].links[0].from_node.bl_idname
        for material in head.data.materials
        for node in material.node_tree.nodes
        if node.bl_idname == "ShaderNodeOutputMaterial"
    ]
    return set(outputs)


def test_contours_follow_the_moving_mesh(ready: Any) -> None:
    ready.look = "cartoon"

    bpy.ops.lipsync3d.generate()

    bpy.context.scene.frame_set(3)
    points = evaluated_points(our_head())
    face, lines = points[:HEAD_POINTS], points[HEAD_POINTS:]
    nearest = np.linalg.norm(lines[:, None] - face[None], axis=-1).min(axis=1)
    assert len(lines) > 400
    assert nearest.max() < 0.02 * 0.09 + np.ptp(face, axis=0).max() * 0.05


def test_tones_are_flat_and_shaded_again_at_once(ready: Any) -> None:
    ready.look = "cartoon"
    bpy.ops.lipsync3d.generate()
    flat = surfaces(our_head())

    ready.look = "natural"

    assert flat == {"ShaderNodeEmission"}
    assert surfaces(our_head()) == {"ShaderNodeBsdfPrincipled"}
    assert len(evaluated_points(our_head())) == HEAD_POINTS


def test_running_again_leaves_one_set_of_contours(dressed: Any) -> None:
    dressed.look = "cartoon"

    bpy.ops.lipsync3d.generate()
    bpy.ops.lipsync3d.generate()

    assert [modifier.name for modifier in our_head().modifiers].count("LipSync contours") == 1
    assert [group.name for group in bpy.data.node_groups].count("LipSync contours") == 1
    assert sum(material.name == "LipSync ink" for material in bpy.data.materials) == 1


def test_the_artists_material_keeps_its_shading(ready: Any) -> None:
    bpy.ops.lipsync3d.generate()
    own = bpy.data.materials.new("Mine")
    own.use_nodes = True
    our_head().data.materials[0] = own

    ready.look = "cartoon"

    assert "ShaderNodeEmission" not in {node.bl_idname for node in own.node_tree.nodes}
