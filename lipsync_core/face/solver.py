"""Blendshape weights that follow a moving face: bounded, sparse, smooth in time, alike left and right.

All frames are solved at once by accelerated projected gradients (Beck and Teboulle 2009, FISTA). The fit looks at
what a tracker sees well: lips before jaw, jaw before cheeks, depth least, and how far the lips are apart most of all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray, check_shape
from .arkit import mirrored_name
from .basis import BlendshapeBasis
from .topology import CHIN, LIPS, LOWER_INNER_LIP, UPPER_INNER_LIP

_ITERATIONS = 300
# Each point counts as so many of the cheeks: squares of the error are weighed.
_LIP_EMPHASIS = 13.0
_JAW_EMPHASIS = 7.0
_OPENING_EMPHASIS = 65.0  # of how far a point of the upper lip's edge is above its partner on the lower one
_DEPTH_EMPHASIS = 0.5  # a tracker guesses depth
_JAW_POINTS = (CHIN, 148, 171, 175, 176, 199, 200, 208, 377, 396, 400, 428)

# Talking hardly uses these. Without a say against them they take up what a tracker gets wrong.
_RARE_IN_SPEECH = {
    *("jawForward", "jawLeft", "jawRight", "mouthLeft", "mouthRight", "mouthShrugUpper", "cheekPuff"),
    *("mouthFrownLeft", "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "noseSneerLeft", "noseSneerRight"),
}
_INVISIBLE = 0.1  # the least that a shape's size counts as where each weight is eased
_SIDEWAYS = {"jawLeft", "jawRight", "mouthLeft", "mouthRight"}


@dataclass(frozen=True)
class SolverConfig:
    """What else counts beside meeting the vertices. Relative to the mean curvature of the vertex term.

    Attributes:
        sparsity: On the sum of the weights: few shapes rather than many.
        rarity: By how much `sparsity` is larger for shapes that speech hardly uses.
        ease: On the square of each weight, times how much its shape moves: keeps shapes that the mesh cannot tell
            apart from fighting.
        smoothness: On the square of each weight's change from frame to frame.
        symmetry: On the square of the difference between a shape and its mirror image, and on going sideways.
    """

    sparsity: float = 0.002
    rarity: float = 5.0
    ease: float = 0.015
    smoothness: float = 0.05
    symmetry: float = 0.1


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
    shapes = _seen(basis.deltas)
    curvature, pull = shapes @ shapes.T, _seen(vertices - basis.neutral) @ shapes.T
    unit = np.trace(curvature) / max(np.count_nonzero(np.diag(curvature)), 1)
    sizes = np.sqrt(np.diag(curvature) / unit)
    lopsided = _lopsidedness(basis.names) * np.outer(sizes, sizes)
    curvature += unit * (settings.symmetry * lopsided + settings.ease * np.diag(sizes + _INVISIBLE))
    pull -= unit * settings.sparsity * _price(basis.names, settings.rarity)
    weights = minimise_in_box(curvature, pull, unit * settings.smoothness)
    weights[:, np.abs(basis.deltas).max((1, 2)) == 0] = 0  # shapes that this mesh cannot show
    return BlendshapeFit(weights.astype(np.float32), lip_residual(vertices, basis, weights))


def lip_residual(vertices: FloatArray, basis: BlendshapeBasis, weights: FloatArray) -> float:
    """Return the root mean square distance of the posed lips from `(T, 468, 3)` vertices, face units.

    Args:
        vertices: Where the points are, face units.
        basis: The shapes.
        weights: `(T, B)`.
    """
    lips = list(LIPS)
    missed = basis.apply(weights)[:, lips] - vertices[:, lips]
    return float(np.sqrt(np.mean(np.sum(missed**2, axis=-1))))


def _seen(offsets: FloatArray) -> NDArray[np.float64]:
    """Turn `(N, 468, 3)` offsets into `(N, R)` numbers whose squared differences are what a misfit costs."""
    emphasis = np.ones((offsets.shape[1], 3))
    emphasis[list(_JAW_POINTS)] = _JAW_EMPHASIS
    emphasis[list(LIPS)] = _LIP_EMPHASIS
    emphasis[:, 2] *= _DEPTH_EMPHASIS
    opening = offsets[:, UPPER_INNER_LIP[1:-1], 1] - offsets[:, LOWER_INNER_LIP[1:-1], 1]
    points = (offsets * np.sqrt(emphasis)).reshape(len(offsets), -1)
    return np.concatenate([points, np.sqrt(_OPENING_EMPHASIS) * opening], axis=1)


def _price(names: tuple[str, ...], rarity: float) -> NDArray[np.float64]:
    """Return what each shape costs beside the others, `(B,)`."""
    return np.array([rarity if name in _RARE_IN_SPEECH else 1.0 for name in names])


def _lopsidedness(names: tuple[str, ...]) -> NDArray[np.float64]:
    """Return the quadratic form of how unlike the face's halves are, `(B, B)`.

    A shape and its mirror image should be equal; two that draw the face to one side each should both be small.
    """
    form = np.zeros((len(names), len(names)))
    for index, name in enumerate(names):
        mirror = names.index(mirrored_name(name))
        form[index, index] += index != mirror
        form[index, mirror] += (index != mirror) * (1 if name in _SIDEWAYS else -1)
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
