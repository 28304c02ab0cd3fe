"""What the networks hear of a sound: a short-time Fourier transform, as complex bins or as log-mel bands.

Lahiri et al. 2021, section 3: Hann window of 30 ms, hop of 10 ms, 256 frequency bins. Column `c` is centred on the
time `c * hop_length / sample_rate`; beyond both ends of the sound there is silence. Training and Blender run this
same code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from .mending import loudness, without_rumble
from .waveform import SPEECH_RATE, Waveform

FeatureKind = Literal["log_mel", "complex_stft"]

_BLOCK = 4096  # columns transformed at a time: bounds the memory for an hour of speech
_FFT_SIZE = 512
_BINS = 256  # bins 1..256: the constant is dropped, which leaves the paper's 256
_SPEECH_LEVEL = 0.1  # RMS that the loud parts of every track are brought to (-20 dBFS)
_LOUD_DECIBELS = 20.0  # columns within this of the loudest count as loud
_LARGEST_GAIN = 30.0  # a steady sound is raised by at most this factor, so that room noise stays noise
_STEADY_DECIBELS = 6.0  # above its background; speech stands out further,
_GAIN_PER_DECIBEL = 4.0  # dB more gain for each dB that it does,
_MOST_MORE_GAIN = 40.0  # dB more at most
MARGIN_SECONDS = 0.5  # silence put before and after a track
_COMPRESSION = 0.3  # exponent that flattens the range of magnitudes; the paper gives none
_CHANNEL_REACH_SECONDS = 30  # to either side, over which a channel's spectrum is taken
_SPEECH_SPECTRUM = (
    -1.97,
    0.67,
    -0.67,
    -2.43,
    -3.05,
    -3.21,
    -3.88,
    -5.31,
    -6.36,
)  # of loud speech, evenly over the bands
_MEL_FLOOR = 1e-4  # added before the logarithm; some 40 dB below the loud parts: fainter sounds do not matter


@dataclass(frozen=True)
class FeatureSpec:
    """How a sound becomes features. Stored in every model, so that inference cannot differ from training.

    Attributes:
        kind: `"log_mel"`, `(C, mel_bands)`; or `"complex_stft"`, `(C, 512)`: 256 real parts, then 256 imaginary.
        sample_rate: Hz.
        window_length: Samples of the Hann window.
        hop_length: Samples from one column to the next.
        mel_bands: Bands of `"log_mel"`.
        channel_seconds: Length of loud speech, s, whose own mean spectrum counts as much as that of speech at large
            when the colour of microphone, room and voice is taken out of `"log_mel"`; 0 leaves it in.
        rumble: Whether what lies below 24 Hz is left in the sound, as in models from before it was taken out.
    """

    kind: FeatureKind = "log_mel"
    sample_rate: int = SPEECH_RATE
    window_length: int = 480
    hop_length: int = 160
    mel_bands: int = 80
    channel_seconds: float = 0.0
    rumble: bool = True

    @property
    def column_rate(self) -> float:
        """Columns per second."""
        return self.sample_rate / self.hop_length

    @property
    def size(self) -> int:
        """Numbers per column."""
        return self.mel_bands if self.kind == "log_mel" else 2 * _BINS

    def to_header(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)

    @classmethod
    def from_header(cls, header: dict[str, Any]) -> FeatureSpec:
        """Read what `to_header` wrote.

        Raises:
            FormatError: If it asks for features that this version does not know.
        """
        if header.get("kind") not in ("log_mel", "complex_stft"):
            raise FormatError(f"The model hears {header.get('kind')!r} features, unknown here; update LipSync3D.")
        return cls(**header)


@dataclass(frozen=True)
class Heard:
    """What a network hears of a track, and where in it each animation frame lies.

    Attributes:
        features: `(C, F)` float32; half a second of silence at either end belongs to it.
        columns: `(T,)` float64, the time of each frame, in columns.
    """

    features: NDArray[np.float32]
    columns: NDArray[np.float64]


def hear(waveform: Waveform, seconds: NDArray[np.float64], spec: FeatureSpec) -> Heard:
    """Compute the features of a track, with silence before and after it.

    Args:
        waveform: Sound of any rate.
        seconds: `(T,)` the time of each frame from the first sample, s.
        spec: What to compute.
    """
    sound = waveform.at_rate(spec.sample_rate)
    if not spec.rumble:
        sound = Waveform(without_rumble(sound.samples, sound.sample_rate), sound.sample_rate)
    sound = normalise_level(sound)
    margin = round(MARGIN_SECONDS * spec.column_rate)
    padded = np.pad(sound.samples, margin * spec.hop_length)
    features = audio_features(Waveform(padded, spec.sample_rate), spec)
    if spec.channel_seconds and spec.kind == "log_mel":
        features = without_channel(features, spec)
    return Heard(features, seconds * spec.column_rate + margin)


def audio_features(waveform: Waveform, spec: FeatureSpec) -> NDArray[np.float32]:
    """Turn a sound into one column of features every hop.

    Args:
        waveform: Sound at the rate of `spec`.
        spec: What to compute.

    Returns:
        `(C, F)` float32 with `C = 1 + N // hop_length` columns; column `c` is centred on sample `c * hop_length`.
    """
    blocks = [_as_features(block, spec) for block in _spectra(waveform.samples, spec)]
    return np.concatenate(blocks)


def normalise_level(waveform: Waveform) -> Waveform:
    """Bring the loud parts of a track to one level, so that a recording's gain does not matter.

    However faint it is, a sound is raised all the way if it comes and goes as speech does.
    """
    heard = loudness(waveform.samples, waveform.sample_rate)
    lively = _GAIN_PER_DECIBEL * (heard.decibels_above_background - _STEADY_DECIBELS)
    most = _LARGEST_GAIN * 10 ** (np.clip(lively, 0, _MOST_MORE_GAIN) / 20)
    gain = min(_SPEECH_LEVEL / max(heard.level, 1e-9), most)
    return Waveform(waveform.samples * np.float32(gain), waveform.sample_rate)


def without_channel(features: NDArray[np.float32], spec: FeatureSpec) -> NDArray[np.float32]:
    """Take the colour of a recording out of `(C, F)` log-mel features: the mean of its loud columns nearby.

    The mean counts the more, the more speech there is, against that of speech at large; so a word is hardly changed,
    silence not at all, and an hour is followed slowly.
    """
    rate = round(spec.column_rate)
    power = np.exp(features).mean(axis=1)
    loud = power >= np.quantile(power, 0.99) * 10 ** (-_LOUD_DECIBELS / 10)
    loud &= power > 2 * _MEL_FLOOR
    starts = np.arange(0, len(features), rate)
    counts = _nearby(np.add.reduceat(loud.astype(np.float64), starts))
    sums = _nearby(np.add.reduceat(np.where(loud[:, None], features, 0).astype(np.float64), starts))
    colour = (sums - counts[:, None] * speech_spectrum(spec)) / (counts[:, None] + spec.channel_seconds * rate)
    position = np.clip((np.arange(len(features)) - rate / 2) / rate, 0, len(starts) - 1)
    lower = np.minimum(position.astype(int), max(len(starts) - 2, 0))
    upper, share = np.minimum(lower + 1, len(starts) - 1), (position - lower)[:, None]
    return (features - colour[lower] * (1 - share) - colour[upper] * share).astype(np.float32)


def _nearby(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum `(S, ...)` values, one per second, over the seconds around each."""
    total = np.concatenate([np.zeros_like(seconds[:1]), np.cumsum(seconds, axis=0)])
    index = np.arange(len(seconds))
    first, last = (
        np.maximum(index - _CHANNEL_REACH_SECONDS, 0),
        np.minimum(index + _CHANNEL_REACH_SECONDS + 1, len(index)),
    )
    return np.asarray(total[last] - total[first])


