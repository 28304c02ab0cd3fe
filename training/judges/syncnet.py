"""SyncNet, and how it measures a talking face: LSE-D, LSE-C and the offset of picture and sound.

Chung and Zisserman 2016, "Out of time: automated lip sync in the wild", for the network; Prajwal et al. 2020, "A Lip
Sync Expert Is All You Need", section 4.1, for the two errors. Its weights are not ours to give: the user supplies the
file `syncnet_v2.model` that the authors published with `syncnet_python`. The layers are those of that file, under its
names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (torch's own custom)

from lipsync_core.audio.waveform import SPEECH_RATE, Waveform
from lipsync_core.errors import FormatError, VideoError

from .mfcc import COLUMN_RATE, mel_cepstra

FACE_SIDE = 224  # px
FRAME_RATE = 25  # pictures per second
MOST_SHIFT = 15  # pictures

_EMBEDDING = 1024
_PICTURES = 5  # that are seen at once
_COLUMNS = 20  # of the sound that are heard at once: as long as five pictures
_STEP = COLUMN_RATE // FRAME_RATE
_BATCH = 20  # windows at a time
_SOUND_BATCH = 256
_COUNTED_BATCHES = "num_batches_tracked"  # which old files lack, and nothing needs here

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Synchrony:
    """How well a mouth goes with a sound.

    Attributes:
        lse_d: Mean distance of what is seen and what is heard, at the shift where it is least.
        lse_c: How much less that is than the median over all shifts, the confidence.
        offset: How much later the picture is than the sound, in pictures of 1/25 s.
    """

    lse_d: float
    lse_c: float
    offset: int


class SyncNet(nn.Module):
    """Two networks that embed mouths and sounds: near each other where they belong together."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = _sound_layers()
        self.netfcaud = _exit_layers()
        self.netcnnlip = _face_layers()
        self.netfclip = _exit_layers()

    def embed_faces(self, pictures: Tensor) -> Tensor:
        """Embed every five pictures that follow one another.

        Args:
            pictures: `(3, T, 224, 224)`, blue, green and red, 0 to 255.

        Returns:
            `(T - 4, 1024)`.
        """
        seen = self.netcnnlip(pictures[None])[0, :, :, 0, 0]
        return torch.as_tensor(self.netfclip(seen.T))

    def embed_sounds(self, cepstra: Tensor) -> Tensor:
        """Embed stretches of 0.2 s, `(W, 13, 20)`; `(W, 1024)`."""
        return torch.as_tensor(self.netfcaud(self.netcnnaud(cepstra[:, None]).flatten(1)))


def read_syncnet(path: Path, device: torch.device | None = None) -> SyncNet:
    """Read the published weights.

    Args:
        path: `syncnet_v2.model`.
        device: Where to compute; the CPU if None.

    Raises:
        FormatError: If there is no such file, or it holds something else.
    """
    if not path.is_file():
        raise FormatError(f"There is no file with SyncNet's weights at {path}; give the path of syncnet_v2.model.")
    network = SyncNet()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        missing, foreign = network.load_state_dict(state, strict=False)
    except Exception as fault:  # what is no such file fails in any way
        raise FormatError(_not_syncnet(path)) from fault
    if foreign or any(not name.endswith(_COUNTED_BATCHES) for name in missing):
        raise FormatError(_not_syncnet(path))
    return network.eval().to(device or torch.device("cpu"))


