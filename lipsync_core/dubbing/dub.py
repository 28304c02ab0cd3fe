"""Dub a video: the whole road back, from a model, a target and a sound to a film (Lahiri et al. 2021, section 3.3)."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..animation import animation_from_codes
from ..arrays import BoolArray
from ..audio.decoding import decode_sound
from ..audio.waveform import Waveform, speech_waveform
from ..capture.tracking import FaceTracker, track_face
from ..capture.video import VideoFrame, count_frames, read_frames
from ..errors import FormatError
from ..model.model_file import SpeechModel
from ..model.runtimes import best_runtime
from ..model.texture import TextureModel
from ..progress import Progress, ignore_progress, part_of
from ..synthesis import predict_codes
from .composition import FaceInPicture, compose
from .film import ShownPicture, read_form, write_film
from .placement import Placement, TargetFace, fading_strength, lay_target, place
from .provenance import Provenance, draw_mark
from .reading import pictures_in_order
from .relighting import LightMeter, TargetLight
from .timing import Length, Schedule, schedule

_TRACKING_SHARE = 0.4  # of the progress
_PAINTED = 16  # frames whose crops are painted at a time
_WAITING = 6  # pictures that are being composed: bounds the memory


@dataclass(frozen=True)
class DubOptions:
    """How a video is dubbed.

    Attributes:
        length: What gives way where target and speech differ in length.
        mark: Write a small visible mark into every picture.
    """

    length: Length = "loop"
    mark: bool = False


@dataclass(frozen=True)
class DubReport:
    """What came out.

    Attributes:
        frames: Pictures of the film.
        seconds: Its length.
        lost: Stretches of the target, from and to s, in which the face was lost or covered and nothing was changed.
    """

    frames: int
    seconds: float
    lost: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class _Target:
    """A target that was looked at once."""

    face: TargetFace
    light: TargetLight
    seconds: NDArray[np.float64]


def dub(
    model: SpeechModel,
    target: Path,
    sound: Path,
    output: Path,
    tracker: FaceTracker,
    options: DubOptions | None = None,
    progress: Progress = ignore_progress,
) -> DubReport:
    """Put new speech into a video of a model's speaker."""
    options = options or DubOptions()
    if model.texture is None:
        raise FormatError(f"The model of {model.description.speaker} has no texture; train it with one.")
    heard = decode_sound(sound)
    speech = speech_waveform(heard.channels, heard.sample_rate, str(sound))
    seen = _look_at(target, model, model.texture, tracker, part_of(progress, 0.0, _TRACKING_SHARE))
    plan = schedule(seen.seconds, speech.duration, options.length)
    pictures = _dubbed(model, seen, plan, speech, target, options, part_of(progress, _TRACKING_SHARE, 1.0))
    metadata = Provenance.of(model.description, target.name).metadata()
    write_film(output, pictures, heard, read_form(target), metadata)
    return DubReport(len(plan.frames), plan.end, _stretches(~seen.face.usable, seen.seconds))


def _look_at(
    path: Path, model: SpeechModel, texture: TextureModel, tracker: FaceTracker, progress: Progress
) -> _Target:
    """Track the face in a target, and find its light."""
    meter = LightMeter(tracker, model.neutral, texture)
    track = track_face(_counted(read_frames(path), count_frames(path), progress), meter, str(path))
    return _Target(lay_target(track, model), meter.light(track.detected), track.seconds)


def _counted(frames: Iterator[VideoFrame], expected: int, progress: Progress) -> Iterator[VideoFrame]:
    for index, frame in enumerate(frames):
        yield frame
        progress(min(1.0, (index + 1) / max(expected, 1)))


def _dubbed(
    model: SpeechModel,
    target: _Target,
    plan: Schedule,
    speech: Waveform,
    path: Path,
    options: DubOptions,
    progress: Progress,
) -> Iterator[ShownPicture]:
    """Compose the pictures, in threads, and give them in order."""
    faces = _faces(model, target, plan, speech)
    pictures = pictures_in_order(path, target.seconds, plan.frames)
    ends = np.append(plan.starts[1:], plan.end)

    def composed(picture: NDArray[np.uint8], face: FaceInPicture) -> NDArray[np.uint8]:
        own = picture.copy()
        compose(own, face)
        if options.mark:
            draw_mark(own)
        return own

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        waiting: deque[Future[NDArray[np.uint8]]] = deque()
        count = len(plan.frames)
        for number in range(count):
            while len(waiting) < _WAITING and (pair := next(zip(pictures, faces, strict=False), None)):
                waiting.append(threads.submit(composed, *pair))
            yield ShownPicture(waiting.popleft().result(), float(plan.starts[number]), float(ends[number]))
            progress((number + 1) / count)


def _faces(model: SpeechModel, target: _Target, plan: Schedule, speech: Waveform) -> Iterator[FaceInPicture]:
    """Predict, place and light the face of each picture."""
    texture = model.texture
    assert texture is not None  # dub has refused
    codes = predict_codes(model, speech, plan.middles)
    vertices = animation_from_codes(codes, model.description.fps, model).vertices()
    strength = fading_strength(target.face.usable)
    crops = (crop for block, _ in texture.paint(codes, vertices, best_runtime()) for crop in block)
    for first in range(0, len(codes), _PAINTED):
        block = slice(first, first + _PAINTED)
        order = plan.frames[block]
        placed = place(target.face, order, vertices[block] - model.neutral, strength)
        light = target.light.of_crops(order, texture)
        lit = light.restore(np.stack(list(islice(crops, len(order))))) * np.float32(255)
        yield from _each(placed, lit, texture.layout.crop_points(vertices[block]))


def _each(placed: Placement, crops: NDArray[np.float32], points: NDArray[np.float32]) -> Iterator[FaceInPicture]:
    for number in range(len(crops)):
        yield FaceInPicture(
            placed.filmed[number],
            placed.spoken[number],
            float(placed.unit[number]),
            crops[number],
            points[number],
            float(placed.strength[number]),
        )


def _stretches(lost: BoolArray, seconds: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """Return the stretches of time in which something holds, s."""
    changes = np.flatnonzero(np.diff(np.pad(lost.astype(int), 1)))
    ends = np.append(seconds, seconds[-1])
    return tuple((float(seconds[a]), float(ends[b])) for a, b in changes.reshape(-1, 2))
