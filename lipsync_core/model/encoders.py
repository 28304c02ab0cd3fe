"""The two audio encoders, run with NumPy: features of a whole track in, one code per animation frame out.

`track` is a small dilated convolution network over log-mel bands; it may have a second head that says which phone class
is heard. `paper` is the twelve-layer network of Lahiri et
al. 2021, section 3.2. `training/networks` holds the same two in torch; a test holds them equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from ..progress import Progress, ignore_progress
from .layers import Sequence, convolve, interpolate, leaky_relu, log_softmax

EncoderKind = Literal["track", "paper"]
Weights = Mapping[str, NDArray[np.float32]]

WINDOW_COLUMNS = 24  # columns that the paper's encoder sees for one frame: 240 ms
_BLOCK_STEPS = 3000  # code steps (track) or frames (paper) computed at a time: bounds the memory


@dataclass(frozen=True)
class EncoderSpec:
    """The shape of an encoder.

    Attributes:
        kind: `"track"` or `"paper"`.
        code_size: Numbers per frame that the decoders read (the paper's N_s).
        code_stride: Feature columns per code step (`track`).
        fast_dilations: Dilations of the residual blocks at the rate of the columns (`track`).
        slow_dilations: Dilations of the residual blocks at the rate of the code (`track`).
        phones: Names of the phone classes that its second head tells apart (`track`); empty if it has none.
    """

    kind: EncoderKind = "track"
    code_size: int = 32
    code_stride: int = 2
    fast_dilations: tuple[int, ...] = (1,)
    slow_dilations: tuple[int, ...] = (1, 2, 4, 8)
    phones: tuple[str, ...] = ()

    def to_header(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)

    @classmethod
    def from_header(cls, header: dict[str, Any]) -> EncoderSpec:
        """Read what `to_header` wrote.

        Raises:
            FormatError: If it names an encoder that this version does not know.
        """
        if header.get("kind") not in ("track", "paper"):
            raise FormatError(f"The model has a {header.get('kind')!r} encoder, unknown here; update LipSync3D.")
        lists = {name: tuple(value) for name, value in header.items() if isinstance(value, list)}
        return cls(**{**header, **lists})

    @property
    def reach_steps(self) -> int:
        """Code steps on either side that one step of `track` can hear."""
        fast = 2 + sum(self.fast_dilations) + 3
        return -(-fast // self.code_stride) + sum(self.slow_dilations) + 1


@dataclass(frozen=True)
class Encoded:
    """What an encoder says of a track.

    Attributes:
        codes: `(T, code_size)` float32, one code per frame.
        phones: `(S, K)` float32, log-probabilities of `EncoderSpec.phones` at every code step; `K` is 0 without them.
    """

    codes: NDArray[np.float32]
    phones: NDArray[np.float32]


def encode(
    features: NDArray[np.float32],
    columns: NDArray[np.float64],
    spec: EncoderSpec,
    weights: Weights,
    progress: Progress = ignore_progress,
) -> NDArray[np.float32]:
    """Turn a track's features into the code of each frame, `(T, code_size)` float32; `listen` says what of what."""
    return listen(features, columns, spec, weights, progress).codes


def listen(
    features: NDArray[np.float32],
    columns: NDArray[np.float64],
    spec: EncoderSpec,
    weights: Weights,
    progress: Progress = ignore_progress,
) -> Encoded:
    """Turn a track's features into the code of each frame, and into what is said at each code step.

    Args:
        features: `(C, F)`, one column per hop.
        columns: `(T,)` the time of each frame, in columns.
        spec: The encoder's shape.
        weights: Its arrays by name.
        progress: Told the share done.
    """
    if spec.kind == "paper":
        return Encoded(_encode_windows(features, columns, weights, progress), np.zeros((0, 0), np.float32))
    steps = _encode_track(features, spec, weights, progress)
    codes, logits = steps[:, : spec.code_size], steps[:, spec.code_size :]
    return Encoded(interpolate(codes, columns / spec.code_stride), log_softmax(logits))


def _encode_track(
    features: NDArray[np.float32], spec: EncoderSpec, weights: Weights, progress: Progress
) -> NDArray[np.float32]:
    """Run the track encoder block by block, each with enough of its neighbours to be exact: `(S, code_size + K)`."""
    stride, reach = spec.code_stride, spec.reach_steps
    step_count = -(-len(features) // stride)
    standardised = (features - weights["band_mean"]) / weights["band_deviation"]
    blocks = []
    for start in range(0, step_count, _BLOCK_STEPS):
        first = max(0, start - reach)
        last = min(step_count, start + _BLOCK_STEPS + reach)
        block = _track_block(standardised[first * stride : last * stride], spec, weights)
        blocks.append(block[start - first : start - first + _BLOCK_STEPS])
        progress(min(1.0, (start + _BLOCK_STEPS) / step_count))
    return np.concatenate(blocks)


def _track_block(x: Sequence, spec: EncoderSpec, weights: Weights) -> Sequence:
    x = convolve(x, weights["entry.weight"], weights["entry.bias"])  # (C, bands) -> (C, width)
    for index, dilation in enumerate(spec.fast_dilations):
        x = _residual(x, f"fast.{index}", dilation, weights)
    x = convolve(leaky_relu(x), weights["slow_down.weight"], weights["slow_down.bias"], stride=spec.code_stride)
    for index, dilation in enumerate(spec.slow_dilations):
        x = _residual(x, f"slow.{index}", dilation, weights)
    x = leaky_relu(_normalised(x, "exit_norm", weights))
    heads = ("exit", "phones") if spec.phones else ("exit",)
    return np.concatenate([x @ weights[f"{head}.weight"] + weights[f"{head}.bias"] for head in heads], axis=1)


def _residual(x: Sequence, name: str, dilation: int, weights: Weights) -> Sequence:
    inner = leaky_relu(_normalised(x, f"{name}.norm", weights))
    return x + convolve(inner, weights[f"{name}.conv.weight"], weights[f"{name}.conv.bias"], dilation=dilation)


def _normalised(x: Sequence, name: str, weights: Weights) -> Sequence:
    """Scale and shift every channel: what a batch norm amounts to after training."""
    return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def window_columns(columns: NDArray[np.float64], column_count: int) -> NDArray[np.int64]:
    """Return the 24 columns around each frame, `(T, 24)`; those outside the track point at `column_count`.

    Columns `[c - 12, c + 12)` around the column `c` nearest to the frame.
    """
    centres = np.rint(columns).astype(np.int64)
    window = centres[:, None] + np.arange(-WINDOW_COLUMNS // 2, WINDOW_COLUMNS // 2)
    return np.where((window < 0) | (window >= column_count), column_count, window)


def _encode_windows(
    features: NDArray[np.float32], columns: NDArray[np.float64], weights: Weights, progress: Progress
) -> NDArray[np.float32]:
    """Run the frequency layers once over the track, then the time layers over each frame's window."""
    silence = np.zeros((1, features.shape[1]), np.float32)
    heard = _frequency_layers(np.concatenate([features, silence]), weights)  # (C + 1, 256 * 4)
    windows = window_columns(columns, len(features))
    codes = []
    for start in range(0, len(windows), _BLOCK_STEPS):
        codes.append(_time_layers(heard[windows[start : start + _BLOCK_STEPS]], weights))
        progress(min(1.0, (start + _BLOCK_STEPS) / len(windows)))
    return np.concatenate(codes)


def _frequency_layers(features: NDArray[np.float32], weights: Weights) -> NDArray[np.float32]:
    """Apply six convolutions over frequency to every column alone: `(C, 512)` to `(C, channels * 4)`."""
    x = np.stack(np.split(features, 2, axis=1), axis=2)  # (C, 256, 2)
    for index in range(6):
        x = leaky_relu(_halve(x, weights[f"frequency.{index}.weight"], weights[f"frequency.{index}.bias"]))
    return x.reshape(len(x), -1)


def _time_layers(windows: NDArray[np.float32], weights: Weights) -> NDArray[np.float32]:
    """Apply six convolutions over time to each frame's window: `(T, 24, 4 * channels)` to `(T, code_size)`."""
    frames = len(windows)
    x = windows.reshape(frames, WINDOW_COLUMNS, 4, -1).transpose(0, 2, 1, 3)  # (T, 4, 24, channels)
    x = x.reshape(frames * 4, WINDOW_COLUMNS, -1)
    for index in range(6):
        x = leaky_relu(_halve(x, weights[f"time.{index}.weight"], weights[f"time.{index}.bias"]))
    return x.reshape(frames, -1) @ weights["exit.weight"] + weights["exit.bias"]


def _halve(x: NDArray[np.float32], weight: NDArray[np.float32], bias: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convolve with three taps and stride 2 along the middle axis: `(B, L, C)` to `(B, ceil(L / 2), O)`."""
    length = x.shape[1]
    padded = np.pad(x, ((0, 0), (1, 1), (0, 0)))
    taps = (padded[:, tap : tap + length : 2] @ weight[tap] for tap in range(3))
    return sum(taps, start=bias)
