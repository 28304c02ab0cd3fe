"""Closures with recorded voices whose phones are known exactly: best those that a model was trained without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lipsync_core.errors import ConfigError
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.phones.classes import LIPS_CLOSED, NO_SPEECH, VOWELS, class_starts
from lipsync_core.phones.phoneme import Phoneme

from ..virtual_speaker.speech import Speech, join
from .measurement import ARPABET, Closures, Stretch, closures
from .recorded_voices import RecordedVoice, installed_voices, speeches_of

_SEED = 12345  # of what is said; sentences are those of the corpus, chains of words and invented ones are others
_STAND_INS = ((LIPS_CLOSED, "B"), (NO_SPEECH, "SIL"), (VOWELS, "AA"))  # phones of `ARPABET` that stand for a class
_OTHER = "K"


def voices_called(name: str) -> tuple[RecordedVoice, ...]:
    """Return the installed voices of a name, or of a language.

    Raises:
        ConfigError: If there is none.
    """
    found = tuple(voice for voice in installed_voices() if name in (voice.name, voice.language))
    if not found:
        names = ", ".join(voice.name for voice in installed_voices()) or "none"
        raise ConfigError(f"No recorded voice {name!r} is installed to measure on; there are {names}.")
    return found


def voice_closures(model: SpeechModel, voice: RecordedVoice, seconds: float) -> Closures:
    """Measure a model's closures while a voice speaks for so long.

    Raises:
        ConfigError: If the voice says nothing.
    """
    said = join(list(_said(voice, seconds)))
    return closures(model, said.waveform, stretches_of(said.phonemes), ARPABET)


def stretches_of(phonemes: Sequence[Phoneme]) -> tuple[Stretch, ...]:
    """Return phones of any language as those of `ARPABET` that close, open or rest the lips in the same way."""
    spans = [(name, start) for phoneme in phonemes for name, start in class_starts(phoneme)]
    ends = [start for _, start in spans[1:]] + [phonemes[-1].end_seconds] if phonemes else []
    return tuple(Stretch(_stand_in(name), start, end) for (name, start), end in zip(spans, ends, strict=True))


def _stand_in(name: str) -> str:
    return next((stand_in for classes, stand_in in _STAND_INS if name in classes), _OTHER)


def _said(voice: RecordedVoice, seconds: float) -> Iterator[Speech]:
    rng, said = np.random.default_rng(_SEED), 0.0
    while said < seconds:
        batch = speeches_of(voice, rng)
        if not batch:
            raise ConfigError(f"The voice {voice.name} says nothing; install {voice.package} anew.")
        for speech in batch:
            said += speech.waveform.duration
            yield speech
