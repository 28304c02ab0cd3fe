"""The pictures of a video in the order of a schedule, backwards too, with few of them in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..arrays import FloatArray, IntArray
from ..capture.video import VideoFrame, read_frames
from ..errors import VideoError

_BACKWARDS_BYTES = 200e6  # of pictures that are kept while a video is played backwards
_LESS = 1e-4  # s: rounding of times


def pictures_in_order(path: Path, seconds: FloatArray, order: IntArray) -> Iterator[VideoFrame]:
    """Decode pictures in the order in which they are shown.

    Args:
        path: The video.
        seconds: `(T,)` when each of its frames is first shown, on the file's clock, s.
        order: `(K,)` frame numbers, which go up or down by one, or stay.

    Yields:
        Pictures with their planes; the same object again while the number stays.

    Raises:
        VideoError: If the video is not what it was when the times were read.
    """
    size = 0
    for run in _runs(order):
        if len(run) > 1 and run[1] < run[0]:
            at_a_time = max(1, int(_BACKWARDS_BYTES / max(size, 1)))
            for first in range(0, len(run), at_a_time):
                block = run[first : first + at_a_time]
                kept = list(_forwards(path, seconds, block[::-1]))
                yield from kept[::-1]
        else:
            for picture in _forwards(path, seconds, run):
                size = picture.image.nbytes * 3 // 2
                yield picture


def _runs(order: IntArray) -> list[IntArray]:
    """Cut an order where it turns."""
    steps = np.sign(np.diff(order))
    turns = np.flatnonzero((steps[1:] < 0) != (steps[:-1] < 0)) + 1
    return np.split(order, turns + 1) if len(order) > 2 else [order]


def _forwards(path: Path, seconds: FloatArray, run: IntArray) -> Iterator[VideoFrame]:
    """Decode a run of frame numbers that go up by one or stay."""
    wanted = int(run[0])
    frames = read_frames(path, float(seconds[wanted]), planes=True)
    picture, number = None, wanted - 1
    for goal in run:
        while number < goal:
            frame = next(frames, None)
            if frame is None:
                raise VideoError(f"{path} became shorter while it was read; start again.")
            if frame.seconds < seconds[wanted] - _LESS:
                continue
            picture, number = frame, number + 1
        assert picture is not None  # the first goal lies after the start
        yield picture
