"""What the judges of a benchmark measure, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from ..judges.sync_errors import SyncFigures
from ..judges.word_errors import WordCounts, WordErrorRates
from ..measures.bootstrap import ratio
from ..measures.described import Better, Described, descriptions_of

Values = NDArray[np.float64]

SYNC_PREFIX = "sync_"

_BETTER: dict[str, Better] = {
    "sync_exact": "higher",
    "sync_near": "higher",
    "sync_lateness": "nearer to 0",
    "sync_confidence": "higher",
}


@dataclass(frozen=True)
class ReadTwice:
    """Counted in each sentence that was read from the film and from a model's pictures.

    Attributes:
        shown: `(S,)` words that were read wrong from the model's pictures.
        filmed: `(S,)` those from the film.
        words: `(S,)` words.
    """

    shown: Values
    filmed: Values
    words: Values

    @classmethod
    def of(cls, shown: WordCounts, filmed: WordCounts) -> ReadTwice:
        """Put two readings of the same sentences beside each other."""
        return cls(shown.errors.sum(axis=1), filmed.errors.sum(axis=1), filmed.words.sum(axis=1))


@dataclass(frozen=True)
class WordsLost:
    """What a model lost of the speech.

    Attributes:
        words_lost: Share of words that are read wrong from the model's pictures, less that from the film.
    """

    words_lost: Annotated[Values, Described("the same, less that of the film", digits=3, better="lower")]


def words_lost(counted: ReadTwice) -> WordsLost:
    """Turn sums over sentences into shares; axes that come first are kept."""
    return WordsLost(ratio(counted.shown - counted.filmed, counted.words))


def judged_measures() -> dict[str, Described]:
    """Return how everything that judges measure is shown, by name."""
    sync = {SYNC_PREFIX + name: shown for name, shown in descriptions_of(SyncFigures).items()}
    read = descriptions_of(WordErrorRates) | descriptions_of(WordsLost)
    return {name: replace(shown, better=_BETTER.get(name, "lower")) for name, shown in (read | sync).items()}
