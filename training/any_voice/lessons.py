"""From a corpus to a network: the tracks as footage of the generic face, and what is done to their features."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lipsync_core.audio.features import FeatureSpec, hear
from lipsync_core.face.basis import arkit_basis
from lipsync_core.face.topology import generic_face

from ..config import DataConfig
from ..dataset import Footage, vary
from ..losses import Face
from .corpus import SHAPES, SpokenTrack

_WARP = 0.07  # at most, share by which the bands of a piece are stretched or squeezed; the corpus holds other tracts
_RESPONSE_KNOTS = 6
_SAMPLED_FRAMES = 4000


@dataclass(frozen=True)
class PosedFootage(Footage):
    """Footage of a face that blendshapes pose: they alone are kept, for an hour of meshes is a gigabyte.

    Attributes:
        deltas: `(B, 468, 3)` what each blendshape adds to the neutral face, face units. `offsets` is empty.
    """

    deltas: Tensor

    def face(self, frames: Tensor) -> Face:
        """See `Footage.face`."""
        weights = self.blendshapes[frames]
        return Face(torch.tensordot(weights, self.deltas, dims=1), weights)

    def sample(self) -> Face:
        """See `Footage.sample`; every so many frames are enough."""
        return self.face(torch.arange(0, len(self.blendshapes), max(1, len(self.blendshapes) // _SAMPLED_FRAMES)))


def corpus_footage(tracks: Iterable[SpokenTrack], spec: FeatureSpec) -> PosedFootage:
    """Compute what is heard of every track, and lay all tracks end to end."""
    features, columns, weights, last = [], [], [], []
    column_count = frame_count = 0
    for track in tracks:
        heard = hear(track.waveform, track.seconds, spec)
        features.append(heard.features)
        columns.append(heard.columns + column_count)
        weights.append(track.weights)
        column_count += len(heard.features)
        frame_count += len(track.seconds)
        last.append(np.full(len(track.seconds), frame_count - 1))
    posed = torch.from_numpy(np.concatenate(weights))
    deltas = torch.from_numpy(shape_deltas())
    return PosedFootage(
        features=torch.from_numpy(np.concatenate(features)),
        columns=torch.from_numpy(np.concatenate(columns)),
        offsets=torch.zeros(0, 468, 3),
        blendshapes=posed,
        known=torch.ones(len(posed)),
        last_frame=torch.from_numpy(np.concatenate(last)),
        deltas=deltas,
    )


def shape_deltas() -> NDArray[np.float32]:
    """Return what each of `SHAPES` does to the generic face, `(B, 468, 3)` float32, face units."""
    basis = arkit_basis(generic_face())
    return np.stack([basis.delta(name) for name in SHAPES]).astype(np.float32)


def vary_voice(features: Tensor, config: DataConfig, generator: torch.Generator) -> Tensor:
    """Change standardised log-mel features `(B, C, F)` as throats, microphones, rooms and gaps do."""
    warped = _stretch_bands(features, generator)
    knots = torch.randn(len(features), 1, _RESPONSE_KNOTS, generator=generator).to(features.device)
    response = torch.nn.functional.interpolate(knots, features.shape[-1], mode="linear", align_corners=True)
    return vary(warped + config.level * response, config, generator)


def _stretch_bands(features: Tensor, generator: torch.Generator) -> Tensor:
    """Stretch the band axis of each piece by its own factor; beyond the last band it is held."""
    batch, _, bands = features.shape
    factor = 1 + _WARP * (2 * torch.rand(batch, generator=generator) - 1)
    wanted = (torch.arange(bands)[None] * factor[:, None]).clamp(max=bands - 1).to(features.device)
    lower = wanted.floor().long().clamp(max=bands - 2)
    share = (wanted - lower)[:, None].to(features.dtype)
    rows = lower[:, None].expand_as(features)
    return features.gather(2, rows) * (1 - share) + features.gather(2, rows + 1) * share
