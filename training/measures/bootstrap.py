"""Figures with intervals: what is counted in each sentence, drawn again and again (Efron 1979).

What is counted is a frozen dataclass of arrays whose first axis is frames, then sentences, then nothing or draws. A
judge turns sums over that axis into figures, for one sum or for many at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Counted = TypeVar("Counted", bound="DataclassInstance")
Judge = Callable[[Counted], "DataclassInstance"]

SENTENCE_SECONDS = 3.0  # longer takes are cut into sentences of about this length
_DRAWS = 1000
_LEAST_SENTENCES = 5  # fewer tell nothing of how much they vary
_CONFIDENCE = 95.0  # percent


@dataclass(frozen=True)
class Figure:
    """A measured figure and the 95 % interval of its bootstrap over sentences.

    Attributes:
        value: NaN where there was nothing to measure.
        low: NaN where there were too few sentences.
        high: As `low`.
    """

    value: float
    low: float = math.nan
    high: float = math.nan

    def as_dict(self) -> dict[str, float | None]:
        """Return value, low and high, rounded; None for what is unknown."""
        return {name: None if math.isnan(number) else round(number, 4) for name, number in asdict(self).items()}


def by_sentence(frames: Counted, fps: float) -> Counted:
    """Sum what was counted in each frame of a take, `(T, ...)`, over its sentences, to `(S, ...)`."""
    starts = sentence_starts(len(_arrays(frames)[0]), fps)
    return _mapped(frames, lambda array: np.add.reduceat(array, starts, axis=0))


def sentence_starts(frames: int, fps: float) -> NDArray[np.int_]:
    """Return at which of so many frames each sentence begins, `(S,)`."""
    sentences = max(1, math.floor(frames / (SENTENCE_SECONDS * fps) + 1e-6))
    return np.linspace(0, frames, sentences, endpoint=False).astype(int)


def joined(parts: Sequence[Counted]) -> Counted:
    """Put what was counted in several takes one after the other."""
    columns = zip(*(_arrays(part) for part in parts), strict=True)
    names = [item.name for item in fields(parts[0])]
    return replace(parts[0], **dict(zip(names, map(np.concatenate, columns), strict=True)))


def total(counted: Counted) -> Counted:
    """Sum over the first axis."""
    return _mapped(counted, lambda array: array.sum(axis=0))


def figures_of(sentences: Counted, judge: Judge[Counted]) -> dict[str, Figure]:
    """Judge sentences `(S, ...)`, and draws of as many of them, with replacement.

    Args:
        sentences: What was counted in each.
        judge: Turns sums into a dataclass of figures, whatever axes come first.

    Returns:
        The judge's figures, by name.
    """
    values, names = judge(total(sentences)), [item.name for item in fields(judge(total(sentences)))]
    count = len(_arrays(sentences)[0])
    if count < _LEAST_SENTENCES:
        return {name: Figure(float(getattr(values, name))) for name in names}
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=_DRAWS).astype(np.float64)
    many = judge(_mapped(sentences, lambda array: np.tensordot(drawn, array, axes=1)))
    return {name: Figure(float(getattr(values, name)), *_interval(getattr(many, name))) for name in names}


def ratio(counted: NDArray[np.float64], of: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide; NaN where there is nothing to divide by."""
    known = np.abs(of) > 0
    return np.where(known, counted / np.where(known, of, 1.0), np.nan)


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return math.nan, math.nan
    low, high = np.percentile(known, [50 - _CONFIDENCE / 2, 50 + _CONFIDENCE / 2])
    return float(low), float(high)


def _arrays(counted: DataclassInstance) -> list[NDArray[Any]]:
    return [getattr(counted, item.name) for item in fields(counted)]


def _mapped(counted: Counted, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Counted:
    return replace(counted, **{item.name: change(getattr(counted, item.name)) for item in fields(counted)})
