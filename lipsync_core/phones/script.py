"""What a user knows of a recording beforehand: its words, or its phones and when each is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import ConfigError, FormatError
from .phoneme import Phoneme
from .textgrid import read_textgrid
from .tracks import holds_track, read_track
from .written import read_written

SUFFIXES_BESIDE = (".TextGrid", ".textgrid", ".txt")
"""Files that are found beside a sound of the same name, the best first."""

_LONGEST_NAME = 4096  # letters; longer ones are words, no path


@dataclass(frozen=True)
class Script:
    """What is said in a sound.

    Attributes:
        source: Where it comes from, for messages; "the text" if it was typed.
        words: Plain text; "" if the phones are known.
        language: An espeak-ng voice in which the words are said; guessed if empty.
        phonemes: The phones and when each is said, if that is known; they are taken as they are.
        is_found: Whether it was found beside the sound: what is wrong with it is no reason to stop.
    """

    source: str = "the text"
    words: str = ""
    language: str = ""
    phonemes: tuple[Phoneme, ...] = ()
    is_found: bool = False

    def shifted(self, seconds: float) -> Script:
        """Return the script of a sound that begins so much later: earlier phones are cut off."""
        if not self.phonemes or seconds == 0:
            return self
        moved = [(p.symbol, p.start_seconds - seconds, p.end_seconds - seconds) for p in self.phonemes]
        kept = tuple(Phoneme(symbol, max(0.0, start), end) for symbol, start, end in moved if end > 0)
        return replace(self, phonemes=kept)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Script:
        """Read what `to_json` wrote."""
        return cls(**{**values, "phonemes": tuple(Phoneme(**phoneme) for phoneme in values["phonemes"])})


@dataclass(frozen=True)
class ScriptChoice:
    """What a user chose to give as a script.

    Attributes:
        given: A file, or words; "" for nothing.
        language: An espeak-ng voice; guessed if empty.
        look_beside: Whether to look beside the sound where nothing is given.
    """

    given: str = ""
    language: str = ""
    look_beside: bool = True

    def script_for(self, sound: Path | None, skipped: float = 0.0) -> Script | None:
        """Return the script of a sound; None for none.

        Args:
            sound: Its file; None if there is none to look beside.
            skipped: How much of the file is left out at its beginning, s.

        Raises:
            ConfigError: If what was given is no file that exists.
            FormatError: If the file cannot be read.
        """
        if self.given:
            return script_of(self.given, self.language).shifted(skipped)
        found = script_beside(sound, self.language) if self.look_beside and sound else None
        return found.shifted(skipped) if found else None


def script_of(given: str, language: str = "") -> Script:
    """Return what a user gave: a file if there is one of that name, else the words themselves.

    Raises:
        ConfigError: If there is nothing in it.
        FormatError: If the file cannot be read.
    """
    if not given.strip():
        raise ConfigError("The text is empty; give the words that are said, or a file.")
    path = Path(given)
    if len(given) < _LONGEST_NAME and "\n" not in given and _is_file(path):
        return read_script(path, language)
    if path.suffix.lower() in (".txt", ".textgrid", ".lab", ".json", ".tsv", ".pgo", ".srt") and " " not in given:
        raise ConfigError(f"There is no file at {given}; check the path.")
    return Script(words=given, language=language)


def read_script(path: Path, language: str = "") -> Script:
    """Read a file of words or phones; the content tells which.

    Raises:
        FormatError: If it cannot be read.
    """
    text = read_written(path)
    if "IntervalTier" in text[:100_000] or path.suffix.lower() == ".textgrid":
        return Script(path.name, phonemes=read_textgrid(path))
    if holds_track(text):
        return Script(path.name, phonemes=read_track(path))
    if not text.strip():
        raise FormatError(f"{path} is empty; write the words that are said into it.")
    return Script(path.name, words=text, language=language)


def script_beside(sound: Path, language: str = "") -> Script | None:
    """Return the script that lies beside a sound under the same name; None if none does, or none that can be read."""
    for suffix in SUFFIXES_BESIDE:
        path = sound.with_suffix(suffix)
        try:
            if path != sound and path.is_file():
                return replace(read_script(path, language), is_found=True)
        except FormatError:
            continue
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
