"""What the panel for dubbing looks like. Only layout."""

import bpy

from .operators.dub import LIPSYNC_OT_dub
from .properties import settings_of


class LIPSYNC_PT_dub(bpy.types.Panel):
    """New speech for a video of the model's speaker."""

    bl_idname = "LIPSYNC_PT_dub"
    bl_label = "Dub a Video"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "LipSync"
    bl_parent_id = "LIPSYNC_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012  (Blender reads a plain set)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when a speaker was imported."""
        return bool(settings_of(context.scene).model_path)

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the files, the choices, and the button."""
        dub = settings_of(context.scene).dub
        self.layout.use_property_split = True
        self.layout.use_property_decorate = False
        for names in (("target", "output"), ("style", "length"), ("mark", "anyway")):
            column = self.layout.column(align=True)
            for name in names:
                column.prop(dub, name)
        self.layout.operator(LIPSYNC_OT_dub.bl_idname, icon="FILE_MOVIE")


CLASSES: tuple[type, ...] = (LIPSYNC_PT_dub,)
