"""Networks that are a list of layers, as a model file carries them, and their NumPy.

At the boundary tensors are float32 and channels-last: rows `(B, N)` or pictures `(B, H, W, C)`. Between the layers a
picture is `(C, B, H, W)`: a convolution is one matrix product for the whole batch, with long runs of pixels for the
processor. `onnx_file` says the same layers in ONNX.

A layer's `run` reads and gives such tensors, and may overwrite what it reads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import lru_cache
from math import prod
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..arrays import check_shape
from ..errors import FormatError, ShapeError
from . import products
from .layers import LEAKY_SLOPE

Tensor: TypeAlias = NDArray[np.float32]
Shape: TypeAlias = tuple[int, ...]
Rectangle: TypeAlias = tuple[slice, slice]

_BLOCK_PIXELS = 1024  # of a convolution, computed at a time: their windows stay in the processor's cache
_MOST_THREADS = 8


@dataclass(frozen=True)
class Linear:
    """A matrix product: `(B, I)` to `(B, O)`, `y = x @ weight + bias`.

    Attributes:
        weight: `(I, O)` float32.
        bias: `(O,)` float32.
    """

    weight: Tensor
    bias: Tensor
    kind: ClassVar[str] = "linear"

    def __post_init__(self) -> None:
        outputs = check_shape("Linear.weight", self.weight, "I O")["O"]
        check_shape("Linear.bias", self.bias, f"{outputs}")

    def output_shape(self, shape: Shape) -> Shape:
        """Return the axes after the batch that come out for those that go in; ShapeError if they do not fit."""
        _require(len(shape) == 1 and shape[0] == len(self.weight), f"{len(self.weight)} numbers", shape)
        return (self.weight.shape[1],)

    def run(self, x: Tensor) -> Tensor:
        """Compute the layer with NumPy."""
        return products.matrix_product(self.weight, x.T).T + self.bias


@dataclass(frozen=True)
class Convolution:
    """A convolution over a picture with zero padding: output pixel `p` is centred on input pixel `p * stride`.

    `(B, H, W, I)` to `(B, ceil(H / stride), ceil(W / stride), O)`.

    Attributes:
        weight: `(K, L, I, O)` float32: rows and columns of taps, both odd, then channels.
        bias: `(O,)` float32.
        stride: Input pixels per output pixel: 1 or 2.
    """

    weight: Tensor
    bias: Tensor
    stride: int = 1
    kind: ClassVar[str] = "convolution"

    def __post_init__(self) -> None:
        sizes = check_shape("Convolution.weight", self.weight, "K L I O")
        check_shape("Convolution.bias", self.bias, str(sizes["O"]))
        if sizes["K"] % 2 == 0 or sizes["L"] % 2 == 0:
            raise ShapeError(f"Convolution.weight must have an odd number of taps, not {self.weight.shape[:2]}.")
        if self.stride not in (1, 2):
            raise ShapeError(f"Convolution.stride must be 1 or 2, not {self.stride!r}.")

    def output_shape(self, shape: Shape) -> Shape:
        """Return the axes after the batch that come out for those that go in; ShapeError if they do not fit."""
        channels = self.weight.shape[2]
        _require(len(shape) == 3 and shape[2] == channels, f"a picture of {channels} channels", shape)
        return -(-shape[0] // self.stride), -(-shape[1] // self.stride), self.weight.shape[3]

    def run(self, x: Tensor) -> Tensor:
        """Compute the layer with NumPy."""
        rows, columns, _, outputs = self.weight.shape
        padded = np.pad(x, ((0, 0), (0, 0), (rows // 2, rows // 2), (columns // 2, columns // 2)))
        windows = sliding_window_view(padded, (1, 1, rows, columns))[:, :, :: self.stride, :: self.stride, 0, 0]
        windows = windows.transpose(4, 5, 0, 1, 2, 3)  # (K, L, I, B, h, w), where h and w count outputs
        matrix = self.weight.reshape(-1, outputs)
        y: Tensor = np.empty((outputs, *windows.shape[3:]), np.float32)

        def compute(block: Rectangle) -> None:
            taken = windows[:, :, :, block[0], block[1]]
            product = products.matrix_product(matrix, taken.reshape(len(matrix), -1))
            np.add(product.reshape(outputs, *taken.shape[3:]), self.bias[:, None, None, None], out=y[:, *block])

        _for_each(compute, list(_blocks(*y.shape[1:])))
        return y


@dataclass(frozen=True)
class Upsample:
    """Twice as many pixels in both directions, bilinear with half-pixel centres: `(B, H, W, C)` to `(B, 2H, 2W, C)`.

    A new pixel is three quarters of the old one that it lies in and a quarter of that one's neighbour; beyond the
    border the picture goes on.
    """

    kind: ClassVar[str] = "upsample"

    def output_shape(self, shape: Shape) -> Shape:
        """Return the axes after the batch that come out for those that go in; ShapeError if they do not fit."""
        _require(len(shape) == 3, "a picture", shape)
        return 2 * shape[0], 2 * shape[1], shape[2]

    def run(self, x: Tensor) -> Tensor:
        """Compute the layer with NumPy."""
        return _doubled(_doubled(x, 2), 3)


@dataclass(frozen=True)
class PixelShuffle:
    """Channels to pixels: `(B, H, W, C * r * r)` to `(B, r * H, r * W, C)`.

    Channel `(c * r + i) * r + j` becomes channel `c` of the pixel in row `i` and column `j` of the `r x r` new ones.

    Attributes:
        factor: `r`.
    """

    factor: int
    kind: ClassVar[str] = "pixel_shuffle"

    def output_shape(self, shape: Shape) -> Shape:
        """Return the axes after the batch that come out for those that go in; ShapeError if they do not fit."""
        parts = self.factor**2
        _require(len(shape) == 3 and shape[2] % parts == 0, f"a picture of a multiple of {parts} channels", shape)
        return shape[0] * self.factor, shape[1] * self.factor, shape[2] // parts

    def run(self, x: Tensor) -> Tensor:
        """Compute the layer with NumPy."""
        r = self.factor
        channels, batch, height, width = x.shape
        parts = x.reshape(channels // r**2, r, r, batch, height, width)
        return parts.transpose(0, 3, 4, 1, 5, 2).reshape(-1, batch, height * r, width * r)


@dataclass(frozen=True)
class Relu:
    """`max(x, 0)`, any axes."""

    kind: ClassVar[str] = "relu"

    def output_shape(self, shape: Shape) -> Shape:
        """Return the axes after the batch, which stay."""
        return shape

    def run(self, x: Tensor) -> Tensor:
        """Compute the layer with NumPy, in place."""
        return np.maximum(x, 0, out=x)


@dataclass(frozen=True)
class LeakyRelu:
    """`max(x, slope * x)`, any axes.

    Attributes:
        slope: Of negative values, from 0 to 1.
    """

    slope: float = LEAKY_SLOPE
    kind: ClassVar[str] = "leaky_relu"

    def output_shape(self, shape: Shape) -> Shape:
        """Return the axes after the batch, which stay."""
        return shape

    def run(self, x: Tensor) -> Tensor:
        """Compute the layer with NumPy, in place."""
        return np.maximum(x, np.float32(self.slope) * x, out=x)


@dataclass(frozen=True)
class Tanh:
    """Hyperbolic tangent, any axes."""

    kind: ClassVar[str] = "tanh"

    def output_shape(self, shape: Shape) -> Shape:
        """Return the axes after the batch, which stay."""
        return shape

    def run(self, x: Tensor) -> Tensor:
        """Compute the layer with NumPy, in place."""
        return np.tanh(x, out=x)


@dataclass(frozen=True)
class Reshape:
    """Rows `(B, H * W * C)` to pictures `(B, H, W, C)`: the channels of a pixel lie side by side in a row.

    Attributes:
        shape: `(H, W, C)`.
    """

    shape: tuple[int, int, int]
    kind: ClassVar[str] = "reshape"

    def output_shape(self, shape: Shape) -> Shape:
        """Return the axes after the batch that come out for those that go in; ShapeError if they do not fit."""
        _require(shape == (prod(self.shape),), f"{prod(self.shape)} numbers", shape)
        return self.shape

    def run(self, x: Tensor) -> Tensor:
        """Compute the layer with NumPy."""
        return _channels_first(x.reshape(-1, *self.shape))


@dataclass(frozen=True)
class Flatten:
    """Pictures `(B, H, W, C)` to rows `(B, H * W * C)`: what `Reshape` undoes."""

    kind: ClassVar[str] = "flatten"

    def output_shape(self, shape: Shape) -> Shape:
        """Return the axes after the batch that come out for those that go in; ShapeError if they do not fit."""
        _require(len(shape) == 3, "a picture", shape)
        return (prod(shape),)

    def run(self, x: Tensor) -> Tensor:
        """Compute the layer with NumPy."""
        return _channels_last(x).reshape(x.shape[1], -1)


Layer: TypeAlias = Linear | Convolution | Upsample | PixelShuffle | Relu | LeakyRelu | Tanh | Reshape | Flatten
_KINDS: dict[str, type[Layer]] = {
    layer.kind: layer
    for layer in (Linear, Convolution, Upsample, PixelShuffle, Relu, LeakyRelu, Tanh, Reshape, Flatten)
}
_WEIGHTED = (Linear, Convolution)
_WEIGHT_NAMES = ("weight", "bias")


@dataclass(frozen=True)
class FeedForward:
    """A network: its layers from the input to the output.

    Attributes:
        layers: Each reads what the one before gives.
    """

    layers: tuple[Layer, ...]

    @property
    def parameter_count(self) -> int:
        """Numbers in all weights and biases."""
        return sum(array.size for array in self.to_arrays().values())

    def output_shape(self, input_shape: Shape) -> Shape:
        """Follow a tensor's axes, without the batch, through the layers.

        Args:
            input_shape: `(N,)` or `(H, W, C)`.

        Raises:
            ShapeError: If a layer cannot read what reaches it.
        """
        for number, layer in enumerate(self.layers):
            try:
                input_shape = layer.output_shape(input_shape)
            except ShapeError as fault:
                raise ShapeError(f"Layer {number} ({layer.kind}) of the network {fault}") from fault
        return input_shape

    def run(self, x: Tensor) -> Tensor:
        """Compute the network with NumPy.

        Args:
            x: `(B, N)` or `(B, H, W, C)`; left as it is.

        Returns:
            `(B, M)` or `(B, H, W, C)` float32, contiguous.

        Raises:
            ShapeError: If the network cannot read `x`.
        """
        output = self.output_shape(x.shape[1:])
        x = np.array(x, np.float32, order="C")  # a copy, for layers that work in place
        x = _channels_first(x) if x.ndim == 4 else x
        for layer in self.layers:
            x = layer.run(x)
        return np.ascontiguousarray(_channels_last(x) if len(output) == 3 else x)

    def to_header(self) -> list[dict[str, Any]]:
        """Return every layer's kind and settings as JSON values; the weights are `to_arrays`'s."""
        return [{"kind": layer.kind, **_settings(layer)} for layer in self.layers]

    def to_arrays(self, prefix: str = "") -> dict[str, Tensor]:
        """Return the weights by name: the `prefix`, the layer's number, `.weight` or `.bias`."""
        return {
            f"{prefix}{number}.{name}": getattr(layer, name)
            for number, layer in enumerate(self.layers)
            if isinstance(layer, _WEIGHTED)
            for name in _WEIGHT_NAMES
        }

    @classmethod
    def from_header(
        cls, header: list[dict[str, Any]], arrays: Mapping[str, NDArray[Any]], prefix: str = ""
    ) -> FeedForward:
        """Read what `to_header` and `to_arrays` wrote.

        Raises:
            FormatError: If a layer is unknown here or damaged, or an array is missing or has other axes.
        """
        if not isinstance(header, list):
            raise FormatError(f"The model's network {prefix!r} is no list of layers; export the model again.")
        return cls(tuple(_read_layer(entry, arrays, f"{prefix}{number}.") for number, entry in enumerate(header)))


