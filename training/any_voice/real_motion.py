"""Real speakers' motion for the corpus: a clip's blendshapes on the generic face, and their voices made many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipsync_core.arrays import FloatArray
from lipsync_core.audio.waveform import SPEECH_RATE, Waveform
from lipsync_core.capture.clip import Clip
from lipsync_core.face.mouth import lip_gap, mouth_width
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.phones.phoneme import Phoneme

from .acoustics import Samples, Variation, vary_sound
from .corpus import SHAPES, SpokenTrack, motion_times, random_tract, retimed
from .seen_closures import on_seen_closures
from .transcripts import phones_of

_TRACT_REACH = 0.15  # share of the widest range; more of it made other speakers worse


@dataclass(frozen=True)
class MovingTake:
    """A sound with the motion filmed or animated to it.

    Attributes:
        waveform: The sound.
        seconds: `(T,)` time of each frame, s.
        weights: `(T, B)` of `SHAPES`.
        phonemes: What is said when; empty where it is not known.
    """

    waveform: Waveform
    seconds: NDArray[np.float64]
    weights: FloatArray
    phonemes: tuple[Phoneme, ...] = ()


def filmed_takes(
    clip: Clip, model: SpeechModel | None = None, word_files: Mapping[str, Path] | None = None
) -> list[MovingTake]:
    """Return the takes of a clip, with the phones of known sentences, whose p, b and m are put where they are seen.

    Args:
        clip: The footage.
        model: A model that hears phones, or None.
        word_files: Files with the times of the words, by the take that they are of; none if None.

    Raises:
        FormatError: If a file is of other words than its take.
    """
    columns = [clip.blendshape_names.index(name) for name in SHAPES]
    width, files, made = mouth_width(clip.neutral), word_files or {}, []
    for take in clip.takes:
        phones = phones_of(take, model, files.get(take.name))
        placed = on_seen_closures(phones, take.seconds, lip_gap(take.vertices) / width)
        made.append(MovingTake(take.waveform, take.seconds, take.blendshapes[:, columns], placed))
    return made


def real_tracks(
    speakers: Sequence[Sequence[MovingTake]], seconds: float, seed: int, variation: Variation | None = None
) -> Iterator[SpokenTrack]:
    """Retell the takes of speakers: as other throats would have said it, heard under other conditions.

    A sound played faster by a factor has every frequency raised by it, and the motion is played faster with it. Each
    speaker is told for equally long, however much there is of him: takes are drawn one after the other until it is so.

    Args:
        speakers: The takes of each.
        seconds: How long each speaker is told, s.
        seed: Of everything random.
        variation: How the sound is varied.
    """
    rng = np.random.default_rng(seed)
    voices = [take.waveform.samples for takes in speakers for take in takes]
    for takes in speakers:
        told = 0.0
        while told < seconds and takes:
            for index in rng.permutation(len(takes)):
                track = _retold(takes[index], voices, variation or Variation(), rng)
                told += track.waveform.duration
                yield track
                if told >= seconds:
                    break


def _retold(take: MovingTake, voices: Sequence[Samples], variation: Variation, rng: np.random.Generator) -> SpokenTrack:
    waveform, factor = retimed(take.waveform, random_tract(rng, _TRACT_REACH))
    seconds = motion_times(waveform)
    filmed = take.seconds / factor
    inside = (seconds >= filmed[0]) & (seconds <= filmed[-1])
    seconds = seconds[inside]
    moved = np.stack([np.interp(seconds, filmed, curve) for curve in take.weights.T], axis=1).astype(np.float32)
    phonemes = tuple(Phoneme(p.symbol, p.start_seconds / factor, p.end_seconds / factor) for p in take.phonemes)
    samples = vary_sound(waveform.samples, voices, variation, rng)
    return SpokenTrack(Waveform(samples, SPEECH_RATE), seconds, moved, phonemes)
