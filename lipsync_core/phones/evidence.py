"""How surely each phone class is heard, over time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import check_shape
from .classes import PHONE_CLASSES, class_indices


@dataclass(frozen=True)
class PhoneEvidence:
    """What a model hears in a sound, at even steps.

    Attributes:
        step_seconds: From one step to the next, s.
        log_probabilities: `(S, K)` float32, of `PHONE_CLASSES`; step `s` is about the time `s * step_seconds`, counted
            from the first sample of the sound.
    """

    step_seconds: float
    log_probabilities: NDArray[np.float32]

    def __post_init__(self) -> None:
        check_shape("PhoneEvidence.log_probabilities", self.log_probabilities, f"S {len(PHONE_CLASSES)}")

    @property
    def times(self) -> NDArray[np.float64]:
        """`(S,)` time of each step, s."""
        return np.arange(len(self.log_probabilities)) * self.step_seconds

    def probability_of(self, names: Iterable[str]) -> NDArray[np.float32]:
        """Return how probable it is that one of some classes is said, `(S,)`."""
        return np.asarray(np.exp(self.log_probabilities[:, class_indices(names)]).sum(1), np.float32)
