"""From a corpus to a network: the tracks as footage of the generic face, and what is done to their features."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lipsync_core.audio.features import MARGIN_SECONDS, FeatureSpec, hear
from lipsync_core.face.basis import arkit_basis
from lipsync_core.face.topology import generic_face
from lipsync_core.phones.classes import class_index, class_starts
from lipsync_core.phones.phoneme import SILENCE

from ..config import DataConfig, LossConfig
from ..dataset import Batch, Footage
from ..losses import (
    Anatomy,
    Face,
    anatomy_of,
    blendshape_loss,
    closure_loss,
    opening_loss,
    phone_loss,
    vertex_importance,
)
from ..networks import SpeakerNetwork
from ..variation import vary
from .corpus import SHAPES, SpokenTrack

_RESPONSE_KNOTS = 6
_SAMPLED_FRAMES = 4000


@dataclass(frozen=True)
class PosedFootage(Footage):
    """Footage of the generic face, posed by `SHAPES`: their weights alone are kept. `offsets` is empty."""

    def face(self, frames: Tensor) -> Face:
        """Return the weights of `(B, T)` frames, and no mesh."""
        return Face(self.offsets, self.blendshapes[frames])

    def sample(self) -> Face:
        """Return the weights of every so many frames with their meshes, enough for statistics."""
        weights = self.blendshapes[:: max(1, len(self.blendshapes) // _SAMPLED_FRAMES)]
        return Face(torch.tensordot(weights, torch.from_numpy(shape_deltas()), dims=1), weights)


@dataclass(frozen=True)
class PosedLesson:
    """The loss of `losses.total_loss`, worked out from the blendshapes' weights, of which the mesh is a sum.

    Attributes:
        anatomy: What the blendshapes do to the lips.
        metric: `(B, B)` with which the weights' error is squared to be that of the mesh, percent of the eye distance.
        weights: Of the terms.
    """

    anatomy: Anatomy
    metric: Tensor
    weights: LossConfig

    @classmethod
    def of_generic_face(cls, weights: LossConfig, device: torch.device) -> PosedLesson:
        """Return the lesson for `SHAPES` on the generic face."""
        importance = vertex_importance(weights.rest, device)
        deltas = 100 * torch.from_numpy(shape_deltas()).to(device) * importance.sqrt()[:, None]
        return cls(anatomy_of(generic_face(), SHAPES, device), deltas.flatten(1) @ deltas.flatten(1).T, weights)

    def __call__(self, network: SpeakerNetwork, batch: Batch) -> Tensor:
        """Return the loss of a batch."""
        code, logits = network.listen(batch.features, batch.columns)
        predicted = network.blendshapes(code)
        target, known = batch.face.blendshapes, batch.known
        error = predicted - target
        rest = self.anatomy.neutral_gaps
        gap, wanted = (rest + w.clamp(0, 1) @ self.anatomy.gap_of_shapes for w in (predicted, target))
        loss = (
            self.weights.vertex * self._mean_square(error, known)
            + self.weights.motion * self._mean_square(error.diff(dim=1), known[:, 1:] * known[:, :-1])
            + 2 * self.weights.closure * closure_loss(gap, wanted, known)
            + 2 * self.weights.opening * opening_loss(gap, wanted, known)
            + self.weights.blendshape * blendshape_loss(predicted, target, known)
        )
        if logits is not None and batch.phones is not None:
            loss = loss + self.weights.phone * phone_loss(logits, batch.phones)
        return loss

    def _mean_square(self, error: Tensor, known: Tensor) -> Tensor:
        squared = ((error @ self.metric) * error).sum(-1)
        return (squared * known).sum() / known.sum().clamp(min=1)


def corpus_footage(tracks: Iterable[SpokenTrack], spec: FeatureSpec) -> PosedFootage:
    """Compute what is heard of every track, and lay all tracks end to end."""
    features, columns, weights, known, last, phones = [], [], [], [], [], []
    column_count = frame_count = 0
    for track in tracks:
        heard = hear(track.waveform, track.seconds, spec)
        features.append(heard.features)
        columns.append(heard.columns + column_count)
        weights.append(track.weights)
        phones.append(column_phones(track, spec, len(heard.features)))
        known.append(np.full(len(track.seconds), track.importance, np.float32))
        column_count += len(heard.features)
        frame_count += len(track.seconds)
        last.append(np.full(len(track.seconds), frame_count - 1))
    posed = torch.from_numpy(np.concatenate(weights))
    return PosedFootage(
        features=torch.from_numpy(np.concatenate(features)),
        columns=torch.from_numpy(np.concatenate(columns)),
        offsets=torch.zeros(0, 468, 3),
        blendshapes=posed,
        known=torch.from_numpy(np.concatenate(known)),
        last_frame=torch.from_numpy(np.concatenate(last)),
        phones=torch.from_numpy(np.concatenate(phones)),
    )


def column_phones(track: SpokenTrack, spec: FeatureSpec, column_count: int) -> NDArray[np.int64]:
    """Return the phone class that is said at each of a track's feature columns, `(C,)`, -1 where it is not known."""
    if not track.phonemes:
        return np.full(column_count, -1)
    spans = [(name, start) for phoneme in track.phonemes for name, start in class_starts(phoneme)]
    starts = np.array([start for _, start in spans])
    names = np.array([class_index(SILENCE), *(class_index(name) for name, _ in spans), class_index(SILENCE)])
    times = np.arange(column_count) / spec.column_rate - MARGIN_SECONDS
    place = np.searchsorted(starts, times, side="right")
    return names[np.where(times < track.phonemes[-1].end_seconds, place, -1)]


def shape_deltas() -> NDArray[np.float32]:
    """Return what each of `SHAPES` does to the generic face, `(B, 468, 3)` float32, face units."""
    basis = arkit_basis(generic_face())
    return np.stack([basis.delta(name) for name in SHAPES]).astype(np.float32)


def vary_voice(features: Tensor, config: DataConfig, generator: torch.Generator) -> Tensor:
    """Change standardised log-mel features `(B, C, F)` as throats, microphones, rooms and gaps do."""
    knots = torch.randn(len(features), 1, _RESPONSE_KNOTS, generator=generator).to(features.device)
    response = torch.nn.functional.interpolate(knots, features.shape[-1], mode="linear", align_corners=True)
    return vary(features + config.level * response, config, generator)
