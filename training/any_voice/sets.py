"""What a model for any voice is measured on: a TOML file that names prepared clips, an aligned recording, and noise.

[[speakers]]
name = "a reader"
clips = ["reader.clip"]          # from `lipsync3d prepare --no-texture`, relative to this file
find_offset = false              # true: the sound may be off; find by how much first

[aligned]
sound = "sentence.wav"
alignment = "sentence.TextGrid"  # as the Montreal Forced Aligner writes it; the last tier holds the phones

[voices]
names = ["rms", "it"]            # recorded voices, or all of a language: best those of `train-default --without`
seconds = 60                     # how long each speaks

[noise]
clean = "clean.wav"
noisy = ["cafe_0_dB.wav", "office_10_dB.wav"]
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lipsync_core.audio.decoding import read_speech
from lipsync_core.audio.waveform import Waveform
from lipsync_core.capture.clip import Clip, read_clip
from lipsync_core.errors import ConfigError, FormatError
from lipsync_core.model.model_file import SpeechModel

from .kept_voices import voice_closures, voices_called
from .measurement import (
    ARPABET,
    Agreement,
    Closures,
    Stretch,
    agreement,
    closures,
    moved_sound,
    robustness,
    sound_offset,
)
from .recorded_voices import RecordedVoice


@dataclass(frozen=True)
class SpeakerSet:
    """Real speakers that the model never heard."""

    name: str
    clips: tuple[Clip, ...]
    find_offset: bool = False


@dataclass(frozen=True)
class MeasuringSets:
    """Everything that a model is measured on; what is absent is not measured."""

    speakers: tuple[SpeakerSet, ...] = ()
    aligned: tuple[Waveform, tuple[Stretch, ...]] | None = None
    clean: Waveform | None = None
    noisy: tuple[tuple[str, Waveform], ...] = ()
    voices: tuple[RecordedVoice, ...] = ()
    voice_seconds: float = 60.0


@dataclass(frozen=True)
class Measurements:
    """What was measured of a model.

    Attributes:
        agreements: By set.
        closures: On aligned speech.
        robustness: By noisy sound: Pearson's r with the lip gap predicted from the clean one.
        voices: Closures by recorded voice.
    """

    agreements: dict[str, Agreement]
    closures: Closures | None
    robustness: dict[str, float]
    voices: dict[str, Closures] = field(default_factory=dict)

    def as_dict(self) -> dict[str, float]:
        """Return the figures by name, rounded, as a model's description keeps them."""
        figures = {f"gap_correlation, {name}": found.model for name, found in self.agreements.items()}
        if self.closures:
            figures |= {"closure_recall": self.closures.recall, "closure_precision": self.closures.precision}
            figures["nearly_closed_recall"] = self.closures.nearly_recall
            figures["nearly_closed_precision"] = self.closures.nearly_precision
        if self.voices:
            found = self.voices.values()
            figures["closure_recall, recorded voices"] = float(np.mean([f.recall for f in found]))
            figures["closure_precision, recorded voices"] = float(np.mean([f.precision for f in found]))
        return {name: round(value, 3) for name, value in figures.items()}


def read_sets(path: Path) -> MeasuringSets:
    """Read a file that names what to measure on.

    Raises:
        ConfigError: If it cannot be read, or lacks something.
        LipSyncError: If a file that it names cannot be read.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        return _sets(values, path.parent)
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as fault:
        raise ConfigError(f"The measuring sets {path} cannot be read ({fault}); see docs/DEFAULT_MODEL.md.") from fault


def _sets(values: dict[str, Any], folder: Path) -> MeasuringSets:
    aligned, noise = values.get("aligned"), values.get("noise")
    voices = values.get("voices", {"names": ()})
    return MeasuringSets(
        speakers=tuple(
            SpeakerSet(
                item["name"], tuple(read_clip(folder / c) for c in item["clips"]), item.get("find_offset", False)
            )
            for item in values.get("speakers", [])
        ),
        aligned=(read_speech(folder / aligned["sound"]), read_alignment(folder / aligned["alignment"]))
        if aligned
        else None,
        clean=read_speech(folder / noise["clean"]) if noise else None,
        noisy=tuple((Path(n).stem, read_speech(folder / n)) for n in noise["noisy"]) if noise else (),
        voices=tuple(voice for name in voices["names"] for voice in voices_called(name)),
        voice_seconds=float(voices.get("seconds", 60)),
    )


def read_alignment(path: Path) -> tuple[Stretch, ...]:
    """Read the last tier of a TextGrid, in either of Praat's two text forms.

    Raises:
        FormatError: If there is none.
    """
    try:
        values = list(_values(path.read_text(encoding="utf-8")))
        start = len(values) - 1 - values[::-1].index("IntervalTier")
        cells = values[start + 5 :]  # after the kind: name, beginning, end, count
        bounds = zip(cells[0::3], cells[1::3], cells[2::3], strict=True)
        return tuple(Stretch(sound, float(first), float(last)) for first, last, sound in bounds)
    except (OSError, ValueError) as fault:
        raise FormatError(f"{path} is no TextGrid with an interval tier ({fault}); export it from Praat.") from fault


def _values(text: str) -> Iterator[str]:
    """Yield the numbers and quoted texts of a TextGrid, without the names of the long form."""
    for line in text.splitlines():
        value = line.rpartition("=")[2].strip()
        if value.startswith('"'):
            yield value.strip('"')
        elif value.replace(".", "", 1).replace("-", "", 1).isdigit():
            yield value


def measure_sets(model: SpeechModel, sets: MeasuringSets) -> Measurements:
    """Measure a model on everything that there is."""
    return Measurements(
        agreements={item.name: agreement(model, _in_time(model, item)) for item in sets.speakers},
        closures=closures(model, *sets.aligned, ARPABET) if sets.aligned else None,
        robustness={name: robustness(model, sets.clean, sound) for name, sound in sets.noisy} if sets.clean else {},
        voices={voice.name: voice_closures(model, voice, sets.voice_seconds) for voice in sets.voices},
    )


def _in_time(model: SpeechModel, speakers: SpeakerSet) -> tuple[Clip, ...]:
    if not speakers.find_offset:
        return speakers.clips
    return tuple(moved_sound(clip, sound_offset(model, clip.takes[0])) for clip in speakers.clips)
