"""What Blender's decoder gives is what the engine's own reader gives."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lipsync_core.audio.waveform import read_wav
from tests.blender.conftest import needs_decoder
from tests.conftest import babble

bpy = pytest.importorskip("bpy")


def write_stereo(path: Path, rate: int) -> None:
    """Write half a second of 16-bit stereo."""
    left = babble(0.5, seed=1, sample_rate=rate).samples
    right = babble(0.5, seed=2, sample_rate=rate).samples
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, rate, 0, "NONE", "not compressed"))
        file.writeframes(np.round(np.stack([left, right], axis=1) * 20000).astype("<i2").tobytes())


@needs_decoder
@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_blender_decodes_like_the_engine(tmp_path: Path, part: Callable[[str], ModuleType], rate: int) -> None:
    path = tmp_path / "stereo.wav"
    write_stereo(path, rate)

    channels, decoded_rate = part("addon.scene.sounds").decode(path)

    expected, expected_rate = read_wav(path)
    assert decoded_rate == expected_rate == rate
    np.testing.assert_allclose(channels, expected, rtol=4e-5)  # full scale is 32767 there, 32768 here


@needs_decoder
@pytest.mark.parametrize(("suffix", "codec"), [(".mp3", "MP3"), (".flac", "FLAC"), (".ogg", "VORBIS"), (".m4a", "AAC")])
def test_compressed_sounds_are_decoded(
    tmp_path: Path, part: Callable[[str], ModuleType], suffix: str, codec: str
) -> None:
    source, path = tmp_path / "stereo.wav", tmp_path / f"stereo{suffix}"
    write_stereo(source, 48_000)
    mix_down(source, path, codec)

    channels, rate = part("addon.scene.sounds").decode(path)

    expected, _ = read_wav(source)
    loudness, expected_loudness = (np.sqrt(np.mean(np.square(sound))) for sound in (channels, expected))
    assert rate == 48_000
    assert loudness == pytest.approx(expected_loudness, rel=0.15)


def mix_down(source: Path, path: Path, codec: str) -> None:
    """Let Blender write a sound in another format."""
    scene = bpy.context.scene
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    strips.new_sound("source", str(source), 1, 1)
    scene.render.fps, scene.frame_end = 24, 12
    container = {"MP3": "MP3", "FLAC": "FLAC", "VORBIS": "OGG", "AAC": "AAC"}[codec]
    written = path.with_suffix(".aac") if codec == "AAC" else path
    bpy.ops.sound.mixdown(
        filepath=str(written), container=container, codec=codec, format="S16", mixrate=48_000, bitrate=256
    )
    written.rename(path)


def test_a_blender_without_its_decoder_still_reads_wav(
    tmp_path: Path, part: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stereo.wav"
    write_stereo(path, 16_000)
    sounds = part("addon.scene.sounds")
    monkeypatch.setattr(sounds, "aud", None)

    channels, rate = sounds.decode(path)

    assert (channels.shape, rate) == ((8000, 2), 16_000)
