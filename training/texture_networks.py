"""The texture decoders in torch, each with the small encoder that remembers the frame before.

`sheet` mixes the main sheets of a speaker (`training/appearance.py`); `paper` draws the lip crop with the networks of
Lahiri et al. 2021, tables 4 and 5. What goes from frame to frame, the *state*, is the amounts of the sheets, or the
crop.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (torch's own custom)

from lipsync_core.model.layers import LEAKY_SLOPE

# Lahiri et al. 2021, table 4: channels from 4 x 4 up to 64 x 64, then three colours at 128 x 128.
PICTURE_CHANNELS = (1024, 512, 256, 128, 64)
# Table 5: channels from 64 x 64 down to 4 x 4.
MEMORY_CHANNELS = (128, 256, 512, 1024, 2048)
_FIRST_SIDE = 4  # px, of the first and last layers of both


class SheetDecoder(nn.Module):
    """From code and memory to the amounts of a speaker's main sheets."""

    def __init__(self, inputs: int, units: int, scale: Tensor) -> None:
        super().__init__()
        self.hidden = nn.Linear(inputs, units)
        self.exit = nn.Linear(units, len(scale))
        self.scale: Tensor
        self.register_buffer("scale", scale)
        nn.init.zeros_(self.exit.weight)  # begin at the mean sheet
        nn.init.zeros_(self.exit.bias)

    def forward(self, code: Tensor) -> Tensor:
        """Decode `(..., N)` to `(..., K)`."""
        return self.exit(F.leaky_relu(self.hidden(code), LEAKY_SLOPE)) * self.scale


class SheetMemory(nn.Module):
    """From the amounts of the frame before to a few numbers between -1 and 1."""

    def __init__(self, outputs: int, scale: Tensor) -> None:
        super().__init__()
        self.exit = nn.Linear(len(scale), outputs)
        self.scale: Tensor
        self.register_buffer("scale", scale)

    def forward(self, amounts: Tensor) -> Tensor:
        """Encode `(..., K)` to `(..., N_a)`."""
        return torch.tanh(self.exit(amounts / self.scale))


class PaperDecoder(nn.Module):
    """Table 4: from code and memory to what is added to the reference's lip crop."""

    def __init__(self, inputs: int, channels: tuple[int, ...] = PICTURE_CHANNELS) -> None:
        super().__init__()
        self.entry = nn.Linear(inputs, channels[0] * _FIRST_SIDE**2)
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(channels))
        self.exit = nn.Conv2d(channels[-1], 3, 5, padding=2)

    def forward(self, code: Tensor) -> Tensor:
        """Decode `(B, N)` to `(B, 3, 128, 128)`, -1 to 1."""
        x = F.relu(self.entry(code)).unflatten(1, (_FIRST_SIDE, _FIRST_SIDE, -1)).permute(0, 3, 1, 2)
        for convolution in self.convolutions:
            x = F.relu(convolution(_doubled(x)))
        return torch.tanh(self.exit(_doubled(x)))


class PaperMemory(nn.Module):
    """Table 5: from the lip crop of the frame before to a few numbers between -1 and 1."""

    def __init__(self, outputs: int, channels: tuple[int, ...] = MEMORY_CHANNELS) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 5, stride=2, padding=2) for a, b in pairwise((3, *channels)))
        self.exit = nn.Linear(channels[-1] * _FIRST_SIDE**2, outputs)

    def forward(self, crops: Tensor) -> Tensor:
        """Encode `(B, 3, 128, 128)`, 0 to 1, to `(B, N_a)`."""
        x = crops
        for convolution in self.convolutions:
            x = F.relu(convolution(x))
        return torch.tanh(self.exit(x.permute(0, 2, 3, 1).flatten(1)))


class TextureNetwork(nn.Module):
    """A decoder, and the encoder of its last answer if it is autoregressive.

    Attributes:
        decoder: Code and memory to the state.
        memory: The state of the frame before to the memory; None without autoregression.
    """

    def __init__(self, decoder: SheetDecoder | PaperDecoder, memory: SheetMemory | PaperMemory | None) -> None:
        super().__init__()
        self.decoder = decoder
        self.memory = memory

    def forward(self, code: Tensor, previous: Tensor) -> Tensor:
        """Predict the state.

        Args:
            code: `(B, N)`.
            previous: `(B, ...)` the state of each frame's predecessor, zero where there is none.
        """
        if self.memory is not None:
            code = torch.cat([code, self.memory(previous)], dim=1)
        state: Tensor = self.decoder(code)
        return state


def sheet_texture(code_size: int, memory_size: int, units: int, scale: Tensor) -> TextureNetwork:
    """Make the default texture network; `scale` `(K,)` is the usual size of each amount."""
    memory = SheetMemory(memory_size, scale) if memory_size else None
    return TextureNetwork(SheetDecoder(code_size + memory_size, units, scale), memory)


def paper_texture(code_size: int, memory_size: int) -> TextureNetwork:
    """Make the paper's texture network."""
    memory = PaperMemory(memory_size) if memory_size else None
    return TextureNetwork(PaperDecoder(code_size + memory_size), memory)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
