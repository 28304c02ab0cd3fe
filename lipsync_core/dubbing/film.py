"""A film written as it is made: H.264 with AAC, at any size, with the true time of every picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..archive import replacing
from ..audio.decoding import DecodedSound, import_av
from ..audio.resampling import resample
from ..errors import VideoError

_CLOCK = Fraction(1, 90_000)  # s: steps in which pictures are timed
_VIDEO_OPTIONS = {"crf": "16", "preset": "veryfast"}
_KNOWN_MATRICES = (1, 4, 5, 7, 9)  # that FFmpeg turns RGB into; 9 is that of HDR
_SD_MATRIX = 5  # what FFmpeg reads by where a file names none; 6 is the same
_SOUND_BITS_PER_SECOND = 96_000  # of each channel
_AAC_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


@dataclass(frozen=True)
class ShownPicture:
    """One picture of a film.

    Attributes:
        image: `(H, W, 3)` uint8, sRGB.
        seconds: When it is first shown, s.
        end: When it is no longer shown, s.
        planes: The picture that it was made from as YUV, see `capture.video.VideoFrame`; None if there is none.
        changed: Rows and columns of `image` outside which that is still what is shown.
    """

    image: NDArray[np.uint8]
    seconds: float
    end: float
    planes: NDArray[np.uint8] | None = None
    changed: tuple[slice, slice] = (slice(None), slice(None))


@dataclass(frozen=True)
class FilmForm:
    """How a film is stored; what its source said of itself.

    Attributes:
        fps: Usual frames per second, a hint for players.
        matrix: Number of the YUV matrix in ITU-T H.273; 1 is that of HD, 5 and 6 those of SD.
        primaries, transfer: Numbers of the colours in ITU-T H.273; 2 for unknown.
        aspect: Width of a pixel over its height.
    """

    fps: Fraction = Fraction(25)
    matrix: int = 2
    primaries: int = 2
    transfer: int = 2
    aspect: Fraction = Fraction(1)


def read_form(path: Path) -> FilmForm:
    """Read how a video is stored.

    Raises:
        VideoError: If it cannot be read.
    """
    av = import_av()
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            codec = stream.codec_context
            return FilmForm(
                fps=Fraction(stream.average_rate or 25),
                matrix=int(codec.colorspace),
                primaries=int(codec.color_primaries),
                transfer=int(codec.color_trc),
                aspect=Fraction(stream.sample_aspect_ratio or 1),
            )
    except (av.FFmpegError, IndexError) as fault:
        raise VideoError(f"{path} cannot be read as video; convert it to MP4.") from fault


def write_film(
    path: Path, pictures: Iterable[ShownPicture], sound: DecodedSound, form: FilmForm, metadata: Mapping[str, str]
) -> None:
    """Write an MP4 file, whole or not at all.

    Sides of an odd number of px are lengthened by one, since H.264 stores colour for squares of two.

    Args:
        path: Where to.
        pictures: In order; read one at a time.
        sound: Heard from time 0.
        form: How.
        metadata: What the file says of itself.

    Raises:
        VideoError: If there is no picture, or the file cannot be written.
    """
    av = import_av()
    with replacing(path) as partial:
        try:
            with av.open(str(partial), "w", format="mp4", options={"movflags": "faststart+use_metadata_tags"}) as box:
                box.metadata.update(metadata)
                _Writing(box, sound, form).write(pictures)
        except av.FFmpegError as fault:
            raise VideoError(f"{path} cannot be written ({fault.strerror}); choose another place.") from fault


class _Writing:
    """An open container and its two streams."""

    def __init__(self, container: Any, sound: DecodedSound, form: FilmForm) -> None:
        self._av, self._container, self._form = import_av(), container, form
        self._video = container.add_stream("libx264", rate=form.fps, options=_VIDEO_OPTIONS)
        self._sound, self._rate = _at_aac_rate(sound)
        count = min(self._sound.shape[1], 2)
        self._sound, self._layout = self._sound[:, :count], ("mono", "stereo")[count - 1]
        self._audio = container.add_stream("aac", rate=self._rate)
        self._audio.bit_rate = _SOUND_BITS_PER_SECOND * count
        self._audio.layout = self._layout
        self._heard = 0

    def write(self, pictures: Iterable[ShownPicture]) -> None:
        """Write pictures, and with each the sound that is heard while it is shown."""
        size: tuple[int, ...] | None = None
        end = 0.0
        for picture in pictures:
            if size is None:
                size = _even(picture.image).shape
                self._open(*size[:2])
            self._container.mux(self._video.encode(self._frame(picture)))
            self._hear_until(picture.end)
            end = picture.end
        if size is None:
            raise VideoError("The film has no picture; choose a longer sound or video.")
        self._container.mux(self._video.encode())
        self._hear_until(end)
        self._container.mux(self._audio.encode())

    def _open(self, height: int, width: int) -> None:
        codec = self._video.codec_context
        self._video.width, self._video.height, self._video.pix_fmt = width, height, "yuv420p"
        codec.time_base, codec.framerate = _CLOCK, self._form.fps
        codec.colorspace, codec.color_range = self._form.matrix, 1
        codec.color_primaries, codec.color_trc = self._form.primaries, self._form.transfer
        codec.sample_aspect_ratio = self._form.aspect

    def _frame(self, picture: ShownPicture) -> Any:
        if picture.planes is None:
            planes = self._yuv(_even(picture.image))
        else:
            planes = picture.planes.copy()
            rows, columns = (
                _even_slice(part, size) for part, size in zip(picture.changed, picture.image.shape[:2], strict=True)
            )
            if rows.stop > rows.start and columns.stop > columns.start:
                _paste(planes, self._yuv(picture.image[rows, columns]), rows, columns)
        frame = self._av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = round(picture.seconds / _CLOCK), _CLOCK
        frame.colorspace, frame.color_range = self._form.matrix, 1
        return frame

    def _yuv(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn `(H, W, 3)` RGB with even sides into planes `(H * 3 / 2, W)`."""
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        wanted = self._form.matrix if self._form.matrix in _KNOWN_MATRICES else _SD_MATRIX
        planes: NDArray[np.uint8] = frame.reformat(format="yuv420p", dst_colorspace=wanted).to_ndarray()
        return planes

    def _hear_until(self, seconds: float) -> None:
        end = min(round(seconds * self._rate), len(self._sound))
        if end <= self._heard:
            return
        block = np.ascontiguousarray(self._sound[self._heard : end].T)
        frame = self._av.AudioFrame.from_ndarray(block, format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._heard, Fraction(1, self._rate)
        self._container.mux(self._audio.encode(frame))
        self._heard = end


def _at_aac_rate(sound: DecodedSound) -> tuple[NDArray[np.float32], int]:
    """Return the samples `(N, C)` at a rate that AAC knows, and that rate."""
    if sound.sample_rate in _AAC_RATES:
        return np.clip(sound.channels, -1, 1), sound.sample_rate
    channels = [resample(channel, sound.sample_rate, _AAC_RATES[-1]) for channel in sound.channels.T]
    return np.clip(np.stack(channels, axis=1), -1, 1), _AAC_RATES[-1]


def _even(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge") if (height | width) % 2 else image


def _even_slice(part: slice, size: int) -> slice:
    """Widen a slice of an axis of even size to even limits."""
    start, stop, _ = part.indices(size)
    return slice(start - start % 2, stop + stop % 2)


def _paste(planes: NDArray[np.uint8], patch: NDArray[np.uint8], rows: slice, columns: slice) -> None:
    """Lay the planes of a patch into those of a picture, in place."""
    for whole, part, step in zip(_split(planes), _split(patch), (1, 2, 2), strict=True):
        whole[rows.start // step : rows.stop // step, columns.start // step : columns.stop // step] = part


def _split(planes: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return views of luma `(H, W)`, U and V `(H / 2, W / 2)` of contiguous planes."""
    height, width = planes.shape[0] * 2 // 3, planes.shape[1]
    flat, area = planes.reshape(-1), height * width
    u, v = (flat[area + k * area // 4 : area + (k + 1) * area // 4] for k in (0, 1))
    return planes[:height], u.reshape(height // 2, width // 2), v.reshape(height // 2, width // 2)