def judge_synchrony(network: SyncNet, faces: Iterable[Picture], sound: Waveform, source: str) -> Synchrony:
    """Measure a talking face as the published evaluation does.

    Args:
        network: With its weights, in evaluation mode.
        faces: `(224, 224, 3)` uint8, RGB, 25 a second; read a few at a time.
        sound: Begins with the first picture.
        source: What is measured, for messages.

    Raises:
        VideoError: If there are fewer than six pictures, or less sound.
    """
    with torch.inference_mode():
        seen, pictures = _seen(network, faces)
        count = min(pictures, len(sound.at_rate(SPEECH_RATE).samples) * FRAME_RATE // SPEECH_RATE) - _PICTURES
        if count < 1:
            raise VideoError(f"{source} is too short for SyncNet; it needs a quarter of a second of picture and sound.")
        return from_distances(shifted_distances(seen[:count], _heard(network, sound, count)))


def shifted_distances(seen: Tensor, heard: Tensor) -> Tensor:
    """Hold each mouth against the sounds up to 15 pictures before and after it; beyond the ends there are zeros.

    Args:
        seen: `(W, N)` embeddings.
        heard: `(W, N)`.

    Returns:
        `(W, 31)` distances; the first column is with the sound 15 pictures earlier.
    """
    padded = F.pad(heard, (0, 0, MOST_SHIFT, MOST_SHIFT))
    shifts = range(2 * MOST_SHIFT + 1)
    return torch.stack([F.pairwise_distance(seen, padded[shift : shift + len(seen)]) for shift in shifts], dim=1)


def from_distances(distances: Tensor) -> Synchrony:
    """Sum up `(W, 31)` distances."""
    mean = distances.mean(dim=0)
    least, place = mean.min(dim=0)
    return Synchrony(float(least), float(mean.median() - least), MOST_SHIFT - int(place))


def _seen(network: SyncNet, faces: Iterable[Picture]) -> tuple[Tensor, int]:
    """Embed all windows, `(W, 1024)`, and count the pictures."""
    device, embedded, count = next(network.parameters()).device, list[Tensor](), 0
    for block in _overlapping(iter(faces)):
        count += len(block) if count == 0 else len(block) - _PICTURES + 1
        if len(block) >= _PICTURES:
            blue_first = torch.from_numpy(np.stack(block)[..., ::-1].transpose(3, 0, 1, 2).copy())
            embedded.append(network.embed_faces(blue_first.to(device).float()).cpu())
    return torch.cat(embedded) if embedded else torch.empty(0, _EMBEDDING), count


def _overlapping(faces: Iterator[Picture]) -> Iterator[list[Picture]]:
    """Give blocks of pictures of which each begins with the last four of the one before."""
    block = list(islice(faces, _BATCH + _PICTURES - 1))
    while block:
        yield block
        fresh = list(islice(faces, _BATCH))
        block = block[1 - _PICTURES :] + fresh if fresh else []


def _heard(network: SyncNet, sound: Waveform, count: int) -> Tensor:
    """Embed the sound of so many windows, `(W, 1024)`."""
    device, cepstra = next(network.parameters()).device, mel_cepstra(sound).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(cepstra, _COLUMNS, axis=0)[::_STEP][:count]
    blocks = torch.from_numpy(windows.copy()).split(_SOUND_BATCH)
    return torch.cat([network.embed_sounds(block.to(device)).cpu() for block in blocks])


def _not_syncnet(path: Path) -> str:
    return f"{path} does not hold the weights of SyncNet; give the file syncnet_v2.model that its authors published."


def _sound_layers() -> nn.Sequential:
    """Turn `(W, 1, 13, 20)` into `(W, 512, 1, 1)`."""

    def step(inputs: int, outputs: int, kernel: int | tuple[int, int] = 3, padding: int = 1) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, kernel, padding=padding), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

    return nn.Sequential(
        *step(1, 64),
        nn.Identity(),  # a pooling of one, which does nothing but counts in the names of the weights
        *step(64, 192),
        nn.MaxPool2d(3, stride=(1, 2)),
        *step(192, 384),
        *step(384, 256),
        *step(256, 256),
        nn.MaxPool2d(3, stride=2),
        *step(256, 512, kernel=(5, 4), padding=0),
    )


def _face_layers() -> nn.Sequential:
    """Turn `(1, 3, T, 224, 224)` into `(1, 512, T - 4, 1, 1)`; only the first layer looks at several pictures."""

    def step(
        inputs: int, outputs: int, side: int, *, depth: int = 1, stride: int = 1, border: int = 1
    ) -> list[nn.Module]:
        convolution = nn.Conv3d(inputs, outputs, (depth, side, side), (1, stride, stride), (0, border, border))
        return [convolution, nn.BatchNorm3d(outputs), nn.ReLU(inplace=True)]

    def pool(border: int = 0) -> nn.Module:
        return nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, border, border))

    return nn.Sequential(
        *step(3, 96, 7, depth=_PICTURES, stride=2, border=0),
        pool(),
        *step(96, 256, 5, stride=2),
        pool(border=1),
        *step(256, 256, 3),
        *step(256, 256, 3),
        *step(256, 256, 3),
        pool(),
        *step(256, 512, 6, border=0),
    )


def _exit_layers() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, _EMBEDDING))
