"""The corpus: synthetic people speaking, heard under all kinds of conditions, with the motion of their mouths.

Everything follows from a seed, but for the breath in some of espeak-ng's voices, which is noise of its own. espeak-ng
also remembers what it said before; so the corpus is made in portions, each in a fresh process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.context import BaseContext

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from lipsync_core.animation import frame_times
from lipsync_core.audio.waveform import SPEECH_RATE, Waveform
from lipsync_core.face.arkit import ARKIT_NAMES
from lipsync_core.phones.classes import BREATH
from lipsync_core.phones.phoneme import SILENCE, Phoneme
from lipsync_core.progress import Progress, ignore_progress

from ..virtual_speaker.articulation import Articulation, articulate
from ..virtual_speaker.speech import Speech, speak
from .acoustics import Samples, Variation, breath, noise, vary_sound
from .recorded_voices import installed_voices, recorded_speeches
from .texts import random_text
from .voices import random_voice

SHAPES: tuple[str, ...] = tuple(name for name in ARKIT_NAMES if name.startswith(("jaw", "mouth", "cheek")))
CORPUS_FPS = 30.0

_COLUMNS = [ARKIT_NAMES.index(name) for name in SHAPES]
_PORTION_SECONDS = 60.0
_PORTION_TRACKS = 16  # that are heard behind one another
_SHORTEST_PAUSE = 0.12  # s; a shorter one is part of a sound, such as the hold of a stop
_SPEECH_PEAK = 0.5
_SYNTHETIC_IMPORTANCE = 0.35
_RECORDED_TRACT_REACH = 0.5  # share of the widest range of throats: recorded ones are some already
_TALLEST, _SMALLEST = 0.8, 1.25  # length of the vocal tract, as a factor on every frequency


@dataclass(frozen=True)
class CorpusOptions:
    """What a corpus is like.

    Attributes:
        seconds: Its length, s.
        seed: Of everything random.
        variation: How the sound is varied.
        strength_spread: Deviation of the logarithm of the articulation's strength from track to track.
        without_speech: Share of the tracks in which nobody speaks: the mouth rests through any noise.
        recorded: Share of the others spoken by recorded voices, where any are installed; the rest by espeak-ng.
    """

    seconds: float = 3600.0
    seed: int = 0
    variation: Variation = field(default_factory=Variation)
    strength_spread: float = 0.15
    without_speech: float = 0.03
    recorded: float = 0.6


@dataclass(frozen=True)
class SpokenTrack:
    """One recording and the motion in it.

    Attributes:
        waveform: The sound, 16 kHz.
        seconds: `(T,)` float64, time of each frame, s from the first sample.
        weights: `(T, B)` float32, of the blendshapes `SHAPES`.
        phonemes: What is said when; empty where it is not known.
        importance: How much its errors count. Rules move the lips further than people do, and would drown real motion.
    """

    waveform: Waveform
    seconds: NDArray[np.float64]
    weights: NDArray[np.float32]
    phonemes: tuple[Phoneme, ...] = ()
    importance: float = 1.0


def make_corpus(
    options: CorpusOptions, processes: int = 1, progress: Progress = ignore_progress
) -> Iterator[SpokenTrack]:
    """Make a corpus, track by track.

    Args:
        options: What it is like; the same options make the same corpus, in however many processes.
        processes: How many portions to make at once.
        progress: Told the share done.

    Raises:
        MissingDependencyError: If espeak-ng is not installed.
    """
    count = max(1, round(options.seconds / _PORTION_SECONDS))
    seconds = options.seconds / count
    portions = [np.random.SeedSequence((options.seed, index)) for index in range(count)]
    with _clean_processes().Pool(processes, maxtasksperchild=1) as pool:
        yield from _told(pool.imap(partial(make_portion, options, seconds), portions), count, progress)


def _clean_processes() -> BaseContext:
    """Return how to start a process that shares no thread with this one: a fork beside running threads may hang."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _told(portions: Iterator[list[SpokenTrack]], count: int, progress: Progress) -> Iterator[SpokenTrack]:
    for index, tracks in enumerate(portions):
        yield from tracks
        progress((index + 1) / count)


def make_portion(options: CorpusOptions, seconds: float, seed: np.random.SeedSequence) -> list[SpokenTrack]:
    """Make some tracks that last about so many seconds; what is heard behind each are the others of the portion."""
    rng = np.random.default_rng(seed)
    dry: list[SpokenTrack] = []
    recorded = recorded_speeches(installed_voices(), rng) if installed_voices() else None
    while sum(track.waveform.duration for track in dry) < seconds:
        if rng.random() < options.without_speech:
            dry.append(_silent_track(rng))
        elif recorded and rng.random() < options.recorded:
            dry.append(_spoken_track(next(recorded), options, rng, _RECORDED_TRACT_REACH))
        else:
            dry.append(_spoken_track(_conversation(rng), options, rng))
    voices = [track.waveform.samples for track in dry if len(track.phonemes) > 1]
    return [_varied(track, voices, options, rng) for track in dry]


def told_again(
    speeches: Iterator[Speech], seconds: float, options: CorpusOptions, rng: np.random.Generator
) -> Iterator[SpokenTrack]:
    """Let other throats say speeches until so many seconds are told, with the mouth moved by rules."""
    told, portion = 0.0, list[SpokenTrack]()
    for speech in speeches:
        portion.append(_spoken_track(speech, options, rng, _RECORDED_TRACT_REACH))
        told += portion[-1].waveform.duration
        if len(portion) == _PORTION_TRACKS or told >= seconds:
            voices = [track.waveform.samples for track in portion]
            yield from (_varied(track, voices, options, rng) for track in portion)
            portion.clear()
        if told >= seconds:
            return


