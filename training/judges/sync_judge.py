"""A judge of synchrony: by how many frames a mouth comes before or after its sound.

Two networks bring a fifth of a second of the mouth and of the sound to vectors that agree where they belong to one
moment and disagree elsewhere (Chung and Zisserman 2016; the loss of van den Oord et al. 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from lipsync_core.arrays import check_shape
from lipsync_core.audio.features import FeatureSpec, hear
from lipsync_core.audio.waveform import Waveform
from lipsync_core.errors import ConfigError
from lipsync_core.progress import Progress, ignore_progress

from ..config import DataConfig
from ..variation import vary
from .judge_file import read_judge, write_judge
from .learning import Plan, learn
from .mouth_network import MouthNetwork
from .mouths import MOUTH_HEIGHT, MOUTH_WIDTH, Pictures
from .picture_changes import PictureChanges, changed
from .spoken import Spoken

SYNC_JUDGE_KIND = "sync judge"
MOST_FRAMES = 10  # that are tried to either side

_VARIED = DataConfig(band_noise=0.2, level=0.3, voice=0.03, masked_columns=0)
_CPU = torch.device("cpu")
_SPEC = FeatureSpec(mel_bands=40)
_SPAN = 5  # frames of the mouth that make a moment
_COLUMNS = 20  # of the sound: 0.2 s
_WIDTH = 96  # channels of the sound's network
_FIRST_SHARPNESS = 10.0  # that agreement is multiplied by before learning


@dataclass(frozen=True)
class SyncJudgeSettings:
    """How a sync judge is made.

    Attributes:
        size: Numbers of a moment.
        piece: Frames of a lesson; they are each other's wrong answers.
        dropout: Share.
        plan: How long and how fast it learns.
        changes: What is done to the pictures; the tempo stays.
    """

    size: int = 64
    piece: int = 45
    dropout: float = 0.1
    plan: Plan = field(default_factory=lambda: Plan(passes=10, batch_size=6))
    changes: PictureChanges = field(default_factory=lambda: PictureChanges(tempo=0.0, erasures=0))


@dataclass(frozen=True)
class Synchrony:
    """How a mouth lies in time against its sound.

    Attributes:
        frames: By which the mouth comes late; negative where it is early.
        milliseconds: The same, between frames.
        confidence: Mean agreement (a cosine) there, less the median over all shifts that were tried.
    """

    frames: int
    milliseconds: float
    confidence: float


class SyncNetwork(nn.Module):
    """The two networks, and how sharply their agreement is judged."""

    def __init__(self, size: int, dropout: float) -> None:
        super().__init__()
        self.mouth = MouthNetwork(_SPAN, size, dropout)
        self.sound = nn.Sequential(
            *(nn.BatchNorm1d(_SPEC.mel_bands), nn.Conv1d(_SPEC.mel_bands, _WIDTH, 5, stride=2, padding=2, bias=False)),
            *(nn.BatchNorm1d(_WIDTH), nn.ReLU(), nn.Conv1d(_WIDTH, _WIDTH, 3, stride=2, padding=1, bias=False)),
            *(nn.BatchNorm1d(_WIDTH), nn.ReLU(), nn.Flatten(), nn.Dropout(dropout)),
            nn.Linear(_WIDTH * -(-_COLUMNS // 4), size),
        )
        self.sharpness = nn.Parameter(torch.tensor(_FIRST_SHARPNESS).log())

    def see(self, pictures: Tensor) -> Tensor:
        """Turn `(B, T, H, W)` pictures into `(B, T, size)` of length 1."""
        return functional.normalize(self.mouth(pictures), dim=-1)

    def hear(self, windows: Tensor) -> Tensor:
        """Turn `(B, T, 20, F)` columns around each frame into `(B, T, size)` of length 1."""
        heard = self.sound(windows.flatten(0, 1).transpose(1, 2))
        return functional.normalize(heard.unflatten(0, windows.shape[:2]), dim=-1)


@dataclass(frozen=True)
class SyncJudge:
    """Two networks that have learnt which mouth belongs to which sound.

    Attributes:
        network: Ready to be asked, on the CPU.
        settings: How it was made.
    """

    network: SyncNetwork
    settings: SyncJudgeSettings

    def offset(self, pictures: Pictures, waveform: Waveform, seconds: NDArray[np.float64]) -> Synchrony:
        """Find the shift at which mouth and sound agree best, up to 10 frames to either side.

        Args:
            pictures: `(T, 32, 48)` of `mouth_pictures`.
            waveform: The sound.
            seconds: `(T,)` the time of each frame, s from the first sample.

        Raises:
            ShapeError: If the pictures have another size, or another number than the times.
        """
        agreement = self.agreement(pictures, waveform, seconds)
        best = int(agreement.argmax())
        between = _summit(agreement, best) - MOST_FRAMES
        frame = 1000 * float(np.median(np.diff(seconds)))
        return Synchrony(best - MOST_FRAMES, between * frame, float(agreement[best] - np.median(agreement)))

    def agreement(self, pictures: Pictures, waveform: Waveform, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean agreement if the mouth came late by -10 to 10 frames, `(21,)`, -1 to 1.

        Only frames count for which there is sound at that shift.
        """
        check_shape("The pictures of a mouth", pictures, f"{len(seconds)} {MOUTH_HEIGHT} {MOUTH_WIDTH}")
        frame = float(np.median(np.diff(seconds)))
        lateness = np.arange(-MOST_FRAMES, MOST_FRAMES + 1)
        moments = seconds[None] - lateness[:, None] * frame  # (21, T) when each frame's sound would be
        heard = hear(waveform, moments.ravel(), _SPEC)
        columns, place = np.unique(np.rint(heard.columns), return_inverse=True)  # neighbouring frames share most
        windows = _windows(torch.from_numpy(heard.features), torch.from_numpy(columns))
        with torch.no_grad():
            seen = self.network.see(torch.from_numpy(pictures)[None])
            sound = self.network.hear(windows[None])[0, torch.from_numpy(place).view(moments.shape)]
        likeness = (seen * sound).sum(-1).double().numpy()
        sounds = (moments >= 0) & (moments <= waveform.duration)
        return np.asarray((likeness * sounds).sum(1) / np.maximum(sounds.sum(1), 1))

    def save(self, path: Path) -> None:
        """Write it to a file, whole or not at all."""
        write_judge(path, SYNC_JUDGE_KIND, {"size": self.settings.size}, self.network.state_dict())

    @classmethod
    def load(cls, path: Path) -> SyncJudge:
        """Read what `save` wrote; of the settings, only those of the networks are known again.

        Raises:
            FormatError: If the file holds no sync judge.
        """
        shape, weights = read_judge(path, SYNC_JUDGE_KIND)
        settings = SyncJudgeSettings(size=shape["size"])
        network = SyncNetwork(settings.size, settings.dropout)
        network.load_state_dict(weights)
        return cls(network.eval(), settings)


