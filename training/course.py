"""What a network is to learn: whose face, from what footage, and how wrong an answer is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lipsync_core.capture.clip import Clip

from .building import hearing
from .config import TrainingConfig
from .dataset import Batch, Footage, PieceSampler
from .losses import Face, anatomy_of, total_loss
from .networks import SpeakerNetwork
from .texture_ground import TextureGround
from .texture_lessons import TextureLesson
from .variation import Vary, at_other_tempos, vary

MotionLesson: TypeAlias = "Callable[[SpeakerNetwork, Batch], Tensor]"


@dataclass(frozen=True)
class Subject:
    """Whose face is learned.

    Attributes:
        speaker: The name.
        fps: Frames per second of the footage.
        neutral: `(468, 3)` float32, face units.
        blendshape_names: Names of the `B` blendshapes.
        duration: Length of the footage, s.
        consent: What the speaker agreed to.
        licence: On what terms the footage may be used.
    """

    speaker: str
    fps: float
    neutral: NDArray[np.float32]
    blendshape_names: tuple[str, ...]
    duration: float
    consent: str = "not stated"
    licence: str = "not stated"

    @classmethod
    def of(cls, clip: Clip) -> Subject:
        """Return who speaks in a clip."""
        return cls(
            speaker=clip.speaker,
            fps=clip.fps,
            neutral=clip.neutral,
            blendshape_names=clip.blendshape_names,
            duration=clip.duration,
            consent=clip.consent,
            licence=clip.licence,
        )


@dataclass(frozen=True)
class Course:
    """What a network is to learn, and from what it starts.

    Attributes:
        subject: Whose face it is.
        footage: What is shown, on the device of training.
        network: Where training starts, on the same device.
        ground: What the texture is made on; None for motion alone.
        lesson: What counts as wrong in the texture; None for motion alone.
        vary: Changes standardised features as a `track` encoder may meet them.
        motion: What counts as wrong in the motion, where it is not `total_loss`.
    """

    subject: Subject
    footage: Footage
    network: SpeakerNetwork
    ground: TextureGround | None = None
    lesson: TextureLesson | None = None
    vary: Vary = vary
    motion: MotionLesson | None = None


class Teacher(nn.Module):
    """Shows a network batches and says how wrong its answers are.

    Drawing, computing and judging a batch are one `forward`, which is what DistributedDataParallel can wrap.
    """

    def __init__(self, course: Course, config: TrainingConfig) -> None:
        super().__init__()
        subject, device = course.subject, course.footage.features.device
        self.network = course.network
        self.sampler = piece_sampler(course, config)
        self._course = course
        self._config = config
        self._anatomy = anatomy_of(subject.neutral, subject.blendshape_names, device)

    def forward(self, generator: torch.Generator) -> Tensor:
        """Draw a batch and return the loss of the network's answer."""
        course, config = self._course, self._config
        batch = self.sampler.draw(generator)
        if config.model.encoder == "track":
            batch = self._varied(batch, generator)
        if course.motion:
            return course.motion(self.network, batch)
        code = self._computed(self.network.encoder, batch.features, batch.columns)
        offsets, blendshapes = self.network.decode(code)
        motion = total_loss(Face(offsets, blendshapes), batch.face, batch.known, self._anatomy, config.loss)
        if course.lesson is None or self.network.texture is None:
            return motion
        painter = partial(self._computed, self.network.texture)
        return motion + course.lesson.loss(painter, code, batch, generator)

    def _varied(self, batch: Batch, generator: torch.Generator) -> Batch:
        data = self._config.data
        retimed = at_other_tempos(batch, data, generator) if data.tempo else batch
        return replace(retimed, features=self._course.vary(retimed.features, data, generator))

    def _computed(self, network: nn.Module, *inputs: Tensor) -> Tensor:
        """Run a network in the configured precision; its answer is in full precision, as the losses are."""
        if self._config.optimizer.precision == "full":
            return network(*inputs)
        with torch.autocast(inputs[0].device.type, torch.bfloat16):
            return network(*inputs).float()


def piece_sampler(course: Course, config: TrainingConfig) -> PieceSampler:
    """Return what draws batches of a course's footage, its features standardised as the network wants them."""
    footage = course.footage
    with torch.no_grad():
        heard = replace(footage, features=course.network.encoder.standardise(footage.features))
    return PieceSampler(heard, course.subject.fps, hearing(config.model), config.data)
