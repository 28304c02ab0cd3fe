"""A lip reader for GRID: which words a mouth says, by its pictures alone.

Trained on the filmed sentences of a speaker, it reads sentences that were filmed and sentences that a model painted;
how much more it errs on the painted ones is what the model lost of the speech.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from lipsync_core.arrays import check_shape
from lipsync_core.errors import ConfigError
from lipsync_core.progress import Progress, ignore_progress, part_of

from ..networks import ResidualBlock
from .grid_grammar import Sentence
from .grid_search import SYMBOLS, best_sentence
from .judge_file import read_judge, write_judge
from .learning import Plan, learn
from .mouth_network import MouthNetwork
from .mouths import MOUTH_HEIGHT, MOUTH_WIDTH, Pictures
from .phone_teacher import TEACHER_PLAN, held, phone_numbers, phones_heard, spelling_loss
from .picture_changes import PictureChanges, changed
from .spoken import Spoken

LIP_READER_KIND = "lip reader"

_CPU = torch.device("cpu")
_SPAN = 3  # frames that are seen at once
_TEACHING = 0.12  # share of the progress bar


@dataclass(frozen=True)
class LipReaderSettings:
    """How a lip reader is made.

    Attributes:
        width: Channels over time.
        dilations: Of the residual convolutions over time, frames.
        dropout: Share.
        heard: Weight of the teacher that hears, beside that of the phones in order.
        plan: How long and how fast it learns.
        teacher: The same of the teacher.
        changes: What is done to the pictures.
    """

    width: int = 160
    dilations: tuple[int, ...] = (1, 2, 4, 1, 2, 4)
    dropout: float = 0.25
    heard: float = 1.0
    plan: Plan = field(default_factory=lambda: Plan(passes=30))
    teacher: Plan = TEACHER_PLAN
    changes: PictureChanges = field(default_factory=PictureChanges)


class ReadingNetwork(nn.Module):
    """Convolutions over each picture, then over time."""

    def __init__(self, width: int, dilations: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.mouth = MouthNetwork(_SPAN, width, dropout)
        self.time = nn.Sequential(*(ResidualBlock(width, dilation, dropout) for dilation in dilations))
        self.norm = nn.BatchNorm1d(width)
        self.exit = nn.Conv1d(width, SYMBOLS, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Turn `(B, T, H, W)` pictures into `(B, T, 33)` logarithms of the probability of nothing and of each phone."""
        x = self.time(self.mouth(pictures).transpose(1, 2))
        return self.exit(functional.relu(self.norm(x))).transpose(1, 2).log_softmax(-1)


@dataclass(frozen=True)
class LipReader:
    """A network that has learnt to read a speaker's lips.

    Attributes:
        network: Ready to be asked, on the CPU.
        settings: How it was made.
    """

    network: ReadingNetwork
    settings: LipReaderSettings

    def read(self, pictures: Pictures) -> Sentence:
        """Return the six words that a mouth says.

        Args:
            pictures: `(T, 32, 48)` of `mouth_pictures`, at the 25 frames a second of the corpus.

        Raises:
            ShapeError: If the pictures have another size.
            ConfigError: If there are too few frames for a sentence.
        """
        check_shape("The pictures of a mouth", pictures, f"T {MOUTH_HEIGHT} {MOUTH_WIDTH}")
        seen = torch.from_numpy(pictures)[None]
        with torch.no_grad():
            shares = torch.logaddexp(self.network(seen), self.network(seen.flip(3)))  # a mirror changes no word
        return best_sentence(shares[0].numpy())

    def save(self, path: Path) -> None:
        """Write it to a file, whole or not at all."""
        shape = {"width": self.settings.width, "dilations": list(self.settings.dilations)}
        write_judge(path, LIP_READER_KIND, shape, self.network.state_dict())

    @classmethod
    def load(cls, path: Path) -> LipReader:
        """Read what `save` wrote; of the settings, only those of the network are known again.

        Raises:
            FormatError: If the file holds no lip reader.
        """
        shape, weights = read_judge(path, LIP_READER_KIND)
        settings = LipReaderSettings(width=shape["width"], dilations=tuple(shape["dilations"]))
        network = _network(settings)
        network.load_state_dict(weights)
        return cls(network.eval(), settings)


def train_lip_reader(
    takes: Sequence[Spoken],
    *,
    settings: LipReaderSettings | None = None,
    device: torch.device = _CPU,
    progress: Progress = ignore_progress,
) -> LipReader:
    """Teach a lip reader with filmed sentences.

    It learns which phones follow each other (Graves et al. 2006), and from a teacher that hears when they do.

    Args:
        takes: Filmed sentences of GRID, of one speaker.
        settings: How to make it.
        device: Where the network computes while it learns.
        progress: Told the share done.

    Raises:
        ConfigError: If there are fewer than two takes, or one is no GRID recording.
    """
    settings = settings or LipReaderSettings()
    if len(takes) < 2:
        raise ConfigError("A lip reader needs several sentences to learn from; give a longer clip of GRID.")
    teacher = held(phones_heard(takes, settings.teacher, part_of(progress, 0.0, _TEACHING)))
    pictures = held([torch.from_numpy(take.pictures) for take in takes])
    targets = [phone_numbers(take) for take in takes]
    torch.manual_seed(settings.plan.seed)
    network = _network(settings).to(device)

    def loss(picks: Tensor, generator: torch.Generator) -> Tensor:
        shares = network(changed(pictures[picks], settings.changes, generator).to(device))
        spelling = spelling_loss(shares, [targets[pick] for pick in picks])
        return spelling + settings.heard * _disagreement(shares, teacher[picks].to(device))

    learn(network, loss, len(takes), settings.plan, part_of(progress, _TEACHING, 1.0))
    return LipReader(network.to(_CPU), settings)


def _network(settings: LipReaderSettings) -> ReadingNetwork:
    return ReadingNetwork(settings.width, settings.dilations, settings.dropout)


def _disagreement(log_shares: Tensor, teacher: Tensor) -> Tensor:
    """Return the cross entropy of `(B, T', 33)` answers with the teacher's `(B, T, 33)`, brought to their tempo."""
    frames = log_shares.shape[1]
    wanted = functional.interpolate(teacher.transpose(1, 2), frames, mode="linear", align_corners=True)
    return -(wanted.transpose(1, 2) * log_shares).sum(-1).mean()
