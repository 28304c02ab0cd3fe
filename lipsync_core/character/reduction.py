"""Fewer keyframes: the curve through the ones that stay is nowhere further off than a stated bound.

Ramer (1972), Douglas and Peucker (1973), for all curves at once: every round splits all stretches that are still too
far from their chord, each at its worst frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray, check_shape


def kept_frames(values: FloatArray, largest_error: float, always: NDArray[np.intp] | None = None) -> NDArray[np.bool_]:
    """Choose the frames of several curves that need a key, linear interpolation between them.

    Args:
        values: `(C, T)`.
        largest_error: How far the drawn curve may be from any value; at 0 or below every frame stays.
        always: Frames at which every curve keeps its key: closures.

    Returns:
        `(C, T)` true where a key stays; the first and the last always do.
    """
    sizes = check_shape("values", values, "C T")
    keys = np.full(values.shape, largest_error <= 0)
    keys[:, [0, -1]] = True
    if always is not None:
        keys[:, always] = True
    flat, chosen = np.ascontiguousarray(values, np.float64).ravel(), keys.ravel()
    samples = np.flatnonzero(~chosen)
    while samples.size:
        samples = _split(flat, chosen, samples, largest_error)
    return chosen.reshape(sizes["C"], sizes["T"])


def _split(
    flat: NDArray[np.float64], chosen: NDArray[np.bool_], samples: NDArray[np.intp], largest_error: float
) -> NDArray[np.intp]:
    """Add the worst frame of every stretch that is too far from its chord; return the frames to look at again."""
    keys = np.flatnonzero(chosen)
    after = np.searchsorted(keys, samples)
    left, right = keys[after - 1], keys[after]
    share = (samples - left) / (right - left)
    error = np.abs(flat[samples] - (1 - share) * flat[left] - share * flat[right])
    firsts = np.flatnonzero(np.diff(after, prepend=-1))  # where a new stretch begins
    worst = np.repeat(np.maximum.reduceat(error, firsts), np.diff(firsts, append=len(samples)))
    bad = worst > largest_error
    candidates = np.flatnonzero(bad & (error == worst))
    _, first = np.unique(after[candidates], return_index=True)
    chosen[samples[candidates[first]]] = True
    bad[candidates[first]] = False
    return samples[bad]
