"""What the panels of the chosen character look like: its mapping, its keyframes, its life. Only layout."""

from typing import Any

import bpy

from .character_settings import LipSyncCharacter, LipSyncMappingRow, entry_of
from .operators import mapping, transfer
from .properties import chosen_character, settings_of


class LIPSYNC_UL_mapping(bpy.types.UIList):
    """Lines of a mapping: source, shape key, gain; they are edited below the list."""

    bl_idname = "LIPSYNC_UL_mapping"

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: Any,
        row: LipSyncMappingRow,
        icon: int | None,
        active_data: Any,
        active_property: str | None,
        index: int | None = 0,
        flag: int | None = 0,
    ) -> None:
        """Lay out one line."""
        names = layout.split(factor=0.45)
        names.label(text=row.source or "(source)")
        driven = names.split(factor=0.75)
        driven.label(text=row.target or "(shape key)", icon="FORWARD")
        driven.label(text=f"{row.gain:.2g}")


class _CharacterPanel(bpy.types.Panel):
    """Where the panels of the chosen character stand."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "LipSync"
    bl_parent_id = "LIPSYNC_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012  (Blender reads a plain set)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when a character is wanted."""
        return bool(settings_of(context.scene).animate_character) and chosen_character(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the character's settings, or the button that makes them."""
        entry = entry_of(context.scene, chosen_character(context))
        if entry is None:
            self.layout.operator(mapping.LIPSYNC_OT_map_by_name.bl_idname, icon="FILE_REFRESH")
        else:
            self.layout.use_property_split = True
            self.layout.use_property_decorate = False
            self.draw_entry(entry)

    def draw_entry(self, entry: LipSyncCharacter) -> None:
        """Lay out the settings of one character."""
        raise NotImplementedError


class LIPSYNC_PT_mapping(_CharacterPanel):
    """What drives which shape key and bone."""

    bl_idname = "LIPSYNC_PT_mapping"
    bl_label = "Mapping"

    def draw_entry(self, entry: LipSyncCharacter) -> None:
        """Lay out the table, its buttons, and the bones."""
        row = self.layout.row()
        row.template_list(LIPSYNC_UL_mapping.bl_idname, "", entry, "rows", entry, "active_row", rows=6)
        buttons = row.column(align=True)
        buttons.operator(mapping.LIPSYNC_OT_add_row.bl_idname, text="", icon="ADD")
        buttons.operator(mapping.LIPSYNC_OT_remove_row.bl_idname, text="", icon="REMOVE")
        buttons.separator()
        buttons.operator(mapping.LIPSYNC_OT_map_by_name.bl_idname, text="", icon="FILE_REFRESH")
        buttons.operator(mapping.LIPSYNC_OT_load_mapping.bl_idname, text="", icon="IMPORT")
        buttons.operator(mapping.LIPSYNC_OT_save_mapping.bl_idname, text="", icon="EXPORT")
        if entry.rows:
            self._draw_row(entry.rows[min(entry.active_row, len(entry.rows) - 1)])
        bones = self.layout.column(align=True)
        bones.prop(entry, "jaw_bone")
        bones.prop(entry, "jaw_degrees")

    def _draw_row(self, row: LipSyncMappingRow) -> None:
        column = self.layout.column(align=True)
        for name in ("source", "target", "gain", "offset"):
            column.prop(row, name)


class LIPSYNC_PT_shaping(_CharacterPanel):
    """How strongly and how smoothly it speaks, and where the keyframes go."""

    bl_idname = "LIPSYNC_PT_shaping"
    bl_label = "Keyframes"

    def draw_entry(self, entry: LipSyncCharacter) -> None:
        """Lay out the sliders and the choice of the Action."""
        strength = self.layout.column(align=True)
        for name in ("intensity", "jaw", "lips", "smile", "upper_face"):
            strength.prop(entry, name, slider=True)
        time = self.layout.column(align=True)
        for name in ("smoothing", "delay", "largest_error"):
            time.prop(entry, name)
        action = self.layout.column(align=True)
        action.prop(entry, "action")
        if entry.action is None:
            action.prop(entry, "action_name")
        else:
            action.prop(entry, "slot")
        action.prop(entry, "to_nla")


class LIPSYNC_PT_life(_CharacterPanel):
    """Blinks, glances, and the head."""

    bl_idname = "LIPSYNC_PT_life"
    bl_label = "Life"

    def draw_entry(self, entry: LipSyncCharacter) -> None:
        """Lay out the strengths, the bone, and the seed."""
        column = self.layout.column(align=True)
        for name in ("blinks", "eyes", "head"):
            column.prop(entry, name, slider=True)
        self.layout.prop(entry, "head_bone")
        self.layout.prop(entry, "seed")


class LIPSYNC_PT_transfer(_CharacterPanel):
    """Shape keys for a character that has none."""

    bl_idname = "LIPSYNC_PT_transfer"
    bl_label = "No Shape Keys?"

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the two steps."""
        column = self.layout.column(align=True)
        column.operator(transfer.LIPSYNC_OT_fit_face.bl_idname, icon="MOD_SHRINKWRAP")
        column.operator(transfer.LIPSYNC_OT_add_shape_keys.bl_idname, icon="SHAPEKEY_DATA")


CLASSES: tuple[type, ...] = (
    LIPSYNC_UL_mapping,
    LIPSYNC_PT_mapping,
    LIPSYNC_PT_shaping,
    LIPSYNC_PT_life,
    LIPSYNC_PT_transfer,
)
