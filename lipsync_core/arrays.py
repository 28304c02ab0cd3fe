"""Names for arrays, and the one check that an array has the axes that its owner promises."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import ShapeError

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]
BoolArray: TypeAlias = NDArray[np.bool_]


def check_shape(name: str, array: NDArray[Any], axes: str) -> dict[str, int]:
    """Hold `array` to the axes it promises; return the sizes of its named axes.

    Args:
        name: What the array is, for the message: `"LandmarkTrack.points"`.
        array: The array to check.
        axes: Space-separated sizes (`3`) or axis letters (`T`); equal letters must have equal sizes.

    Raises:
        ShapeError: If the number of axes or a size differs.
    """
    sizes: dict[str, int] = {}
    wanted = axes.split()
    fits = array.ndim == len(wanted)
    for axis, size in zip(wanted, array.shape, strict=False):
        fits &= size == (int(axis) if axis.isdigit() else sizes.setdefault(axis, size))
    if not fits:
        raise ShapeError(f"{name} must have the shape ({', '.join(wanted)}), not {array.shape}.")
    return sizes
