"""Read speech of professional speakers whose words are known: a telephone exchange's prompts, as Debian has them.

Each package holds some five hundred recordings of one voice, from single digits to whole menus, with their texts. A
model that hears phones finds when each is said.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lipsync_core.animation import frame_times
from lipsync_core.audio.decoding import read_speech
from lipsync_core.errors import LipSyncError
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.phones.alignment import align
from lipsync_core.phones.pronunciation import pronounce
from lipsync_core.synthesis import predict

from ..virtual_speaker.speech import Speech

_SOUNDS = Path("/usr/share/asterisk/sounds")
_TEXTS = Path("/usr/share/doc")
_LEAST_HEARD = 0.999  # share of the words that must be heard: a number read otherwise than written spoils the rest


@dataclass(frozen=True)
class PromptVoice:
    """A voice and what must be known of it.

    Attributes:
        name: Folder of its sounds.
        code: What its packages end in, and its texts are called.
        language: As espeak-ng names it.
        owner: Whose voice it is, and on what terms.
    """

    name: str
    code: str
    language: str
    owner: str

    @property
    def packages(self) -> tuple[str, str]:
        """Debian's packages: the sounds, and their texts."""
        return f"asterisk-core-sounds-{self.code}-g722", f"asterisk-core-sounds-{self.code}"


PROMPT_VOICES: tuple[PromptVoice, ...] = (
    PromptVoice("en_US_f_Allison", "en", "en-us", "Allison Smith, CC BY-SA 3.0"),
    PromptVoice("es_MX_f_Allison", "es", "es-419", "Allison Smith, CC BY-SA 3.0"),
    PromptVoice("fr_CA_f_June", "fr", "fr", "June Wallack, CC BY-SA 3.0"),
    PromptVoice("it_IT_m_Carlo", "it", "it", "Carlo Flamini, CC BY-SA 3.0"),
    PromptVoice("ru_RU_f_IvrvoiceRU", "ru", "ru", "IvrvoiceRU, CC BY-SA 3.0"),
)


def installed_prompts() -> tuple[PromptVoice, ...]:
    """Return the voices of `PROMPT_VOICES` whose sounds and texts are on this machine."""
    return tuple(voice for voice in PROMPT_VOICES if (_SOUNDS / voice.name).is_dir() and _text_file(voice).is_file())


def prompt_texts(voice: PromptVoice) -> dict[Path, str]:
    """Return the recordings of a voice with what is said in them."""
    content = gzip.decompress(_text_file(voice).read_bytes()).decode("utf-8", "replace")
    lines = (line.partition(":") for line in content.splitlines() if not line.startswith(";"))
    files = {(_SOUNDS / voice.name / f"{name.strip()}.g722"): text.strip() for name, _, text in lines}
    return {path: text for path, text in files.items() if text and text[0] not in "[(" and path.is_file()}


def aligned_prompts(voice: PromptVoice, model: SpeechModel) -> Iterator[Speech]:
    """Yield the recordings of a voice with the phones that a model hears; what it does not follow is left out."""
    for path, text in prompt_texts(voice).items():
        try:
            waveform = read_speech(path)
            words = pronounce(text, voice.language)
            evidence = predict(model, waveform, frame_times(2, model.description.fps)).phones
        except LipSyncError:
            continue
        if evidence is None or not words:
            continue
        alignment = align(words, evidence)
        if alignment.share_heard >= _LEAST_HEARD:
            yield Speech(waveform, alignment.phonemes())


def in_turn(speeches: Sequence[Sequence[Speech]], rng: np.random.Generator) -> Iterator[Speech]:
    """Yield the speeches of several voices without end, voices drawn evenly."""
    voices = [said for said in speeches if said]
    while voices:
        said = voices[int(rng.integers(len(voices)))]
        yield said[int(rng.integers(len(said)))]


def _text_file(voice: PromptVoice) -> Path:
    return _TEXTS / voice.packages[1] / f"core-sounds-{voice.code}.txt.gz"
