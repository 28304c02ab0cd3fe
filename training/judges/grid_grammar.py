"""The sentences of the GRID corpus: six words, each out of a few, and how they are pronounced (Cooke et al. 2006)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from lipsync_core.errors import ConfigError

Sentence: TypeAlias = "tuple[str, ...]"


@dataclass(frozen=True)
class Slot:
    """One of the six places of a sentence.

    Attributes:
        name: What stands there.
        words: By the letter that stands for each in the name of a recording.
    """

    name: str
    words: dict[str, str]


_LETTERS = "abcdefghijklmnopqrstuvxyz"  # w has three syllables, and is left out
_DIGITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

SLOTS: tuple[Slot, ...] = (
    Slot("command", {"b": "bin", "l": "lay", "p": "place", "s": "set"}),
    Slot("colour", {"b": "blue", "g": "green", "r": "red", "w": "white"}),
    Slot("preposition", {"a": "at", "b": "by", "i": "in", "w": "with"}),
    Slot("letter", {letter: letter for letter in _LETTERS}),
    Slot("digit", {"z": "zero"} | {str(number): word for number, word in enumerate(_DIGITS, start=1)}),
    Slot("adverb", {"a": "again", "n": "now", "p": "please", "s": "soon"}),
)

LETTER_SLOT = [slot.name for slot in SLOTS].index("letter")

_SPOKEN = """
bin B IH N; lay L EY; place P L EY S; set S EH T
blue B L UW; green G R IY N; red R EH D; white W AY T
at AE T; by B AY; in IH N; with W IH DH
a EY; b B IY; c S IY; d D IY; e IY; f EH F; g JH IY; h EY CH; i AY; j JH EY; k K EY; l EH L; m EH M
n EH N; o OW; p P IY; q K Y UW; r AA; s EH S; t T IY; u Y UW; v V IY; x EH K S; y W AY; z Z EH D
zero Z IH R OW; one W AH N; two T UW; three TH R IY; four F AO; five F AY V; six S IH K S; seven S EH V AH N
eight EY T; nine N AY N
again AH G EH N; now N AW; please P L IY Z; soon S UW N
"""

PHONES_OF: dict[str, tuple[str, ...]] = {
    word: tuple(phones)
    for word, *phones in (entry.split() for entry in _SPOKEN.replace("\n", ";").split(";") if entry.strip())
}
"""The phones of each word in ARPAbet without stress, as spoken in the south of England."""

PHONES: tuple[str, ...] = tuple(sorted({phone for phones in PHONES_OF.values() for phone in phones}))


def sentence_of(name: str) -> Sentence:
    """Read the six words off the name of a recording: `bbaf2n` is bin blue at f two now.

    Raises:
        ConfigError: If it is not the name of a GRID recording.
    """
    fits = len(name) == len(SLOTS)
    if not (fits and all(sign in slot.words for sign, slot in zip(name, SLOTS, strict=True))):
        raise ConfigError(f"{name!r} is not the name of a GRID recording (as bbaf2n); give clips of the GRID corpus.")
    return tuple(slot.words[sign] for sign, slot in zip(name, SLOTS, strict=True))


def phones_of(sentence: Sentence) -> tuple[str, ...]:
    """Return the phones of all words, one after the other."""
    return tuple(phone for word in sentence for phone in PHONES_OF[word])
