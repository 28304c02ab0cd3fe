# mypy: disable-error-code="valid-type"
"""Choose a speaker."""

from pathlib import Path

import bpy
from bpy.props import StringProperty
from bpy_extras.io_utils import ImportHelper

from ...lipsync_core.model.model_file import MODEL_SUFFIX, read_model
from ..properties import settings_of
from ..reports import OperatorResult, faults_reported, tell


class LIPSYNC_OT_import_model(bpy.types.Operator, ImportHelper):  # type: ignore[misc]
    """Choose the .lipsync3d file of a trained speaker"""  # noqa: D415  (Blender adds the full stop)

    bl_idname = "lipsync3d.import_model"
    bl_label = "Import Model"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  (Blender reads a plain set)

    filename_ext = MODEL_SUFFIX
    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default=f"*{MODEL_SUFFIX}", options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Read the file to see that it is a model, and let the scene remember it."""
        with faults_reported(self, context):
            path = Path(bpy.path.abspath(self.filepath))
            model = read_model(path)
            settings = settings_of(context.scene)
            settings.model_path = _as_preferred(context, path)
            settings.model_card.show(model)
            settings.make_head, settings.animate_character = True, False
            tell(self, context, f"{model.description.speaker} is ready to speak.")
            return {"FINISHED"}
        return {"CANCELLED"}


class LIPSYNC_OT_use_built_in_model(bpy.types.Operator):
    """Speak with the built-in model, which knows any voice"""  # noqa: D415  (Blender adds the full stop)

    bl_idname = "lipsync3d.use_built_in_model"
    bl_label = "Use Built-in Model"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  (Blender reads a plain set)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Forget the imported model; the character is what the built-in one is for."""
        settings = settings_of(context.scene)
        settings.property_unset("model_path")
        settings.property_unset("model_card")
        settings.make_head, settings.animate_character = False, True
        return {"FINISHED"}


def _as_preferred(context: bpy.types.Context, path: Path) -> str:
    """Return a path as the user's preferences want it: relative to the saved .blend file, or absolute."""
    if bpy.data.filepath and context.preferences.filepaths.use_relative_paths:
        try:
            return bpy.path.relpath(str(path))
        except ValueError:  # another drive
            pass
    return str(path)
