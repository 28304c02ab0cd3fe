"""Sounds as the world varies them: rooms, distances, microphones, telephones, noise, music, codecs, overload.

Each function takes `(N,)` samples at 16 kHz and gives as many back. None of them moves anything in time by more than
a room's direct path does, so that the lips stay where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, signal

from lipsync_core.arrays import FloatArray
from lipsync_core.audio.waveform import SPEECH_RATE

Samples = NDArray[np.float32]

_LEAST_HERTZ = 40.0
_CODEC_WINDOW = 512


@dataclass(frozen=True)
class Variation:
    """How often each change is made, as probabilities, and how strong it may be.

    Attributes:
        room: Of a room.
        microphone: Of an uneven frequency response, at most `response_decibels` up or down.
        band: Of a narrow band, a telephone's among them.
        noise: Of a bed of noise, music or other voices.
        codec: Of a lossy codec.
        overload: Of clipping.
        response_decibels: Largest gain or loss of the microphone at any frequency, dB.
        least_snr: Of noise, dB.
        most_snr: Of noise, dB.
    """

    room: float = 0.1
    microphone: float = 0.2
    band: float = 0.08
    noise: float = 0.25
    codec: float = 0.05
    overload: float = 0.03
    response_decibels: float = 10.0
    least_snr: float = 0.0
    most_snr: float = 35.0


def vary_sound(samples: Samples, others: Sequence[Samples], variation: Variation, rng: np.random.Generator) -> Samples:
    """Change a sound as a recording would, in the order in which it happens on the way from a mouth to a file.

    Args:
        samples: `(N,)` dry speech.
        others: What else may be heard behind it: other people's speech.
        variation: How often, and how much.
        rng: The chance.
    """
    level = max(float(np.abs(samples).max()), 1e-6)
    heard = samples / np.float32(level)
    if rng.random() < variation.room:
        heard = in_a_room(heard, rng)
    if rng.random() < variation.noise:
        snr = rng.uniform(variation.least_snr, variation.most_snr)
        heard = mix(heard, _bed(len(heard), others, rng), snr)
    if rng.random() < variation.microphone:
        heard = through_microphone(heard, variation.response_decibels, rng)
    if rng.random() < variation.band:
        heard = in_a_band(heard, rng)
    if rng.random() < variation.overload:
        heard = clipped(heard, rng)
    if rng.random() < variation.codec:
        heard = coded(heard, rng)
    return heard * np.float32(10 ** rng.uniform(-2, 0))


def in_a_room(samples: Samples, rng: np.random.Generator) -> Samples:
    """Add the room's reverberation: noise that dies away exponentially behind the direct sound."""
    seconds = rng.uniform(0.08, 0.7)  # until it has lost 60 dB
    count = round(seconds * SPEECH_RATE)
    times = np.arange(count) / SPEECH_RATE
    tail = rng.normal(size=count) * np.exp(-6.9 * times / seconds)
    tail[: round(rng.uniform(0.001, 0.015) * SPEECH_RATE)] = 0  # nothing comes back before the nearest wall
    tail *= 10 ** (rng.uniform(-12, 4) / 20) / max(float(np.linalg.norm(tail)), 1e-9)
    tail[0] = 1.0
    return np.asarray(signal.fftconvolve(samples, tail)[: len(samples)], np.float32)


def through_microphone(samples: Samples, decibels: float, rng: np.random.Generator) -> Samples:
    """Bend the spectrum smoothly, up to so many dB either way: a microphone, its distance, an equaliser."""
    hertz = _frequencies(len(samples))
    octaves = np.log2(np.maximum(hertz, _LEAST_HERTZ) / _LEAST_HERTZ)
    knots = np.linspace(0, octaves[-1] + 1e-6, 7)
    bend = rng.uniform(-1, 1, 7).cumsum()
    bend *= rng.uniform(0, decibels) / max(np.abs(bend - bend.mean()).max(), 1e-6)
    return _filtered(samples, 10 ** (np.interp(octaves, knots, bend - bend.mean()) / 20))


def in_a_band(samples: Samples, rng: np.random.Generator) -> Samples:
    """Keep a band: a telephone's, an old recording's, or a small speaker's."""
    hertz = _frequencies(len(samples))
    low = rng.uniform(40, 350)
    high = rng.uniform(3000, 7500)
    gain = 1 / np.sqrt(1 + (low / np.maximum(hertz, 1)) ** 8) / np.sqrt(1 + (hertz / high) ** 16)
    return _filtered(samples, gain)


def mix(samples: Samples, bed: Samples, snr: float) -> Samples:
    """Lay a bed under a sound, so many dB below its loud parts."""
    speech = np.sqrt(_loud_power(samples))
    noise = np.sqrt(np.mean(np.square(bed, dtype=np.float64)))
    return samples + bed * np.float32(speech / max(noise, 1e-9) * 10 ** (-snr / 20))


def clipped(samples: Samples, rng: np.random.Generator) -> Samples:
    """Cut off the peaks."""
    ceiling = np.quantile(np.abs(samples), rng.uniform(0.9, 0.995))
    return np.clip(samples, -ceiling, ceiling) if ceiling > 0 else samples


