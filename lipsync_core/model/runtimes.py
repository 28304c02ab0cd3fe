"""What computes a network: NumPy, which is always there, or ONNX Runtime, where it can be loaded."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, MissingDependencyError, ShapeError
from .feedforward import FeedForward, Linear, Shape
from .onnx_file import INPUT_NAME, OUTPUT_NAME, onnx_model

Runtime: TypeAlias = Literal["NumPy", "ONNX Runtime"]
Computation: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]

RUNTIME_VARIABLE = "LIPSYNC3D_RUNTIME"
_FATAL = 4  # ONNX Runtime's log level that says nothing of warnings and errors: those come as exceptions


def best_runtime() -> Runtime:
    """Choose what computes networks in this process.

    ONNX Runtime where it works, else NumPy. The environment variable `LIPSYNC3D_RUNTIME` (`numpy` or `onnx`) decides
    otherwise. On Windows, ONNX Runtime is never loaded into Blender itself, which has crashed of it: only beside
    Blender, into the worker process.

    Raises:
        ConfigError: If `LIPSYNC3D_RUNTIME` is neither, or asks for an ONNX Runtime that does not work here.
    """
    wanted = os.environ.get(RUNTIME_VARIABLE, "").strip().lower()
    if wanted not in ("", "numpy", "onnx"):
        raise ConfigError(f"{RUNTIME_VARIABLE} is {wanted!r}; set it to 'numpy' or 'onnx', or unset it.")
    if wanted == "numpy":
        return "NumPy"
    if _onnxruntime() is not None:
        return "ONNX Runtime"
    if wanted == "onnx":
        raise ConfigError(f"{RUNTIME_VARIABLE} is 'onnx', but ONNX Runtime cannot be loaded here; unset it.")
    return "NumPy"


def compile_network(network: FeedForward, input_shape: Shape, runtime: Runtime) -> Computation:
    """Make a network ready to compute.

    Args:
        network: Its layers.
        input_shape: `(N,)` or `(H, W, C)`: what it will read, without the batch.
        runtime: What computes it.

    Returns:
        A function from `(B, *input_shape)` float32 to the network's output, float32 and contiguous, for any `B`.
        It raises ShapeError for other axes. Memory grows with `B`; batches beyond 16 gain nothing.

    Raises:
        ShapeError: If the network cannot read `input_shape`.
        MissingDependencyError: If ONNX Runtime is asked for and does not work here.
    """
    network.output_shape(input_shape)
    compute = network.run if runtime == "NumPy" else _onnx_computation(network, input_shape)

    def checked(x: NDArray[np.float32]) -> NDArray[np.float32]:
        if x.shape[1:] != tuple(input_shape):
            raise ShapeError(f"The network reads (B, {', '.join(map(str, input_shape))}), not {x.shape}.")
        return compute(x)

    return checked


def _onnx_computation(network: FeedForward, input_shape: Shape) -> Computation:
    package = _onnxruntime()
    if package is None:
        raise MissingDependencyError("ONNX Runtime cannot be loaded here; install onnxruntime, or use NumPy.")
    return _session(package, network, input_shape)


def _onnxruntime() -> Any:
    """Return the package if it may be loaded here and works, else None."""
    return None if sys.platform == "win32" and "bpy" in sys.modules else _working_package()


@lru_cache
def _working_package() -> Any:
    """Return the package if it loads and computes a network of one layer, else None."""
    try:
        package = import_module("onnxruntime")
        package.set_default_logger_severity(_FATAL)
        one = Linear(np.ones((1, 1), np.float32), np.zeros(1, np.float32))
        works = _session(package, FeedForward((one,)), (1,))(np.ones((1, 1), np.float32)) == 1
    except Exception:  # whatever is wrong with it, NumPy does the same
        return None
    return package if works else None


def _session(package: Any, network: FeedForward, input_shape: Shape) -> Computation:
    options = package.SessionOptions()
    options.log_severity_level = _FATAL
    options.intra_op_num_threads = 0  # one for each core
    options.execution_mode = package.ExecutionMode.ORT_SEQUENTIAL
    content = onnx_model(network, input_shape)
    session = package.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def compute(x: NDArray[np.float32]) -> NDArray[np.float32]:
        outputs = session.run([OUTPUT_NAME], {INPUT_NAME: np.ascontiguousarray(x, np.float32)})
        return np.asarray(outputs[0])

    return compute
