"""What careless recording does to a sound, undone: offset and rumble, clipping, dead and crossed channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray
from .resampling import resample

Samples = NDArray[np.float32]

_STRETCH_SECONDS = 0.02  # over which loudness is measured
_LOUD_DECIBELS = 20.0  # stretches within this of the loudest count as loud
_FAINT_SHARE = 0.1  # of the stretches are fainter than what counts as the background
_LARGEST_RANGE = 100.0  # dB, where the background is nothing at all
_LARGEST_OFFSET = 0.05  # of the level of the loud parts: as much every sound card has, and any model heard it
_RUMBLE_RATE = 50  # Hz: at this rate only what lies below 24 Hz is left, under any voice
_STILL_DECIBELS = 6.0  # a channel whose loud parts stand out by less carries no speech
_LIVELY_DECIBELS = 12.0  # one whose loud parts stand out by more does
_CANCELLED = 0.3  # of the loudest channel's level is left of the mean: the channels cancel each other
_FLAT = 1e-3  # of the range of a sound: samples this near to its end were cut off there
_FLAT_RUNS = 8  # runs of such samples that make a clipped sound; fewer are its natural peaks
_LONGEST_RUN = 80  # samples; what is cut off for longer cannot be guessed from its flanks


@dataclass(frozen=True)
class Loudness:
    """How loud a sound is.

    Attributes:
        level: RMS of the loud parts, full scale is 1.
        decibels_above_background: How far they stand out from the faintest tenth; some 1 dB for a steady noise, 20 and
            more for speech.
    """

    level: float
    decibels_above_background: float


def loudness(samples: FloatArray, sample_rate: int) -> Loudness:
    """Measure a sound, `(N,)`, over stretches of 20 ms."""
    length = max(1, round(sample_rate * _STRETCH_SECONDS))
    count = max(1, len(samples) // length)
    power = np.mean(np.square(samples[: count * length].reshape(count, -1), dtype=np.float64), axis=1)
    loud = float(power[power >= power.max() * 10 ** (-_LOUD_DECIBELS / 10)].mean())
    background = max(float(np.quantile(power, _FAINT_SHARE)), loud * 10 ** (-_LARGEST_RANGE / 10), 1e-30)
    return Loudness(float(np.sqrt(loud)), 10 * float(np.log10(max(loud, 1e-30) / background)))


def without_offset(samples: Samples, sample_rate: int) -> Samples:
    """Take a constant offset out of a sound, `(N,)`; one of no weight against the loud parts stays."""
    offset = float(samples.mean(dtype=np.float64))
    centred = np.asarray(samples - offset, np.float32)
    return centred if abs(offset) > _LARGEST_OFFSET * loudness(centred, sample_rate).level else samples


def without_rumble(samples: Samples, sample_rate: int) -> Samples:
    """Take out of a sound, `(N,)`, what lies below 24 Hz, a constant offset with it: no voice is there, and it would
    be heard in the lowest bands.
    """
    if len(samples) == 0:
        return samples
    margin = sample_rate // 2
    padded = np.pad(samples - np.float32(samples.mean(dtype=np.float64)), margin, mode="symmetric")
    slow = resample(resample(padded, sample_rate, _RUMBLE_RATE), _RUMBLE_RATE, sample_rate)
    return np.asarray(padded - slow[: len(padded)], np.float32)[margin : margin + len(samples)]


def one_channel(channels: list[Samples], sample_rate: int) -> Samples:
    """Mix channels, each `(N,)` without offset, into one: their mean, as far as they carry speech.

    A dead or humming channel beside one that speaks is left out. Where the channels cancel each other, as those of a
    cable with crossed wires do, the one that stands out most is taken alone.
    """
    heard = [loudness(channel, sample_rate) for channel in channels]
    above = [one.decibels_above_background for one in heard]
    carrying = [index for index, decibels in enumerate(above) if decibels >= _STILL_DECIBELS]
    if max(above) < _LIVELY_DECIBELS or not carrying:
        carrying = list(range(len(channels)))
    mixed = np.asarray(np.mean([channels[index] for index in carrying], axis=0), np.float32)
    if loudness(mixed, sample_rate).level >= _CANCELLED * max(heard[index].level for index in carrying):
        return mixed
    return channels[max(carrying, key=lambda index: (round(above[index]), heard[index].level))]


def unclipped(samples: FloatArray) -> Samples:
    """Round the flat tops of a clipped sound, `(N,)`: each is carried on in the direction of its flanks.

    Where there is none, the sound is returned as it is.
    """
    mended = np.array(samples, np.float32)
    for sign in (1, -1):
        starts, ends = _flat_runs(sign * samples)
        if len(starts) >= _FLAT_RUNS:
            frames, values = _carried_on(sign * samples, starts, ends)
            mended[frames] = sign * values
    return mended


def _flat_runs(samples: FloatArray) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where runs of at least two samples at the upper end of the range begin and end."""
    flat = samples >= samples.max() - _FLAT * np.ptp(samples)
    steps = np.diff(np.concatenate([[0], flat.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    length = ends - starts
    kept = (length >= 2) & (length <= _LONGEST_RUN) & (starts >= 2) & (ends < len(samples) - 1)
    return starts[kept], ends[kept]


def _carried_on(
    samples: FloatArray, starts: NDArray[np.intp], ends: NDArray[np.intp]
) -> tuple[NDArray[np.intp], FloatArray]:
    """Return the numbers of the samples in runs, and what a cubic with the slopes of either flank makes of them."""
    lengths = ends - starts
    run = np.repeat(np.arange(len(starts)), lengths)
    frames = np.arange(len(run)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + starts[run]
    rise = np.maximum(samples[starts - 1] - samples[starts - 2], 0)[run]
    fall = np.maximum(samples[ends] - samples[ends + 1], 0)[run]
    span = (lengths + 1)[run]
    place = (frames - starts[run] + 1) / span
    chord = samples[starts - 1][run] * (1 - place) + samples[ends][run] * place
    bump = span * (rise * place * (1 - place) ** 2 + fall * place**2 * (1 - place))
    return frames, np.maximum(chord + bump, samples[frames])
