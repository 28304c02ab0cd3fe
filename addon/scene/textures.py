"""Let a talking head wear its animated atlas: the image, its place in the material, and the modifier that lays it."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ...lipsync_core.errors import LipSyncError
from ...lipsync_core.face.topology import face_triangles
from ...lipsync_core.texture.images import AtlasImages, move_sequence, remove_sequence
from ...lipsync_core.texture.layout import CROP_SIZE
from .materials import ATLAS_ROLE, image_nodes
from .ownership import claim, is_ours
from .texture_nodes import MOVING_TRIANGLES, REST_POINTS, UV_MAP, make_atlas_group

IMAGE_ROLE = "atlas image"
GROUP_ROLE = "atlas coordinates"
_BORDER = 0.5  # px of the lip crop that its triangles keep away from on the neutral face


def textures_folder() -> Path:
    """Return the folder for pictures beside the open .blend file.

    Raises:
        LipSyncError: If it was never saved.
    """
    if not bpy.data.filepath:
        raise LipSyncError("Texture files lie beside the .blend file: save it first, or choose the packed texture.")
    return textures_folder_of(Path(bpy.data.filepath))


def textures_folder_of(scene: Path) -> Path:
    """Return the folder for pictures beside a .blend file."""
    return scene.with_name(f"{scene.stem}_textures")


def settle_pictures(atlas: AtlasImages, folder: Path, head_name: str) -> AtlasImages:
    """Move a sequence to where a head will look for it, in place of the earlier one.

    Raises:
        FormatError: If pictures that are not ours are in the way.
    """
    return move_sequence(atlas, folder, bpy.path.clean_name(head_name))


def wear_atlas(head: bpy.types.Object, atlas: AtlasImages, *, face_unit: float, first_frame: int) -> None:
    """Let a head show an atlas, in place of the one that it wore before.

    Args:
        head: With a fresh mesh of `face_triangles`.
        atlas: Its pictures; a sheet is copied into the .blend file.
        face_unit: Length of one face unit, m.
        first_frame: The scene's frame of the atlas's first one.
    """
    _add_attributes(head.data, atlas)
    earlier = atlas_images(head)
    name = f"{head.name} atlas"
    image = _sheet_image(name, atlas) if atlas.kind == "sheet" else _sequence_image(name, atlas)
    claim(image, IMAGE_ROLE)
    for material in head.data.materials:
        _show(material, image, atlas.frame_count, first_frame)
    for old in earlier:
        _replace_image(old, image)
    _remove_unseen(image)
    image.name = name
    _lay(head, make_atlas_group(name, atlas, face_unit, first_frame), name)


def take_atlas_off(head: bpy.types.Object, images: list[bpy.types.Image]) -> None:
    """Remove what is left of a head's atlas once its mesh has other materials; pictures beside the file stay.

    Args:
        head: The head.
        images: What `atlas_images` returned before.
    """
    for modifier in _own_modifiers(head):
        group = modifier.node_group
        head.modifiers.remove(modifier)
        if group.users == 0:
            bpy.data.node_groups.remove(group)
    for image in images:
        if image.users == 0:
            bpy.data.images.remove(image)


def atlas_images(head: bpy.types.Object) -> list[bpy.types.Image]:
    """Return the images of atlases that a head's materials show."""
    images = [node.image for material in head.data.materials for node in image_nodes(material)]
    return [image for image in dict.fromkeys(images) if is_ours(image, IMAGE_ROLE)]


def _add_attributes(mesh: Any, atlas: AtlasImages) -> None:
    """Tell a mesh where its points rest in the atlas, and which of its triangles lie wholly in the lip crop there."""
    rest = np.array(atlas.rest, np.float32)
    in_crop = rest - (atlas.layout.left, atlas.layout.top)
    inside = ((in_crop >= _BORDER) & (in_crop <= CROP_SIZE - _BORDER)).all(axis=1)
    moving = inside[face_triangles()].all(axis=1)
    mesh.attributes.new(MOVING_TRIANGLES, "BOOLEAN", "FACE").data.foreach_set("value", moving)
    points = np.pad(rest, ((0, 0), (0, 1)))
    mesh.attributes.new(REST_POINTS, "FLOAT_VECTOR", "POINT").data.foreach_set("vector", points.ravel())
    layer = mesh.uv_layers.new(name=UV_MAP)
    layer.active = layer.active_render = True


