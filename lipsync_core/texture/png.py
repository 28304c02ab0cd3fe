"""Write PNG files, with the standard library alone: Blender brings no picture library.

Every row is stored as differences from the pixel to its left, and runs are packed but no longer repetitions looked
for: on faces this is both quicker and smaller than zlib's own choice.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import ShapeError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {3: 2, 4: 6}  # the format's number for RGB and RGBA, by channels
_LEFT_NEIGHBOUR = 1  # the filter's number
_LEVEL, _WINDOW, _MEMORY = 1, 15, 9  # of zlib


class PngStream:
    """A PNG file that is written from top to bottom, so that a large picture never lies in memory whole."""

    def __init__(self, file: BinaryIO, width: int, height: int, channels: int) -> None:
        """Begin a picture of 8 bits per channel.

        Args:
            file: What to write to.
            width: Px.
            height: Px.
            channels: 3 for RGB, 4 for RGBA.
        """
        self._file = file
        self._packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_RLE)
        file.write(_SIGNATURE)
        self._write_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0))

    def write_rows(self, rows: NDArray[np.uint8]) -> None:
        """Write the next `(h, W, C)` rows."""
        packed = self._packer.compress(_differences(rows).tobytes())
        if packed:
            self._write_chunk(b"IDAT", packed)

    def finish(self) -> None:
        """Write the end, after the last row. The file stays open."""
        self._write_chunk(b"IDAT", self._packer.flush())
        self._write_chunk(b"IEND", b"")

    def _write_chunk(self, kind: bytes, content: bytes) -> None:
        self._file.write(struct.pack(">I", len(content)) + kind + content)
        self._file.write(struct.pack(">I", zlib.crc32(content, zlib.crc32(kind))))


def write_png(target: Path | BinaryIO, picture: NDArray[np.uint8]) -> None:
    """Write a picture as a PNG file of 8 bits per channel.

    Args:
        target: A path, whose file is replaced, or an open file.
        picture: `(H, W, 3)` RGB or `(H, W, 4)` RGBA.

    Raises:
        ShapeError: If it is no such picture.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] not in _COLOUR_TYPES or 0 in picture.shape:
        raise ShapeError(f"A picture must be (H, W, 3 or 4) uint8, not {picture.shape} {picture.dtype}.")
    if isinstance(target, Path):
        with target.open("wb") as file:
            write_png(file, picture)
        return
    height, width, channels = picture.shape
    stream = PngStream(target, width, height, channels)
    stream.write_rows(picture)
    stream.finish()


def _differences(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return rows as the format filters them, `(h, 1 + W * C)`: the filter's number, then the differences."""
    height, width, channels = rows.shape
    values = rows.reshape(height, -1)
    filtered = np.empty((height, 1 + width * channels), np.uint8)
    filtered[:, 0] = _LEFT_NEIGHBOUR
    filtered[:, 1 : 1 + channels] = values[:, :channels]
    np.subtract(values[:, channels:], values[:, :-channels], out=filtered[:, 1 + channels :])
    return filtered
