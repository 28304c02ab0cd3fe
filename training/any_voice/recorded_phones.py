"""What the recorded voices call their phones, in IPA. A name that is missing here is its own IPA symbol."""

from __future__ import annotations

from lipsync_core.phones.classes import ARPABET
from lipsync_core.phones.phoneme import SILENCE

_PAUSES = dict.fromkeys(("#", "##", "_", "pau", "SIL", "sil", "ssil", "h#", "H#", "brth"), SILENCE)

AMERICAN: dict[str, str] = {**_PAUSES, **{name.lower(): symbol for name, symbol in ARPABET.items()}}

CZECH: dict[str, str] = {
    **_PAUSES,
    **{"c": "ts", "c~": "tʃ", "ch": "x", "d~": "ɟ", "dz~": "dʒ", "e": "ɛ", "e:": "ɛ", "h": "ɦ", "i": "ɪ"},
    **{"n*": "ŋ", "n~": "ɲ", "r~": "r", "r~*": "r", "s~": "ʃ", "t~": "c", "z~": "ʒ"},
}

ITALIAN: dict[str, str] = {
    **_PAUSES,
    **{"E": "ɛ", "E1": "ɛ", "O": "ɔ", "O1": "ɔ", "i1": "i", "e1": "e", "a1": "a", "o1": "o", "u1": "u", "g": "ɡ"},
    **{"S": "ʃ", "Z": "ʒ", "tS": "tʃ", "dZ": "dʒ", "J": "ɲ", "ng": "ŋ", "nf": "ɱ", "L": "ʎ"},
}

FINNISH: dict[str, str] = {
    **_PAUSES,
    **{"@": "ə", "7": "ø", "&": "æ", "a": "ɑ", "g": "ɡ", "T": "θ", "D": "ð", "S": "ʃ", "Z": "ʒ", "N": "ŋ", "L": "l"},
}

CATALAN: dict[str, str] = {
    **_PAUSES,
    **{"ax": "ə", "E": "ɛ", "O": "ɔ", "g": "ɡ", "J": "ɲ", "L": "ʎ", "rr": "r", "S": "ʃ", "Z": "ʒ"},
}

INDIC: dict[str, str] = {
    **_PAUSES,
    **{"a": "ə", "@": "ə", "aa": "a", "ih": "ɪ", "iy": "i", "uh": "ʊ", "uw": "u", "eh": "e", "ee": "e", "ay": "ɛ"},
    **{"oh": "o", "oo": "o", "aw": "ɔ", "g": "ɡ", "gh": "ɡ", "kh": "k", "ch": "tʃ", "j": "dʒ", "T": "ʈ", "td": "ʈ"},
    **{"D": "ɖ", "N": "ɳ", "th": "t", "tth": "t", "dh": "d", "ddh": "d", "bh": "b", "y": "j", "v": "ʋ", "L": "ɭ"},
    **{"R": "ɽ", "sh": "ʃ", "zh": "ʒ", "ksh": "kʂ", "sri": "sr", "x": "x"},
}

RUSSIAN: dict[str, str] = {
    **_PAUSES,
    **{"ii": "i", "i": "ɪ", "yy": "ɨ", "y": "ɨ", "uu": "u", "u": "ʊ", "ur": "ʊ", "ee": "ɛ", "e": "e"},
    **{"oo": "o", "aa": "a", "a": "ə", "ay": "ɐ", "ae": "ɪ", "g": "ɡ", "gg": "ɡ", "c": "ts", "ch": "tɕ"},
    **{"sh": "ʂ", "sch": "ɕ", "zh": "ʐ", "h": "x", "hh": "x"},
    **{2 * letter: letter for letter in "pbtdkfvszmnlr"},
}


def ipa(name: str, table: dict[str, str]) -> str:
    """Return the IPA symbol of a voice's phone; marks of length and stress are dropped."""
    plain = name if name in table else name.rstrip(":0123456789")
    return table.get(plain, plain)
