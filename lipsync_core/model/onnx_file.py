"""A network as the bytes of an ONNX file, written without the `onnx` package, which Blender does not have.

ONNX is a protocol buffer: fields of a number, a wire type and a value. The field numbers are those of `onnx.proto3`
(https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3); operators are those of opset 17. ONNX convolves pictures
`(B, C, H, W)`, so the axes are turned at the boundary and where rows become pictures.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .feedforward import (
    Convolution,
    FeedForward,
    Flatten,
    Layer,
    LeakyRelu,
    Linear,
    PixelShuffle,
    Relu,
    Reshape,
    Shape,
    Tanh,
    Upsample,
)

INPUT_NAME = "input"
OUTPUT_NAME = "output"
BATCH_AXIS = "batch"

_OPSET = 17
_IR_VERSION = 8
_PRODUCER = "LipSync3D"
_DATA_TYPES = {np.dtype(np.float32): 1, np.dtype(np.int64): 7}  # TensorProto.DataType
_TO_CHANNELS_FIRST = (0, 3, 1, 2)
_TO_CHANNELS_LAST = (0, 2, 3, 1)

Attribute = int | float | str | tuple[int, ...]


def onnx_model(network: FeedForward, input_shape: Shape) -> bytes:
    """Write a network as an ONNX model with one input and one output, channels-last float32, of any batch.

    Args:
        network: What to write.
        input_shape: `(N,)` or `(H, W, C)`.

    Raises:
        ShapeError: If the network cannot read `input_shape`.
    """
    output_shape = network.output_shape(input_shape)
    graph = _Graph()
    value = INPUT_NAME
    if len(input_shape) == 3:
        value = graph.add("Transpose", (value,), perm=_TO_CHANNELS_FIRST)
    for layer in network.layers:
        value = _add_layer(graph, layer, value)
    last: dict[str, Attribute] = {"perm": _TO_CHANNELS_LAST} if len(output_shape) == 3 else {}
    graph.add("Transpose" if last else "Identity", (value,), OUTPUT_NAME, **last)
    return b"".join(
        [
            _number(1, _IR_VERSION),
            _bytes(2, _PRODUCER.encode()),
            _bytes(7, graph.encode(input_shape, output_shape)),
            _bytes(8, _bytes(1, b"") + _number(2, _OPSET)),  # OperatorSetIdProto: the default domain
        ]
    )


@dataclass
class _Graph:
    """A graph while it is being written: encoded NodeProtos and TensorProtos."""

    nodes: list[bytes] = field(default_factory=list)
    tensors: list[bytes] = field(default_factory=list)

    def add(self, operator: str, inputs: Sequence[str], output: str = "", **attributes: Attribute) -> str:
        """Append a node of one output; return that output's name."""
        output = output or f"{operator}_{len(self.nodes)}"
        values = [_bytes(1, name.encode()) for name in inputs]
        settings = [_bytes(5, _attribute(name, value)) for name, value in attributes.items()]
        self.nodes.append(b"".join([*values, _bytes(2, output.encode()), _bytes(4, operator.encode()), *settings]))
        return output

    def constant(self, array: NDArray[np.float32] | NDArray[np.int64]) -> str:
        """Append a tensor; return its name."""
        name = f"constant_{len(self.tensors)}"
        self.tensors.append(_tensor(name, array))
        return name

    def encode(self, input_shape: Shape, output_shape: Shape) -> bytes:
        """Return the GraphProto."""
        nodes = [_bytes(1, node) for node in self.nodes]
        tensors = [_bytes(5, tensor) for tensor in self.tensors]
        ends = [_bytes(11, _value(INPUT_NAME, input_shape)), _bytes(12, _value(OUTPUT_NAME, output_shape))]
        return b"".join([*nodes, _bytes(2, b"network"), *tensors, *ends])


def _add_layer(graph: _Graph, layer: Layer, value: str) -> str:
    """Append the nodes of a layer that reads `value`; return the name of what it gives."""
    match layer:
        case Linear():
            return graph.add("Gemm", (value, graph.constant(layer.weight), graph.constant(layer.bias)))
        case Convolution():
            return _add_convolution(graph, layer, value)
        case Upsample():
            scales = graph.constant(np.array([1, 1, 2, 2], np.float32))
            return graph.add("Resize", (value, "", scales), mode="linear", coordinate_transformation_mode="half_pixel")
        case PixelShuffle():
            return graph.add("DepthToSpace", (value,), blocksize=layer.factor, mode="CRD")
        case Relu():
            return graph.add("Relu", (value,))
        case LeakyRelu():
            return graph.add("LeakyRelu", (value,), alpha=float(layer.slope))
        case Tanh():
            return graph.add("Tanh", (value,))
        case Reshape():
            picture = graph.add("Reshape", (value, graph.constant(np.array([-1, *layer.shape], np.int64))))
            return graph.add("Transpose", (picture,), perm=_TO_CHANNELS_FIRST)
        case Flatten():
            return graph.add("Flatten", (graph.add("Transpose", (value,), perm=_TO_CHANNELS_LAST),), axis=1)


def _add_convolution(graph: _Graph, layer: Convolution, value: str) -> str:
    rows, columns = layer.weight.shape[:2]
    weight = graph.constant(layer.weight.transpose(3, 2, 0, 1))  # (O, I, K, L)
    return graph.add(
        "Conv",
        (value, weight, graph.constant(layer.bias)),
        kernel_shape=(rows, columns),
        pads=(rows // 2, columns // 2) * 2,
        strides=(layer.stride, layer.stride),
    )


def _attribute(name: str, value: Attribute) -> bytes:
    """Encode an AttributeProto."""
    match value:
        case int():
            encoded, kind = _number(3, value), 2
        case float():
            encoded, kind = _key(2, 5) + struct.pack("<f", value), 1
        case str():
            encoded, kind = _bytes(4, value.encode()), 3
        case _:
            encoded, kind = b"".join(_number(8, item) for item in value), 7
    return _bytes(1, name.encode()) + encoded + _number(20, kind)


def _tensor(name: str, array: NDArray[np.float32] | NDArray[np.int64]) -> bytes:
    """Encode a TensorProto, little-endian."""
    axes = b"".join(_number(1, size) for size in array.shape)
    content = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return axes + _number(2, _DATA_TYPES[array.dtype]) + _bytes(8, name.encode()) + _bytes(9, content)


def _value(name: str, shape: Shape) -> bytes:
    """Encode a ValueInfoProto: a float32 tensor of any batch."""
    sizes = b"".join(_bytes(1, _number(1, size)) for size in shape)
    axes = _bytes(1, _bytes(2, BATCH_AXIS.encode())) + sizes  # TensorShapeProto
    tensor_type = _number(1, _DATA_TYPES[np.dtype(np.float32)]) + _bytes(2, axes)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor_type))


def _number(field_number: int, value: int) -> bytes:
    """Encode a field that holds a whole number."""
    return _key(field_number, 0) + _varint(value)


def _bytes(field_number: int, content: bytes) -> bytes:
    """Encode a field that holds text, bytes or a message."""
    return _key(field_number, 2) + _varint(len(content)) + content


def _key(field_number: int, wire_type: int) -> bytes:
    return _varint(field_number << 3 | wire_type)


def _varint(value: int) -> bytes:
    """Encode a whole number, seven bits at a time, the lowest first; a negative one as its 64-bit complement."""
    value &= (1 << 64) - 1
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
