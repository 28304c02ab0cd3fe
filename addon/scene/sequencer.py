"""Sounds and films in a scene's sequencer, under the names that they have in this Blender."""

from pathlib import Path
from typing import Any

import bpy

from ...lipsync_core.errors import AudioError
from .ownership import claim, is_ours

ROLE = "speech"
FILM_ROLE = "dub"
_LAST_CHANNEL = 128


def sound_strip_names(scene: bpy.types.Scene) -> list[str]:
    """Return the names of a scene's sound strips, those in meta strips included."""
    return [strip.name for strip in _all_strips(scene) if strip.type == "SOUND"]


def find_sound_strip(scene: bpy.types.Scene, name: str) -> Any:
    """Return a sound strip by name.

    Raises:
        AudioError: If there is none.
    """
    for strip in _all_strips(scene):
        if strip.type == "SOUND" and strip.name == name:
            return strip
    raise AudioError(f"There is no sound strip {name!r} in the sequencer; choose another one.")


def visible_frames(strip: Any) -> tuple[int, int]:
    """Return the first frame that a strip shows and the one after its last."""
    if hasattr(strip, "left_handle"):  # 5.1 and later
        return int(strip.left_handle), int(strip.right_handle)
    return int(strip.frame_final_start), int(strip.frame_final_end)


def content_start(strip: Any) -> float:
    """Return the frame at which a strip's untrimmed content begins."""
    return float(strip.content_start if hasattr(strip, "content_start") else strip.frame_start)


def has_sound() -> bool:
    """Tell whether this build of Blender can play sounds at all; some do without."""
    return bool(bpy.app.build_options.audaspace)


def place_sound(scene: bpy.types.Scene, file: Path, first_frame: int) -> None:
    """Lay a sound file into the sequencer in place of the one that we laid there before.

    Playback is made to follow the sound unless the scene says otherwise.
    """
    if scene.sequence_editor is None:
        scene.sequence_editor_create()
    strips = _strips(scene)
    _remove_own(strips, ROLE)
    strip = strips.new_sound(file.stem, str(file), _LAST_CHANNEL, first_frame)
    claim(strip, ROLE)
    strip.channel = _free_channel(strips, strip)
    if scene.sync_mode == "NONE":
        scene.sync_mode = "AUDIO_SYNC"


def place_film(scene: bpy.types.Scene, file: Path, first_frame: int) -> tuple[int, int]:
    """Lay a film with its sound into the sequencer in place of the one that we laid there before.

    Returns:
        The first and the last frame that it shows.
    """
    if scene.sequence_editor is None:
        scene.sequence_editor_create()
    strips = _strips(scene)
    _remove_own(strips, FILM_ROLE)
    film = strips.new_movie(file.stem, str(file), _LAST_CHANNEL, first_frame)
    laid = [film]
    if has_sound():
        laid.append(strips.new_sound(file.stem, str(file), _LAST_CHANNEL - 1, first_frame))
    for strip in laid:
        claim(strip, FILM_ROLE)
        strip.channel = _free_channel(strips, strip)
    first, end = visible_frames(film)
    scene.frame_end = max(scene.frame_end, end - 1)
    return first, end - 1


def _remove_own(strips: Any, role: str) -> None:
    for strip in [strip for strip in strips if is_ours(strip, role)]:
        sound = getattr(strip, "sound", None)
        strips.remove(strip)
        if sound is not None and sound.users == 0:
            bpy.data.sounds.remove(sound)


def _free_channel(strips: Any, wanted: Any) -> int:
    """Return the lowest channel on which a strip covers no other."""
    first, end = visible_frames(wanted)
    taken = set()
    for strip in strips:
        other_first, other_end = visible_frames(strip)
        if strip != wanted and other_first < end and first < other_end:
            taken.add(strip.channel)
    return next(channel for channel in range(1, _LAST_CHANNEL + 1) if channel not in taken)


def _strips(scene: bpy.types.Scene) -> Any:
    editor = scene.sequence_editor
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def _all_strips(scene: bpy.types.Scene) -> Any:
    editor = scene.sequence_editor
    if editor is None:
        return ()
    return editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all
