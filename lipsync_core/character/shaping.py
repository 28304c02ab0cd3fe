"""What an artist turns after the fact: strength, smoothness and timing of a prediction, without the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..animation import FaceAnimation
from ..face.arkit import JAW_SHAPES, MOUTH_SHAPES
from ..face.mouth import NEARLY_CLOSED_GAP, mouth_width
from ..face.topology import LIP_GAP

_JAW = (*JAW_SHAPES, "mouthClose")  # mouthClose undoes jawOpen, so both must grow alike
_SMILE = tuple(name for name in MOUTH_SHAPES if name.startswith(("mouthSmile", "mouthFrown", "mouthDimple")))
_LIPS = (*(name for name in MOUTH_SHAPES if name not in (*_JAW, *_SMILE)), "cheekPuff", "tongueOut")
_WIDEST_KERNEL = 4.0  # deviations to each side
_CLOSURE_KEPT = 0.04  # s: how far around a closure smoothing holds back


@dataclass(frozen=True)
class Shaping:
    """How a prediction is worn.

    Attributes:
        intensity: Factor on everything.
        jaw: Factor on the jaw, and on the closing of the lips over it.
        lips: Factor on the lips.
        smile: Factor on the corners of the mouth.
        upper_face: Factor on brows, eyes, cheeks and nose.
        smoothing: Deviation of the Gaussian that smooths, without delay, s. Closures stay closed.
        delay: How much later the face moves, s; negative for earlier.
    """

    intensity: float = 1.0
    jaw: float = 1.0
    lips: float = 1.0
    smile: float = 1.0
    upper_face: float = 1.0
    smoothing: float = 0.0
    delay: float = 0.0


def shape_weights(animation: FaceAnimation, shaping: Shaping) -> NDArray[np.float32]:
    """Return an animation's blendshapes as they are worn, `(T, B)`; not clipped, a shape key's range does that."""
    smooth = _smoothed(animation.blendshapes, shaping.smoothing * animation.fps)
    held = _closure_share(animation)[:, None]
    weights = held * animation.blendshapes + (1 - held) * smooth
    gains = np.array([_gain(name, shaping) for name in animation.blendshape_names], np.float32)
    return _delayed(weights * gains, shaping.delay * animation.fps)


def closed_frames(animation: FaceAnimation, delay: float = 0.0) -> NDArray[np.intp]:
    """Return the frames at which the lips are nearest to each other in each closure, `(K,)`.

    Args:
        animation: What the face does.
        delay: How much later it is worn, s.
    """
    gap, width = _lip_gaps(animation), mouth_width(animation.base)
    closed = np.concatenate([[False], gap < NEARLY_CLOSED_GAP * width, [False]])
    edges = np.flatnonzero(np.diff(closed.astype(np.int8)))
    deepest = [start + int(gap[start:end].argmin()) for start, end in edges.reshape(-1, 2)]
    frames = np.round(np.array(deepest, float) + delay * animation.fps).astype(np.intp)
    return np.unique(frames[(frames >= 0) & (frames < animation.frame_count)])


def _lip_gaps(animation: FaceAnimation) -> NDArray[np.float32]:
    """Return the lip gap of every frame, `(T,)`, face units, without making the whole mesh."""
    upper, lower = LIP_GAP
    across = animation.base[upper, :2] - animation.base[lower, :2]
    shapes = animation.shapes[:, upper, :2] - animation.shapes[:, lower, :2]
    return np.asarray(np.linalg.norm(across + animation.codes @ shapes, axis=-1), np.float32)


def _closure_share(animation: FaceAnimation) -> NDArray[np.float32]:
    """Return how much of each frame belongs to a closure, `(T,)`, 0 to 1."""
    share = np.zeros(animation.frame_count, np.float32)
    share[closed_frames(animation)] = 1.0
    deviation = _CLOSURE_KEPT * animation.fps
    return np.minimum(1, _smoothed(share[:, None], deviation)[:, 0] * np.float32(deviation * np.sqrt(2 * np.pi)))


def _smoothed(values: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    """Convolve `(T, B)` along time with a Gaussian of a deviation in frames; the ends repeat."""
    reach = int(np.ceil(_WIDEST_KERNEL * deviation))
    if deviation <= 0 or not reach:
        return values
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    return np.asarray(sum(weight * padded[shift : shift + len(values)] for shift, weight in enumerate(kernel)))


def _delayed(values: NDArray[np.float32], frames: float) -> NDArray[np.float32]:
    """Shift `(T, B)` by a number of frames, fractions included; the ends repeat."""
    if not frames:
        return values
    places = np.clip(np.arange(len(values)) - frames, 0, len(values) - 1)
    before = np.floor(places).astype(np.intp)
    after = np.minimum(before + 1, len(values) - 1)
    share = (places - before).astype(np.float32)[:, None]
    return np.asarray((1 - share) * values[before] + share * values[after], np.float32)


def _gain(name: str, shaping: Shaping) -> float:
    groups = ((_JAW, shaping.jaw), (_SMILE, shaping.smile), (_LIPS, shaping.lips))
    return shaping.intensity * next((gain for names, gain in groups if name in names), shaping.upper_face)
