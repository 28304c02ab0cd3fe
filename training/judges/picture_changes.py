"""Changes to pictures of a mouth that leave what it says as it is, so that a judge learns to overlook them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class PictureChanges:
    """How far pictures are changed, at most.

    Attributes:
        shift: Of the picture's place, px.
        turn: Degrees.
        zoom: Share.
        brightness: In deviations of the picture, and as a share of its contrast.
        blur: Deviation of a Gaussian, px: painted pictures are softer than filmed ones.
        noise: In deviations of the picture.
        tempo: Share by which speech is faster or slower.
        erased: Frames that are wiped out at a time.
        erasures: How often in a take.
    """

    shift: float = 2.5
    turn: float = 4.0
    zoom: float = 0.06
    brightness: float = 0.3
    blur: float = 1.2
    noise: float = 0.1
    tempo: float = 0.15
    erased: int = 4
    erasures: int = 3


def changed(pictures: Tensor, changes: PictureChanges, generator: torch.Generator) -> Tensor:
    """Change `(B, T, H, W)` pictures, all frames of a take alike; their number changes where speech gets faster."""
    pictures = _moved(_at_other_tempo(pictures, changes, generator), changes, generator)
    pictures = _blurred(pictures, changes.blur * float(torch.rand(1, generator=generator)))
    gain, level = changes.brightness * _uniform(generator, 2, len(pictures), 1, 1, 1)
    pictures = pictures * gain.exp() + level
    pictures = pictures + changes.noise * torch.randn(pictures.shape, generator=generator)
    return _erased(pictures, changes, generator)


def _uniform(generator: torch.Generator, *shape: int) -> Tensor:
    """Draw from -1 to 1."""
    return 2 * torch.rand(*shape, generator=generator) - 1


def _at_other_tempo(pictures: Tensor, changes: PictureChanges, generator: torch.Generator) -> Tensor:
    frames = pictures.shape[1]
    factor = math.exp(changes.tempo * float(_uniform(generator, 1)))
    place = torch.linspace(0, frames - 1, max(2, round(frames * factor)))
    lower = place.floor().long().clamp(max=frames - 2)
    share = (place - lower)[:, None, None]
    return torch.lerp(pictures[:, lower], pictures[:, lower + 1], share)


def _moved(pictures: Tensor, changes: PictureChanges, generator: torch.Generator) -> Tensor:
    """Shift, turn, zoom and mirror each take."""
    batch, _, height, width = pictures.shape
    angle = math.radians(changes.turn) * _uniform(generator, batch)
    zoom = 1 + changes.zoom * _uniform(generator, batch)
    mirror = torch.where(torch.rand(batch, generator=generator) < 0.5, -1.0, 1.0)
    shift = 2 * changes.shift * _uniform(generator, batch, 2) / torch.tensor([width, height])
    aspect = height / width
    rows = [
        torch.stack([mirror * zoom * angle.cos(), -mirror * zoom * angle.sin() * aspect, shift[:, 0]], dim=1),
        torch.stack([zoom * angle.sin() / aspect, zoom * angle.cos(), shift[:, 1]], dim=1),
    ]
    grid = functional.affine_grid(torch.stack(rows, dim=1), [batch, 1, height, width], align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def _blurred(pictures: Tensor, deviation: float) -> Tensor:
    if deviation < 0.2:  # px: nothing to be seen
        return pictures
    reach = math.ceil(2.5 * deviation)
    weight = torch.softmax(-0.5 * (torch.arange(-reach, reach + 1) / deviation) ** 2, dim=0)
    flat = functional.pad(pictures.flatten(0, 1)[:, None], [reach] * 4, mode="replicate")
    soft = functional.conv2d(functional.conv2d(flat, weight[None, None, None]), weight[None, None, :, None])
    return soft[:, 0].unflatten(0, pictures.shape[:2])


def _erased(pictures: Tensor, changes: PictureChanges, generator: torch.Generator) -> Tensor:
    """Wipe out a few stretches of each take."""
    batch, frames = pictures.shape[:2]
    kept = torch.ones(batch, frames)
    column = torch.arange(frames)
    for _ in range(changes.erasures):
        start = torch.randint(frames, (batch, 1), generator=generator)
        length = torch.randint(changes.erased + 1, (batch, 1), generator=generator)
        kept *= ~((column >= start) & (column < start + length))
    return pictures * kept[..., None, None]
