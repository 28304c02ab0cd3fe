"""A video as pictures with their true times, whatever its frame rate does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..audio.decoding import decode_sound, import_av
from ..audio.waveform import Waveform, speech_waveform
from ..errors import VideoError

_SHORTEST_FRAMES = 5  # fewer pictures than this are no footage of speech
_NEAR_THE_START = 0.5  # s: earlier than this no search is worth it; files that seek badly are searched so much earlier
# Picture and sound may differ in length by the larger of this many seconds and this share of the longer.
_LARGEST_DIFFERENCE = (1.0, 0.1)


@dataclass(frozen=True)
class VideoFrame:
    """One picture.

    Attributes:
        image: `(H, W, 3)` uint8, RGB, upright.
        seconds: When it is first shown, on the file's clock, s.
        planes: `(H * 3 / 2, W)` uint8, the same picture as YUV 4:2:0: luma, then the halved U and V one after the
            other. None unless asked for, and where the picture had to be turned or has sides of odd length.
    """

    image: NDArray[np.uint8]
    seconds: float
    planes: NDArray[np.uint8] | None = None


def read_frames(path: Path, from_seconds: float | None = None, *, planes: bool = False) -> Iterator[VideoFrame]:
    """Decode the pictures of a video one after the other.

    Args:
        path: The video.
        from_seconds: Begin at the last picture before this time, on the file's clock, that needs no other to be
            decoded; at the first one if None.
        planes: Give the pictures as YUV too.

    Raises:
        VideoError: If the file cannot be read or has no video stream.
    """
    av = import_av()
    if not path.is_file():
        raise VideoError(f"There is no video file at {path}; check the path.")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise VideoError(f"{path} has no video stream; choose a video of the speaker.")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            if from_seconds is not None and from_seconds > _NEAR_THE_START:
                container.seek(int((from_seconds - _NEAR_THE_START) / stream.time_base), stream=stream)
            yield from _timed(container.decode(stream), float(1 / (stream.average_rate or 25)), planes)
    except av.FFmpegError as fault:
        raise VideoError(f"{path} cannot be read as video ({fault.strerror}); convert it to MP4.") from fault


def count_frames(path: Path) -> int:
    """Return about how many pictures a video has, for a progress bar; 0 if the file does not say."""
    av = import_av()
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            seconds = float(container.duration or 0) / av.time_base
            return int(stream.frames or seconds * float(stream.average_rate or 25))
    except (av.FFmpegError, IndexError):
        return 0


def _timed(pictures: Iterator[Any], usual_step: float, planes: bool) -> Iterator[VideoFrame]:
    """Give each picture its time; one without a time follows its neighbour by the usual step."""
    last = -usual_step
    for picture in pictures:
        last = float(picture.time) if picture.time is not None else last + usual_step
        image = picture.to_ndarray(format="rgb24")
        quarter_turns = round(getattr(picture, "rotation", 0) / 90) % 4  # a phone held upright
        kept = planes and not quarter_turns and not (image.shape[0] | image.shape[1]) % 2
        yuv = picture.to_ndarray(format="yuv420p") if kept else None
        yield VideoFrame(np.ascontiguousarray(np.rot90(image, quarter_turns)), last, yuv)


def frame_middles(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the middle of each frame's time on screen, `(T,)`, s, from when each is first shown."""
    steps = np.diff(seconds)
    return seconds + 0.5 * np.append(steps, np.median(steps))


def read_voice(video: Path, sound: Path | None, offset_seconds: float) -> tuple[Waveform, float]:
    """Read the speech that belongs to a video.

    Args:
        video: The video.
        sound: A separate sound file, if the speech is not in the video.
        offset_seconds: How much later than the picture the sound starts, beyond what the file says, s.

    Returns:
        One channel at 16 kHz, and the time of its first sample on the video's clock, s.
    """
    source = sound or video
    decoded = decode_sound(source)
    waveform = speech_waveform(decoded.channels, decoded.sample_rate, str(source))
    start = 0.0 if sound else decoded.start_seconds
    return waveform, start + offset_seconds


def check_lengths(path: Path, seconds: NDArray[np.float64], waveform: Waveform) -> None:
    """Refuse a video whose picture and sound do not belong together.

    Raises:
        VideoError: If there are too few pictures, or the lengths differ much.
    """
    if len(seconds) < _SHORTEST_FRAMES:
        raise VideoError(f"{path} has only {len(seconds)} pictures; choose a longer video.")
    picture = float(seconds[-1] - seconds[0] + np.median(np.diff(seconds)))
    allowed = max(_LARGEST_DIFFERENCE[0], _LARGEST_DIFFERENCE[1] * max(picture, waveform.duration))
    if abs(picture - waveform.duration) > allowed:
        raise VideoError(
            f"The picture of {path} lasts {picture:.1f} s and its sound {waveform.duration:.1f} s; "
            "choose a video whose sound belongs to it, or cut both to the same length."
        )
