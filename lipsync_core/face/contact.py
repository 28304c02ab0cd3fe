"""Contacts put into a predicted motion: the smallest change of the code that brings a face's own lips together.

A network that is unsure predicts the mean, and the mean of open and closed is ajar. Where a gesture was decided, the
inner lips of the face are brought to where they touch, whatever was predicted; elsewhere nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray
from ..phones.gestures import Gesture, GestureKind
from .mouth import mouth_width
from .topology import LOWER_INNER_LIP, UPPER_INNER_LIP

FADE_SECONDS = 0.09  # over which the lips come together and part again: two or three frames
REST_FADE_SECONDS = 0.15
_GAPS: dict[GestureKind, float] = {"lip_to_teeth": 0.05, "lips_closed": 0.004}
"""Lip gap of each contact, share of the mouth's width: the lower lip under the upper incisors; and closed lips, which
measure 0.1 to 0.4 % in film."""
_DEEPEST = 0.01  # share of the mouth's width above the smallest gap that the contact lasts
_LONGEST_CLOSURE_SECONDS = 0.4
_PARTED = 0.02  # share of the mouth's width from which on a neutral face's lips do not touch
_RIDGE = 1e-4  # of the mean response; keeps pairs of points that move alike from pulling against each other


def gesture_share(
    gestures: Iterable[Gesture], kind: GestureKind, seconds: NDArray[np.float64], fade: float, held: float = 0.0
) -> NDArray[np.float64]:
    """Return how fully a gesture is made at `(T,)` times: 1 while it lasts, fading smoothly on either side; `(T,)`.

    Args:
        gestures: Of all kinds.
        kind: Which ones count.
        seconds: When, s.
        fade: How long the mouth takes to make it and to leave it, s.
        held: How long a gesture lasts at least, s: one frame, so that a frame shows it.
    """
    share = np.zeros(len(seconds))
    for gesture in gestures:
        if gesture.kind != kind:
            continue
        half = max(gesture.end_seconds - gesture.start_seconds, held) / 2
        near = np.clip(1 - (np.abs(seconds - gesture.middle_seconds) - half) / fade, 0, 1)
        share = np.maximum(share, near * near * (3 - 2 * near))
    return share


def rest_share(gestures: Iterable[Gesture], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how fully the mouth rests at `(T,)` times: it fades when a pause begins, and opens before it ends."""
    share = np.zeros(len(seconds))
    for gesture in gestures:
        if gesture.kind == "rest":
            begun = (seconds - gesture.start_seconds) / REST_FADE_SECONDS
            left = (gesture.end_seconds - seconds) / REST_FADE_SECONDS
            near = np.clip(np.minimum(begun, left), 0, 1)
            share = np.maximum(share, near * near * (3 - 2 * near))
    return share


def with_contacts(
    codes: NDArray[np.float32],
    seconds: NDArray[np.float64],
    gestures: Sequence[Gesture],
    face: tuple[FloatArray, FloatArray, FloatArray],
) -> NDArray[np.float32]:
    """Make the gestures of lips in a motion.

    Args:
        codes: `(T, N)` predicted.
        seconds: `(T,)` when, s.
        gestures: What was decided.
        face: `(468, 3)` the neutral face, `(468, 3)` the face at code zero, and `(N, 468, 3)` what each number adds.

    Returns:
        `(T, N)` float32: rests taken to the neutral face, then lips brought to the teeth and together. Lips that are
        nearer than a contact asks for stay as they are.
    """
    if not gestures or not len(codes):
        return codes
    neutral, base, shapes = face
    frame = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 0.04
    resting = rest_share(gestures, seconds)[:, None]
    moved = codes + resting * (_code_of(neutral, base, shapes) - codes)
    for kind, width in _GAPS.items():
        share = gesture_share(gestures, kind, seconds, FADE_SECONDS, held=frame)
        if share.any():
            moved = moved + share[:, None] * closing(moved, face, width * mouth_width(neutral))
    return np.asarray(moved, np.float32)


def gestures_seen(
    codes: FloatArray, seconds: NDArray[np.float64], face: tuple[FloatArray, FloatArray, FloatArray], near: float
) -> tuple[Gesture, ...]:
    """Decide on closures from a predicted motion itself: where the lips come near each other between two openings.

    A network that follows its speaker well comes near at every closure, but not all the way: the mean of a closure that
    comes a little earlier or later is a gap.

    Args:
        codes: `(T, N)`.
        seconds: `(T,)` when, s.
        face: As in `with_contacts`.
        near: Share of the mouth's width under which lips are near each other.
    """
    if near <= 0:
        return ()
    neutral, base, shapes = face
    middle = len(UPPER_INNER_LIP) // 2 - 1
    gap = (_inner_gaps(base) + codes @ _inner_gaps(shapes))[:, middle] / mouth_width(neutral)
    met = np.concatenate([[False], gap < near, [False]])
    starts, ends = (np.flatnonzero(np.diff(met.astype(np.int8)) == step) for step in (1, -1))
    made = []
    for first, last in zip(starts, ends, strict=True):
        deepest = gap[first:last] <= gap[first:last].min() + _DEEPEST
        if first > 0 and last < len(gap) and seconds[last - 1] - seconds[first] < _LONGEST_CLOSURE_SECONDS:
            touching = seconds[first:last][deepest]
            made.append(Gesture("lips_closed", float(touching[0]), float(touching[-1])))
    return tuple(made)


def closing(codes: FloatArray, face: tuple[FloatArray, FloatArray, FloatArray], gap: float) -> NDArray[np.float64]:
    """Return the least change of codes `(T, N)` after which no pair of inner lip points is further apart than `gap`.

    The change is least in the code's own numbers, whose deviations are about one, so it is the likeliest way in which
    this face closes its mouth.

    Args:
        codes: `(T, N)`.
        face: As in `with_contacts`.
        gap: Face units; where the neutral face's own lips nearly touch, its gap is taken if it is wider.
    """
    neutral, base, shapes = face
    rest = _inner_gaps(neutral)
    parted = rest > _PARTED * mouth_width(neutral)
    wanted = np.maximum(gap, np.where(parted, gap, rest))
    response = _inner_gaps(shapes).astype(np.float64)  # (N, P)
    excess = np.maximum(_inner_gaps(base) + codes @ response - wanted, 0)
    gram = response.T @ response
    gram += _RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    return -excess @ np.linalg.solve(gram, response.T)


def _inner_gaps(face: FloatArray) -> NDArray[np.float64]:
    """Return how far each upper inner lip point is above its lower one, `(..., 468, 3)` to `(..., 9)`; no corners."""
    height = np.asarray(face[..., 1], np.float64)
    return height[..., list(UPPER_INNER_LIP[1:-1])] - height[..., list(LOWER_INNER_LIP[1:-1])]


def _code_of(vertices: FloatArray, base: FloatArray, shapes: FloatArray) -> NDArray[np.float64]:
    """Return the code `(N,)` of a face, by least squares."""
    flat = shapes.reshape(len(shapes), -1).astype(np.float64)
    gram = flat @ flat.T
    gram += 1e-6 * np.trace(gram) / len(gram) * np.eye(len(gram))
    return np.asarray(np.linalg.solve(gram, flat @ (vertices - base).reshape(-1)), np.float64)
