"""Faces cut out of pictures as SyncNet saw them: squares of 224 px about the face, 25 a second.

The published evaluation finds faces with S3FD. Here the box about the face's outline, as tracked, stands in for that
detector's; all else, the margins and the smoothing over 13 pictures too, is as there. It also codes the cut pictures
anew, as XviD and JPEG, which is left out here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipsync_core.arrays import FloatArray
from lipsync_core.audio.decoding import decode_sound
from lipsync_core.audio.waveform import Waveform, speech_waveform
from lipsync_core.capture.tracking import FaceTracker, track_face
from lipsync_core.capture.video import read_frames
from lipsync_core.face.topology import FACE_OVAL

from .syncnet import FACE_SIDE, FRAME_RATE

_MARGIN = 0.4  # of half the face's side: added on the left and on the right, and twice below
_STEADYING = 13  # pictures
_BEYOND = 110  # grey of what lies outside the picture

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class FaceBoxes:
    """Where a face is in each picture.

    Attributes:
        middle: `(T, 2)` px, y down.
        reach: `(T,)` px from the middle to the sides of a square about the face.
    """

    middle: FloatArray
    reach: FloatArray


@dataclass(frozen=True)
class FilmedFace:
    """A face cut out of a film.

    Attributes:
        faces: `(224, 224, 3)` uint8, RGB, 25 a second; read as they are asked for, once.
        sound: Begins with the first of them.
    """

    faces: Iterator[Picture]
    sound: Waveform


def filmed_face(path: Path, tracker: FaceTracker) -> FilmedFace:
    """Track the face of a film, and cut it out.

    Raises:
        VideoError: If the film cannot be read.
        TrackingError: If the face is missing in half of the pictures or more.
        AudioError: If there is no sound in it.
    """
    track = track_face(read_frames(path), tracker, str(path))
    pictures = (frame.image for frame in read_frames(path))
    faces = even_faces(pictures, track.points[..., :2] * (1, -1), track.seconds)
    decoded = decode_sound(path)
    speech = speech_waveform(decoded.channels, decoded.sample_rate, str(path))
    return FilmedFace(faces, speech.beginning_at(float(track.seconds[0]) - decoded.start_seconds))


def even_faces(pictures: Iterator[Picture], points: FloatArray, seconds: NDArray[np.float64]) -> Iterator[Picture]:
    """Cut the face out of pictures, `(224, 224, 3)`, 25 a second.

    Args:
        pictures: `(H, W, 3)` uint8, `T` of them; read one at a time.
        points: `(T, 468, 2)` px, y down.
        seconds: `(T,)` when each is first shown, s.
    """
    order = evenly(seconds)
    return cut_faces(_in_order(pictures, order), face_boxes(points[order]))


def evenly(seconds: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which frames are seen at 25 a second: for each 1/25 s the one that begins nearest.

    Args:
        seconds: `(T,)` when each frame is first shown, s.
    """
    step = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 1 / FRAME_RATE
    count = max(1, round((seconds[-1] + step - seconds[0]) * FRAME_RATE))
    wanted = seconds[0] + np.arange(count) / FRAME_RATE
    return np.round(np.interp(wanted, seconds, np.arange(len(seconds)))).astype(np.intp)


def face_boxes(points: FloatArray) -> FaceBoxes:
    """Find the squares about faces, steadied over time by a median.

    Args:
        points: `(T, 468, 2)` px, y down.
    """
    from scipy.signal import medfilt

    outline = points[:, list(FACE_OVAL)]
    low, high = outline.min(axis=1), outline.max(axis=1)
    values = np.column_stack([(low + high) / 2, (high - low).max(axis=1) / 2])
    steady = [medfilt(column, _STEADYING) if len(values) >= _STEADYING else column for column in values.T]
    return FaceBoxes(np.stack(steady[:2], axis=1), steady[2])


def cut_faces(pictures: Iterable[Picture], boxes: FaceBoxes) -> Iterator[Picture]:
    """Cut a face out of each picture, `(224, 224, 3)`: more below it than above, grey where the picture ends.

    Args:
        pictures: `(H, W, 3)` uint8, as many as there are boxes.
        boxes: Where the face is.
    """
    import cv2

    for picture, (x, y), reach in zip(pictures, boxes.middle, boxes.reach, strict=True):
        border = int(reach * (1 + 2 * _MARGIN))
        wide = cv2.copyMakeBorder(picture, *(border,) * 4, cv2.BORDER_CONSTANT, value=(_BEYOND,) * 3)
        x, y, side = x + border, y + border, reach * (1 + _MARGIN)
        rows = slice(int(y - reach), int(y + reach * (1 + 2 * _MARGIN)))
        columns = slice(int(x - side), int(x + side))
        yield np.asarray(cv2.resize(wide[rows, columns], (FACE_SIDE, FACE_SIDE)), np.uint8)


def _in_order(pictures: Iterator[Picture], order: NDArray[np.intp]) -> Iterator[Picture]:
    """Give the pictures of the numbers in `order`, which never decrease."""
    number, picture = 0, next(pictures)
    for wanted in order:
        while number < wanted:
            number, picture = number + 1, next(pictures)
        yield picture
