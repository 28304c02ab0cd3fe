"""Dub a video: the whole road back, from a model, a target and a sound to a film (Lahiri et al. 2021, section 3.3).

The target is read twice. The first time its face is tracked and its light is measured; the second time its pictures are
composed one by one and written. Only points and light are kept of all frames, so long videos need little memory.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..arrays import BoolArray
from ..audio.decoding import decode_sound
from ..audio.waveform import speech_waveform
from ..capture.tracking import FaceTracker, track_face
from ..capture.video import VideoFrame, count_frames, read_frames
from ..errors import FormatError, VideoError
from ..model.model_file import SpeechModel
from ..model.runtimes import best_runtime
from ..model.texture import TextureModel, Unlaid
from ..phones.script import Script
from ..progress import Progress, ignore_progress, part_of
from ..synthesis import predict
from ..texture.lighting import Light
from .cartoon import draw_cartoon
from .composition import FaceInPicture, compose
from .film import ShownPicture, read_form, write_film
from .placement import Placement, TargetFace, fading_strength, lay_target, place
from .provenance import Provenance, draw_mark
from .reading import pictures_in_order
from .relighting import LightMeter, TargetLight
from .timing import Length, Schedule, schedule

Style: TypeAlias = Literal["natural", "cartoon"]

OTHER_PERSON = 0.015  # face units: no target of a model's own speaker was less like it, and none of another more
_TRACKING_SHARE = 0.4  # of the progress
_WAITING = 6  # pictures that are being composed: bounds the memory


@dataclass(frozen=True)
class DubOptions:
    """How a video is dubbed.

    Attributes:
        style: As filmed, or as a cartoon.
        length: What gives way where target and speech differ in length.
        relight: Bring the predicted texture into the target's light.
        mark: Write a small visible mark into every picture.
        anyway: Dub the video even if it shows another person than the model's.
        script: What is said, if that is known.
    """

    style: Style = "natural"
    length: Length = "loop"
    relight: bool = True
    mark: bool = False
    anyway: bool = False
    script: Script | None = None


@dataclass(frozen=True)
class DubReport:
    """What came out.

    Attributes:
        frames: Pictures of the film.
        seconds: Its length.
        lost: Stretches of the target, from and to s on its own clock, in which the face was lost or covered and nothing
            was changed.
        unlikeness: How far the target's face is from the model's, face units; see `OTHER_PERSON`.
        repeated: Whether the target was too short, and was shown back and forth or held.
        remark: What became of the script, in one sentence; "" if there was none.
    """

    frames: int
    seconds: float
    lost: tuple[tuple[float, float], ...]
    unlikeness: float
    repeated: bool
    remark: str = ""


@dataclass(frozen=True)
class SeenTarget:
    """A target that was looked at once.

    Attributes:
        face: Where its face is.
        light: How it is lit.
        seconds: `(T,)` float64, when each frame is first shown, s.
    """

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
    """Put new speech into a video of a model's speaker.

    Args:
        model: The speaker, with a texture.
        target: The video.
        sound: What is said: a sound file, or a video with sound.
        output: The film to write, `.mp4`; whole or not at all.
        tracker: What finds the face.
        options: How; the defaults if None.
        progress: Told the share done.

    Raises:
        FormatError: If the model has no texture.
        VideoError: If the target shows another person, or cannot be read.
        TrackingError: If its face is missing in half of the frames or more.
        AudioError: If there is no speech in the sound.
    """
    options = options or DubOptions()
    _refuse_to_overwrite(output, target, sound)
    texture_of(model)
    heard = decode_sound(sound)
    speech = speech_waveform(heard.channels, heard.sample_rate, str(sound))
    seen = look_at(target, model, tracker, part_of(progress, 0.0, _TRACKING_SHARE))
    if seen.face.unlikeness > OTHER_PERSON and not options.anyway:
        raise VideoError(
            f"{target} seems to show another person than the model of {model.description.speaker} (its face is off by "
            f"{seen.face.unlikeness:.1%} of the eye distance); choose that speaker's model, or dub it anyway."
        )
    plan = schedule(seen.seconds, speech.duration, options.length)
    spoken = predict(model, speech, plan.middles, script=options.script)
    faces = speaking_faces(model, seen, plan, spoken.codes, relight=options.relight)
    pictures = _composed(faces, seen, plan, target, options, part_of(progress, _TRACKING_SHARE, 1.0))
    metadata = Provenance.of(model.description, target.name).metadata()
    write_film(output, pictures, heard, read_form(target), metadata)
    repeated = bool((np.diff(plan.frames) <= 0).any())
    lost = _stretches(~seen.face.usable, seen.seconds)
    return DubReport(len(plan.frames), plan.end, lost, seen.face.unlikeness, repeated, spoken.remark)


def texture_of(model: SpeechModel) -> TextureModel:
    """Return a model's texture.

    Raises:
        FormatError: If it has none.
    """
    if model.texture is None:
        raise FormatError(f"The model of {model.description.speaker} has no texture; train it with one.")
    return model.texture


def look_at(path: Path, model: SpeechModel, tracker: FaceTracker, progress: Progress = ignore_progress) -> SeenTarget:
    """Track the face in a target, and measure its light.

    Raises:
        VideoError: If it cannot be read.
        TrackingError: If its face is missing in half of the frames or more.
    """
    meter = LightMeter(tracker, model.neutral, texture_of(model))
    track = track_face(_counted(read_frames(path), count_frames(path), progress), meter, str(path))
    light = meter.light()
    return SeenTarget(lay_target(track, model, light.covered), light, track.seconds)


def speaking_faces(
    model: SpeechModel, target: SeenTarget, plan: Schedule, codes: NDArray[np.float32], *, relight: bool = True
) -> Iterator[FaceInPicture]:
    """Place and light the face of each picture of a film, whose codes are `(T, N)`."""
    texture = texture_of(model)
    strength = fading_strength(target.face.usable)
    painted = texture.unlaid(codes, model.vertices(codes), best_runtime())
    first = 0
    for block in painted:
        order = plan.frames[first : first + len(block.skin)]
        vertices = model.vertices(codes[first : first + len(block.skin)])
        placed = place(target.face, order, vertices - model.neutral, strength)
        light = target.light.of_crops(order, texture) if relight else None
        yield from _each(placed, block, light, texture.layout.crop_points(vertices))
        first += len(order)


def _each(
    placed: Placement, painted: Unlaid, light: Light | None, crop_points: NDArray[np.float32]
) -> Iterator[FaceInPicture]:
    """Light the frames of a block and give them one by one."""
    skin, inside = (light.restore(part) if light else part for part in (painted.skin, painted.inside))
    for number in range(len(skin)):
        yield FaceInPicture(
            filmed=placed.filmed[number],
            spoken=placed.spoken[number],
            unit=float(placed.unit[number]),
            skin=skin[number] * np.float32(255),
            skin_points=painted.skin_points[number],
            inside=inside[number] * np.float32(255),
            inside_points=crop_points[number],
            strength=float(placed.strength[number]),
        )


def _composed(
    faces: Iterator[FaceInPicture],
    target: SeenTarget,
    plan: Schedule,
    path: Path,
    options: DubOptions,
    progress: Progress,
) -> Iterator[ShownPicture]:
    """Compose the pictures, several at a time, and give them in order."""
    frames = pictures_in_order(path, target.seconds, plan.frames)
    times = zip(plan.starts, np.append(plan.starts[1:], plan.end), strict=True)
    count = len(plan.frames)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        waiting: deque[Future[ShownPicture]] = deque()
        for number, (start, end) in enumerate(times):
            frame, face = next(frames), next(faces)
            waiting.append(threads.submit(_shown, frame, face, float(start), float(end), options))
            if len(waiting) == _WAITING:
                yield waiting.popleft().result()
            progress(number / count)
        while waiting:
            yield waiting.popleft().result()
    progress(1.0)


def _shown(frame: VideoFrame, face: FaceInPicture, start: float, end: float, options: DubOptions) -> ShownPicture:
    """Compose one picture."""
    image = frame.image.copy()
    changed = compose(image, face).slices
    if options.style == "cartoon":
        image = draw_cartoon(image, face.spoken if face.strength > 0 else None, face.unit)
    if options.mark:
        draw_mark(image)
    whole = options.mark or options.style == "cartoon"
    return ShownPicture(image, start, end, frame.planes, (slice(None), slice(None)) if whole else changed)


def _refuse_to_overwrite(output: Path, *sources: Path) -> None:
    if any(source.exists() and output.resolve() == source.resolve() for source in sources):
        raise VideoError(f"{output} is read for this dub and cannot be written over; choose another name.")


def _counted(frames: Iterator[VideoFrame], expected: int, progress: Progress) -> Iterator[VideoFrame]:
    for index, frame in enumerate(frames):
        yield frame
        progress(min(1.0, (index + 1) / max(expected, 1)))


def _stretches(lost: BoolArray, seconds: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """Return the stretches of time in which something holds, s."""
    changes = np.flatnonzero(np.diff(np.pad(lost.astype(int), 1)))
    step = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 0.0
    ends = np.append(seconds, seconds[-1] + step)
    return tuple((float(seconds[a]), float(ends[b])) for a, b in changes.reshape(-1, 2))