def train_sync_judge(
    takes: Sequence[Spoken],
    *,
    settings: SyncJudgeSettings | None = None,
    device: torch.device = _CPU,
    progress: Progress = ignore_progress,
) -> SyncJudge:
    """Teach a sync judge with filmed takes, whatever is said in them.

    Args:
        takes: Filmed takes, their sound in its place.
        settings: How to make it.
        device: Where the networks compute while they learn.
        progress: Told the share done.

    Raises:
        ConfigError: If no take is long enough for a lesson.
    """
    settings = settings or SyncJudgeSettings()
    pictures, windows = _lessons(takes, settings.piece)
    torch.manual_seed(settings.plan.seed)
    network = SyncNetwork(settings.size, settings.dropout).to(device)

    def loss(picks: Tensor, generator: torch.Generator) -> Tensor:
        seen = network.see(changed(pictures[picks], settings.changes, generator).to(device))
        varied = vary(windows[picks].flatten(1, 2), _VARIED, generator).view_as(windows[picks])
        return contrast(seen.flatten(0, 1), network.hear(varied.to(device)).flatten(0, 1), network.sharpness.exp())

    learn(network, loss, len(pictures), settings.plan, progress)
    return SyncJudge(network.to(_CPU), settings)


def contrast(seen: Tensor, heard: Tensor, sharpness: Tensor) -> Tensor:
    """Return how badly each of `(N, size)` mouths is told its sound among all, and each sound its mouth (InfoNCE)."""
    agreement = sharpness * seen @ heard.T
    right = torch.arange(len(seen), device=seen.device)
    return (functional.cross_entropy(agreement, right) + functional.cross_entropy(agreement.T, right)) / 2


def _lessons(takes: Sequence[Spoken], piece: int) -> tuple[Tensor, Tensor]:
    """Cut takes into pieces that overlap by half: `(N, T, H, W)` pictures and `(N, T, 20, F)` columns of sound."""
    pictures, windows = [], []
    for take in takes:
        heard = hear(take.waveform, take.seconds, _SPEC)
        sound = _windows(torch.from_numpy(heard.features), torch.from_numpy(heard.columns))
        for first in range(0, len(sound) - piece + 1, piece // 2):
            pictures.append(torch.from_numpy(take.pictures[first : first + piece]))
            windows.append(sound[first : first + piece])
    if len(pictures) < 2:
        raise ConfigError(f"A sync judge learns from pieces of {piece} frames; give a longer clip.")
    return torch.stack(pictures), torch.stack(windows)


def _windows(features: Tensor, columns: Tensor) -> Tensor:
    """Return the 20 columns around each of `(...)` places, `(..., 20, F)`; beyond the ends the last one is held."""
    first = columns.round().long()[..., None] - _COLUMNS // 2
    return features[(first + torch.arange(_COLUMNS)).clamp(0, len(features) - 1)]


def _summit(values: NDArray[np.float64], place: int) -> float:
    """Return where the parabola through a greatest value and its neighbours is highest."""
    if place in (0, len(values) - 1):
        return float(place)
    before, here, after = values[place - 1 : place + 2]
    bend = before - 2 * here + after
    return place + (float((before - after) / (2 * bend)) if bend < 0 else 0.0)