def retimed(waveform: Waveform, factor: float) -> tuple[Waveform, float]:
    """Play a sound faster by a factor, so that every frequency rises by it: another vocal tract, pitch and tempo.

    Returns:
        The sound at 16 kHz, and the factor to which the request was rounded.
    """
    ratio = Fraction(SPEECH_RATE / (waveform.sample_rate * factor)).limit_denominator(160)
    samples = signal.resample_poly(waveform.samples, ratio.numerator, ratio.denominator).astype(np.float32)
    exact = SPEECH_RATE / (waveform.sample_rate * float(ratio))
    return Waveform(samples, SPEECH_RATE), exact


def random_tract(rng: np.random.Generator, reach: float = 1.0) -> float:
    """Draw a factor for `retimed`; `reach` is the share of the widest range of throats."""
    return float(np.exp(reach * rng.uniform(np.log(_TALLEST), np.log(_SMALLEST))))


def motion_times(waveform: Waveform) -> NDArray[np.float64]:
    """Return the times `(T,)` of a track's frames, s."""
    return frame_times(max(2, int(waveform.duration * CORPUS_FPS)), CORPUS_FPS)


def _spoken_track(
    speech: Speech, options: CorpusOptions, rng: np.random.Generator, tract_reach: float = 1.0
) -> SpokenTrack:
    """Let another throat say something, with the mouth moved by rules."""
    waveform, factor = retimed(speech.waveform, random_tract(rng, tract_reach))
    phonemes = tuple(Phoneme(p.symbol, p.start_seconds / factor, p.end_seconds / factor) for p in speech.phonemes)
    seconds = motion_times(waveform)
    articulation = Articulation(strength=float(np.exp(rng.normal(0, options.strength_spread))))
    weights = articulate(phonemes, seconds, articulation, rng)[:, _COLUMNS]
    return SpokenTrack(waveform, seconds, weights, phonemes)


def _silent_track(rng: np.random.Generator) -> SpokenTrack:
    waveform = Waveform(noise(round(rng.uniform(2, 6) * SPEECH_RATE), rng), SPEECH_RATE)
    seconds = motion_times(waveform)
    still = np.zeros((len(seconds), len(SHAPES)), np.float32)
    return SpokenTrack(waveform, seconds, still, (Phoneme(BREATH, 0.0, waveform.duration),))


def _conversation(rng: np.random.Generator) -> Speech:
    """Let one of espeak-ng's voices say one to three things, with pauses between them."""
    language, text = random_text(rng)
    voice = random_voice(language, rng)
    parts = [speak(text, voice)]
    for _ in range(rng.integers(0, 3)):
        another, text = random_text(rng)
        if another == language:
            parts.append(speak(text, voice))
    samples, phonemes, start = [], list[Phoneme](), 0.0
    for part in parts:
        pause = _pause(rng, part.waveform.sample_rate)
        phonemes.append(Phoneme(SILENCE, start, start + len(pause) / part.waveform.sample_rate))
        start = phonemes[-1].end_seconds
        phonemes += [Phoneme(p.symbol, start + p.start_seconds, start + p.end_seconds) for p in part.phonemes]
        start = phonemes[-1].end_seconds
        samples += [pause, part.waveform.samples / max(float(np.abs(part.waveform.samples).max()), 1e-6)]
    waveform = Waveform(np.concatenate(samples) * np.float32(_SPEECH_PEAK), parts[0].waveform.sample_rate)
    return Speech(waveform, tuple(_without_holds(phonemes)))


def _pause(rng: np.random.Generator, sample_rate: int) -> Samples:
    """Make a pause, at times with a breath in it."""
    count = round(rng.exponential(0.35) * sample_rate)
    made = np.zeros(count, np.float32)
    if rng.random() < 0.4 and count > 0.3 * sample_rate:
        taken = breath(rng.uniform(0.15, 0.28), rng)
        at = int(rng.integers(0, count - len(taken)))
        made[at : at + len(taken)] = taken
    return made


def _without_holds(phonemes: Sequence[Phoneme]) -> Iterator[Phoneme]:
    """Join neighbouring pauses, and give those too short to be one to the sound before them."""
    kept: list[Phoneme] = []
    for phoneme in phonemes:
        last = kept[-1] if kept else None
        length = phoneme.end_seconds - phoneme.start_seconds
        hold = phoneme.symbol == SILENCE and (length < _SHORTEST_PAUSE or (last and last.symbol == SILENCE))
        if last and hold:
            kept[-1] = Phoneme(last.symbol, last.start_seconds, phoneme.end_seconds)
        elif length > 0:
            kept.append(phoneme)
    yield from kept


def _varied(
    track: SpokenTrack, voices: Sequence[Samples], options: CorpusOptions, rng: np.random.Generator
) -> SpokenTrack:
    samples = vary_sound(track.waveform.samples, voices, options.variation, rng)
    waveform = Waveform(samples, SPEECH_RATE)
    return SpokenTrack(waveform, track.seconds, track.weights, track.phonemes, _SYNTHETIC_IMPORTANCE)
