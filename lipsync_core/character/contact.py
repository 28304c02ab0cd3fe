"""Contacts on a character's own lips: how its shape keys close them, whatever 1.0 of a key means on that head.

Shape keys are linear, so the way from the lower to the upper lip is `d = rest + sum of value * moved` at every pair of
facing points. A contact is the least change of the values, within the range of their sliders, after which `d` is what
it is at rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray
from ..face.contact import FADE_SECONDS, gesture_share, rest_share
from ..face.solver import minimise_in_box
from ..phones.gestures import Gesture, GestureKind

Values = dict[str, NDArray[np.float32]]
"""`(T,)` values of shape keys by name."""

_PLACES = (-0.3, -0.15, 0.0, 0.15, 0.3)  # of the pairs, from the middle of the mouth, shares of its width
_REACH = 0.075  # to either side of a place, within which its pair is looked for
_MOVES = 0.5  # share of a lip's largest motion that its border makes
_FOLLOWS = 0.3  # share of the opening above which a point goes with the jaw, and below which it stays
_SIDE_WEIGHT = 0.5  # of pairs beside the middle
_ALONG_WEIGHT = 0.35  # of lips that slide along each other, beside lips that part
_FIRMNESS = 4000.0  # how much a parting of one mouth's width counts beside a key's whole range
_ITERATIONS = 600
_ALLOWED: dict[GestureKind, float] = {"lip_to_teeth": 0.05, "lips_closed": 0.0}
"""How far the lips may be apart in each contact, beyond rest, in widths of the mouth."""


@dataclass(frozen=True)
class LipResponse:
    """What a character's shape keys do to its lips.

    Attributes:
        names: Of the `K` shape keys.
        rest: `(P, 3)` way from each point of the lower lip to the one of the upper lip that faces it, at rest.
        moved: `(K, P, 3)` what the full key adds to it, in the same unit.
        least: `(K,)` lowest value of each key.
        most: `(K,)` highest.
        apart: `(3,)` unit vector along which an opening mouth parts the lips.
        width: Width of the mouth, in the same unit.
        pairs: `(P, 2)` numbers of the vertices, upper and lower.
    """

    names: tuple[str, ...]
    rest: NDArray[np.float64]
    moved: NDArray[np.float64]
    least: NDArray[np.float64]
    most: NDArray[np.float64]
    apart: NDArray[np.float64]
    width: float
    pairs: NDArray[np.intp]

    def range_of(self, name: str) -> tuple[float, float]:
        """Return the lowest and the highest value of a key."""
        index = self.names.index(name)
        return float(self.least[index]), float(self.most[index])

    def parting(self, values: FloatArray) -> NDArray[np.float64]:
        """Return how much further apart each pair is than at rest, at values `(T, K)`: `(T, P)`."""
        apart = np.linalg.norm(self.rest + np.tensordot(values, self.moved, axes=1), axis=2)
        return np.asarray(apart - np.linalg.norm(self.rest, axis=1), np.float64)


@dataclass(frozen=True)
class KeyShapes:
    """A mesh and what its shape keys add to it.

    Attributes:
        points: `(V, 3)` at rest; x is left to right.
        deltas: `(V, 3)` by the name of the key.
        ranges: Lowest and highest value by the name of the key.
        opening: Names of the keys that open the mouth.
        lifting: Names of those that lift the upper lip alone.
        dropping: Names of those that lower the lower lip alone.
    """

    points: FloatArray
    deltas: Mapping[str, FloatArray]
    ranges: Mapping[str, tuple[float, float]]
    opening: tuple[str, ...]
    lifting: tuple[str, ...] = ()
    dropping: tuple[str, ...] = ()


def lip_response(shapes: KeyShapes) -> LipResponse | None:
    """Find the lips of a mesh by what its keys move, and what every key does to them.

    Returns:
        None if no key parts any points that face each other.
    """
    found = _facing_pairs(shapes)
    if found is None:
        return None
    pairs, width = found
    upper, lower = pairs.T
    names = tuple(shapes.deltas)
    moved = np.stack([shapes.deltas[name][upper] - shapes.deltas[name][lower] for name in names]).astype(np.float64)
    least, most = np.array([shapes.ranges[name] for name in names], np.float64).T
    rest = (shapes.points[upper] - shapes.points[lower]).astype(np.float64)
    opening = moved[[names.index(name) for name in shapes.opening or shapes.lifting]].sum(axis=(0, 1))
    return LipResponse(names, rest, moved, least, most, opening / np.linalg.norm(opening), width, pairs)


def with_lip_contacts(
    values: Mapping[str, NDArray[np.float32]],
    lips: LipResponse,
    gestures: Sequence[Gesture],
    seconds: NDArray[np.float64],
) -> Values:
    """Close a character's lips where gestures ask for it.

    Args:
        values: `(T,)` by the name of the shape key, as they would be shown.
        lips: What the keys do; those that are not among the values stay where they are.
        gestures: When the lips meet each other, or the teeth.
        seconds: `(T,)` when, s.

    Returns:
        The values with contacts in them; outside contacts they are unchanged.
    """
    known = [index for index, name in enumerate(lips.names) if name in values]
    if not known or not len(seconds):
        return dict(values)
    wanted = np.stack([values[lips.names[index]] for index in known], axis=1).astype(np.float64)  # (T, K)
    frame = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 0.04
    for kind, allowed in _ALLOWED.items():
        share = gesture_share(gestures, kind, seconds, FADE_SECONDS, held=1.01 * frame)
        at = np.flatnonzero(share)
        if len(at):
            met = _met(wanted[at], lips, known, allowed)
            wanted[at] += share[at, None] * (met - wanted[at])
    moved = {lips.names[index]: column.astype(np.float32) for index, column in zip(known, wanted.T, strict=True)}
    return {**values, **moved}


def at_rest(
    values: Mapping[str, NDArray[np.float32]], gestures: Sequence[Gesture], seconds: NDArray[np.float64]
) -> Values:
    """Let the keys that speech moves fade to nothing wherever the mouth rests."""
    moving = (1 - rest_share(gestures, seconds)).astype(np.float32)
    return {name: value * moving for name, value in values.items()}


def shut(opened: FloatArray, gestures: Sequence[Gesture], seconds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Close a jaw, `(T,)` from 0 to 1, wherever the lips meet or rest: a bone has no lips of its own to close."""
    met = gesture_share(gestures, "lips_closed", seconds, FADE_SECONDS)
    return np.asarray(opened * (1 - np.maximum(met, rest_share(gestures, seconds))), np.float32)


