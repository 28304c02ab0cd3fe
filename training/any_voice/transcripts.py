"""What is said in footage whose words are known: phones laid onto the sound by a model that hears them already."""

from __future__ import annotations

from lipsync_core.animation import frame_times
from lipsync_core.capture.clip import Take
from lipsync_core.errors import ConfigError
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.phones.alignment import Word, align
from lipsync_core.phones.classes import ARPABET
from lipsync_core.phones.phoneme import Phoneme
from lipsync_core.synthesis import predict

from ..judges.grid_grammar import PHONES_OF, sentence_of


def words_of(take: Take) -> tuple[Word, ...]:
    """Return the words of a take that is named as GRID names its sentences (`bbaf2n`, `s4_bbaf2n`), or none."""
    try:
        sentence = sentence_of(take.name.rpartition("_")[2])
    except ConfigError:
        return ()
    return tuple(Word(word, tuple(ARPABET[phone] for phone in PHONES_OF[word])) for word in sentence)


def phones_of(take: Take, model: SpeechModel) -> tuple[Phoneme, ...]:
    """Return the phones of a take and when they are said; none if its words are not known or not all heard."""
    words = words_of(take)
    evidence = predict(model, take.waveform, frame_times(2, model.description.fps)).phones if words else None
    if evidence is None:
        return ()
    alignment = align(words, evidence)
    return alignment.phonemes() if alignment.share_heard == 1 else ()
