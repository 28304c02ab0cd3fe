"""A film of a face that is known point by point, made by the code under test, and a tracker that knows the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np

from lipsync_core.audio.decoding import DecodedSound
from lipsync_core.capture.alignment import HeadMotion
from lipsync_core.capture.clip import Clip, ReferenceAtlas
from lipsync_core.capture.tracking import LandmarkTrack
from lipsync_core.capture.video import VideoFrame
from lipsync_core.dubbing.film import FilmForm, ShownPicture, write_film
from lipsync_core.face.topology import face_triangles
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.texture.warping import rasterise, sample
from tests.conftest import babble
from tests.core.test_clip import clip, take
from tests.core.test_texture_model import textured_model

SIDE = 160  # px
UNIT = 58.0  # px of a face unit
FPS = 25


@cache
def staged_model() -> SpeechModel:
    """A speaker whose texture is that of the filmed face, and whose motions are those of a mouth."""
    return textured_model("sheet", memory_size=0)


def head_motion(frames: int, turn: float = 12.0) -> HeadMotion:
    """A head that turns from side to side by so many degrees, in the middle of the picture."""
    angle = np.radians(turn) * np.sin(np.arange(frames) / 6)
    zero, one = np.zeros(frames), np.ones(frames)
    rows = [np.cos(angle), zero, -np.sin(angle), zero, one, zero, np.sin(angle), zero, np.cos(angle)]
    rotation = np.stack(rows, axis=1).reshape(-1, 3, 3)
    scale = np.full(frames, 1 / UNIT)
    middle = np.array([SIDE / 2, -0.42 * SIDE, 0.0])
    translation = -scale[:, None] * (rotation @ middle)
    return HeadMotion(*(part.astype(np.float32) for part in (scale, rotation, translation)))


def staged_points(vertices: np.ndarray, turn: float = 12.0) -> np.ndarray:
    """`(T, 468, 3)` faces as a tracker would see them in the film."""
    return head_motion(len(vertices), turn).restore(vertices)


def staged_pictures(points: np.ndarray, model: SpeechModel) -> list[np.ndarray]:
    """Draw the model's reference on tracked faces, before a striped wall."""
    assert model.texture is not None
    y, x = np.mgrid[:SIDE, :SIDE]
    wall = np.stack([90 + 40 * np.sin(x / 9), 120 + 30 * np.cos(y / 11), 140 + 0 * x], axis=-1)
    surface = rasterise(points[..., :2] * (1, -1), face_triangles(), SIDE, SIDE)
    rest = model.texture.layout.atlas_points(model.neutral)
    faces = sample(model.texture.reference, surface.carry(rest))
    return list(np.where(surface.covered[..., None], faces, wall).astype(np.uint8))


def voice(seconds: float) -> DecodedSound:
    """Speech-like sound as a decoder gives it."""
    waveform = babble(seconds)
    return DecodedSound(waveform.samples[:, None], waveform.sample_rate, 0.0)


def write_pictures(path: Path, pictures: Sequence[np.ndarray], starts: np.ndarray | None = None) -> Path:
    """Write pictures as a film, at 25 a second or at the given times."""
    times = np.arange(len(pictures)) / FPS if starts is None else starts
    ends = np.append(times[1:], times[-1] + 1 / FPS)
    shown = (ShownPicture(*each) for each in zip(pictures, times.tolist(), ends.tolist(), strict=True))
    write_film(path, shown, voice(float(ends[-1])), FilmForm(Fraction(FPS), matrix=6), {})
    return path


@dataclass
class KnowingTracker:
    """Finds the points it was told, in the order in which it is asked."""

    answers: Sequence[np.ndarray | None]
    asked: int = 0

    def find(self, frame: VideoFrame) -> np.ndarray | None:
        self.asked += 1
        return self.answers[self.asked - 1]

    def restart(self) -> None:
        self.asked = 0


@dataclass(frozen=True)
class StagedFilm:
    """A film on disk and what is known of it."""

    path: Path
    points: np.ndarray
    pictures: list[np.ndarray]

    @property
    def track(self) -> LandmarkTrack:
        count = len(self.points)
        return LandmarkTrack(self.points, np.ones(count, bool), np.arange(count) / FPS)

    @property
    def tracker(self) -> KnowingTracker:
        return KnowingTracker(list(self.points))


def talking_faces(frames: int, seed: int = 3) -> np.ndarray:
    """`(T, 468, 3)` faces that open and close their mouths, smoothly."""
    model = staged_model()
    phases = np.random.default_rng(seed).uniform(0, 6, model.encoder.code_size)
    codes = np.sin(np.arange(frames)[:, None] / 4 + phases).astype(np.float32)
    return model.vertices(0.5 * codes)


def stage(path: Path, frames: int = 16, turn: float = 12.0) -> StagedFilm:
    """Film a face that talks and turns."""
    points = staged_points(talking_faces(frames), turn)
    pictures = staged_pictures(points, staged_model())
    return StagedFilm(write_pictures(path, pictures), points, pictures)


def calm_model() -> SpeechModel:
    """The staged model with a tenth of its motions: quick to draw, for no triangle of its face becomes long."""
    return replace(staged_model(), shapes=0.1 * staged_model().shapes)


def staged_clip(takes: int = 1, frames: int = 12) -> Clip:
    """Takes of a talking face whose lip crops are the reference's, in the staged model's atlas."""
    model = calm_model()
    assert model.texture is not None
    crops = np.repeat(model.texture.reference[model.texture.layout.crop][None], frames, axis=0)
    spoken = tuple(
        replace(
            take(frames, seed),
            vertices=model.neutral + 0.1 * (talking_faces(frames, seed) - model.neutral),
            crops=crops,
            waveform=babble(frames / FPS, seed),
        )
        for seed in range(takes)
    )
    reference = ReferenceAtlas(model.texture.layout, model.texture.reference)
    return replace(clip(), neutral=model.neutral, takes=spoken, reference=reference)


def without_texture(model: SpeechModel) -> SpeechModel:
    return replace(model, texture=None)
