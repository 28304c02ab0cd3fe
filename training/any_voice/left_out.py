"""Who is kept from a training so that the model can be measured on them: voices, languages, filmed speakers."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from lipsync_core.errors import ConfigError

from .recorded_voices import VOICES, RecordedVoice
from .texts import SENTENCES

_SAME_PERSON = (
    frozenset(("cmu_us_slt_arctic_hts", "slt")),
    frozenset(("kal_diphone", "kal16")),
    frozenset(("hindi_NSK_diphone", "marathi_NSK_diphone", "telugu_NSK_diphone")),
)
"""Voices made of recordings of one person each."""


def language_of(reader: str) -> str:
    """Return the language of one of espeak-ng's voices: `en-gb-scotland` reads `en`."""
    return reader.partition("-")[0]


def voices_but(voices: Iterable[RecordedVoice], without: Collection[str]) -> tuple[RecordedVoice, ...]:
    """Return the voices of which name and language are not left out, nor another voice of the same person."""
    left_out = set(without).union(*(people for people in _SAME_PERSON if people & set(without)))
    return tuple(voice for voice in voices if not {voice.name, voice.language} & left_out)


def check_left_out(without: Collection[str], speakers: Iterable[str]) -> None:
    """Refuse names of nobody: a name with a slip would leave its speaker in, and nobody would notice.

    Args:
        without: Names of voices, languages and speakers.
        speakers: Names of the filmed and the animated.

    Raises:
        ConfigError: If a name is none of theirs.
    """
    languages = {language_of(reader) for reader in (*SENTENCES, "en")} | {voice.language for voice in VOICES}
    known = {*speakers, *languages, *(voice.name for voice in VOICES)}
    if strangers := sorted(set(without) - known):
        raise ConfigError(
            f"Nobody is called {', '.join(strangers)}, to be left out; choose among {', '.join(sorted(known))}."
        )
