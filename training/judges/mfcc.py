"""Mel-frequency cepstral coefficients as SyncNet heard them: those of python_speech_features, with its defaults.

They differ from others in more than numbers of bands: no taper, filters with corners on whole FFT bins, and the
logarithm of the window's energy in place of the first coefficient (Davis and Mermelstein 1980, for the coefficients).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from lipsync_core.audio.waveform import SPEECH_RATE, Waveform

COEFFICIENTS = 13
COLUMN_RATE = 100  # columns per second

_WINDOW, _HOP, _FFT_SIZE = 400, 160, 512  # samples: 25 ms, 10 ms
_BANDS = 26
_PRE_EMPHASIS = 0.97
_LIFTER = 22
_FULL_SCALE = 32768  # a 16-bit sample of full scale
_NOTHING = np.finfo(np.float64).eps  # in place of no energy, whose logarithm there is not

Array = NDArray[np.float64]


def mel_cepstra(waveform: Waveform) -> Array:
    """Return the coefficients of a sound, `(C, 13)`; column `c` begins at `c * 10` ms and lasts 25 ms.

    Args:
        waveform: At any rate; it is heard at 16 kHz with 16 bits.
    """
    samples = np.round(waveform.at_rate(SPEECH_RATE).samples.astype(np.float64) * _FULL_SCALE)
    samples = np.clip(samples, -_FULL_SCALE, _FULL_SCALE - 1)
    emphasised = np.append(samples[:1], samples[1:] - _PRE_EMPHASIS * samples[:-1])
    power = np.abs(np.fft.rfft(_windows(emphasised), _FFT_SIZE)) ** 2 / _FFT_SIZE
    bands = np.log(_something(power @ _filters().T))
    cepstra: Array = dct(bands, type=2, axis=1, norm="ortho")[:, :COEFFICIENTS] * _lift()
    cepstra[:, 0] = np.log(_something(power.sum(axis=1)))
    return cepstra


def _windows(samples: Array) -> Array:
    """Cut `(N,)` into `(C, 400)`, with silence after the end as far as the last window reaches."""
    columns = 1 + max(0, -(-(len(samples) - _WINDOW) // _HOP))
    padded = np.pad(samples, (0, (columns - 1) * _HOP + _WINDOW - len(samples)))
    return np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]


@cache
def _filters() -> Array:
    """Return triangles evenly spaced on the mel scale, `(26, 257)`, their corners on whole bins of the FFT."""
    highest = 2595 * np.log10(1 + SPEECH_RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, highest, _BANDS + 2) / 2595) - 1)
    corners = np.floor((_FFT_SIZE + 1) * hertz / SPEECH_RATE)
    low, middle, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    bins = np.arange(_FFT_SIZE // 2 + 1)
    rise, fall = (bins - low) / (middle - low), (high - bins) / (high - middle)
    return np.maximum(0, np.minimum(rise, fall))


def _lift() -> Array:
    return 1 + _LIFTER / 2 * np.sin(np.pi * np.arange(COEFFICIENTS) / _LIFTER)


def _something(energy: Array) -> Array:
    return np.where(energy == 0, _NOTHING, energy)
