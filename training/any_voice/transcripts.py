"""What is said in footage whose words are known: when each phone is, by the words' times or by a model that hears."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from lipsync_core.animation import frame_times
from lipsync_core.capture.clip import Take
from lipsync_core.errors import ConfigError, FormatError
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.phones.alignment import Word, align
from lipsync_core.phones.classes import ARPABET
from lipsync_core.phones.evidence import PhoneEvidence
from lipsync_core.phones.phoneme import Phoneme
from lipsync_core.synthesis import predict

from ..judges.grid_grammar import PHONES_OF, sentence_of
from .word_times import SUFFIX, TimedWord, phones_by_length, phones_within_words, read_word_times


def words_of(take: Take) -> tuple[Word, ...]:
    """Return the words of a take that is named as GRID names its sentences (`bbaf2n`, `s4_bbaf2n`), or none."""
    try:
        sentence = sentence_of(take.name.rpartition("_")[2])
    except ConfigError:
        return ()
    return tuple(Word(word, tuple(ARPABET[phone] for phone in PHONES_OF[word])) for word in sentence)


def word_files(folders: Iterable[Path]) -> dict[str, Path]:
    """Return the word files in some folders by the take that they are of."""
    return {path.stem: path for folder in folders for path in sorted(folder.glob(f"*{SUFFIX}"))}


def timed_words(take: Take, words: Sequence[Word], path: Path) -> tuple[TimedWord, ...]:
    """Return a take's words with their times.

    Raises:
        FormatError: If the file holds other words.
    """
    rows = read_word_times(path)
    if [row[0] for row in rows] != [word.text for word in words]:
        raise FormatError(f"{path} holds other words than the take {take.name} is named after; give its own file.")
    return tuple(TimedWord(word, start, end) for word, (_, start, end) in zip(words, rows, strict=True))


def phones_of(take: Take, model: SpeechModel | None, path: Path | None = None) -> tuple[Phoneme, ...]:
    """Return the phones of a take and when they are said; none if its words or their times cannot be known.

    Args:
        take: Named after its sentence.
        model: A model that hears phones, or None.
        path: A file that says when each word is said, or None.

    Raises:
        FormatError: If the file is of other words.
    """
    words = words_of(take)
    if not words:
        return ()
    evidence = _heard(take, model)
    duration = take.waveform.duration
    if path:
        timed = timed_words(take, words, path)
        return phones_within_words(timed, evidence, duration) if evidence else phones_by_length(timed, duration)
    alignment = align(words, evidence) if evidence else None
    return alignment.phonemes() if alignment and alignment.share_heard == 1 else ()


def _heard(take: Take, model: SpeechModel | None) -> PhoneEvidence | None:
    return predict(model, take.waveform, frame_times(2, model.description.fps)).phones if model else None
