""".blend files: begin with one, begin with nothing, keep a copy."""

from pathlib import Path

import bpy

from ...lipsync_core.archive import replacing
from ...lipsync_core.errors import FormatError


def open_scene(path: Path) -> None:
    """Open a .blend file.

    Raises:
        FormatError: If it is missing or no .blend file.
    """
    if not path.is_file():
        raise FormatError(f"There is no .blend file at {path}; check the path.")
    try:
        bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False)
    except RuntimeError as fault:
        raise FormatError(f"{path} cannot be opened as a .blend file ({_plain(fault)}).") from fault


def is_saved_scene() -> bool:
    """Tell whether the open scene comes from a .blend file, and not from Blender's start-up."""
    return bool(bpy.data.filepath)


def empty_scene(scene: bpy.types.Scene) -> None:
    """Take everything out of a scene."""
    for thing in list(scene.objects):
        bpy.data.objects.remove(thing)
    scene.world = None


def save_copy(path: Path) -> None:
    """Write the open file to another path, whole or not at all.

    Raises:
        FormatError: If it cannot be written.
    """
    try:
        with replacing(path) as partial:
            bpy.ops.wm.save_as_mainfile(filepath=str(partial), copy=True, check_existing=False)
    except (RuntimeError, OSError) as fault:
        raise FormatError(f"{path} cannot be written ({_plain(fault)}); choose another place.") from fault


def _plain(fault: Exception) -> str:
    return str(fault).strip().removeprefix("Error: ")
