"""Sound out of files: every codec comes in time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipsync_core.audio.decoding import decode_sound, read_speech
from lipsync_core.audio.waveform import SPEECH_RATE, Waveform
from tests.conftest import babble

av: Any = pytest.importorskip("av")


def write_sound(path: Path, waveform: Waveform, codec: str, rate: int) -> None:
    """Write a sound with one of FFmpeg's encoders."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono", bit_rate=64_000)
        stream.time_base = Fraction(1, rate)
        resampler = av.AudioResampler(format=stream.codec_context.codec.audio_formats[0].name, layout="mono", rate=rate)
        frame = av.AudioFrame.from_ndarray(waveform.samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = waveform.sample_rate, 0, Fraction(1, waveform.sample_rate)
        for given in (frame, None):
            for part in resampler.resample(given):
                container.mux(stream.encode(part))
        container.mux(stream.encode(None))


def lateness(heard: Waveform, spoken: Waveform) -> float:
    """By how many seconds one sound comes later than another, by where their correlation peaks."""
    size = 2 * max(len(heard.samples), len(spoken.samples))
    spectra = [np.fft.rfft(sound.samples, size) for sound in (heard, spoken)]
    alike = np.fft.irfft(spectra[0] * spectra[1].conj(), size)
    peak = int(alike.argmax())
    return (peak - size if peak > size // 2 else peak) / SPEECH_RATE


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.wma", "wmav2", 44_100),
        ("a.wma", "wmav2", 16_000),
        ("a.wma", "wmav1", 22_050),
        ("a.opus", "libopus", 48_000),
        ("a.aac", "aac", 48_000),
        ("a.m4a", "aac", 44_100),
        ("a.mp3", "libmp3lame", 44_100),
        ("a.flac", "flac", 44_100),
    ],
)
def test_a_compressed_sound_comes_in_time(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    speech = babble(2.0)
    write_sound(tmp_path / name, speech, codec, rate)

    heard = read_speech(tmp_path / name)

    assert lateness(heard, speech) == pytest.approx(0.0, abs=0.002)
    assert decode_sound(tmp_path / name).start_seconds < 0.06
