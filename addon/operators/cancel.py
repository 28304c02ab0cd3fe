"""Stop the work that runs beside Blender."""

import bpy

from ..properties import session_of
from ..reports import OperatorResult, explain


class LIPSYNC_OT_cancel(bpy.types.Operator):
    """Stop generating; the scene stays as it is"""  # noqa: D415  (Blender adds the full stop)

    bl_idname = "lipsync3d.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}  # noqa: RUF012  (Blender reads a plain set)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only while something runs."""
        return explain(cls, "" if session_of(context).is_running else "Nothing is running")

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Ask the waiting operator to stop."""
        session_of(context).cancel_requested = True
        return {"FINISHED"}
