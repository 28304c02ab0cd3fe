"""The Blender half: a panel to look at, operators that tell short stories, and `scene`, which alone writes.

Imports run one way: panels -> operators -> generation -> scene -> bpy. The engine is `lipsync_core` beside
this package, always imported relatively.
"""

import bpy

from . import character_panels, character_settings, commands, dub_panel, panels, preferences, properties
from .operators import CLASSES as OPERATORS

CLASSES: tuple[type, ...] = (
    preferences.LipSyncPreferences,
    *properties.CLASSES,
    *character_settings.CLASSES,
    *OPERATORS,
    *panels.CLASSES,
    *character_panels.CLASSES,
    *dub_panel.CLASSES,
)
_command_handles: list[object] = []


def register() -> None:
    """Register all classes, what a scene remembers, and `blender --command lipsync3d`."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    properties.attach()
    character_settings.attach()
    _command_handles.append(bpy.utils.register_cli_command(commands.COMMAND, commands.run))


def unregister() -> None:
    """Undo `register`, in reverse."""
    while _command_handles:
        bpy.utils.unregister_cli_command(_command_handles.pop())
    character_settings.detach()
    properties.detach()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
