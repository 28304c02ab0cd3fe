"""From torch's texture networks to the lists of layers that a model file carries."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lipsync_core.model.feedforward import (
    Convolution,
    FeedForward,
    Flatten,
    Layer,
    LeakyRelu,
    Linear,
    Relu,
    Reshape,
    Tanh,
    Upsample,
)

from .texture_networks import PaperDecoder, PaperMemory, SheetDecoder, SheetMemory

Array = NDArray[np.float32]


def decoder_layers(decoder: SheetDecoder | PaperDecoder, back: Array) -> FeedForward:
    """List a decoder's layers.

    Args:
        decoder: In torch.
        back: `(N, N)`, turns the codes that the list will read into those that the decoder reads.
    """
    return _sheet_decoder(decoder, back) if isinstance(decoder, SheetDecoder) else _paper_decoder(decoder, back)


def memory_layers(memory: SheetMemory | PaperMemory | None) -> FeedForward | None:
    """List a memory's layers; None if there is none."""
    if memory is None:
        return None
    if isinstance(memory, SheetMemory):
        weight = memory.exit.weight.detach() / memory.scale
        return FeedForward((_linear(weight, memory.exit.bias), Tanh()))
    layers: list[Layer] = []
    for convolution in memory.convolutions:
        layers += [_convolution(convolution, stride=2), Relu()]
    return FeedForward((*layers, Flatten(), _linear(memory.exit.weight, memory.exit.bias), Tanh()))


def _sheet_decoder(decoder: SheetDecoder, back: Array) -> FeedForward:
    exit_weight = decoder.exit.weight.detach() * decoder.scale[:, None]
    exit_bias = decoder.exit.bias.detach() * decoder.scale
    return FeedForward((_entry(decoder.hidden, back), LeakyRelu(), _linear(exit_weight, exit_bias)))


def _paper_decoder(decoder: PaperDecoder, back: Array) -> FeedForward:
    channels = decoder.entry.out_features // 16
    layers: list[Layer] = [_entry(decoder.entry, back), Relu(), Reshape((4, 4, channels))]
    for convolution in decoder.convolutions:
        layers += [Upsample(), _convolution(convolution), Relu()]
    return FeedForward((*layers, Upsample(), _convolution(decoder.exit), Tanh()))


def _entry(layer: nn.Linear, back: Array) -> Linear:
    """List the first layer of a decoder, which reads the code and then the memory."""
    weight = layer.weight.detach().double().T.clone()
    weight[: len(back)] = torch.from_numpy(np.asarray(back, np.float64)) @ weight[: len(back)]
    return _linear(weight.T, layer.bias)


def _linear(weight: Tensor, bias: Tensor) -> Linear:
    return Linear(_array(weight.T), _array(bias))


def _convolution(layer: nn.Module, stride: int = 1) -> Convolution:
    weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
    return Convolution(_array(weight.permute(2, 3, 1, 0)), _array(bias), stride)  # (O, I, h, w) -> (h, w, I, O)


def _array(tensor: Tensor) -> Array:
    return np.ascontiguousarray(tensor.detach().double().numpy(), np.float32)
