"""Sound out of any file that FFmpeg reads, through PyAV. Blender decodes with its own library instead."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioError, MissingDependencyError
from .waveform import Waveform, speech_waveform


@dataclass(frozen=True)
class DecodedSound:
    """What a file's sound stream holds.

    Attributes:
        channels: `(N, C)` float32, full scale is 1.
        sample_rate: Hz.
        start_seconds: Time of the first sample on the file's clock, s.
    """

    channels: NDArray[np.float32]
    sample_rate: int
    start_seconds: float


def decode_sound(path: Path) -> DecodedSound:
    """Decode the first sound stream of a sound or video file, at its own rate.

    Raises:
        AudioError: If the file cannot be read or has no sound stream.
    """
    av = import_av()
    if not path.is_file():
        raise AudioError(f"There is no sound file at {path}; check the path.")
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise AudioError(f"{path} has no audio stream; choose a file with sound, or give its sound separately.")
            delay = _delay_untold(container)
            frames = list(container.decode(audio=0))
    except (av.FFmpegError, ValueError) as fault:
        raise AudioError(f"{path} cannot be read as sound ({_reason(fault)}); convert it to WAV.") from fault
    if not frames:
        raise AudioError(f"{path} holds no sound; choose a recording of speech.")
    channels = np.concatenate([_as_float(frame) for frame in frames])
    late = delay * frames[0].samples
    channels = channels[late:] if late >= 0 else np.pad(channels, ((-late, 0), (0, 0)))
    rate = frames[0].sample_rate
    return DecodedSound(channels, rate, max(0.0, float(frames[0].time or 0.0) + min(late, 0) / rate))


def read_speech(path: Path) -> Waveform:
    """Read a sound file as the networks hear it: one channel at 16 kHz.

    Raises:
        AudioError: If there is no sound in the file, or it is silent throughout.
    """
    sound = decode_sound(path)
    return speech_waveform(sound.channels, sound.sample_rate, str(path))


def import_av() -> Any:
    """Import PyAV.

    Raises:
        MissingDependencyError: If it is not installed.
    """
    try:
        import av
    except ImportError as fault:
        raise MissingDependencyError("Reading this file needs PyAV; run `pip install av`.") from fault
    return av


def _delay_untold(container: Any) -> int:
    """Return by how many of its codec's frames a sound comes late, where neither file nor decoder says so.

    A bare AAC stream begins with one frame of what its encoder starts up on; the decoder of WMA keeps back the first.
    """
    if container.format.name == "aac":
        return 1
    return -1 if container.streams.audio[0].codec_context.name in ("wmav1", "wmav2") else 0


def _as_float(frame: Any) -> NDArray[np.float32]:
    """Turn one decoded block, planar or packed, integer or float, into `(N, C)`."""
    values = frame.to_ndarray()
    channel_count = len(frame.layout.channels)
    values = values.T if frame.format.is_planar else values.reshape(-1, channel_count)
    if values.dtype == np.uint8:
        return (values.astype(np.float32) - 128) / 128
    if np.issubdtype(values.dtype, np.integer):
        return values.astype(np.float32) / float(np.iinfo(values.dtype).max + 1)
    return np.asarray(values, np.float32)


def _reason(fault: Exception) -> str:
    return str(getattr(fault, "strerror", None) or fault)
