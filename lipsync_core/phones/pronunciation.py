"""Words to phones, with espeak-ng: in any of its languages, letter by letter where a word is unknown."""

from __future__ import annotations

import ctypes
import re
from functools import cache
from importlib import import_module
from typing import Any

from ..errors import ConfigError, MissingDependencyError
from .alignment import Word

DEFAULT_LANGUAGE = "en-us"
_RETRIEVAL = 2  # espeak-ng's AUDIO_OUTPUT_SYNCHRONOUS: nothing is played
_UTF8 = 1
_IPA_APART = 0x02 | ord("_") << 8  # IPA, a line between phones
_MARKS = "ˈˌːˑ|'ʰ0123456789-"
_LONGEST_TEXT = 100_000  # letters
_WORD = re.compile(r"[\w'’]+(?:[.,]\d+)*")

_SCRIPTS: tuple[tuple[str, str], ...] = (
    ("\u3040-\u30ff", "ja"),
    ("\uac00-\ud7af\u1100-\u11ff", "ko"),
    ("\u4e00-\u9fff", "cmn"),
    ("\u0400-\u04ff", "ru"),
    ("\u0370-\u03ff", "el"),
    ("\u0900-\u097f", "hi"),
    ("\u0600-\u06ff", "ar"),
    ("\u0590-\u05ff", "he"),
    ("\u0b80-\u0bff", "ta"),
    ("\u0e00-\u0e7f", "th"),
)
_WORD_BY_LETTER = ("ja", "cmn", "th")  # written without spaces

_COMMON_WORDS: dict[str, str] = {
    "en-us": "the and of to is that you it was for are with this have not",
    "de": "der die und das ist nicht ich ein eine zu mit den auf es wir",
    "fr": "le la les et est un une des que je ne pas vous dans pour il",
    "es": "el los las y es una que en no por con para se lo mi",
    "it": "il gli e è che non di una per con sono mi della ho si",
    "pt": "o os e é que não uma para com em do da se eu você",
    "nl": "de het een en is niet ik van dat je wij met op maar zijn",
    "sv": "och är det att jag en ett inte som på har den för med vi",
    "pl": "i nie to się że jest na do z jak co tak ja ty mnie",
}


def language_of(text: str) -> str:
    """Guess the language of a text, as espeak-ng names it: by its script, then by its commonest words.

    American English where nothing tells.
    """
    for letters, language in _SCRIPTS:
        if re.search(f"[{letters}]", text):
            return language
    words = [word.lower() for word in _WORD.findall(text)]
    found = {language: sum(word in common.split() for word in words) for language, common in _COMMON_WORDS.items()}
    best = max(found, key=lambda language: found[language])
    return best if found[best] > found[DEFAULT_LANGUAGE] else DEFAULT_LANGUAGE


def pronounce(text: str, language: str = "") -> tuple[Word, ...]:
    """Return the words of a text with their phones.

    Args:
        text: Plain text.
        language: An espeak-ng voice (`en-us`, `de`, `cmn`); guessed if empty.

    Raises:
        ConfigError: If the text is too long, or espeak-ng does not speak the language.
        MissingDependencyError: If espeak-ng is not there.
    """
    if len(text) > _LONGEST_TEXT:
        raise ConfigError(
            f"The text has {len(text)} letters, more than {_LONGEST_TEXT}; give the text of this line alone."
        )
    language = language or language_of(text)
    espeak = _espeak()
    if espeak.espeak_SetVoiceByName(language.encode()) != 0:
        raise ConfigError(f"espeak-ng does not speak {language!r}; choose one such as en-us, en-gb, de, fr or cmn.")
    words = [Word(word, _phones(espeak, word)) for word in _words(text, language)]
    return tuple(word for word in words if word.phones)


def _words(text: str, language: str) -> list[str]:
    words = _WORD.findall(text)
    if language.split("-")[0] in _WORD_BY_LETTER:
        return [letter for word in words for letter in (word if not word.isascii() else [word])]
    return words


def _phones(espeak: Any, word: str) -> tuple[str, ...]:
    left, phones = ctypes.c_char_p(word.encode()), list[str]()
    while left.value:
        said = espeak.espeak_TextToPhonemes(ctypes.byref(left), _UTF8, _IPA_APART)
        phones += re.split(r"[_\s]+", re.sub(r"\([^)]*\)", "", said.decode("utf-8", "replace")))
    plain = ("".join(sign for sign in phone if sign not in _MARKS) for phone in phones)
    return tuple(phone for phone in plain if phone)


@cache
def _espeak() -> Any:
    """Load the library once."""
    try:
        espeakng_loader = import_module("espeakng_loader")
    except ImportError as fault:
        raise MissingDependencyError(
            "A text is pronounced with espeak-ng, which is not here: run `pip install espeakng-loader`, or give a "
            "TextGrid or a list of phones instead of the text."
        ) from fault
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    library.espeak_TextToPhonemes.argtypes = (ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int)
    library.espeak_Initialize(_RETRIEVAL, 0, espeakng_loader.get_data_path().encode(), 0)
    return library
