"""Shape keys for a character that has none: fit a guide, look at it, and carry the shapes over."""

from collections.abc import Iterator
from contextlib import contextmanager

import bpy

from ...lipsync_core.progress import Progress
from ..character_settings import entry_of, map_by_name
from ..properties import chosen_character
from ..reports import OperatorResult, explain, faults_reported, tell
from ..scene import transfer
from ..scene.casting import mesh_to_fit


class LIPSYNC_OT_fit_face(bpy.types.Operator):
    """Lay a guide onto the character's face; green fits. Move, turn or scale the guide and press again to improve it"""  # noqa: D415  (Blender adds the full stop)

    bl_idname = "lipsync3d.fit_face"
    bl_label = "Fit Face"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  (Blender reads a plain set)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when there is a mesh, in object mode."""
        return explain(cls, _missing(context))

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Fit it, and say how well it fits."""
        with faults_reported(self, context), _shown_progress(context) as progress:
            fit = transfer.fit_guide(context.scene, mesh_to_fit(chosen_character(context)), progress)
            tell(self, context, fit.verdict)
            return {"FINISHED"}
        return {"CANCELLED"}


class LIPSYNC_OT_add_shape_keys(bpy.types.Operator):
    """Give the character the shape keys that speech needs, from the guide on its face"""  # noqa: D415  (Blender adds the full stop)

    bl_idname = "lipsync3d.add_shape_keys"
    bl_label = "Add Shape Keys"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  (Blender reads a plain set)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when there is a mesh with a guide, in object mode."""
        missing = _missing(context)
        if not missing and transfer.find_guide(context.scene, mesh_to_fit(chosen_character(context))) is None:
            missing = "Fit the face first"
        return explain(cls, missing)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Write the keys, and map them."""
        character = chosen_character(context)
        target = mesh_to_fit(character)
        with faults_reported(self, context), _shown_progress(context) as progress:
            count = transfer.add_shape_keys(context.scene, target, progress)
            entry = entry_of(context.scene, character)
            if entry is not None:
                map_by_name(entry)
            tell(self, context, f"{target.name} has {count} shape keys to speak with.")
            return {"FINISHED"}
        return {"CANCELLED"}


CLASSES: tuple[type, ...] = (LIPSYNC_OT_fit_face, LIPSYNC_OT_add_shape_keys)


def _missing(context: bpy.types.Context) -> str:
    """Say what the user must do first; "" if nothing."""
    if context.mode != "OBJECT":
        return "Go to Object Mode first"
    character = chosen_character(context)
    if character is None or mesh_to_fit(character) is None:
        return "Select the mesh of the character's head first"
    return ""


@contextmanager
def _shown_progress(context: bpy.types.Context) -> Iterator[Progress]:
    """Show the share done at the mouse pointer."""
    manager = context.window_manager
    manager.progress_begin(0, 1)
    try:
        yield manager.progress_update
    finally:
        manager.progress_end()
