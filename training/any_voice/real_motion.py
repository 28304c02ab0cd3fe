"""Real speakers' motion for the corpus: a clip's blendshapes on the generic face, and their voices made many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lipsync_core.arrays import FloatArray
from lipsync_core.audio.waveform import SPEECH_RATE, Waveform
from lipsync_core.capture.clip import Clip, Take

from .acoustics import Samples, Variation, vary_sound
from .corpus import SHAPES, SpokenTrack, motion_times, random_tract, retimed

_TRACT_REACH = 0.15  # share of the widest range; more of it made other speakers worse


def real_tracks(
    clips: Sequence[Clip], copies: int, seed: int, variation: Variation | None = None
) -> Iterator[SpokenTrack]:
    """Retell the takes of clips, each several times: as other throats would have said it, heard under other conditions.

    A sound played faster by a factor has every frequency raised by it, and the motion is played faster with it.

    Args:
        clips: Footage with fitted blendshapes.
        copies: Times that each take is told.
        seed: Of everything random.
        variation: How the sound is varied.
    """
    rng = np.random.default_rng(seed)
    voices = [take.waveform.samples for clip in clips for take in clip.takes]
    for clip in clips:
        columns = [clip.blendshape_names.index(name) for name in SHAPES]
        for take in clip.takes:
            for _ in range(copies):
                yield _retold(take, take.blendshapes[:, columns], voices, variation or Variation(), rng)


def _retold(
    take: Take, weights: FloatArray, voices: Sequence[Samples], variation: Variation, rng: np.random.Generator
) -> SpokenTrack:
    waveform, factor = retimed(take.waveform, random_tract(rng, _TRACT_REACH))
    seconds = motion_times(waveform)
    filmed = take.seconds / factor
    inside = (seconds >= filmed[0]) & (seconds <= filmed[-1])
    seconds = seconds[inside]
    moved = np.stack([np.interp(seconds, filmed, curve) for curve in weights.T], axis=1).astype(np.float32)
    samples = vary_sound(waveform.samples, voices, variation, rng)
    return SpokenTrack(Waveform(samples, SPEECH_RATE), seconds, moved)
