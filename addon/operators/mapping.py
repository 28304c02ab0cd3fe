# mypy: disable-error-code="valid-type"
"""The table of what drives which shape key: filled by name, edited, kept as presets."""

from pathlib import Path

import bpy
from bpy.props import StringProperty
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ...lipsync_core.character.mapping import read_preset, write_preset
from ..character_settings import LipSyncCharacter, entry_of, map_by_name, set_up, wear
from ..properties import chosen_character
from ..reports import OperatorResult, explain, faults_reported, tell
from ..scene.casting import key_names_of

_PRESET_SUFFIX = ".json"


def _entry(context: bpy.types.Context) -> LipSyncCharacter | None:
    return entry_of(context.scene, chosen_character(context))


def _no_entry(context: bpy.types.Context) -> str:
    return "" if _entry(context) is not None else "Map the character first"


class LIPSYNC_OT_map_by_name(bpy.types.Operator):
    """Fill the mapping by the names of the character's shape keys and bones"""  # noqa: D415  (Blender adds the full stop)

    bl_idname = "lipsync3d.map_by_name"
    bl_label = "Map by Name"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  (Blender reads a plain set)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when there is a character."""
        return explain(cls, "" if chosen_character(context) is not None else "Select the character first")

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Fill the table anew, and write the keyframes anew if there are any."""
        character = chosen_character(context)
        assert character is not None
        entry = set_up(context.scene, character)
        map_by_name(entry)
        keys = len(key_names_of(character))
        tell(self, context, f"{len({row.target for row in entry.rows})} of {keys} shape keys are mapped.")
        wear(context, entry)
        return {"FINISHED"}


class LIPSYNC_OT_add_row(bpy.types.Operator):
    """Add a line to the mapping"""  # noqa: D415  (Blender adds the full stop)

    bl_idname = "lipsync3d.add_mapping_row"
    bl_label = "Add"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  (Blender reads a plain set)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when there is a mapping."""
        return explain(cls, _no_entry(context))

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Add an empty line at the end."""
        entry = _entry(context)
        assert entry is not None
        entry.rows.add()
        entry.active_row = len(entry.rows) - 1
        return {"FINISHED"}


class LIPSYNC_OT_remove_row(bpy.types.Operator):
    """Take the chosen line out of the mapping"""  # noqa: D415  (Blender adds the full stop)

    bl_idname = "lipsync3d.remove_mapping_row"
    bl_label = "Remove"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  (Blender reads a plain set)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when there is a line."""
        entry = _entry(context)
        return explain(cls, "" if entry is not None and len(entry.rows) else "There is no line to remove")

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Take it out, and write the keyframes anew."""
        entry = _entry(context)
        assert entry is not None
        entry.rows.remove(entry.active_row)
        entry.active_row = max(0, min(entry.active_row, len(entry.rows) - 1))
        wear(context, entry)
        return {"FINISHED"}


class LIPSYNC_OT_save_mapping(bpy.types.Operator, ExportHelper):  # type: ignore[misc]
    """Save the mapping as a preset for other characters"""  # noqa: D415  (Blender adds the full stop)

    bl_idname = "lipsync3d.save_mapping"
    bl_label = "Save Mapping"

    filename_ext = _PRESET_SUFFIX
    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default=f"*{_PRESET_SUFFIX}", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when there is a mapping."""
        return explain(cls, _no_entry(context))

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Write the file."""
        entry = _entry(context)
        assert entry is not None
        with faults_reported(self, context):
            write_preset(Path(self.filepath), [row.plain() for row in entry.rows])
            tell(self, context, f"Saved {self.filepath}.")
            return {"FINISHED"}
        return {"CANCELLED"}


class LIPSYNC_OT_load_mapping(bpy.types.Operator, ImportHelper):  # type: ignore[misc]
    """Replace the mapping by a preset"""  # noqa: D415  (Blender adds the full stop)

    bl_idname = "lipsync3d.load_mapping"
    bl_label = "Load Mapping"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  (Blender reads a plain set)

    filename_ext = _PRESET_SUFFIX
    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default=f"*{_PRESET_SUFFIX}", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when there is a character."""
        return explain(cls, "" if chosen_character(context) is not None else "Select the character first")

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Read the file, fill the table, and write the keyframes anew."""
        character = chosen_character(context)
        assert character is not None
        with faults_reported(self, context):
            rows = read_preset(Path(self.filepath))
            entry = set_up(context.scene, character)
            entry.fill(rows)
            tell(self, context, f"{len(rows)} lines were read.")
            wear(context, entry)
            return {"FINISHED"}
        return {"CANCELLED"}


CLASSES: tuple[type, ...] = (
    LIPSYNC_OT_map_by_name,
    LIPSYNC_OT_add_row,
    LIPSYNC_OT_remove_row,
    LIPSYNC_OT_save_mapping,
    LIPSYNC_OT_load_mapping,
)
