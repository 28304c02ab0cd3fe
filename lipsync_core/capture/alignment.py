"""Take head motion out of a tracked face, so that only the face's own motion is left; and put it back.

Lahiri et al. 2021, section 3.1.1: `r = c R v + t` lays the rigid upper face of each frame on the reference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray, check_shape
from ..face.topology import RIGID_POINTS

_REWEIGHTING_PASSES = 2
_HALF_WEIGHT = 2.0  # a residual of this many medians gets half the weight (Cauchy)


@dataclass(frozen=True)
class HeadMotion:
    """Where the head is in each frame: the similarity that takes tracked points to face space.

    Attributes:
        scale: `(T,)` float32, face units per px (`c`).
        rotation: `(T, 3, 3)` float32 (`R`).
        translation: `(T, 3)` float32, face units (`t`).
    """

    scale: NDArray[np.float32]
    rotation: NDArray[np.float32]
    translation: NDArray[np.float32]

    def __post_init__(self) -> None:
        sizes = check_shape("HeadMotion.scale", self.scale, "T")
        check_shape("HeadMotion.rotation", self.rotation, f"{sizes['T']} 3 3")
        check_shape("HeadMotion.translation", self.translation, f"{sizes['T']} 3")

    def remove(self, points: FloatArray) -> NDArray[np.float32]:
        """Take `(T, V, 3)` tracked points, px, to face space: `c R v + t`."""
        turned = points @ self.rotation.transpose(0, 2, 1)
        return np.asarray(self.scale[:, None, None] * turned + self.translation[:, None], np.float32)

    def restore(self, vertices: FloatArray) -> NDArray[np.float32]:
        """Take `(T, V, 3)` vertices of face space back to the picture, px: `R^T (r - t) / c`."""
        centred = (vertices - self.translation[:, None]) @ self.rotation
        return np.asarray(centred / self.scale[:, None, None], np.float32)

    def angles(self) -> NDArray[np.float64]:
        """Return yaw, pitch and roll of the head, `(T, 3)`, degrees; positive: to its left, up, to its right ear."""
        turn = self.rotation.astype(np.float64)  # picture to face: its rows are the face's axes in the picture
        yaw = np.arctan2(turn[:, 2, 0], turn[:, 2, 2])
        pitch = np.arcsin(np.clip(turn[:, 2, 1], -1, 1))
        roll = np.arctan2(turn[:, 0, 1], turn[:, 1, 1])
        return np.degrees(np.stack([yaw, pitch, -roll], axis=1))


def fit_similarity(source: FloatArray, target: FloatArray, weights: FloatArray | None = None) -> HeadMotion:
    """Find, for each frame, the similarity that lays `source` on `target` with the least weighted squared error.

    The closed form of Umeyama (1991), equations 40 to 42, for all frames at once.

    Args:
        source: `(T, N, 3)` points to move.
        target: `(N, 3)` or `(T, N, 3)` points to meet, in the same order.
        weights: `(T, N)`, not negative; equal if None.

    Raises:
        ShapeError: If the two clouds differ in size.
    """
    sizes = check_shape("source", source, "T N 3")
    source = source.astype(np.float64)
    target = np.broadcast_to(target, source.shape).astype(np.float64)
    share = np.ones(source.shape[:2]) if weights is None else weights
    check_shape("weights", share, f"{sizes['T']} {sizes['N']}")
    share = (share / share.sum(axis=1, keepdims=True))[..., None]

    source_mean, target_mean = (share * source).sum(1), (share * target).sum(1)
    source_centred, target_centred = source - source_mean[:, None], target - target_mean[:, None]

    covariance = (share * target_centred).transpose(0, 2, 1) @ source_centred
    u, singular_values, vt = np.linalg.svd(covariance)
    reflection = np.ones_like(singular_values)
    reflection[:, 2] = np.sign(np.linalg.det(u @ vt))  # S in equation 39: never mirror a face

    rotation = (u * reflection[:, None]) @ vt
    variance = (share * source_centred**2).sum((1, 2))
    scale = (singular_values * reflection).sum(1) / variance
    translation = target_mean - scale[:, None] * np.einsum("tij,tj->ti", rotation, source_mean)
    return HeadMotion(*(part.astype(np.float32) for part in (scale, rotation, translation)))


def fit_head_motion(points: FloatArray, reference: FloatArray) -> HeadMotion:
    """Lay the rigid upper face of every frame on the reference, trusting points less that do not fit.

    Args:
        points: `(T, 468, 3)` tracked points, px.
        reference: `(468, 3)` the face to lay them on, face units.
    """
    source, target = points[:, RIGID_POINTS], reference[list(RIGID_POINTS)]
    motion = fit_similarity(source, target)
    for _ in range(_REWEIGHTING_PASSES):
        residual = np.linalg.norm(motion.remove(source) - target, axis=2)
        usual = np.median(residual, axis=1, keepdims=True) + 1e-9
        motion = fit_similarity(source, target, 1 / (1 + (residual / (_HALF_WEIGHT * usual)) ** 2))
    return motion


def smooth_head_motion(motion: HeadMotion, points: FloatArray, reference: FloatArray, window: int) -> HeadMotion:
    """Still the jitter of scale and rotation without delay; the translation is fitted anew to follow the head.

    Args:
        motion: What `fit_head_motion` found.
        points: `(T, 468, 3)` the tracked points it was fitted to, px.
        reference: `(468, 3)` the face they were laid on, face units.
        window: Frames that the zero-phase filter spans; below 3 nothing is smoothed.
    """
    scale = np.exp(smooth_over_time(np.log(motion.scale.astype(np.float64)), window))
    u, _, vt = np.linalg.svd(smooth_over_time(motion.rotation.astype(np.float64), window))
    rotation = u @ vt  # the rotation nearest to the mean
    source_mean = points[:, RIGID_POINTS].mean(1).astype(np.float64)
    target_mean = reference[list(RIGID_POINTS)].mean(0)
    translation = target_mean - scale[:, None] * np.einsum("tij,tj->ti", rotation, source_mean)
    return HeadMotion(*(part.astype(np.float32) for part in (scale, rotation, translation)))


def smooth_over_time(values: FloatArray, window: int) -> FloatArray:
    """Fit a parabola to every `window` frames and keep its middle (Savitzky and Golay 1964): no delay.

    Args:
        values: `(T, ...)`.
        window: Frames; made odd, and no longer than the track. Below 3 the values come back as they are.
    """
    from scipy.signal import savgol_filter

    length = min(window, len(values))
    length -= 1 - length % 2
    return values if length < 3 else np.asarray(savgol_filter(values, length, min(2, length - 1), axis=0))
