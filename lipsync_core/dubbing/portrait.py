"""The predicted head alone, seen from the front before a plain wall: as painted, or as a cartoon."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..animation import FaceAnimation
from ..arrays import FloatArray
from ..audio.decoding import decode_sound
from ..audio.waveform import speech_waveform
from ..errors import ConfigError
from ..face.topology import face_triangles
from ..model.model_file import SpeechModel
from ..model.texture import TextureModel
from ..phones.script import Script
from ..progress import Progress, ignore_progress
from ..synthesis import synthesize
from ..texture.warping import rasterise
from ..texturing import paint_crops
from .cartoon import draw_cartoon
from .dub import Style, texture_of
from .film import FilmForm, ShownPicture, write_film
from .provenance import Provenance, draw_mark

_WALL = (196, 200, 206)  # sRGB
_FACE_SHARE = 0.8  # of the picture's side, from forehead to chin
_SIDES = (64, 4096)  # px


@dataclass(frozen=True)
class PortraitOptions:
    """How a head is shown.

    Attributes:
        style: As painted, or as a cartoon.
        side: Width and height, px; even.
        fps: Frames per second; the footage's own if None.
        mark: Write a small visible mark into every picture.
    """

    style: Style = "natural"
    side: int = 512
    fps: float | None = None
    mark: bool = False

    def __post_init__(self) -> None:
        if not _SIDES[0] <= self.side <= _SIDES[1] or self.side % 2:
            raise ConfigError(f"The side must be even and from {_SIDES[0]} to {_SIDES[1]} px, not {self.side}.")


def film_head(
    model: SpeechModel,
    sound: Path,
    output: Path,
    options: PortraitOptions | None = None,
    progress: Progress = ignore_progress,
    script: Script | None = None,
) -> FaceAnimation:
    """Write a film of a model's head that says something.

    Args:
        model: The speaker, with a texture.
        sound: What is said: a sound file, or a video with sound.
        output: The film to write, `.mp4`; whole or not at all.
        options: How; the defaults if None.
        progress: Told the share done.
        script: What is said, if that is known.

    Returns:
        What the face does in it.

    Raises:
        FormatError: If the model has no texture.
        AudioError: If there is no speech in the sound.
    """
    options = options or PortraitOptions()
    texture_of(model)
    heard = decode_sound(sound)
    speech = speech_waveform(heard.channels, heard.sample_rate, str(sound))
    animation = synthesize(model, speech, options.fps, script=script)
    form = FilmForm(Fraction(animation.fps).limit_denominator(1001), matrix=6)
    pictures = _pictures(model, animation, options, progress)
    write_film(output, pictures, heard, form, Provenance.of(model.description).metadata())
    return animation


def _pictures(
    model: SpeechModel, animation: FaceAnimation, options: PortraitOptions, progress: Progress
) -> Iterator[ShownPicture]:
    texture, vertices = texture_of(model), animation.vertices()
    atlas = texture.reference.copy()
    crops = (crop for block in paint_crops(model, animation, progress).crops for crop in block)
    points, unit = frontal_points(vertices, model.neutral, options.side)
    for number, crop in enumerate(crops):
        atlas[texture.layout.crop] = crop
        image = draw_head(atlas, texture, vertices[number], points[number], options.side)
        if options.style == "cartoon":
            image = draw_cartoon(image, points[number], unit)
        if options.mark:
            draw_mark(image)
        yield ShownPicture(image, number / animation.fps, (number + 1) / animation.fps)


def frontal_points(vertices: FloatArray, neutral: FloatArray, side: int) -> tuple[NDArray[np.float32], float]:
    """Return where `(T, 468, 3)` faces lie in a picture, `(T, 468, 2)` px, y down, and the px of a face unit."""
    low, high = neutral[:, :2].min(axis=0), neutral[:, :2].max(axis=0)
    unit = _FACE_SHARE * side / float(high[1] - low[1])
    points = (vertices[..., :2] - (low + high) / 2) * (unit, -unit) + side / 2
    return points.astype(np.float32), unit


def draw_head(
    atlas: NDArray[np.uint8], texture: TextureModel, vertices: FloatArray, points: FloatArray, side: int
) -> NDArray[np.uint8]:
    """Lay an atlas `(256, 256, 3)` on a face `(468, 3)` whose points lie at `(468, 2)` px; `(side, side, 3)` uint8."""
    import cv2

    surface = rasterise(points[None], face_triangles(), side, side)
    positions = surface.carry(texture.layout.atlas_points(vertices)[None])[0] - np.float32(0.5)
    x, y = np.ascontiguousarray(positions[..., 0]), np.ascontiguousarray(positions[..., 1])
    read = cv2.remap(atlas, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.where(surface.covered[0][..., None], read, np.array(_WALL, np.uint8)).astype(np.uint8)