def _sheet_image(name: str, atlas: AtlasImages) -> bpy.types.Image:
    """Return an image that holds a sheet's file."""
    image = bpy.data.images.new(name, 8, 8)
    content = atlas.first.read_bytes()
    image.source = "FILE"
    image.pack(data=content, data_len=len(content))
    return image


def _sequence_image(name: str, atlas: AtlasImages) -> bpy.types.Image:
    """Return an image that shows one picture file per frame."""
    image = bpy.data.images.load(str(atlas.first))
    image.name = name
    image.source = "SEQUENCE"
    image.filepath = _as_saved(atlas.first)
    return image


def _as_saved(path: Path) -> str:
    """Return a path relative to the .blend file; absolute if that was never saved or is on another drive."""
    if bpy.data.filepath:
        try:
            return bpy.path.relpath(str(path))
        except ValueError:
            pass
    return str(path)


def _show(material: bpy.types.Material | None, image: bpy.types.Image, frame_count: int, first_frame: int) -> None:
    """Let the nodes of a material that show an atlas show this one, at its time."""
    for node in image_nodes(material):
        if is_ours(node.image, IMAGE_ROLE) or (node.image is None and is_ours(material, ATLAS_ROLE)):
            node.image = image
            _set_time(node.image_user, frame_count, first_frame)


def _set_time(user: bpy.types.ImageUser, frame_count: int, first_frame: int) -> None:
    """Let frames before the first show the first picture, and those after the last the last."""
    # Before its start Blender looks for the picture before the first: so the second frame is called the start.
    user.frame_start = first_frame + 1
    user.frame_offset = min(1, frame_count - 1)
    user.frame_duration = max(1, frame_count - 1)
    user.use_cyclic = frame_count == 1
    user.use_auto_refresh = True


def _replace_image(old: bpy.types.Image, new: bpy.types.Image) -> None:
    """Put one image everywhere in place of another, which leaves the file with its pictures' files."""
    if old.source == "SEQUENCE" and new.source == "SEQUENCE":
        first = Path(bpy.path.abspath(old.filepath))
        now = Path(bpy.path.abspath(new.filepath))
        if first.parent == now.parent and first != now:
            remove_sequence(first)
    old.user_remap(new)
    bpy.data.images.remove(old)


def _remove_unseen(kept: bpy.types.Image) -> None:
    """Remove our images that nothing shows, as when the artist's material took the place of ours, but for one."""
    for image in list(bpy.data.images):
        if is_ours(image, IMAGE_ROLE) and image.users == 0 and image != kept:
            bpy.data.images.remove(image)


def _lay(head: bpy.types.Object, group: bpy.types.NodeTree, name: str) -> None:
    """Give a head the modifier for its atlas, before all others, or the earlier one its new nodes."""
    claim(group, GROUP_ROLE)
    earlier = {modifier.node_group for modifier in _own_modifiers(head)} - {group}
    if not earlier:
        modifier: Any = head.modifiers.new(name, "NODES")
        modifier.node_group = group
        head.modifiers.move(len(head.modifiers) - 1, 0)
    for old in earlier:
        old.user_remap(group)
        bpy.data.node_groups.remove(old)
    group.name = name


def _own_modifiers(head: bpy.types.Object) -> list[Any]:
    nodes: list[Any] = [modifier for modifier in head.modifiers if modifier.type == "NODES"]
    return [modifier for modifier in nodes if is_ours(modifier.node_group, GROUP_ROLE)]
