"""Blendshape weights that follow a moving face: bounded, sparse, smooth in time, alike left and right.

All frames are solved at once by accelerated projected gradients (Beck and Teboulle 2009, FISTA).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray, check_shape
from .arkit import mirrored_name
from .basis import BlendshapeBasis
from .topology import LIPS

_ITERATIONS = 300
_LIP_EMPHASIS = 4.0  # a lip vertex counts as much as so many others
_EASE = 1e-3  # weight on the square of each value: keeps shapes that the mesh cannot tell apart from fighting


@dataclass(frozen=True)
class SolverConfig:
    """What else counts beside meeting the vertices. Relative to the mean curvature of the vertex term.

    Attributes:
        sparsity: On the sum of the weights: few shapes rather than many.
        smoothness: On the square of each weight's change from frame to frame.
        symmetry: On the square of the difference between a shape and its mirror image.
    """

    sparsity: float = 0.002
    smoothness: float = 0.05
    symmetry: float = 0.05


@dataclass(frozen=True)
class BlendshapeFit:
    """Weights and how well they follow.

    Attributes:
        weights: `(T, B)` float32, 0 to 1.
        residual: Root mean square distance of the lip vertices from the tracked ones, face units.
    """

    weights: NDArray[np.float32]
    residual: float


def fit_blendshapes(vertices: FloatArray, basis: BlendshapeBasis, config: SolverConfig | None = None) -> BlendshapeFit:
    """Find the weights whose shapes lie nearest to the vertices.

    Args:
        vertices: `(T, 468, 3)`, face units, one continuous take.
        basis: The shapes, adapted to this speaker's neutral face.
        config: What else counts; the defaults if None.
    """
    check_shape("vertices", vertices, "T 468 3")
    settings = config or SolverConfig()
    curvature, pull = _normal_equations(vertices, basis)
    unit = np.trace(curvature) / max(np.count_nonzero(np.diag(curvature)), 1)
    curvature += unit * (settings.symmetry * _asymmetry(basis.names) + _EASE * np.eye(len(basis.names)))
    pull -= unit * settings.sparsity
    weights = minimise_in_box(curvature, pull, unit * settings.smoothness)
    weights[:, np.abs(basis.deltas).max((1, 2)) == 0] = 0  # shapes that this mesh cannot show
    return BlendshapeFit(weights.astype(np.float32), _lip_residual(vertices, basis, weights))


def _normal_equations(vertices: FloatArray, basis: BlendshapeBasis) -> tuple[FloatArray, FloatArray]:
    """Return `(B, B)` and `(T, B)` of the least-squares fit, lips emphasised."""
    emphasis = np.ones(len(basis.neutral))
    emphasis[list(LIPS)] = _LIP_EMPHASIS
    shapes = basis.deltas.reshape(len(basis.names), -1).astype(np.float64)
    weighted = shapes * np.repeat(emphasis, 3)
    motion = (vertices - basis.neutral).reshape(len(vertices), -1)
    return weighted @ shapes.T, motion @ weighted.T


def _asymmetry(names: tuple[str, ...]) -> FloatArray:
    """Return the quadratic form of the differences between left and right shapes, `(B, B)`."""
    form = np.zeros((len(names), len(names)))
    for index, name in enumerate(names):
        mirror = names.index(mirrored_name(name))
        form[index, index] += index != mirror
        form[index, mirror] -= index != mirror
    return form


def minimise_in_box(
    curvature: FloatArray, pull: FloatArray, smoothness: float, iterations: int = _ITERATIONS
) -> FloatArray:
    """Find the weights between 0 and 1 that a quadratic form likes best, for all frames at once.

    Minimised is `w @ curvature @ w / 2 - pull @ w`, summed over the frames, plus half of `smoothness` times the squared
    change from frame to frame.

    Args:
        curvature: `(B, B)`, positive definite.
        pull: `(T, B)`.
        smoothness: In the unit of the curvature.
        iterations: Steps taken.

    Returns:
        `(T, B)` float64.
    """
    step = 1 / (np.linalg.eigvalsh(curvature)[-1] + 4 * smoothness)
    weights = ahead = np.zeros_like(pull)
    momentum = 1.0
    for _ in range(iterations):
        gradient = ahead @ curvature - pull + smoothness * _temporal_gradient(ahead)
        moved = np.clip(ahead - step * gradient, 0, 1)
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = moved + (momentum - 1) / following * (moved - weights)
        weights, momentum = moved, following
    return weights


def _temporal_gradient(weights: FloatArray) -> FloatArray:
    """Return the gradient of half the squared frame-to-frame differences."""
    change = np.diff(weights, axis=0)
    gradient = np.zeros_like(weights)
    gradient[:-1] -= change
    gradient[1:] += change
    return gradient


def _lip_residual(vertices: FloatArray, basis: BlendshapeBasis, weights: FloatArray) -> float:
    lips = list(LIPS)
    missed = basis.apply(weights)[:, lips] - vertices[:, lips]
    return float(np.sqrt(np.mean(np.sum(missed**2, axis=-1))))
