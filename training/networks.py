"""The networks in torch: two audio encoders, and decoders that are linear from the code to the face.

`lipsync_core/model/encoders.py` runs the same encoders with NumPy; a test holds the two equal. Sequences are
`(B, C, T)` here, as torch's convolutions want them.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (torch's own custom)

from lipsync_core.model.encoders import WINDOW_COLUMNS, EncoderSpec
from lipsync_core.model.layers import LEAKY_SLOPE

from .texture_networks import TextureNetwork

# Channels of the paper's encoder, which prints none: those of its model, Karras et al. 2017, where they fit.
FREQUENCY_CHANNELS = (72, 108, 162, 243, 256, 256)
TIME_CHANNELS = (256, 256, 256, 256, 256, 256)


class ResidualBlock(nn.Module):
    """Norm, leaky ReLU, dropout, one dilated convolution, added to its input."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.dropout = nn.Dropout1d(dropout)
        self.conv = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        """Refine `(B, width, T)`."""
        return x + self.conv(self.dropout(_rectify(self.norm(x))))


class TrackEncoder(nn.Module):
    """A dilated convolution network over log-mel bands at 100 Hz, then at the rate of the code."""

    def __init__(self, spec: EncoderSpec, bands: int, width: int, dropout: float) -> None:
        super().__init__()
        self.spec = spec
        self.band_mean: Tensor
        self.band_deviation: Tensor
        self.register_buffer("band_mean", torch.zeros(bands))
        self.register_buffer("band_deviation", torch.ones(bands))
        self.entry = nn.Conv1d(bands, width, 5, padding=2)
        self.fast = nn.ModuleList(ResidualBlock(width, d, dropout) for d in spec.fast_dilations)
        self.slow_down = nn.Conv1d(width, width, 7, stride=spec.code_stride, padding=3)
        self.slow = nn.ModuleList(ResidualBlock(width, d, dropout) for d in spec.slow_dilations)
        self.exit_norm = nn.BatchNorm1d(width)
        self.exit = nn.Linear(width, spec.code_size)
        self.phones = nn.Linear(width, len(spec.phones)) if spec.phones else None

    def standardise(self, features: Tensor) -> Tensor:
        """Bring `(..., F)` features to mean 0 and deviation 1 in every band."""
        return (features - self.band_mean) / self.band_deviation

    def forward(self, features: Tensor, columns: Tensor) -> Tensor:
        """Encode standardised features.

        Args:
            features: `(B, C, F)`.
            columns: `(B, T)` the time of each frame, in columns of `features`.

        Returns:
            `(B, T, code_size)`.
        """
        return self.listen(features, columns)[0]

    def listen(self, features: Tensor, columns: Tensor) -> tuple[Tensor, Tensor | None]:
        """Encode standardised features, and say what is heard.

        Returns:
            `(B, T, code_size)`, and `(B, S, K)` logits of the phone classes at each code step if there are any.
        """
        heard = self.hear(features)  # (B, S, width)
        code = interpolate(self.exit(heard), columns / self.spec.code_stride)
        return code, self.phones(heard) if self.phones else None

    def hear(self, features: Tensor) -> Tensor:
        """Return what the code is read from, at each of its steps: `(B, S, width)` of `(B, C, F)` features."""
        x = self.entry(features.transpose(1, 2))  # (B, C, F) -> (B, width, C)
        for block in self.fast:
            x = block(x)
        x = self.slow_down(_rectify(x))  # (B, width, C) -> (B, width, S)
        for block in self.slow:
            x = block(x)
        return _rectify(self.exit_norm(x)).transpose(1, 2)


