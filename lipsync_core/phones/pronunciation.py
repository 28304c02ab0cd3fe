"""Words to phones, with espeak-ng: in any of its languages, letter by letter where a word is unknown."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import ConfigError
from .alignment import Word
from .espeak import espeak_library

DEFAULT_LANGUAGE = "en-us"
# espeak-ng's speak_lib.h
_UTF8 = 1
_IPA_APART = 0x02 | ord("_") << 8  # IPA, a line between phones
_MARKS = "ˈˌːˑ|'ʰ0123456789-."
_LONGEST_TEXT = 100_000  # letters
_CLAUSE = re.compile(r"[.,;:!?…。，、；：！？\n]+\s*")
_REMARKS = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|\{[^{}]*\}")  # of transcribers: noises, tags
_SUBTITLE_TIMES = re.compile(r"^(?:\d+|WEBVTT.*|.*-->.*)$", re.MULTILINE)
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
    espeak, _ = espeak_library()
    if espeak.espeak_SetVoiceByName(language.encode()) != 0:
        raise ConfigError(f"espeak-ng does not speak {language!r}; choose one such as en-us, en-gb, de, fr or cmn.")
    clauses = _CLAUSE.split(plain_words(text))
    return tuple(word for clause in clauses for word in _pronounced(espeak, _words(clause, language)))


def plain_words(text: str) -> str:
    """Return what is said of a text: without tags, remarks in square brackets, and the times of subtitles."""
    if "-->" in text:
        text = _SUBTITLE_TIMES.sub("", text)
    return _REMARKS.sub(" ", text).replace("\0", " ")


def _words(text: str, language: str) -> list[str]:
    words = _WORD.findall(text)
    if language.split("-")[0] in _WORD_BY_LETTER:
        return [letter for word in words for letter in (word if not word.isascii() else [word])]
    return words


def _pronounced(espeak: Any, words: Sequence[str]) -> Iterator[Word]:
    """Yield the words of a clause as they are said in it and, where it is another way, alone."""
    alone = [_joined(_groups(espeak, word)) for word in words]
    together = _groups(espeak, " ".join(words)) if len(words) > 1 else []
    if len(together) != len(words):  # words were joined, or a number is several
        together = alone
    for word, here, there in zip(words, together, alone, strict=True):
        if here or there:
            yield Word(word, here or there, (there,) if here and there and there != here else ())


def _groups(espeak: Any, text: str) -> list[tuple[str, ...]]:
    """Return the phones of each group that espeak-ng makes of a text: mostly of each word."""
    left, groups = ctypes.c_char_p(text.encode()), list[tuple[str, ...]]()
    while left.value:
        said = espeak.espeak_TextToPhonemes(ctypes.byref(left), _UTF8, _IPA_APART)
        spoken = re.sub(r"\([^)]*\)", "", said.decode("utf-8", "replace"))
        groups += [_plain(group.split("_")) for group in spoken.split()]
    return [group for group in groups if group]


def _joined(groups: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(phone for group in groups for phone in group)


def _plain(phones: Sequence[str]) -> tuple[str, ...]:
    plain = ("".join(sign for sign in phone if sign not in _MARKS) for phone in phones)
    return tuple(phone for phone in plain if phone)
