"""The talking head's materials: four plain colours, or one that shows the animated atlas."""

from typing import Any, TypeAlias

import bpy

from .ownership import claim, is_ours

Slots: TypeAlias = list[bpy.types.Material | None]
ATLAS_ROLE = "atlas material"
PARTS = ("skin", "lips", "mouth", "eyes")
_COLOURS = {  # linear RGBA
    "skin": (0.78, 0.52, 0.40, 1.0),
    "lips": (0.62, 0.25, 0.21, 1.0),
    "mouth": (0.05, 0.012, 0.014, 1.0),
    "eyes": (0.82, 0.82, 0.80, 1.0),
}
_ROUGHNESS = {"skin": 0.55, "lips": 0.4, "mouth": 0.8, "eyes": 0.15}
_ATLAS_ROUGHNESS = 0.6
_ATLAS_SPECULAR = 0.2  # the pictures have highlights of their own


def kept_slots(worn: Slots, is_textured: bool, name: str) -> Slots:
    """Return what stays in a head's slots: whatever the artist chose, and ours brought up to date.

    Args:
        worn: The head's materials, slot by slot.
        is_textured: Whether the head now wears an atlas.
        name: What to call a new material of the atlas.

    Returns:
        Materials slot by slot; nothing if the artist chose none of them.
    """
    if not any(_is_artists(material) for material in worn) and (is_textured or not _are_parts(worn)):
        return []
    if is_textured:
        atlas = [material for material in worn if is_ours(material, ATLAS_ROLE)]
        atlas = atlas or [_new_atlas(name)] if any(map(_is_part, worn)) else atlas
        return [atlas[0] if _is_part(material) else material for material in worn]
    return [
        _part(PARTS[min(number, len(PARTS) - 1)]) if is_ours(material, ATLAS_ROLE) else material
        for number, material in enumerate(worn)
    ]


def fresh_slots(worn: Slots, is_textured: bool, name: str) -> Slots:
    """Return the materials of a head that wears none of the artist's, one for each part or one for all."""
    if not is_textured:
        return [_part(part) for part in PARTS]
    return [next((material for material in worn if is_ours(material, ATLAS_ROLE)), None) or _new_atlas(name)]


def remove_unused(materials: Slots) -> None:
    """Remove materials of the atlas that nothing wears any more."""
    for material in dict.fromkeys(materials):
        if is_ours(material, ATLAS_ROLE) and material.users == 0:
            bpy.data.materials.remove(material)


def is_of_head(material: bpy.types.Material | None) -> bool:
    """Tell whether a material is one that we made for talking heads."""
    return _is_part(material) or is_ours(material, ATLAS_ROLE)


def image_nodes(material: bpy.types.Material | None) -> list[Any]:
    """Return the image texture nodes of a material."""
    tree = material.node_tree if material is not None else None
    return [node for node in tree.nodes if node.bl_idname == "ShaderNodeTexImage"] if tree else []


def _is_artists(material: bpy.types.Material | None) -> bool:
    return material is not None and not _is_part(material) and not is_ours(material, ATLAS_ROLE)


def _is_part(material: bpy.types.Material | None) -> bool:
    return any(is_ours(material, part) for part in PARTS)


def _are_parts(worn: Slots) -> bool:
    return len(worn) == len(PARTS) and None not in worn


def _part(part: str) -> bpy.types.Material:
    existing = (material for material in bpy.data.materials if is_ours(material, part))
    return next(existing, None) or _new_part(part)


def _new_part(part: str) -> bpy.types.Material:
    material, shader = _new_material(f"LipSync {part}", part)
    material.diffuse_color = _COLOURS[part]
    material.roughness = _ROUGHNESS[part]
    shader.inputs["Base Color"].default_value = _COLOURS[part]
    shader.inputs["Roughness"].default_value = _ROUGHNESS[part]
    return material


def _new_atlas(name: str) -> bpy.types.Material:
    """Make a material whose colour comes from an image node; it shows no image yet."""
    material, shader = _new_material(name, ATLAS_ROLE)
    material.roughness = _ATLAS_ROUGHNESS
    shader.inputs["Roughness"].default_value = _ATLAS_ROUGHNESS
    shader.inputs["Specular IOR Level"].default_value = _ATLAS_SPECULAR
    nodes: Any = material.node_tree.nodes
    image = nodes.new("ShaderNodeTexImage")
    image.location = (shader.location.x - 320, shader.location.y)
    image.extension = "EXTEND"
    material.node_tree.links.new(image.outputs["Color"], shader.inputs["Base Color"])
    nodes.active = image  # Workbench shows the active node's image
    return material


def _new_material(name: str, role: str) -> tuple[bpy.types.Material, Any]:
    """Return a new material of ours and its shader node."""
    material = bpy.data.materials.new(name)
    claim(material, role)
    if bpy.app.version < (5, 0):
        material.use_nodes = True
    return material, material.node_tree.nodes["Principled BSDF"]