class PaperEncoder(nn.Module):
    """The twelve layers of Lahiri et al. 2021, section 3.2: six over frequency, six over time, to one code.

    The frequency layers see one column at a time, so they run once over the track; the time layers run over each
    frame's 24 columns. The result is that of running all twelve on every window.
    """

    def __init__(self, spec: EncoderSpec) -> None:
        super().__init__()
        widths = (2, *FREQUENCY_CHANNELS)
        self.frequency = nn.ModuleList(_halving(a, b) for a, b in pairwise(widths))
        widths = (FREQUENCY_CHANNELS[-1], *TIME_CHANNELS)
        self.time = nn.ModuleList(_halving(a, b) for a, b in pairwise(widths))
        self.exit = nn.Linear(4 * TIME_CHANNELS[-1], spec.code_size)

    def standardise(self, features: Tensor) -> Tensor:
        """Leave the spectrum as it is."""
        return features

    def forward(self, features: Tensor, columns: Tensor) -> Tensor:
        """Encode complex spectra.

        Args:
            features: `(B, C, 512)`: 256 real parts, then 256 imaginary ones.
            columns: `(B, T)` the time of each frame, in columns of `features`.

        Returns:
            `(B, T, code_size)`.
        """
        batch, count, _ = features.shape
        x = features.reshape(batch * count, 2, -1)  # (B * C, 2, 256)
        for layer in self.frequency:
            x = _rectify(layer(x))  # at last (B * C, channels, 4)
        heard = F.pad(x.reshape(batch, count, -1), (0, 0, 0, 1))  # (B, C + 1, channels * 4); the last is silence
        heard[:, -1] = self._silence().flatten()
        return self._encode_windows(heard, self._windows(columns, count))

    def _encode_windows(self, heard: Tensor, windows: Tensor) -> Tensor:
        batch, frames, _ = windows.shape
        rows = torch.arange(batch, device=heard.device)[:, None, None]
        x = heard[rows, windows].reshape(batch * frames, WINDOW_COLUMNS, -1, 4)
        x = x.permute(0, 3, 2, 1).reshape(batch * frames * 4, -1, WINDOW_COLUMNS)  # (B * T * 4, channels, 24)
        for layer in self.time:
            x = _rectify(layer(x))  # at last (B * T * 4, channels, 1)
        return self.exit(x.reshape(batch, frames, -1))

    def _silence(self) -> Tensor:
        x = torch.zeros(1, 2, 256, device=self.exit.weight.device)
        for layer in self.frequency:
            x = _rectify(layer(x))
        return x

    @staticmethod
    def _windows(columns: Tensor, count: int) -> Tensor:
        """Return the 24 columns around each frame, `(B, T, 24)`; those outside point at `count`."""
        offsets = torch.arange(-WINDOW_COLUMNS // 2, WINDOW_COLUMNS // 2, device=columns.device)
        windows = columns.round().long()[..., None] + offsets
        return torch.where((windows < 0) | (windows >= count), count, windows)


class SpeakerNetwork(nn.Module):
    """An encoder with its decoders: the whole predictor of one speaker's face.

    Attributes:
        encoder: Features to code.
        geometry: Code to vertex offsets, linear (one layer, or the paper's two with dropout between).
        blendshapes: Code to blendshape weights, linear.
        texture: Code to texture, see `texture_networks`; None for motion alone.
        offset_mean: `(1404,)` mean offset from the neutral face, face units.
    """

    def __init__(
        self,
        encoder: TrackEncoder | PaperEncoder,
        geometry: nn.Module,
        code_size: int,
        blendshape_count: int,
        texture: TextureNetwork | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.geometry = geometry
        self.blendshapes = nn.Linear(code_size, blendshape_count)
        self.texture = texture
        self.offset_mean: Tensor
        self.register_buffer("offset_mean", torch.zeros(468 * 3))

    def forward(self, features: Tensor, columns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Predict the face's motion.

        Returns:
            `(B, T, N)` the code, `(B, T, 468, 3)` offsets from the neutral face, and `(B, T, blendshapes)` weights.
        """
        code = self.encoder(features, columns)
        return code, *self.decode(code)

    def listen(self, features: Tensor, columns: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the code `(B, T, N)`, and the logits `(B, S, K)` of the phone classes if the encoder has them."""
        if isinstance(self.encoder, TrackEncoder):
            return self.encoder.listen(features, columns)
        return self.encoder(features, columns), None

    def decode(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """Turn codes `(B, T, N)` into `(B, T, 468, 3)` offsets and `(B, T, blendshapes)` weights."""
        offsets = self.geometry(code) + self.offset_mean
        return offsets.unflatten(-1, (468, 3)), self.blendshapes(code)


def direct_geometry(components: NDArray[np.float32], code_size: int) -> nn.Linear:
    """Make the default geometry decoder: code to 1404 coordinates, started from the principal components.

    Args:
        components: `(K, 1404)` principal components, each as long as its standard deviation, largest first.
        code_size: Numbers of the code.
    """
    layer = nn.Linear(code_size, 468 * 3)
    _start_from(layer, components)
    return layer


def paper_geometry(components: NDArray[np.float32], code_size: int, hidden: int, dropout: float) -> nn.Sequential:
    """Make the paper's geometry decoder: 150 and 1404 linear units, dropout between, the last one from the PCA.

    Args:
        components: `(K, 1404)` principal components, each as long as its standard deviation, largest first.
        code_size: Numbers of the code.
        hidden: Units of the first layer.
        dropout: Share of them dropped in training.
    """
    last = nn.Linear(hidden, 468 * 3)
    _start_from(last, components)
    return nn.Sequential(nn.Linear(code_size, hidden), nn.Dropout(dropout), last)


def posed_geometry(blendshapes: nn.Linear) -> nn.Sequential:
    """Make a geometry decoder that poses the mesh with the predicted blendshapes; `pose` says what each does."""
    posing = nn.Linear(blendshapes.out_features, 468 * 3)
    nn.init.zeros_(posing.weight)
    nn.init.zeros_(posing.bias)
    return nn.Sequential(blendshapes, posing.requires_grad_(False))


def pose(geometry: nn.Module, deltas: Tensor) -> None:
    """Tell a `posed_geometry` what each blendshape adds to the neutral face, `(B, 468, 3)`, face units."""
    posing = geometry.get_submodule("1")
    posing.get_parameter("weight").data.copy_(deltas.flatten(1).T)


def interpolate(x: Tensor, positions: Tensor) -> Tensor:
    """Read sequences `(B, S, C)` between their steps, linearly, at `(B, T)` positions; the ends are held."""
    positions = positions.clamp(0, x.shape[1] - 1)
    lower = positions.floor().long().clamp(max=max(x.shape[1] - 2, 0))
    upper = (lower + 1).clamp(max=x.shape[1] - 1)
    share = (positions - lower).to(x.dtype)[..., None]
    rows = torch.arange(len(x), device=x.device)[:, None]
    return x[rows, lower] * (1 - share) + x[rows, upper] * share


def _start_from(layer: nn.Linear, components: NDArray[np.float32]) -> None:
    """Put components into the columns of a layer; what is left over starts near zero."""
    with torch.no_grad():
        layer.bias.zero_()
        layer.weight.normal_(0, 1e-4)
        count = min(len(components), layer.in_features)
        layer.weight[:, :count] = torch.from_numpy(components[:count].T.copy())


def _halving(inputs: int, outputs: int) -> nn.Conv1d:
    return nn.Conv1d(inputs, outputs, 3, stride=2, padding=1)


def _rectify(x: Tensor) -> Tensor:
    return F.leaky_relu(x, LEAKY_SLOPE)
