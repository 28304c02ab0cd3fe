"""Read what is to be said: a sound file, or what a strip of the sequencer shows of its sound."""

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...lipsync_core.audio.waveform import Waveform, read_wav, speech_waveform
from ...lipsync_core.errors import AudioError
from .sequencer import content_start, find_sound_strip, visible_frames
from .timeline import frame_rate

try:
    import aud
except ImportError:  # some builds of Blender leave it out; WAV files are read without it
    aud = None


@dataclass(frozen=True)
class Speech:
    """What is said, and where in the scene.

    Attributes:
        name: What to call it.
        waveform: The sound.
        first_frame: The scene's frame at which it begins.
        file: The file to lay into the sequencer; None if a strip shows it already.
        source: The file that the sound comes from, beside which its text may lie; None if it is packed.
        skipped_seconds: How much of that file a strip leaves out at its beginning, s.
    """

    name: str
    waveform: Waveform
    first_frame: int
    file: Path | None
    source: Path | None = None
    skipped_seconds: float = 0.0


def speech_from_file(scene: bpy.types.Scene, path: Path) -> Speech:
    """Read a sound file, to begin at the scene's first frame.

    Raises:
        AudioError: If it is missing, unreadable, empty or silent.
    """
    channels, sample_rate = decode(path)
    waveform = speech_waveform(channels, sample_rate, str(path))
    return Speech(path.stem, waveform, scene.frame_start, path, path)


def speech_from_strip(scene: bpy.types.Scene, name: str) -> Speech:
    """Read what a sound strip shows of its sound.

    Raises:
        AudioError: If there is no such strip, it is retimed, or its sound cannot be read or is silent.
    """
    strip = find_sound_strip(scene, name)
    if len(getattr(strip, "retiming_keys", ())) > 0:
        raise AudioError(f"The strip {name!r} is retimed; render it to a sound file and choose that.")
    channels, sample_rate = _decode_sound(strip.sound, name)
    first, end = visible_frames(strip)
    sound_start = content_start(strip) + strip.sound_offset * frame_rate(scene)  # the frame of sample zero
    first = max(first, math.ceil(sound_start))
    samples = [round(max(0.0, frame - sound_start) / frame_rate(scene) * sample_rate) for frame in (first, end)]
    waveform = speech_waveform(channels[samples[0] : samples[1]], sample_rate, f"The strip {name!r}")
    packed = strip.sound.packed_file is not None
    source = None if packed else Path(bpy.path.abspath(strip.sound.filepath, library=strip.sound.library))
    return Speech(strip.name, waveform, first, None, source, samples[0] / sample_rate)


def decode(path: Path) -> tuple[NDArray[np.float32], int]:
    """Decode a sound file at its own rate: WAV, MP3, FLAC, OGG, M4A, and whatever else Blender reads.

    Returns:
        `(N, C)` samples, full scale is 1, and the sample rate in Hz.

    Raises:
        AudioError: If the file is missing, or no sound.
    """
    if not path.is_file():
        raise AudioError(f"There is no sound file at {path}; check the path.")
    if aud is None:
        return read_wav(path)
    try:
        sound = aud.Sound.file(str(path))
        rate, _ = sound.specs
        return np.asarray(sound.data(), np.float32), round(rate)
    except aud.error as fault:  # type: ignore[misc]
        raise AudioError(
            f"{path} cannot be read as a sound ({fault}); choose a WAV, MP3, FLAC, OGG or M4A file."
        ) from fault


def _decode_sound(sound: Any, strip_name: str) -> tuple[NDArray[np.float32], int]:
    """Decode the sound of a strip, from the .blend file if it is packed there."""
    if sound is None:
        raise AudioError(f"The strip {strip_name!r} has no sound; choose another one.")
    path = Path(bpy.path.abspath(sound.filepath, library=sound.library))
    if sound.packed_file is None:
        return decode(path)
    with tempfile.TemporaryDirectory(prefix="lipsync3d-") as folder:
        unpacked = Path(folder) / (path.name or "packed.wav")
        unpacked.write_bytes(sound.packed_file.data)
        return decode(unpacked)