def speech_spectrum(spec: FeatureSpec) -> NDArray[np.float64]:
    """Return the mean log-mel spectrum of loud speech at large, at the common level, `(mel_bands,)`."""
    place = np.linspace(0, 1, len(_SPEECH_SPECTRUM))
    return np.interp(np.linspace(0, 1, spec.mel_bands), place, _SPEECH_SPECTRUM)


def _spectra(samples: NDArray[np.float32], spec: FeatureSpec) -> Iterator[NDArray[np.complex64]]:
    """Yield blocks of `(C, 256)` spectra."""
    half = spec.window_length // 2
    padded = np.pad(samples, (half, half + spec.hop_length))
    windows = np.lib.stride_tricks.sliding_window_view(padded, spec.window_length)[:: spec.hop_length]
    windows = windows[: 1 + len(samples) // spec.hop_length]
    hann = _hann(spec.window_length)
    for start in range(0, len(windows), _BLOCK):
        spectrum = np.fft.rfft(windows[start : start + _BLOCK] * hann, _FFT_SIZE, axis=1)
        yield spectrum[:, 1 : _BINS + 1].astype(np.complex64)


def _as_features(spectrum: NDArray[np.complex64], spec: FeatureSpec) -> NDArray[np.float32]:
    if spec.kind == "log_mel":
        power = spectrum.real**2 + spectrum.imag**2
        return np.log(power @ mel_filters(spec).T + np.float32(_MEL_FLOOR))
    compressed = spectrum * (np.abs(spectrum) + np.float32(1e-6)) ** np.float32(_COMPRESSION - 1)
    return np.concatenate([compressed.real, compressed.imag], axis=1).astype(np.float32)


@cache
def _hann(length: int) -> NDArray[np.float32]:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


@cache
def mel_filters(spec: FeatureSpec) -> NDArray[np.float32]:
    """Return the triangular filters of the mel scale, `(mel_bands, 256)`, each of unit sum.

    The scale is O'Shaughnessy's, 2595 log10(1 + f / 700).
    """
    bin_hertz = np.arange(1, _BINS + 1) * spec.sample_rate / _FFT_SIZE
    top = 2595 * np.log10(1 + spec.sample_rate / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, top, spec.mel_bands + 2) / 2595) - 1)
    widths = np.maximum(np.diff(corners), spec.sample_rate / _FFT_SIZE)  # no filter falls between two bins
    rising = 1 - (corners[1:-1, None] - bin_hertz) / widths[:-1, None]
    falling = 1 - (bin_hertz - corners[1:-1, None]) / widths[1:, None]
    filters = np.clip(np.minimum(rising, falling), 0, None)
    return (filters / filters.sum(axis=1, keepdims=True)).astype(np.float32)
