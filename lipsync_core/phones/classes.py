"""The phone classes that a model tells apart, in any language, and what each asks of lips and tongue.

A class holds sounds that look and sound nearly alike. What the mouth does follows from the class by a table (places and
manners of articulation: International Phonetic Association 1999), so a network that says which class is heard says the
articulation too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .phoneme import SILENCE, Phoneme

BREATH = "breath"
"""The class of what is heard and is no speech: breath, noise, music."""

_CONSONANTS: dict[str, str] = {
    "p": "p",
    "b": "bɓ",
    "m": "m",
    "f": "fɸ",
    "v": "vʋɱβ",
    "θ": "θð",
    "t": "tʈ",
    "d": "dɖɗ",
    "n": "nɳɲ",
    "l": "lɫɭɬʎ",
    "s": "s",
    "z": "z",
    "ʃ": "ʃʒʂʐɕʑ",
    "k": "kxqχcç",
    "ɡ": "ɡgɣɢɟʝ",
    "ŋ": "ŋ",
    "h": "hʔħʕɦ",
    "r": "rɾɽʁʀ",
    "ɹ": "ɹɻ",
    "w": "wɥ",
    "j": "j",
}
_VOWELS: dict[str, str] = {
    "i": "i",
    "ɪ": "ɪᵻɨɯ",
    "e": "eɤ",
    "ɛ": "ɛ",
    "æ": "æ",
    "a": "aäɐʌ",
    "ɑ": "ɑ",
    "ɔ": "ɔɒ",
    "o": "o",
    "ʊ": "ʊ",
    "u": "u",
    "y": "yʏʉ",
    "ø": "øɵœɶɞ",
    "ə": "ə",
    "ɜ": "ɜɚɝ",
}

PHONE_CLASSES: tuple[str, ...] = (SILENCE, BREATH, *_CONSONANTS, *_VOWELS)
"""Names of the `K` classes: silence, breath, then an IPA symbol each."""

LIPS_CLOSED = frozenset("pbm")
LIP_TO_TEETH = frozenset("fv")
TONGUE_TO_TEETH = frozenset("θ")
TONGUE_TO_RIDGE = frozenset("tdnl")
NO_SPEECH = frozenset((SILENCE, BREATH))
VOWELS = frozenset(_VOWELS)

_CLASS_OF_SYMBOL: dict[str, str] = {
    SILENCE: SILENCE,
    BREATH: BREATH,
    **{symbol: name for name, symbols in (_CONSONANTS | _VOWELS).items() for symbol in symbols},
    **dict.fromkeys(("tʃ", "dʒ", "tɕ", "dʑ", "tʂ", "dʐ"), "ʃ"),
    "ts": "s",
    "dz": "z",
}
_INDEX = {name: index for index, name in enumerate(PHONE_CLASSES)}
_UNKNOWN = "ə"

# The phones of American pronouncing dictionaries (ARPAbet, without stress) in IPA.
ARPABET: dict[str, str] = {
    "AA": "ɑ",
    "AE": "æ",
    "AH": "ʌ",
    "AO": "ɔ",
    "AW": "aʊ",
    "AX": "ə",
    "AXR": "ɚ",
    "AY": "aɪ",
    "B": "b",
    "CH": "tʃ",
    "D": "d",
    "DH": "ð",
    "DX": "ɾ",
    "EH": "ɛ",
    "EL": "l",
    "EM": "m",
    "EN": "n",
    "ER": "ɝ",
    "EY": "eɪ",
    "F": "f",
    "G": "ɡ",
    "HH": "h",
    "HV": "h",
    "IH": "ɪ",
    "IX": "ɪ",
    "IY": "i",
    "JH": "dʒ",
    "K": "k",
    "L": "l",
    "M": "m",
    "N": "n",
    "NG": "ŋ",
    "OW": "oʊ",
    "OY": "ɔɪ",
    "P": "p",
    "R": "ɹ",
    "S": "s",
    "SH": "ʃ",
    "T": "t",
    "TH": "θ",
    "UH": "ʊ",
    "UW": "u",
    "UX": "u",
    "V": "v",
    "W": "w",
    "Y": "j",
    "Z": "z",
    "ZH": "ʒ",
}


def class_index(name: str) -> int:
    """Return the place of a class in `PHONE_CLASSES`."""
    return _INDEX[name]


def class_indices(names: Iterable[str]) -> list[int]:
    """Return the places of several classes, in the order of `PHONE_CLASSES`."""
    return sorted(_INDEX[name] for name in names)


def classes_of(symbol: str) -> tuple[str, ...]:
    """Return the classes that an IPA symbol passes through: one, or the parts of a diphthong.

    Marks of length, stress and secondary articulation are passed over; a symbol of which nothing is known is a neutral
    vowel.
    """
    if symbol in _CLASS_OF_SYMBOL:
        return (_CLASS_OF_SYMBOL[symbol],)
    parts, rest = list[str](), symbol
    while rest:
        taken = next((n for n in (2, 1) if rest[:n] in _CLASS_OF_SYMBOL), 0)
        if taken:
            parts.append(_CLASS_OF_SYMBOL[rest[:taken]])
        rest = rest[max(taken, 1) :]
    return tuple(parts) or (_UNKNOWN,)


def class_starts(phoneme: Phoneme) -> Iterator[tuple[str, float]]:
    """Yield the classes that a phoneme passes through and when each begins, s; they share its time evenly."""
    names = classes_of(phoneme.symbol)
    length = (phoneme.end_seconds - phoneme.start_seconds) / len(names)
    for index, name in enumerate(names):
        yield name, phoneme.start_seconds + index * length
