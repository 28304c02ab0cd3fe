"""Networks of layers: their NumPy against the definitions, their place in a file, and the choice of a runtime."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from math import prod
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lipsync_core.archive import ArchiveFormat, read_archive, write_archive
from lipsync_core.errors import ConfigError, FormatError, MissingDependencyError, ShapeError
from lipsync_core.model import feedforward, products, runtimes
from lipsync_core.model.feedforward import (
    Convolution,
    FeedForward,
    Flatten,
    Layer,
    LeakyRelu,
    Linear,
    PixelShuffle,
    Relu,
    Reshape,
    Tanh,
    Upsample,
)
from lipsync_core.model.runtimes import RUNTIME_VARIABLE, best_runtime, compile_network


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def run(layer: Layer, x: np.ndarray) -> np.ndarray:
    return FeedForward((layer,)).run(x)


def convolution(*shape: int, stride: int = 1) -> Convolution:
    return Convolution(normal(*shape) / prod(shape[:3]) ** 0.5, normal(shape[-1], seed=1), stride)


def small_network() -> FeedForward:
    """Every kind of layer, from 6 numbers to 5."""
    linear, last = Linear(normal(6, 24), normal(24)), Linear(normal(192, 5) / 14, normal(5))
    middle = (Upsample(), convolution(3, 3, 4, 8, stride=2), PixelShuffle(2), Relu(), convolution(1, 3, 2, 2))
    return FeedForward((linear, LeakyRelu(0.1), Reshape((2, 3, 4)), *middle, Upsample(), Tanh(), Flatten(), last))


@pytest.fixture(params=[True, False], ids=["tuned BLAS", "no BLAS"])
def _both_products(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "blas_is_tuned", lambda: request.param)


def convolved_by_definition(x: np.ndarray, layer: Convolution) -> np.ndarray:
    """One output pixel after another."""
    rows, columns = layer.weight.shape[:2]
    padded = np.pad(x, ((0, 0), (rows // 2,) * 2, (columns // 2,) * 2, (0, 0)))
    height, width, _ = layer.output_shape(x.shape[1:])
    y = np.empty((len(x), height, width, len(layer.bias)))
    for row in range(height):
        for column in range(width):
            top, left = row * layer.stride, column * layer.stride
            window = padded[:, top : top + rows, left : left + columns]
            y[:, row, column] = np.tensordot(window, layer.weight, axes=3) + layer.bias
    return y


@pytest.mark.usefixtures("_both_products")
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("taps", [(1, 1), (3, 3), (5, 3)])
@pytest.mark.parametrize("size", [(1, 1), (4, 5), (7, 6)])
def test_a_convolution_is_its_definition(stride: int, taps: tuple[int, int], size: tuple[int, int]) -> None:
    layer = convolution(*taps, 3, 4, stride=stride)
    x = normal(2, *size, 3, seed=2)

    np.testing.assert_allclose(run(layer, x), convolved_by_definition(x, layer), atol=1e-5)


@pytest.mark.usefixtures("_both_products")
def test_an_impulse_gives_the_taps_turned_around() -> None:
    layer = Convolution(normal(3, 5, 1, 2), np.zeros(2, np.float32))
    x = np.zeros((1, 7, 9, 1), np.float32)
    x[0, 3, 4, 0] = 1

    y = run(layer, x)[0]

    np.testing.assert_array_equal(y[2:5, 2:7], layer.weight[::-1, ::-1, 0])
    assert np.count_nonzero(y) == layer.weight.size


@pytest.mark.usefixtures("_both_products")
@pytest.mark.parametrize("size", [(9, 7), (80, 64), (3, 2000)], ids=["small", "blocks of rows", "rows over a block"])
def test_where_the_blocks_are_cut_cannot_be_seen(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = convolution(3, 3, 2, 3), normal(33, *size, 2)

    in_blocks = run(layer, x)
    monkeypatch.setattr(feedforward, "_BLOCK_PIXELS", 10**9)
    whole = run(layer, x)

    np.testing.assert_allclose(in_blocks, whole, atol=1e-5)


def test_twice_the_pixels_of_a_ramp_are_a_ramp() -> None:
    ramp = np.add.outer(10 * np.arange(5), np.arange(6)).astype(np.float32)[None, :, :, None]

    fine = run(Upsample(), ramp)[0, :, :, 0]

    rows, columns = (np.clip((np.arange(2 * n) - 0.5) / 2, 0, n - 1) for n in (5, 6))  # half-pixel centres
    np.testing.assert_allclose(fine, np.add.outer(10 * rows, columns), atol=1e-5)


def test_upsampling_keeps_the_mean_and_a_single_pixel() -> None:
    x = normal(3, 4, 5, 2)

    np.testing.assert_allclose(run(Upsample(), x).mean((1, 2)), x.mean((1, 2)), atol=1e-6)
    np.testing.assert_array_equal(run(Upsample(), x[:, :1, :1]), np.broadcast_to(x[:, :1, :1], (3, 2, 2, 2)))


def test_pixel_shuffle_puts_channels_beside_each_other() -> None:
    x = np.arange(8, dtype=np.float32).reshape(1, 1, 1, 8)

    y = run(PixelShuffle(2), x)[0]

    np.testing.assert_array_equal(y[:, :, 0], [[0, 1], [2, 3]])
    np.testing.assert_array_equal(y[:, :, 1], [[4, 5], [6, 7]])


def test_pixel_shuffle_only_moves_numbers() -> None:
    x = normal(2, 3, 4, 18)

    y = run(PixelShuffle(3), x)

    assert y.shape == (2, 9, 12, 2)
    np.testing.assert_array_equal(np.sort(y, axis=None), np.sort(x, axis=None))
    np.testing.assert_array_equal(y[1, 3:6, 6:9, 1].ravel(), x[1, 1, 2, 9:])


@pytest.mark.usefixtures("_both_products")
@pytest.mark.parametrize("batch", [1, 40])
def test_linear_is_a_matrix_product(batch: int) -> None:
    layer, x = Linear(normal(5, 7), normal(7)), normal(batch, 5)

    np.testing.assert_allclose(run(layer, x), np.dot(x, layer.weight) + layer.bias, atol=1e-6)


def test_activations_are_their_formulas() -> None:
    x = np.array([[-2, 0, 3]], np.float32)

    np.testing.assert_array_equal(run(Relu(), x), [[0, 0, 3]])
    np.testing.assert_allclose(run(LeakyRelu(), x), [[-0.4, 0, 3]])
    np.testing.assert_allclose(run(Tanh(), x), np.tanh(x))


def test_flatten_undoes_reshape_and_both_keep_memory_order() -> None:
    x = normal(2, 24)

    picture = run(Reshape((2, 3, 4)), x)

    np.testing.assert_array_equal(picture, x.reshape(2, 2, 3, 4))
    np.testing.assert_array_equal(run(Flatten(), picture), x)


@pytest.mark.parametrize("layer", [Relu(), Tanh(), Reshape((1, 2, 3)), Linear(np.eye(6, dtype=np.float32), normal(6))])
def test_what_a_network_reads_is_left_as_it_is(layer: Layer) -> None:
    x = normal(3, 6)
    before = x.copy()

    FeedForward((layer, Relu())).run(x)

    np.testing.assert_array_equal(x, before)


@pytest.mark.usefixtures("_both_products")
def test_a_batch_is_its_parts_and_comes_out_contiguous() -> None:
    network, x = small_network(), normal(5, 6)

    together = network.run(x)

    np.testing.assert_allclose(together, np.concatenate([network.run(one[None]) for one in x]), atol=1e-5)
    assert together.flags.c_contiguous
    assert together.dtype == np.float32


def test_a_network_foretells_its_output() -> None:
    network = small_network()
    picture = FeedForward(network.layers[:-1])

    assert network.run(normal(2, 6)).shape == (2, *network.output_shape((6,)))
    assert picture.run(normal(2, 6)).shape == (2, *picture.output_shape((6,)))


def test_parameters_are_counted_in_weights_and_biases() -> None:
    assert FeedForward((Linear(normal(6, 4), normal(4)), Relu())).parameter_count == 28


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Linear(normal(3, 2), normal(2)), (4,)),
        (Linear(normal(3, 2), normal(2)), (1, 1, 3)),
        (convolution(3, 3, 2, 2), (5, 5, 3)),
        (Upsample(), (4,)),
        (PixelShuffle(2), (5, 5, 6)),
        (Reshape((2, 2, 2)), (9,)),
        (Flatten(), (9,)),
    ],
)
def test_a_layer_that_cannot_read_its_input_is_named(layer: Layer, shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=f"Layer 1 \\({layer.kind}\\) of the network reads .*, not "):
        FeedForward((Relu(), layer)).run(np.zeros((1, *shape), np.float32))


def test_weights_must_fit_together() -> None:
    with pytest.raises(ShapeError, match=r"Linear\.bias"):
        Linear(normal(3, 2), normal(3))
    with pytest.raises(ShapeError, match="odd"):
        convolution(2, 2, 1, 1)
    with pytest.raises(ShapeError, match="stride"):
        convolution(3, 3, 1, 1, stride=3)


def test_a_network_comes_back_from_a_file(tmp_path: Path) -> None:
    network, x = small_network(), normal(3, 6)
    kind = ArchiveFormat("test", 1, "test", "")

    write_archive(tmp_path / "file", kind, {"network": network.to_header()}, network.to_arrays("net/"))
    header, arrays = read_archive(tmp_path / "file", kind)
    read = FeedForward.from_header(header["network"], arrays, "net/")

    np.testing.assert_array_equal(read.run(x), network.run(x))
    assert read.to_header() == network.to_header()
    assert read.parameter_count == network.parameter_count


def test_a_layer_from_the_future_is_named() -> None:
    with pytest.raises(FormatError, match="'attention', unknown here; update"):
        FeedForward.from_header([{"kind": "attention", "heads": 4}], {})


def test_a_missing_array_is_named() -> None:
    network = small_network()
    arrays = network.to_arrays("net/")
    del arrays["net/4.bias"]

    with pytest.raises(FormatError, match=r"lacks the array 'net/4\.bias'"):
        FeedForward.from_header(network.to_header(), arrays, "net/")


@pytest.mark.parametrize(
    "header",
    [
        {"layers": []},
        [{"name": "relu"}],
        ["relu"],
        [{"kind": ["relu"]}],
        [{"kind": "relu", "slope": 3}],
        [{"kind": "linear"}],
        [{"kind": "convolution", "stride": 1}],
    ],
    ids=json.dumps,
)
def test_a_damaged_network_is_a_fault_of_the_file(header: object) -> None:
    arrays = {"0.weight": normal(3, 4), "0.bias": normal(5)}

    with pytest.raises(FormatError, match="export the model again"):
        FeedForward.from_header(header, arrays)


@pytest.fixture
def _fresh_choice(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget before and after whether ONNX Runtime works here."""
    monkeypatch.delenv(RUNTIME_VARIABLE, raising=False)
    runtimes._working_package.cache_clear()
    yield
    runtimes._working_package.cache_clear()


