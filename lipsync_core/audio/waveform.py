"""Sound as one channel of samples: from files and Blender's decoder to the rate that the networks hear."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray, check_shape
from ..errors import AudioError
from .mending import loudness, one_channel, unclipped, without_offset
from .resampling import resample

SPEECH_RATE = 16_000  # Hz: what every model hears
SILENCE_LEVEL = 3e-5  # -90 dBFS, the last of 16 bits: where even the loud parts are fainter, nothing speaks


@dataclass(frozen=True)
class Waveform:
    """One channel of sound.

    Attributes:
        samples: `(N,)` float32, full scale is 1.
        sample_rate: Samples per second, Hz.
    """

    samples: NDArray[np.float32]
    sample_rate: int

    def __post_init__(self) -> None:
        check_shape("Waveform.samples", self.samples, "N")

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate

    def between(self, start_seconds: float, end_seconds: float) -> Waveform:
        """Return the stretch between two times, cut to what is there."""
        first, last = (max(0, round(t * self.sample_rate)) for t in (start_seconds, end_seconds))
        return Waveform(self.samples[first:last], self.sample_rate)

    def beginning_at(self, seconds: float) -> Waveform:
        """Return the sound from a time on; silence comes first if that is before its beginning."""
        shift = round(seconds * self.sample_rate)
        samples = self.samples[shift:] if shift > 0 else np.pad(self.samples, (-shift, 0))
        return Waveform(samples, self.sample_rate)

    def at_rate(self, sample_rate: int) -> Waveform:
        """Return the same sound with another number of samples per second."""
        return Waveform(resample(self.samples, self.sample_rate, sample_rate), sample_rate)


def speech_waveform(channels: FloatArray, sample_rate: int, source: str) -> Waveform:
    """Make what the networks hear out of what a decoder gave: one channel at 16 kHz.

    A constant offset is taken out, what was cut off at full scale is rounded, and channels that carry no speech, or
    that cancel each other, are left out; other sounds are the mean of their channels.

    Args:
        channels: `(N, C)` samples, full scale is 1.
        sample_rate: Samples per second, Hz.
        source: Where the sound came from, for messages.

    Raises:
        AudioError: If there is no sound, or it is silent throughout.
    """
    check_shape(f"The sound of {source}", channels, "N C")
    if len(channels) == 0:
        raise AudioError(f"{source} holds no sound; choose a recording of speech.")
    centred = [unclipped(without_offset(channel, sample_rate)) for channel in channels.T]
    mono = one_channel(centred, sample_rate)
    if loudness(mono, sample_rate).level < SILENCE_LEVEL:
        raise AudioError(f"{source} is silent throughout; choose a recording of speech.")
    return Waveform(mono, sample_rate).at_rate(SPEECH_RATE)


def read_wav(path: Path) -> tuple[NDArray[np.float32], int]:
    """Read a PCM WAV file with the standard library alone.

    Returns:
        `(N, C)` samples, full scale is 1, and the sample rate in Hz.

    Raises:
        AudioError: If the file is not a PCM WAV file.
    """
    try:
        with wave.open(str(path), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError, OSError) as fault:
        raise AudioError(f"{path} cannot be read as a WAV file ({fault}); convert it to PCM WAV.") from fault
    return _pcm_to_float(frames, width).reshape(-1, channels), rate


def _pcm_to_float(frames: bytes, width: int) -> NDArray[np.float32]:
    if width == 1:
        return (np.frombuffer(frames, np.uint8).astype(np.float32) - 128) / 128
    if width == 3:
        padded = np.zeros((len(frames) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(frames, np.uint8).reshape(-1, 3)
        return padded.view("<i4")[:, 0].astype(np.float32) / 2**31
    kind: Any = {2: "<i2", 4: "<i4"}[width]
    return np.frombuffer(frames, kind).astype(np.float32) / float(2 ** (8 * width - 1))


def write_wav(path: Path, waveform: Waveform) -> None:
    """Write 16-bit PCM."""
    clipped = np.clip(waveform.samples, -1, 1)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, waveform.sample_rate, 0, "NONE", "not compressed"))
        file.writeframes(np.round(clipped * 32767).astype("<i2").tobytes())