@lru_cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS), "lipsync3d-network")


def _for_each(work: Callable[[Rectangle], None], blocks: list[Rectangle]) -> None:
    """Do some work for each block: in threads, unless there is one block or a tuned BLAS that has its own."""
    if len(blocks) == 1 or products.blas_is_tuned():
        for block in blocks:
            work(block)
    else:
        list(_threads().map(work, blocks))


def _blocks(batch: int, height: int, width: int) -> Iterator[Rectangle]:
    """Cut `(B, H, W)` pixels into blocks of whole pictures, or of whole rows of one picture."""
    rows = min(height, max(1, _BLOCK_PIXELS // width))
    pictures = max(1, _BLOCK_PIXELS // (height * width))
    for first in range(0, batch, pictures):
        for top in range(0, height, rows):
            yield slice(first, first + pictures), slice(top, top + rows)


def _doubled(x: Tensor, axis: int) -> Tensor:
    """Upsample one axis."""
    y = np.empty((*x.shape[: axis + 1], 2, *x.shape[axis + 1 :]), np.float32)
    old, new = np.moveaxis(x, axis, 0), np.moveaxis(y, (axis, axis + 1), (0, 1))
    near, far = np.float32(0.75) * old, np.float32(0.25) * old
    new[:1, 0], new[-1:, 1] = old[:1], old[-1:]
    np.add(near[1:], far[:-1], out=new[1:, 0])
    np.add(near[:-1], far[1:], out=new[:-1, 1])
    return y.reshape(*x.shape[:axis], -1, *x.shape[axis + 1 :])


def _channels_first(x: Tensor) -> Tensor:
    """`(B, H, W, C)` to `(C, B, H, W)`."""
    return np.moveaxis(x, 3, 0)


def _channels_last(x: Tensor) -> Tensor:
    """`(C, B, H, W)` to `(B, H, W, C)`."""
    return np.moveaxis(x, 0, 3)


def _require(fits: bool, wanted: str, shape: Shape) -> None:
    if not fits:
        raise ShapeError(f"reads {wanted}, not {shape}.")


def _settings(layer: Layer) -> dict[str, Any]:
    values = {field.name: getattr(layer, field.name) for field in fields(layer) if field.name not in _WEIGHT_NAMES}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _read_layer(entry: dict[str, Any], arrays: Mapping[str, NDArray[Any]], prefix: str) -> Layer:
    try:
        kind = entry["kind"]
        if kind not in _KINDS:
            raise FormatError(f"The model has a layer {kind!r}, unknown here; update LipSync3D.")
        make: Callable[..., Layer] = _KINDS[kind]
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
        weights = {name: _weight(arrays, prefix + name) for name in _WEIGHT_NAMES} if make in _WEIGHTED else {}
        del values["kind"]
        return make(**values, **weights)
    except (KeyError, TypeError, ShapeError) as fault:
        raise FormatError(f"The layer {prefix!r} of the model is damaged ({fault}); export the model again.") from fault


def _weight(arrays: Mapping[str, NDArray[Any]], name: str) -> Tensor:
    if name not in arrays:
        raise FormatError(f"The model lacks the array {name!r}; export the model again.")
    return np.ascontiguousarray(arrays[name], np.float32)