def contact_frames(gestures: Sequence[Gesture], seconds: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the frames at which a contact is whole, `(F,)`: those that keyframe reduction must keep."""
    frame = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 0.04
    whole = [gesture_share(gestures, kind, seconds, FADE_SECONDS, held=1.01 * frame) > 1 - 1e-6 for kind in _ALLOWED]
    return np.flatnonzero(np.any(whole, axis=0))


def _met(values: NDArray[np.float64], lips: LipResponse, known: Sequence[int], allowed: float) -> NDArray[np.float64]:
    """Return the values nearest to `(T, K)` at which the lips are no further apart than allowed, in mouth widths."""
    moved = lips.moved[known] / lips.width  # (K, P, 3)
    across = lips.apart[:, None] * lips.apart
    weighed = _ALONG_WEIGHT * (np.eye(3) - across) + across  # what slides counts less than what parts
    weight = np.sqrt(np.where(np.arange(moved.shape[1]) == moved.shape[1] // 2, 1.0, _SIDE_WEIGHT))[:, None]
    response = (moved @ weighed * weight).reshape(len(known), -1)  # (K, 3P)
    offset = np.einsum("tk,kpi->tpi", values, moved)
    open_by = offset @ lips.apart  # (T, P)
    kept = np.clip(allowed / np.maximum(open_by, 1e-9), 0, 1) * (open_by > 0)
    target = (offset * kept[..., None] @ weighed * weight).reshape(len(values), -1)
    return _nearest_in_range(values, response, target, lips.least[known], lips.most[known])


def _nearest_in_range(
    values: NDArray[np.float64],
    response: NDArray[np.float64],
    target: NDArray[np.float64],
    least: NDArray[np.float64],
    most: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the values in range nearest to `(T, K)` that firmly keep `values @ response` at `(T, R)` targets."""
    span = np.maximum(most - least, 1e-6)
    curvature = np.eye(len(span)) + _FIRMNESS * response @ response.T
    pull = values + _FIRMNESS * target @ response.T - curvature @ least
    share = minimise_in_box(span[:, None] * curvature * span, pull * span, 0.0, _ITERATIONS)
    return np.asarray(least + share * span, np.float64)


def _facing_pairs(shapes: KeyShapes) -> tuple[NDArray[np.intp], float] | None:
    """Return `(P, 2)` numbers of facing points of the upper and the lower lip, and the mouth's width."""
    borders = _lip_borders(shapes)
    if borders is None:
        return None
    upper, lower, across = borders
    middle, width = float(across.mean()), float(np.ptp(across))
    pairs = [_nearest_pair(shapes.points, upper, lower, middle + place * width, _REACH * width) for place in _PLACES]
    found = [pair for pair in pairs if pair is not None]
    return (np.array(found, np.intp), width) if pairs[len(_PLACES) // 2] is not None and width > 0 else None


def _lip_borders(shapes: KeyShapes) -> tuple[NDArray[np.intp], NDArray[np.intp], FloatArray] | None:
    """Return the points that may be the border of either lip, and the places of the mouth from left to right."""
    x = shapes.points[:, 0]
    if shapes.lifting and shapes.dropping:
        lift, drop = (_motion(shapes, names) for names in (shapes.lifting, shapes.dropping))
        if lift.max() > 0 and drop.max() > 0:
            upper = np.flatnonzero((lift > _MOVES * lift.max()) & (lift > drop))
            lower = np.flatnonzero((drop > _MOVES * drop.max()) & (drop > lift))
            return upper, lower, x[np.concatenate([upper, lower])]
    if not shapes.opening:
        return None
    opened = _motion(shapes, shapes.opening)
    if opened.max() <= 0:
        return None
    lower = np.flatnonzero(opened > 2 * _FOLLOWS * opened.max())
    upper = np.flatnonzero(opened < _FOLLOWS * opened.max())
    return upper, lower, x[lower]


def _motion(shapes: KeyShapes, names: Sequence[str]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(sum(shapes.deltas[name] for name in names), axis=1), np.float64)


def _nearest_pair(
    points: FloatArray, upper: NDArray[np.intp], lower: NDArray[np.intp], place: float, reach: float
) -> tuple[int, int] | None:
    """Return the nearest points of two lips about a place from left to right; None if either has none there."""
    above, below = (side[np.abs(points[side, 0] - place) <= reach] for side in (upper, lower))
    if not len(above) or not len(below):
        return None
    apart = np.linalg.norm(points[above][:, None] - points[below][None], axis=2)
    one, other = np.unravel_index(apart.argmin(), apart.shape)
    return int(above[one]), int(below[other])
