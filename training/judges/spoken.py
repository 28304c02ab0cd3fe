"""A take as the judges are given it: pictures of the mouth, filmed or painted, and the sound that belongs to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipsync_core.arrays import check_shape
from lipsync_core.audio.waveform import Waveform
from lipsync_core.capture.clip import Clip, Take
from lipsync_core.errors import ConfigError
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.progress import Progress, ignore_progress

from ..measures.lip_crops import painted_crops
from .grid_grammar import Sentence, sentence_of
from .mouths import Pictures, mouth_pictures


@dataclass(frozen=True)
class Spoken:
    """Speech that is seen and heard.

    Attributes:
        name: Of the take.
        pictures: `(T, 32, 48)` of `mouth_pictures`.
        seconds: `(T,)` the middle of each frame, s from the first sample.
        waveform: The sound.
    """

    name: str
    pictures: Pictures
    seconds: NDArray[np.float64]
    waveform: Waveform

    def __post_init__(self) -> None:
        frames = check_shape("Spoken.pictures", self.pictures, "T H W")["T"]
        check_shape("Spoken.seconds", self.seconds, f"{frames}")

    @property
    def sentence(self) -> Sentence:
        """What is said, by the name of a GRID recording.

        Raises:
            ConfigError: If it has another name.
        """
        return sentence_of(self.name)


def filmed(clip: Clip) -> list[Spoken]:
    """Return all takes as they were filmed.

    The mouth lies inside the face, so it does not matter that these crops go on outside it.

    Raises:
        ConfigError: If the clip has no texture.
    """
    return [spoken_of(take, take.crops) for take in clip.takes]


def painted(model: SpeechModel, clip: Clip, progress: Progress = ignore_progress) -> list[Spoken]:
    """Return all takes as a model paints them from their sound.

    Raises:
        ConfigError: If the model has no texture.
    """
    if model.texture is None:
        raise ConfigError("The model paints no pictures to judge; train it on a clip with texture.")
    takes = []
    for number, take in enumerate(clip.takes, start=1):
        takes.append(spoken_of(take, painted_crops(model, take)))
        progress(number / len(clip.takes))
    return takes


def spoken_of(take: Take, crops: NDArray[np.uint8] | None) -> Spoken:
    """Return a take as it is seen in lip crops `(T, 128, 128, 3)`, its own or painted ones.

    Raises:
        ConfigError: If there are none.
    """
    if crops is None:
        raise ConfigError(f"The take {take.name} has no pictures to judge; prepare the clip with texture.")
    return Spoken(take.name, mouth_pictures(crops), take.seconds, take.waveform)