class BrokenPackage(ModuleType):
    """A package that loads, and whose libraries do not fit."""

    def __getattr__(self, name: str) -> object:
        raise OSError(f"DLL load failed while looking for {name}")


@pytest.mark.usefixtures("_fresh_choice")
@pytest.mark.parametrize("package", [None, BrokenPackage("onnxruntime")], ids=["missing", "broken"])
def test_without_onnx_runtime_numpy_computes(package: ModuleType | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", package)

    assert best_runtime() == "NumPy"
    with pytest.raises(MissingDependencyError, match="use NumPy"):
        compile_network(small_network(), (6,), "ONNX Runtime")


@pytest.mark.usefixtures("_fresh_choice")
def test_onnx_runtime_cannot_be_asked_for_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setenv(RUNTIME_VARIABLE, "onnx")

    with pytest.raises(ConfigError, match="cannot be loaded here"):
        best_runtime()


@pytest.fixture
def _no_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "import_module", lambda name: pytest.fail(f"{name} was loaded"))


@pytest.mark.usefixtures("_fresh_choice", "_no_loading")
@pytest.mark.parametrize("wanted", ["numpy", " NumPy "])
def test_numpy_can_be_asked_for(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUNTIME_VARIABLE, wanted)

    assert best_runtime() == "NumPy"


