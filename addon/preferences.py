# mypy: disable-error-code="valid-type"
"""What a user sets once for all files."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

EXTENSION = (__package__ or "").rpartition(".")[0]  # the root package: `bl_ext.user_default.lipsync3d`


class LipSyncPreferences(bpy.types.AddonPreferences):
    """Settings of the extension."""

    bl_idname = EXTENSION

    use_worker: BoolProperty(
        name="Work Beside Blender",
        description="Run models in a process of their own, so that Blender's window never freezes",
        default=True,
    )

    dub_python: StringProperty(
        name="Python for Dubbing",
        description="Python in whose environment LipSync3D is installed with tracking, such as .venv/bin/python",
        subtype="FILE_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the settings."""
        self.layout.prop(self, "use_worker")
        self.layout.prop(self, "dub_python")


def uses_worker(context: bpy.types.Context) -> bool:
    """Tell whether models run in a process of their own; without a window there is nothing to keep alive."""
    addon: Any = context.preferences.addons.get(EXTENSION)
    return not bpy.app.background and (addon is None or bool(getattr(addon.preferences, "use_worker", True)))


def dub_python(context: bpy.types.Context) -> Path | None:
    """Return the Python that dubs; None for Blender's own."""
    addon: Any = context.preferences.addons.get(EXTENSION)
    chosen = str(getattr(addon.preferences, "dub_python", "")) if addon is not None else ""
    return Path(bpy.path.abspath(chosen)) if chosen else None
