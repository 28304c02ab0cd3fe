"""Matrix products in whichever way this NumPy is quick."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


def matrix_product(a: Matrix, b: Matrix) -> Matrix:
    """Multiply `(K, M)`, transposed, with `(K, N)`, to `(M, N)`, in whichever way this NumPy is quick.

    Blender's NumPy is built without a tuned BLAS: there `einsum`, whose inner loop is a vectorised multiply-and-add
    along an axis in memory order, takes a third to a thirtieth of the time of `@`.
    """
    if blas_is_tuned():
        return a.T @ b
    if a.shape[1] > b.shape[1]:  # the longer axis innermost
        return np.einsum("km,kn->nm", a, b).T
    return np.einsum("km,kn->mn", a, b)


@lru_cache
def blas_is_tuned() -> bool:
    """Tell whether `@` is faster than `einsum`: some versions of NumPy cannot say what they were built with."""
    a, b = np.ones((2, 256, 64, 512), np.float32)[:, :, 0, :]
    return _seconds(lambda: a.T @ b) < _seconds(lambda: np.einsum("km,kn->mn", a, b))


def _seconds(work: Callable[[], object]) -> float:
    """Return the least time of three."""
    times = []
    for _ in range(3):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times)
