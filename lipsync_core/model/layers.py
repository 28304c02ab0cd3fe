"""The few network layers that inference needs, in NumPy. Sequences are `(T, C)`: time first, then channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import products

Sequence = NDArray[np.float32]

LEAKY_SLOPE = 0.2  # of the leaky ReLU; the paper states none


def convolve(x: Sequence, weight: Sequence, bias: Sequence, *, dilation: int = 1, stride: int = 1) -> Sequence:
    """Convolve along time with zero padding, so that output step `t` is centred on input step `t * stride`.

    One matrix product per tap: no window is ever copied out.

    Args:
        x: `(T, C)`.
        weight: `(K, C, O)`, `K` odd.
        bias: `(O,)`.
        dilation: Steps from one tap to the next.
        stride: Input steps per output step.

    Returns:
        `(ceil(T / stride), O)`.
    """
    reach = (len(weight) // 2) * dilation
    if not products.blas_is_tuned():
        return _convolve_by_channel(np.pad(x.T, ((0, 0), (reach, reach))), weight, bias, dilation, stride)
    padded = np.pad(x, ((reach, reach), (0, 0)))
    output = np.broadcast_to(bias, (-(-len(x) // stride), weight.shape[2])).copy()
    for tap, matrix in enumerate(weight):
        start = tap * dilation
        output += padded[start : start + len(x) : stride] @ matrix
    return output


def _convolve_by_channel(padded: Sequence, weight: Sequence, bias: Sequence, dilation: int, stride: int) -> Sequence:
    """Convolve `(C, T + padding)` channel by channel, time innermost: quicker where NumPy has no tuned BLAS."""
    length = padded.shape[1] - (len(weight) - 1) * dilation
    output = np.repeat(bias[:, None], -(-length // stride), axis=1)
    for tap, matrix in enumerate(weight):
        start = tap * dilation
        output += products.matrix_product(matrix, np.ascontiguousarray(padded[:, start : start + length : stride]))
    return np.ascontiguousarray(output.T)


def leaky_relu(x: Sequence) -> Sequence:
    """Let positive values pass and damp negative ones."""
    return np.maximum(x, LEAKY_SLOPE * x)


def log_softmax(x: Sequence) -> Sequence:
    """Turn `(T, K)` logits into log-probabilities, each row on its own."""
    if x.shape[1] == 0:
        return x
    shifted = x - x.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), np.float32)


def interpolate(x: Sequence, positions: NDArray[np.float64]) -> Sequence:
    """Read a sequence `(T, C)` between its steps, linearly, at `(P,)` positions; the ends are held."""
    positions = np.clip(positions, 0, len(x) - 1)
    lower = np.minimum(positions.astype(np.int64), max(len(x) - 2, 0))
    upper = np.minimum(lower + 1, len(x) - 1)
    share = (positions - lower).astype(np.float32)[:, None]
    return x[lower] * (1 - share) + x[upper] * share
