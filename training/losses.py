"""What counts as wrong: one function per term. Faces are `(B, T, 468, 3)` offsets from the neutral, face units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lipsync_core.face.basis import arkit_basis
from lipsync_core.face.topology import LIPS, LOWER_INNER_LIP, POINT_COUNT, UPPER_INNER_LIP

from .config import LossConfig

_PERCENT = 100.0  # errors are counted in percent of the eye distance, so that terms are of the order of one
_LABEL_SMOOTHING = 0.05  # phones begin and end gradually, and no alignment is exact
_CLOSE = 0.03  # a lip gap of this many face units counts 1 / e of a closed one


@dataclass(frozen=True)
class Face:
    """A batch of faces.

    Attributes:
        offsets: `(B, T, 468, 3)` from the neutral, face units.
        blendshapes: `(B, T, N)`.
    """

    offsets: Tensor
    blendshapes: Tensor


@dataclass(frozen=True)
class Anatomy:
    """What the losses know about a speaker's face.

    Attributes:
        neutral: `(468, 3)`, face units.
        gap_of_shapes: `(N, 11)` how far each blendshape parts the lips, for each pair of inner lip points, face units.
    """

    neutral: Tensor
    gap_of_shapes: Tensor

    @property
    def neutral_gaps(self) -> Tensor:
        """`(11,)` lip gaps of the neutral face, face units."""
        return inner_lip_gaps(torch.zeros_like(self.neutral), self.neutral)


def anatomy_of(neutral: NDArray[np.float32], names: Sequence[str], device: torch.device) -> Anatomy:
    """Look up what each named ARKit shape does to the lips of a `(468, 3)` neutral face; unknown names do nothing."""
    basis = arkit_basis(neutral)
    still = np.zeros_like(neutral)
    deltas = np.stack([basis.delta(name) if name in basis.names else still for name in names])
    height = deltas[..., 1]
    gaps = height[:, list(UPPER_INNER_LIP)] - height[:, list(LOWER_INNER_LIP)]
    return Anatomy(torch.from_numpy(neutral).to(device), torch.from_numpy(gaps).to(device))


def total_loss(predicted: Face, target: Face, known: Tensor, anatomy: Anatomy, config: LossConfig) -> Tensor:
    """Sum all terms.

    Args:
        predicted: What the network says.
        target: What was tracked.
        known: `(B, T)` 1 where there is a tracked face, else 0.
        anatomy: What is known about the speaker's face.
        config: Weights of the terms.
    """
    blendshapes = config.blendshape * blendshape_loss(predicted.blendshapes, target.blendshapes, known)
    if config.vertex_norm == "euclidean":
        return config.vertex * euclidean_loss(predicted.offsets, target.offsets, known) + blendshapes
    importance = vertex_importance(config.rest, known.device)
    error = _PERCENT * (predicted.offsets - target.offsets)
    tracked_gap = inner_lip_gaps(target.offsets, anatomy.neutral)
    mesh_gap = inner_lip_gaps(predicted.offsets, anatomy.neutral)
    shape_gap = anatomy.neutral_gaps + predicted.blendshapes.clamp(0, 1) @ anatomy.gap_of_shapes
    return (
        config.vertex * vertex_loss(error, importance, known)
        + config.motion * vertex_loss(error.diff(dim=1), importance, known[:, 1:] * known[:, :-1])
        + config.closure * closure_loss(mesh_gap, tracked_gap, known)
        + config.closure * closure_loss(shape_gap, tracked_gap, known)
        + config.opening * opening_loss(mesh_gap, tracked_gap, known)
        + config.opening * opening_loss(shape_gap, tracked_gap, known)
        + blendshapes
    )


def vertex_loss(error: Tensor, importance: Tensor, known: Tensor) -> Tensor:
    """Return the mean squared length of `(B, T, 468, 3)` errors, vertices by importance `(468,)`."""
    squared = error.square().sum(-1) @ importance
    return _mean(squared, known)


def euclidean_loss(predicted: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return the mean over frames of the norm of the 1404-vector (R_geo of Lahiri et al. 2021, section 3.2)."""
    return _mean((predicted - target).flatten(2).norm(dim=-1), known)


def closure_loss(predicted: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return the mean squared error of `(B, T, 11)` lip gaps, the more important the nearer the lips are."""
    nearness = torch.exp(-target.clamp(min=0) / _CLOSE)
    error = _PERCENT * (predicted - target.clamp(min=0))
    return _mean((nearness * error.square()).mean(-1), known)


def opening_loss(predicted: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return the mean squared error of `(B, T, 11)` lip gaps."""
    return _mean((_PERCENT * (predicted - target)).square().mean(-1), known)


def blendshape_loss(predicted: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return the mean absolute error of `(B, T, N)` weights (R_bs, section 3.2)."""
    return _mean((predicted - target).abs().mean(-1), known)


def phone_loss(logits: Tensor, phones: Tensor) -> Tensor:
    """Return the mean cross-entropy of phone classes, of the steps at which the class is known.

    Args:
        logits: `(B, S, K)` at each code step.
        phones: `(B, C)` int64, the class said at each feature column, -1 where it is not known.
    """
    stride = -(-phones.shape[1] // logits.shape[1])
    said = phones[:, ::stride]
    known = (said >= 0).sum().clamp(min=1)
    losses = nn.functional.cross_entropy(
        logits.flatten(0, 1), said.flatten(), ignore_index=-1, reduction="sum", label_smoothing=_LABEL_SMOOTHING
    )
    return losses / known


def inner_lip_gaps(offsets: Tensor, neutral: Tensor) -> Tensor:
    """Return how far each upper inner lip point is above its lower one, `(B, T, 11)`, face units."""
    upper, lower = list(UPPER_INNER_LIP), list(LOWER_INNER_LIP)
    height = (offsets + neutral)[..., 1]
    return height[..., upper] - height[..., lower]


def vertex_importance(rest: float, device: torch.device) -> Tensor:
    """Return `(468,)` weights of sum 1: lips 1, all others `rest`, then normalised."""
    importance = torch.full((POINT_COUNT,), rest, device=device)
    importance[list(LIPS)] = 1.0
    return importance / importance.sum()


def _mean(values: Tensor, known: Tensor) -> Tensor:
    return (values * known).sum() / known.sum().clamp(min=1)
