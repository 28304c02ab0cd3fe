"""What both judges begin with: a small convolution network from pictures of a mouth to a vector per frame."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from .mouths import MOUTH_HEIGHT, MOUTH_WIDTH

_WIDTHS = (16, 32, 48, 64)  # channels of the layers, each of which halves the picture


class MouthNetwork(nn.Module):
    """Sees a few neighbouring frames at once, as the channels of one picture."""

    def __init__(self, span: int, size: int, dropout: float) -> None:
        """Make it see `span` frames, an odd number, and answer `size` numbers."""
        super().__init__()
        self.span = span
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((span, *_WIDTHS)):
            conv = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
            layers += [conv, nn.BatchNorm2d(outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        halvings = 2 ** len(_WIDTHS)
        cells = -(-MOUTH_HEIGHT // halvings) * -(-MOUTH_WIDTH // halvings)
        self.exit = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(_WIDTHS[-1] * cells, size))

    def forward(self, pictures: Tensor) -> Tensor:
        """Turn `(B, T, H, W)` pictures into `(B, T, size)`; before the first and after the last frame, they stay."""
        batch, frames = pictures.shape[:2]
        reach = self.span // 2
        place = (torch.arange(frames)[:, None] + torch.arange(-reach, reach + 1)).clamp(0, frames - 1)
        seen = pictures[:, place.to(pictures.device)].flatten(0, 1)  # (B * T, span, H, W)
        return self.exit(self.layers(seen.contiguous(memory_format=torch.channels_last))).unflatten(0, (batch, frames))
