"""What the panel looks like. Only layout: nothing is decided or written here."""

import textwrap
from pathlib import PureWindowsPath

import bpy

from .generation import BUILT_IN_MODEL
from .operators import (
    LIPSYNC_OT_cancel,
    LIPSYNC_OT_generate,
    LIPSYNC_OT_import_model,
    LIPSYNC_OT_use_built_in_model,
)
from .operators.generate import missing_for_generation
from .properties import LipSyncModelCard, LipSyncSession, LipSyncSettings, session_of, settings_of

_LETTER_WIDTH = 6.5  # pixels at scale 1, about: labels do not wrap by themselves
_ICON_WIDTH = 70  # pixels at scale 1: margins, icon and scroll bar


class LIPSYNC_PT_main(bpy.types.Panel):
    """From a model and a sound to a speaking face."""

    bl_idname = "LIPSYNC_PT_main"
    bl_label = "LipSync3D"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "LipSync"

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the four steps from top to bottom."""
        settings, session = settings_of(context.scene), session_of(context)
        _draw_model(self.layout, settings)
        _draw_sound(self.layout, settings)
        _draw_results(self.layout, settings)
        _draw_generate(self.layout, session)
        if session.is_running:
            return
        missing = missing_for_generation(context)
        is_error = session.is_error and not missing
        _draw_message(self.layout, missing or session.message, is_error, _letters_across(context))


class LIPSYNC_PT_model(bpy.types.Panel):
    """What the imported model says about itself."""

    bl_idname = "LIPSYNC_PT_model"
    bl_label = "About the Model"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "LipSync"
    bl_parent_id = "LIPSYNC_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012  (Blender reads a plain set)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when there is a model."""
        return bool(settings_of(context.scene).model_path)

    def draw(self, context: bpy.types.Context) -> None:
        """List what the model's card says."""
        card: LipSyncModelCard = settings_of(context.scene).model_card
        column = self.layout.column(align=True)
        for name, value in _card_rows(card):
            row = column.split(factor=0.4)
            row.label(text=name)
            row.label(text=value)


CLASSES: tuple[type, ...] = (LIPSYNC_PT_main, LIPSYNC_PT_model)


def _card_rows(card: LipSyncModelCard) -> list[tuple[str, str]]:
    footage = f"{card.training_seconds:.0f} s at {card.fps:g} fps" if card.training_seconds else f"{card.fps:g} fps"
    rows = [
        ("Speaker", card.speaker),
        ("Made", card.created),
        ("Footage", footage),
        ("Held-out error", card.held_out),
        ("Texture", "moving pictures" if card.has_texture else "none"),
        ("Consent", card.consent),
        ("Licence", card.licence),
    ]
    return [(name, value or "not stated") for name, value in rows]


def _draw_model(layout: bpy.types.UILayout, settings: LipSyncSettings) -> None:
    layout.operator(LIPSYNC_OT_import_model.bl_idname, icon="IMPORT")
    row = layout.row(align=True)
    if not settings.model_path:
        row.label(text="Any voice  (built in)" if BUILT_IN_MODEL.is_file() else "No model", icon="COMMUNITY")
    else:
        # Blender's // stands for the .blend file's folder; a Windows path is split at both kinds of slashes.
        name = PureWindowsPath(settings.model_path.removeprefix("//")).name
        row.label(text=f"{settings.model_card.speaker}  ({name})", icon="USER")
        row.operator(LIPSYNC_OT_use_built_in_model.bl_idname, text="", icon="X")


def _draw_sound(layout: bpy.types.UILayout, settings: LipSyncSettings) -> None:
    column = layout.column(align=True)
    column.row(align=True).prop(settings, "sound_source", expand=True)
    column.prop(settings, "sound_path" if settings.sound_source == "FILE" else "sound_strip", text="")
    column = layout.column(align=True)
    column.prop(settings, "text_source")
    fields = {"WORDS": ("text", "text_language"), "FILE": ("text_path", "text_language")}
    for name in fields.get(settings.text_source, ()):
        column.prop(settings, name, text="Language" if name == "text_language" else "")


def _draw_results(layout: bpy.types.UILayout, settings: LipSyncSettings) -> None:
    column = layout.column(align=True)
    column.prop(settings, "make_head")
    size = column.row()
    size.active = settings.make_head
    size.prop(settings, "face_unit")
    if settings.model_card.has_texture:
        texture = column.row()
        texture.active = settings.make_head
        texture.prop(settings, "texture")
    look = column.row()
    look.active = settings.make_head
    look.prop(settings, "look")
    column = layout.column(align=True)
    column.prop(settings, "animate_character")
    chooser = column.row()
    chooser.active = settings.animate_character
    chooser.prop(settings, "character", text="", placeholder="Active object")


def _draw_generate(layout: bpy.types.UILayout, session: LipSyncSession) -> None:
    row = layout.row(align=True)
    row.scale_y = 1.5
    if session.is_running:
        row.progress(factor=session.progress, text=f"{session.progress:.0%}")
        row.operator(LIPSYNC_OT_cancel.bl_idname, text="", icon="X")
    else:
        row.operator(LIPSYNC_OT_generate.bl_idname, icon="PLAY")


def _draw_message(layout: bpy.types.UILayout, message: str, is_error: bool, letters: int) -> None:
    column = layout.column(align=True)
    column.alert = is_error
    for number, line in enumerate(textwrap.wrap(message, letters)):
        column.label(text=line, icon="BLANK1" if number else "ERROR" if is_error else "INFO")


def _letters_across(context: bpy.types.Context) -> int:
    """Return how many letters of a message fit in a line beside its icon."""
    width = context.region.width / context.preferences.system.ui_scale
    return max(16, int((width - _ICON_WIDTH) / _LETTER_WIDTH))
