"""Characters from other files: made editable by library overrides, as *Object > Library Override > Make* does."""

import bpy

from ...lipsync_core.errors import CharacterError


def make_editable(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, thing: bpy.types.Object) -> bpy.types.Object:
    """Return an object that can be animated: the object itself, or a library override that takes its place.

    Raises:
        CharacterError: If Blender cannot override it.
    """
    if thing.library is None:
        return thing
    override = thing.override_hierarchy_create(scene, view_layer, do_fully_editable=True)
    if override is None:
        raise CharacterError(f"{thing.name} cannot be overridden; make it local, or make a library override by hand.")
    for linked in [other for other in scene.objects if other.library == thing.library]:
        for collection in linked.users_collection:
            if collection.library is None:
                collection.objects.unlink(linked)
    return override


def make_keys_editable(owner: bpy.types.Object) -> bpy.types.Key:
    """Return the shape keys of a mesh object; those of a linked mesh become those of an override of the mesh.

    Raises:
        CharacterError: If Blender cannot override the mesh.
    """
    if not owner.data.shape_keys.is_editable:
        owner.data.override_create(remap_local_usages=True)
    key: bpy.types.Key = owner.data.shape_keys
    if not key.is_editable:
        raise CharacterError(f"The shape keys of {owner.name} are linked from another file; make the mesh local first.")
    return key
