"""Short films for the page of an evaluation: filmed beside painted lips with their sound, or their outlines."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipsync_core.animation import animation_from_codes
from lipsync_core.audio.decoding import DecodedSound
from lipsync_core.capture.clip import Clip, Take
from lipsync_core.dubbing.film import FilmForm, ShownPicture, write_film
from lipsync_core.errors import MissingDependencyError
from lipsync_core.face.topology import (
    LOWER_INNER_LIP,
    LOWER_OUTER_LIP,
    UPPER_INNER_LIP,
    UPPER_OUTER_LIP,
)
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.synthesis import predict_codes
from lipsync_core.texture.layout import CROP_SIZE
from lipsync_core.texturing import paint_crops

from .bootstrap import sentence_starts
from .evaluation import Evaluation
from .lips import seen_takes

Picture = NDArray[np.uint8]
Array = NDArray[np.float32]

_ENLARGED = 2  # times: colour is coded for squares of two px
_MEAN_LIP_ERROR = 2  # column of `LipFrames.distances`
_SHOWN = 0.8  # face units: width of what outlines are drawn in
_FINER = 16  # steps of a px in which OpenCV takes corners
_MATRIX = 6  # of YUV: that of SD video
_PAPER, _GREY, _RED = 255, (153, 153, 153), (192, 57, 43)  # sRGB, as on the page


@dataclass(frozen=True)
class Sentence:
    """A stretch of a take.

    Attributes:
        take: Number of its take among those with a face.
        first: Its first frame.
        last: The frame after its last.
        error: Its mean lip error, percent of the eye distance.
    """

    take: int
    first: int
    last: int
    error: float


def shown_sentences(evaluation: Evaluation, fps: float) -> list[Sentence]:
    """Return the sentence with the middling lip error, and the one with the largest if there are others."""
    every = sorted(_sentences(evaluation, fps), key=lambda sentence: sentence.error)
    return [every[place] for place in dict.fromkeys(((len(every) - 1) // 2, len(every) - 1)) if every]


def side_by_side(sentence: Sentence, evaluation: Evaluation, model: SpeechModel, clip: Clip) -> bytes:
    """Film a sentence, filmed on the left and painted on the right; the outlines of the lips if there is no texture.

    Args:
        sentence: What to show.
        evaluation: Of the model.
        model: What paints.
        clip: What was compared.

    Returns:
        An MP4 file with sound.

    Raises:
        MissingDependencyError: If PyAV or, for outlines, OpenCV is not installed.
    """
    take = seen_takes(clip)[sentence.take].between(sentence.first, sentence.last)
    if take.crops is not None and model.texture is not None:
        pictures = _crops(take.crops, finished_crops(model, take))
    else:
        pictures = _outlines(take.vertices, evaluation.faces[sentence.take][sentence.first : sentence.last])
    return _film(pictures, take, clip.fps)


def finished_crops(model: SpeechModel, take: Take) -> Picture:
    """Paint the crops of a take as Blender shows them, `(T, 128, 128, 3)`."""
    codes = predict_codes(model, take.waveform, take.seconds)
    animation = animation_from_codes(codes, model.description.fps, model)
    return np.concatenate(list(paint_crops(model, animation).crops))


def lip_rings(face: Array, middle: Array, side: int) -> list[NDArray[np.float64]]:
    """Return where the outer and the inner edge of the lips lie in a square picture, each `(n, 2)` px, y down.

    Args:
        face: `(468, 3)`.
        middle: `(2,)` what lies in the middle, a little above that of the picture, face units.
        side: Of the picture, px.
    """
    scale, place = side / _SHOWN, np.array([0.5, 0.4]) * side
    edges = (UPPER_OUTER_LIP, LOWER_OUTER_LIP), (UPPER_INNER_LIP, LOWER_INNER_LIP)
    rings = (face[[*upper, *lower[::-1]], :2] for upper, lower in edges)
    return [(ring - middle) * np.array([scale, -scale]) + place for ring in rings]


def upper_lip_middle(faces: Array) -> Array:
    """Return the middle of the upper lip's edge over all faces `(..., 468, 3)`, `(2,)`."""
    return faces[..., list(UPPER_OUTER_LIP), :2].reshape(-1, 2).mean(axis=0)


def _sentences(evaluation: Evaluation, fps: float) -> Iterator[Sentence]:
    for number, lips in enumerate(evaluation.lips):
        starts = [*sentence_starts(len(lips.known), fps), len(lips.known)]
        for first, last in pairwise(starts):
            known = lips.known[first:last].sum()
            if known:
                error = 100 * float(lips.distances[first:last, _MEAN_LIP_ERROR].sum() / known)
                yield Sentence(number, int(first), int(last), error)


def _crops(filmed: Picture, painted: Picture) -> Iterator[Picture]:
    for pair in zip(filmed, painted, strict=True):
        yield np.concatenate(pair, axis=1).repeat(_ENLARGED, axis=0).repeat(_ENLARGED, axis=1)


def _outlines(real: Array, predicted: Array) -> Iterator[Picture]:
    """Draw the lips of `(T, 468, 3)` faces over each other."""
    cv2 = _import_cv2()
    side, middle = _ENLARGED * CROP_SIZE, upper_lip_middle(real)
    for pair in zip(real, predicted, strict=True):
        picture = np.full((side, side, 3), _PAPER, np.uint8)
        for face, colour in zip(pair, (_GREY, _RED), strict=True):
            rings = [np.rint(ring * _FINER).astype(np.int32) for ring in lip_rings(face, middle, side)]
            cv2.polylines(picture, rings, True, colour, _ENLARGED, cv2.LINE_AA, shift=4)
        yield picture


def _film(pictures: Iterator[Picture], take: Take, fps: float) -> bytes:
    """Write the pictures of a take with its sound; the first one at time 0."""
    shown = take.seconds - 0.5 / fps
    starts = shown - shown[0]
    ends = np.append(starts[1:], starts[-1] + 1 / fps)
    sound = take.waveform.beginning_at(float(shown[0]))
    heard = DecodedSound(sound.samples[:, None], sound.sample_rate, 0.0)
    form = FilmForm(Fraction(fps).limit_denominator(1001), matrix=_MATRIX)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        frames = map(ShownPicture, pictures, starts.tolist(), ends.tolist())
        write_film(path, frames, heard, form, {})
        return path.read_bytes()


def _import_cv2() -> Any:
    try:
        import cv2
    except ImportError as fault:
        raise MissingDependencyError(
            "Drawing outlines needs OpenCV; run `pip install opencv-python-headless`."
        ) from fault
    return cv2