def coded(samples: Samples, rng: np.random.Generator) -> Samples:
    """Keep of the spectrum what a frugal codec keeps: coarse steps, and nothing of the faint."""
    _, _, spectrum = signal.stft(samples, SPEECH_RATE, nperseg=_CODEC_WINDOW)
    size = np.abs(spectrum)
    step = 10 ** (rng.uniform(-2.2, -0.7)) * ndimage.maximum_filter(size, (31, 3)) + 1e-7
    kept = np.round(size / step) * step / np.maximum(size, 1e-9)
    _, restored = signal.istft(spectrum * kept, SPEECH_RATE, nperseg=_CODEC_WINDOW)
    return np.asarray(np.pad(restored, (0, _CODEC_WINDOW))[: len(samples)], np.float32)


def breath(seconds: float, rng: np.random.Generator) -> Samples:
    """Make a breath: noise that swells and fades, faint against speech at full scale."""
    count = max(8, round(seconds * SPEECH_RATE))
    swell = np.sin(np.pi * np.linspace(0, 1, count)) ** 2
    low, high = rng.uniform(300, 900), rng.uniform(2500, 6000)
    filters = signal.butter(2, (low, high), "bandpass", fs=SPEECH_RATE, output="sos")
    noise = signal.sosfilt(filters, rng.normal(size=count)) * swell
    return np.asarray(10 ** (rng.uniform(-40, -22) / 20) * noise / max(np.abs(noise).std(), 1e-9), np.float32)


def noise(count: int, rng: np.random.Generator) -> Samples:
    """Make noise of a random colour that comes and goes a little."""
    hertz = np.maximum(_frequencies(count), _LEAST_HERTZ)
    spectrum = rng.normal(size=(len(hertz), 2)) @ np.array([1, 1j])
    colour = hertz ** -rng.uniform(0, 1.2)
    bump = 1 + rng.uniform(0, 8) * np.exp(-np.square(np.log2(hertz / rng.uniform(80, 5000))))
    made = fft.irfft(spectrum * colour * bump)[:count]
    knots = max(2, round(count / SPEECH_RATE * rng.uniform(0.5, 6)))
    swell = np.interp(np.linspace(0, 1, count), np.linspace(0, 1, knots), rng.uniform(0.3, 1, knots))
    return np.asarray(made * swell / max(np.abs(made).max(), 1e-9), np.float32)


def music(count: int, rng: np.random.Generator) -> Samples:
    """Make chords of plucked and held tones, with a beat."""
    times = np.arange(count) / SPEECH_RATE
    beat = rng.uniform(0.2, 0.8)
    made = np.zeros(count)
    for _ in range(rng.integers(3, 7)):
        tones = 110 * 2 ** (rng.integers(0, 36, 1 + int(times[-1] / beat)) / 12)
        tone = tones[(times / beat).astype(int)]
        phase = 2 * np.pi * np.cumsum(tone) / SPEECH_RATE
        fading = np.exp(-(times % beat) / rng.uniform(0.1, 2))
        made += fading * (np.sin(phase) + 0.5 * np.sin(2 * phase) + 0.25 * np.sin(3 * phase))
    return made.astype(np.float32)


def babble(count: int, others: Sequence[Samples], rng: np.random.Generator) -> Samples:
    """Lay several people's speech over one another."""
    made = np.zeros(count, np.float32)
    for index in rng.integers(len(others), size=rng.integers(3, 9)):
        voice = np.roll(np.resize(others[index], count), rng.integers(count))
        made += voice / np.float32(max(np.abs(voice).max(), 1e-6))
    return made


def _bed(count: int, others: Sequence[Samples], rng: np.random.Generator) -> Samples:
    kind = rng.choice(4, p=(0.45, 0.3, 0.15, 0.1))
    if kind == 1 and others:
        return babble(count, others, rng)
    if kind == 2:
        return music(count, rng)
    return noise(count, rng) if kind < 3 else noise(count, rng) + music(count, rng) * np.float32(0.05)


def _frequencies(count: int) -> NDArray[np.float64]:
    """Return the frequencies of the spectrum of so many samples, padded to a length that transforms fast, Hz."""
    size: int = fft.next_fast_len(count + 2)
    return np.asarray(fft.rfftfreq(size + size % 2, 1 / SPEECH_RATE), np.float64)


def _filtered(samples: Samples, gain: FloatArray) -> Samples:
    """Multiply the spectrum of a sound by real gains at `_frequencies`; the phase stays."""
    size = 2 * (len(gain) - 1)
    return np.asarray(fft.irfft(fft.rfft(samples, size) * gain, size)[: len(samples)], np.float32)


def _loud_power(samples: Samples) -> float:
    """Return the mean power of the louder fifth of a sound, in frames of 20 ms."""
    length = SPEECH_RATE // 50
    count = max(1, len(samples) // length)
    power = np.square(samples[: count * length].reshape(count, -1), dtype=np.float64).mean(1)
    return float(np.sort(power)[-max(1, count // 5) :].mean())
