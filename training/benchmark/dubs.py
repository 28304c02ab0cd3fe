"""Dubs of a test's films with their own sound, held against the films (Lahiri et al. 2021, section 4.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from lipsync_core.audio.decoding import DecodedSound, decode_sound
from lipsync_core.capture.tracking import FaceTracker
from lipsync_core.capture.video import VideoFrame, count_frames, read_frames
from lipsync_core.dubbing.dub import DubOptions, dub
from lipsync_core.dubbing.film import ShownPicture, read_form, write_film
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.progress import Progress, part_of

from ..dub_evaluation import compare_films
from ..measures.bootstrap import Figure, figures_of, ratio
from ..measures.described import Described, descriptions_of

Values = NDArray[np.float64]

DUB_PREFIX = "dub_"

_EVERY = 5  # frames, of which one is compared as a picture


@dataclass(frozen=True)
class DubFigures:
    """What dubs are away from their films, means over films. The mouth is a square of one eye distance about the lips.

    Attributes:
        similarity: SSIM of the whole picture.
        noise_ratio: PSNR of the whole picture, dB.
        mouth_similarity: SSIM of the mouth.
        mouth_noise_ratio: PSNR of the mouth, dB.
        sharpness: CPBD of the whole picture.
        filmed_sharpness: That of the film.
        mouth_sharpness: CPBD of the mouth.
        filmed_mouth_sharpness: That of the film's.
        landmarks: LMD, as tracked in both films, px.
        flicker: Change of the skin from frame to frame, over that of the film.
    """

    similarity: Annotated[Values, Described("as a film: SSIM", digits=3, better="higher")]
    noise_ratio: Annotated[Values, Described("as a film: PSNR", "dB", digits=1, better="higher")]
    mouth_similarity: Annotated[Values, Described("as a film: SSIM of the mouth", digits=3, better="higher")]
    mouth_noise_ratio: Annotated[Values, Described("as a film: PSNR of the mouth", "dB", digits=1, better="higher")]
    sharpness: Annotated[Values, Described("as a film: CPBD", better="higher")]
    filmed_sharpness: Annotated[Values, Described("CPBD of the film itself")]
    mouth_sharpness: Annotated[Values, Described("as a film: CPBD of the mouth", better="higher")]
    filmed_mouth_sharpness: Annotated[Values, Described("CPBD of the film's own mouth")]
    landmarks: Annotated[Values, Described("as a film: LMD, tracked again", "px", better="lower")]
    flicker: Annotated[Values, Described("as a film: flicker against the real", better="nearer to 1")]


@dataclass(frozen=True)
class DubbedFilms:
    """What was measured of each film.

    Attributes:
        errors: `(S, 10)`, in the order of `DubFigures`.
        films: `(S,)` 1.
    """

    errors: Values
    films: Values


def dub_measures() -> dict[str, Described]:
    """Return how the figures of dubs are shown, by name."""
    return {DUB_PREFIX + name: shown for name, shown in descriptions_of(DubFigures).items()}


def dub_figures(
    model: SpeechModel, films: Sequence[Path], folder: Path, tracker: FaceTracker, progress: Progress
) -> dict[str, Figure]:
    """Dub films with their own sound, and hold the dubs against them.

    Args:
        model: With a texture.
        films: Of its speaker.
        folder: Where the dubs go.
        tracker: What finds the face.
        progress: Told the share done.
    """
    rows = []
    for number, film in enumerate(films):
        dubbed = folder / f"{film.stem}.mp4"
        share = part_of(progress, number / len(films), (number + 1) / len(films))
        dub(model, film, film, dubbed, tracker, DubOptions(length="keep", anyway=True), share)
        found = compare_films(film, dubbed, tracker, _EVERY)
        rows.append([getattr(found, name) for name in descriptions_of(DubFigures)])
    counted = DubbedFilms(np.asarray(rows, np.float64), np.ones(len(rows)))
    return {DUB_PREFIX + name: figure for name, figure in figures_of(counted, _means).items()}


def evenly(films: Sequence[Path], count: int) -> list[Path]:
    """Return so many films, spread over all."""
    chosen = np.unique(np.linspace(0, len(films) - 1, min(count, len(films))).round().astype(int))
    return [films[number] for number in chosen]


def write_tail(film: Path, share: float, path: Path) -> None:
    """Write the last share of a film as a film of its own, with its sound."""
    first = int(np.ceil(count_frames(film) * (1 - share)))
    frames = (frame for number, frame in enumerate(read_frames(film)) if number >= first)
    opening = next(frames)
    start = opening.seconds
    sound = decode_sound(film)
    cut = max(0, round((start - sound.start_seconds) * sound.sample_rate))
    later = DecodedSound(sound.channels[cut:], sound.sample_rate, 0.0)
    write_film(path, _from(chain([opening], frames), start), later, read_form(film), {})


def _from(frames: Iterator[VideoFrame], start: float) -> Iterator[ShownPicture]:
    """Give frames as they are shown after some time; the last one, whose end is not known, is left out."""
    shown = (replace(frame, seconds=frame.seconds - start) for frame in frames)
    for frame, following in pairwise(shown):
        yield ShownPicture(frame.image, frame.seconds, following.seconds)


def _means(counted: DubbedFilms) -> DubFigures:
    return DubFigures(*np.moveaxis(ratio(counted.errors, np.asarray(counted.films)[..., None]), -1, 0))
