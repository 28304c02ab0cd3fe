"""Clips as tensors, and the pieces of them that make a batch. Everything stays on the training device."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lipsync_core.audio.features import FeatureSpec, hear
from lipsync_core.capture.clip import Clip

from .config import DataConfig
from .losses import Face


@dataclass(frozen=True)
class Footage:
    """All takes of a clip, one after the other.

    Attributes:
        features: `(C, F)` all tracks' features, each track with silence at either end.
        columns: `(T,)` float64, the time of each frame, in columns of `features`.
        offsets: `(T, 468, 3)` from the neutral, face units.
        blendshapes: `(T, B)`.
        known: `(T,)` 1 where the face was found, else 0.
        last_frame: `(T,)` index of the last frame of the same take.
        phones: `(C,)` int64, the phone class said at each column, -1 where it is not known; empty if it never is.
    """

    features: Tensor
    columns: Tensor
    offsets: Tensor
    blendshapes: Tensor
    known: Tensor
    last_frame: Tensor
    phones: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))

    def to(self, device: torch.device) -> Self:
        """Return the same on another device."""
        return type(self)(*(getattr(self, item.name).to(device) for item in fields(self)))

    def face(self, frames: Tensor) -> Face:
        """Return the faces of `(B, T)` frames."""
        return Face(self.offsets[frames], self.blendshapes[frames])

    def sample(self) -> Face:
        """Return frames enough for statistics, `(T, 468, 3)` and `(T, B)`: all in which the face was found."""
        return self.face(torch.nonzero(self.known > 0)[:, 0])


@dataclass(frozen=True)
class Batch:
    """Pieces of footage of equal length.

    Attributes:
        features: `(B, C, F)`.
        columns: `(B, T)` the time of each frame, in columns of `features`.
        face: What was tracked.
        known: `(B, T)` 1 where there is a face, 0 where it was not found or the take has ended.
        frames: `(B, T)` number of each frame in the footage.
        phones: `(B, C)` int64, the phone class said at each column, -1 where it is not known; None if it never is.
    """

    features: Tensor
    columns: Tensor
    face: Face
    known: Tensor
    frames: Tensor
    phones: Tensor | None = None


def load_footage(clip: Clip, spec: FeatureSpec) -> Footage:
    """Compute the features of every take, and lay all takes end to end."""
    features, columns, last = [], [], []
    column_count = frame_count = 0
    for take in clip.takes:
        heard = hear(take.waveform, take.seconds, spec)
        features.append(heard.features)
        columns.append(heard.columns + column_count)
        column_count += len(heard.features)
        frame_count += len(take.seconds)
        last.append(np.full(len(take.seconds), frame_count - 1))
    return Footage(
        features=torch.from_numpy(np.concatenate(features)),
        columns=torch.from_numpy(np.concatenate(columns)),
        offsets=torch.from_numpy(np.concatenate([take.vertices - clip.neutral for take in clip.takes])),
        blendshapes=torch.from_numpy(np.concatenate([take.blendshapes for take in clip.takes])),
        known=torch.from_numpy(np.concatenate([take.detected for take in clip.takes]).astype(np.float32)),
        last_frame=torch.from_numpy(np.concatenate(last)),
    )


@dataclass(frozen=True)
class Hearing:
    """What an encoder wants to hear of a piece.

    Attributes:
        column_rate: Columns per second.
        stride: Columns per code step; a piece begins at one.
        context: Columns before and after it; a track has silence at least as long at either end.
    """

    column_rate: float = 100.0
    stride: int = 2
    context: int = 48


class PieceSampler:
    """Draws batches of random pieces of footage."""

    def __init__(self, footage: Footage, fps: float, hearing: Hearing, config: DataConfig) -> None:
        self._footage = footage
        self._hearing = hearing
        self._frames = max(2, round(config.crop_seconds * fps))
        self._columns = round(self._frames / fps * hearing.column_rate) + 2 * hearing.context + 4
        self._columns = min(self._columns, len(footage.features))
        self._batch_size = config.batch_size
        takes = footage.last_frame.cpu().numpy()
        self._starts = torch.from_numpy(_piece_starts(takes, self._frames))

    @property
    def frames_per_step(self) -> int:
        """Frames of footage in a batch."""
        return self._frames * self._batch_size

    @property
    def steps_per_pass(self) -> float:
        """Batches that hold as many frames as the footage."""
        return len(self._footage.columns) / self.frames_per_step

    def draw(self, generator: torch.Generator) -> Batch:
        """Draw one batch, every start equally likely."""
        picks = torch.randint(len(self._starts), (self._batch_size,), generator=generator)
        return self._pieces(self._starts[picks].to(self._footage.columns.device))

    def _pieces(self, starts: Tensor) -> Batch:
        footage = self._footage
        wanted = starts[:, None] + torch.arange(self._frames, device=starts.device)
        last = footage.last_frame[starts][:, None]
        frames = torch.minimum(wanted, last)
        first_column = footage.columns[starts].floor().long() - self._hearing.context
        first_column -= first_column % self._hearing.stride
        first_column = first_column.clamp(0, len(footage.features) - self._columns)
        heard = first_column[:, None] + torch.arange(self._columns, device=starts.device)
        return Batch(
            features=footage.features[heard],
            columns=footage.columns[frames] - first_column[:, None],
            face=footage.face(frames),
            known=footage.known[frames] * (wanted <= last),
            frames=frames,
            phones=footage.phones[heard] if len(footage.phones) else None,
        )


def _piece_starts(last_frame: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Return for every frame where its piece starts: there, or earlier so that the piece ends with the take.

    So a take is drawn as often as it is long, even one that holds a single piece.
    """
    frames = np.arange(len(last_frame))
    first = np.concatenate([[0], last_frame[:-1] + 1])
    begins = np.concatenate([[True], last_frame[1:] != last_frame[:-1]])
    first_of_take = np.maximum.accumulate(np.where(begins, np.where(frames == 0, 0, first), 0))
    return np.maximum(first_of_take, np.minimum(frames, last_frame - length + 1))