@pytest.mark.usefixtures("_fresh_choice", "_no_loading")
def test_an_unknown_runtime_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUNTIME_VARIABLE, "torch")

    with pytest.raises(ConfigError, match="'torch'; set it to 'numpy' or 'onnx'"):
        best_runtime()


@pytest.mark.usefixtures("_fresh_choice", "_no_loading")
def test_onnx_runtime_is_never_loaded_into_blender_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "bpy", ModuleType("bpy"))

    assert best_runtime() == "NumPy"
    monkeypatch.setenv(RUNTIME_VARIABLE, "onnx")
    with pytest.raises(ConfigError):
        best_runtime()
    with pytest.raises(MissingDependencyError):
        compile_network(small_network(), (6,), "ONNX Runtime")


def test_a_compiled_network_reads_what_it_was_compiled_for() -> None:
    network = FeedForward((convolution(3, 3, 2, 2),))

    compute = compile_network(network, (4, 5, 2), "NumPy")

    np.testing.assert_array_equal(compute(normal(2, 4, 5, 2)), network.run(normal(2, 4, 5, 2)))
    with pytest.raises(ShapeError, match=r"\(B, 4, 5, 2\)"):
        compute(normal(2, 5, 4, 2))
    with pytest.raises(ShapeError, match="Layer 0"):
        compile_network(network, (4, 5, 3), "NumPy")
