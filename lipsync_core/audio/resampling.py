"""The same sound with another number of samples per second."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray

_ZEROS = 24  # zero crossings of the low-pass filter on either side


def resample(samples: FloatArray, rate: int, new_rate: int) -> NDArray[np.float32]:
    """Change the sample rate by a rational factor with a Kaiser-windowed sinc filter.

    Every output sample is one dot product with a phase of the filter; the filter's delay is taken out, so sample 0
    stays sample 0.

    Args:
        samples: `(N,)`.
        rate: Samples per second of `samples`, Hz.
        new_rate: Samples per second wanted, Hz.
    """
    if rate == new_rate:
        return samples.astype(np.float32)
    ratio = Fraction(new_rate, rate)
    taps = _low_pass(ratio)  # (up, K): one row per output phase
    half = taps.shape[1] // 2
    count = -(-len(samples) * ratio.numerator // ratio.denominator)
    padded = np.pad(samples.astype(np.float32), (half, half + taps.shape[1]))
    windows = np.lib.stride_tricks.sliding_window_view(padded, taps.shape[1])
    output = np.empty(count, np.float32)
    for phase in range(min(ratio.numerator, count)):
        first = phase * ratio.denominator // ratio.numerator
        rows = windows[first :: ratio.denominator][: len(output[phase :: ratio.numerator])]
        output[phase :: ratio.numerator] = rows @ taps[phase * ratio.denominator % ratio.numerator]
    return output


def _low_pass(ratio: Fraction) -> NDArray[np.float32]:
    """Return the filter for each of the output's phases, `(up, K)`."""
    cutoff = min(1.0, float(ratio)) * 0.95  # share of the input's Nyquist frequency
    half = int(np.ceil(_ZEROS / cutoff))
    offsets = np.arange(-half, half + 1) - np.arange(ratio.numerator)[:, None] / ratio.numerator
    window = np.i0(9.0 * np.sqrt(np.clip(1 - (offsets / (half + 1)) ** 2, 0, 1))) / np.i0(9.0)
    return (cutoff * np.sinc(cutoff * offsets) * window).astype(np.float32)
