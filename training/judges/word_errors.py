"""How many words a lip reader gets wrong, sentence by sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from ..measures.bootstrap import ratio
from ..measures.described import Described
from .grid_grammar import LETTER_SLOT, Sentence
from .lip_reader import LipReader
from .spoken import Spoken

Values = NDArray[np.float64]


@dataclass(frozen=True)
class WordCounts:
    """Counted in each sentence.

    Attributes:
        errors: `(S, 6)` 1 where the word in a place was read wrong.
        words: `(S, 6)` 1 where there is a word.
    """

    errors: Values
    words: Values


@dataclass(frozen=True)
class WordErrorRates:
    """Shares of words that were read wrong, NaN where there were none.

    Attributes:
        word_error_rate: Of all.
        letter_error_rate: Of letters, 1 out of 25 and much alike on the lips.
        other_error_rate: Of all but letters.
    """

    word_error_rate: Annotated[Values, Described("words read wrong", digits=3)]
    letter_error_rate: Annotated[Values, Described("letters read wrong", digits=3)]
    other_error_rate: Annotated[Values, Described("other words read wrong", digits=3)]


def word_errors(reader: LipReader, takes: Sequence[Spoken]) -> WordCounts:
    """Have GRID recordings read, filmed or painted.

    Raises:
        ConfigError: If a take is no GRID recording, or too short for a sentence.
    """
    return count_errors([reader.read(take.pictures) for take in takes], [take.sentence for take in takes])


def count_errors(read: Sequence[Sentence], spoken: Sequence[Sentence]) -> WordCounts:
    """Compare sentences place by place.

    No word of GRID fits in two places, so this is the edit distance between the two sentences.
    """
    pairs = zip(read, spoken, strict=True)
    errors = np.array([[a != b for a, b in zip(first, second, strict=True)] for first, second in pairs], np.float64)
    return WordCounts(errors, np.ones_like(errors))


def word_error_rates(counted: WordCounts) -> WordErrorRates:
    """Turn sums over sentences into rates; axes that come first are kept. For `figures_of`."""
    letters = np.arange(counted.errors.shape[-1]) == LETTER_SLOT
    return WordErrorRates(
        word_error_rate=_rate(counted, letters | ~letters),
        letter_error_rate=_rate(counted, letters),
        other_error_rate=_rate(counted, ~letters),
    )


def _rate(counted: WordCounts, places: NDArray[np.bool_]) -> Values:
    return ratio(counted.errors[..., places].sum(-1), counted.words[..., places].sum(-1))
