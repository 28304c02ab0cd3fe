# mypy: disable-error-code="valid-type"
"""What a user sets once for all files."""

from typing import Any

import bpy
from bpy.props import BoolProperty

EXTENSION = (__package__ or "").rpartition(".")[0]  # the root package: `bl_ext.user_default.lipsync3d`


class LipSyncPreferences(bpy.types.AddonPreferences):
    """Settings of the extension."""

    bl_idname = EXTENSION

    use_worker: BoolProperty(
        name="Work Beside Blender",
        description="Run models in a process of their own, so that Blender's window never freezes",
        default=True,
    )

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the settings."""
        self.layout.prop(self, "use_worker")


def uses_worker(context: bpy.types.Context) -> bool:
    """Tell whether models run in a process of their own; without a window there is nothing to keep alive."""
    addon: Any = context.preferences.addons.get(EXTENSION)
    return not bpy.app.background and (addon is None or bool(getattr(addon.preferences, "use_worker", True)))
