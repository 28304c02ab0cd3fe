"""Lip crops made small: what a JPEG does to a picture, for all frames of a take at once and with NumPy alone.

Luma and halved chroma are cut into blocks of 8 x 8, taken to cosines, and rounded to steps that widen with the
frequency. All blocks' coefficients of one frequency lie together, so that the zeros of high frequencies are long runs
for the compressor of the standard library.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, ShapeError

Crops = NDArray[np.uint8]
_Plane = NDArray[np.float32]

_SIDE = 8  # px of a block
_FINEST_STEP = 2.0  # grey levels: what the mean of a block, times 8, is rounded to
_WIDENING = 0.5  # share of the finest step that is added for each half cycle across the block
_CHROMA = 2  # luma pixels per chroma pixel along each side, and how much wider the steps of chroma are
_FRAMES = 64  # at a time
_LEVEL = 6  # of zlib
_NAMES = ("luma", "blue", "red")
_TO_LUMA = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)


def encode_crops(crops: Crops) -> dict[str, NDArray[Any]]:
    """Make crops small: about 2.4 KB a frame of 128 x 128, 43 dB from the original.

    Args:
        crops: `(T, H, W, 3)` uint8, sRGB; the sides are multiples of 16.

    Returns:
        `size`, the `(3,)` integers T, H, W, and three arrays of bytes.
    """
    frames, height, width = crops.shape[:3]
    if height % (_SIDE * _CHROMA) or width % (_SIDE * _CHROMA):
        raise ShapeError(f"Crops of {height} x {width} px cannot be stored; their sides must be multiples of 16.")
    blocks = [_planes(crops[first : first + _FRAMES]) for first in range(0, frames, _FRAMES)]
    packed: dict[str, NDArray[Any]] = {"size": np.array([frames, height, width], np.int32)}
    for index, name in enumerate(_NAMES):
        coefficients = [_rounded(block[index], _steps(index)) for block in blocks]
        packed[name] = _packed(np.concatenate(coefficients, axis=2) if coefficients else np.zeros(0, np.int16))
    return packed


def decode_crops(packed: Mapping[str, NDArray[Any]]) -> Crops:
    """Undo `encode_crops`, but for the rounding.

    Raises:
        FormatError: If the arrays are not what `encode_crops` gave.
    """
    try:
        frames, height, width = (int(value) for value in packed["size"])
        planes = [_unpacked(packed[name], frames, height, width, index) for index, name in enumerate(_NAMES)]
    except (KeyError, ValueError, zlib.error) as fault:
        raise FormatError(f"The lip crops of a take are damaged ({fault}); prepare the video again.") from fault
    crops = np.empty((frames, height, width, 3), np.uint8)
    for first in range(0, frames, _FRAMES):
        block = slice(first, first + _FRAMES)
        crops[block] = _colours([_pixels(plane[:, :, block], _steps(i)) for i, plane in enumerate(planes)])
    return crops


def _planes(crops: Crops) -> list[_Plane]:
    """Split crops into luma `(T, H, W)` about grey, and blue and red chroma of half the sides."""
    values = (crops.astype(np.float32) - 128) @ _TO_LUMA.T
    frames, height, width = crops.shape[:3]
    small = values[..., 1:].reshape(frames, height // _CHROMA, _CHROMA, width // _CHROMA, _CHROMA, 2).mean(axis=(2, 4))
    return [values[..., 0], small[..., 0], small[..., 1]]


def _colours(planes: list[_Plane]) -> Crops:
    """Undo `_planes`."""
    luma, *chroma = planes
    wide = [np.repeat(np.repeat(plane, _CHROMA, axis=1), _CHROMA, axis=2) for plane in chroma]
    values = np.stack([luma, *wide], axis=-1) @ np.linalg.inv(_TO_LUMA).T.astype(np.float32) + 128
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _rounded(plane: _Plane, steps: _Plane) -> NDArray[np.int16]:
    """Return the cosine coefficients of `(T, H, W)` in steps, `(8, 8, T, H / 8, W / 8)`."""
    frames, height, width = plane.shape
    blocks = plane.reshape(frames, height // _SIDE, _SIDE, width // _SIDE, _SIDE)
    cosines = _cosines()
    found = np.einsum("uy,taybx,vx->uvtab", cosines, blocks, cosines, optimize=True)
    return np.rint(found / steps[:, :, None, None, None]).astype(np.int16)


def _pixels(rounded: NDArray[np.int16], steps: _Plane) -> _Plane:
    """Undo `_rounded`."""
    frames, down, across = rounded.shape[2:]
    cosines = _cosines()
    found = rounded * steps[:, :, None, None, None]
    blocks = np.einsum("uy,uvtab,vx->taybx", cosines, found, cosines, optimize=True)
    return blocks.reshape(frames, down * _SIDE, across * _SIDE)


@cache
def _cosines() -> _Plane:
    """Return the orthonormal cosine transform, `(8, 8)`: a row for each frequency."""
    number = np.arange(_SIDE)
    rows = np.sqrt(2 / _SIDE) * np.cos(np.pi * (2 * number + 1) * number[:, None] / (2 * _SIDE))
    rows[0] /= np.sqrt(2)
    return rows.astype(np.float32)


def _steps(plane: int) -> _Plane:
    """Return what each frequency of a plane is rounded to, `(8, 8)` grey levels."""
    number = np.arange(_SIDE)
    steps = _FINEST_STEP * (1 + _WIDENING * (number + number[:, None]))
    return np.asarray(steps * (1 if plane == 0 else _CHROMA), np.float32)


def _packed(values: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Compress integers: signs last, then low bytes and high bytes apart."""
    folded = ((values << 1) ^ (values >> 15)).astype(np.uint16)
    halves = np.stack([folded & 255, folded >> 8]).astype(np.uint8)
    return np.frombuffer(zlib.compress(halves.tobytes(), _LEVEL), np.uint8)


def _unpacked(packed: NDArray[np.uint8], frames: int, height: int, width: int, plane: int) -> NDArray[np.int16]:
    """Undo `_packed`, in the shape that `_rounded` gave."""
    side = _SIDE * (1 if plane == 0 else _CHROMA)
    low, high = np.frombuffer(zlib.decompress(packed.tobytes()), np.uint8).reshape(2, -1).astype(np.uint16)
    folded = low | (high << 8)
    values = (folded >> 1).astype(np.int16) ^ -(folded & 1).astype(np.int16)
    return values.reshape(_SIDE, _SIDE, frames, height // side, width // side)
