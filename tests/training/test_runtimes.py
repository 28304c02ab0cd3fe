"""torch, NumPy and ONNX Runtime: one network, three times the same numbers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from lipsync_core.model import feedforward, products, runtimes  # noqa: E402
from lipsync_core.model.feedforward import (  # noqa: E402
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
from lipsync_core.model.layers import LEAKY_SLOPE  # noqa: E402
from lipsync_core.model.onnx_file import onnx_model  # noqa: E402
from lipsync_core.model.runtimes import RUNTIME_VARIABLE, best_runtime, compile_network  # noqa: E402
from tests.conftest import REPOSITORY  # noqa: E402

NETWORKS = ("decoder", "memory", "light")


class ToPicture(nn.Module):
    """`(B, H * W * C)` to `(B, C, H, W)`."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(-1, *self.shape).permute(0, 3, 1, 2)


class ToRows(nn.Module):
    """`(B, C, H, W)` to `(B, H * W * C)`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


def doubling() -> nn.Upsample:
    return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)


def paper_decoder(share: int) -> nn.Sequential:
    """The texture decoder of Lahiri et al. 2021, table 4, with fewer channels."""
    layers = [nn.Linear(34, 16384 // share), nn.ReLU(), ToPicture(4, 4, 1024 // share)]
    for channels in (1024, 512, 256, 128):
        narrower = nn.Conv2d(channels // share, channels // 2 // share, 3, padding=1)
        layers += [doubling(), narrower, nn.ReLU()]
    return nn.Sequential(*layers, doubling(), nn.Conv2d(64 // share, 3, 5, padding=2), nn.Tanh())


def paper_memory(share: int) -> nn.Sequential:
    """The encoder of the previous atlas of Lahiri et al. 2021, table 5, with fewer channels."""
    layers: list[nn.Module] = []
    channels = 3
    for wider in (128, 256, 512, 1024, 2048):
        layers += [nn.Conv2d(channels, wider // share, 5, stride=2, padding=2), nn.ReLU()]
        channels = wider // share
    return nn.Sequential(*layers, ToRows(), nn.Linear(16 * channels, 2), nn.Tanh())


def light_decoder() -> nn.Sequential:
    """Pixel shuffles in place of upsampling."""
    layers = [nn.Linear(34, 8 * 8 * 16), nn.LeakyReLU(LEAKY_SLOPE), ToPicture(8, 8, 16)]
    for channels, narrower in ((16, 12), (12, 8)):
        layers += [nn.Conv2d(channels, 4 * narrower, 3, padding=1), nn.PixelShuffle(2), nn.LeakyReLU(LEAKY_SLOPE)]
    return nn.Sequential(*layers, nn.Conv2d(8, 12, 3, padding=1), nn.PixelShuffle(2), nn.Tanh())


def layer_from_torch(module: nn.Module) -> Layer:
    """Say a torch module as one of our layers."""
    match module:
        case nn.Linear():
            return Linear(module.weight.detach().numpy().T, module.bias.detach().numpy())
        case nn.Conv2d():
            weight = module.weight.detach().numpy().transpose(2, 3, 1, 0)
            return Convolution(weight, module.bias.detach().numpy(), module.stride[0])
        case nn.PixelShuffle():
            return PixelShuffle(module.upscale_factor)
        case nn.LeakyReLU():
            return LeakyRelu(module.negative_slope)
        case ToPicture():
            return Reshape(module.shape)
    return {nn.Upsample: Upsample, nn.ReLU: Relu, nn.Tanh: Tanh, ToRows: Flatten}[type(module)]()


def example(name: str) -> tuple[nn.Sequential, FeedForward, Shape]:
    """A network in torch and in ours, and what it reads; its numbers neither vanish nor run to the ends of tanh."""
    torch.manual_seed(0)
    modules = {"decoder": paper_decoder(8), "memory": paper_memory(16), "light": light_decoder()}[name]
    for parameter in modules.parameters():
        nn.init.normal_(parameter, std=1.2 / parameter[0].numel() ** 0.5 if parameter.ndim > 1 else 0.1)
    network = FeedForward(tuple(layer_from_torch(module) for module in modules))
    return modules, network, (128, 128, 3) if name == "memory" else (34,)


def frames(batch: int, shape: Shape) -> np.ndarray:
    return np.random.default_rng(batch).normal(size=(batch, *shape)).astype(np.float32)


def computed_by_torch(modules: nn.Sequential, x: np.ndarray) -> np.ndarray:
    """From channels-last to channels-last."""
    picture = torch.from_numpy(x)
    with torch.no_grad():
        y = modules(picture.permute(0, 3, 1, 2) if x.ndim == 4 else picture)
    return (y.permute(0, 2, 3, 1) if y.ndim == 4 else y).numpy()


def require_onnx_runtime() -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("tuned", [True, False], ids=["tuned BLAS", "no BLAS"])
def test_numpy_computes_what_torch_computes(name: str, tuned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "blas_is_tuned", lambda: tuned)
    modules, network, shape = example(name)
    x = frames(2, shape)

    y = compile_network(network, shape, "NumPy")(x)

    wanted = computed_by_torch(modules, x)
    assert wanted.std() > 0.05
    np.testing.assert_allclose(y, wanted, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_onnx_runtime_computes_what_torch_computes(name: str) -> None:
    require_onnx_runtime()
    modules, network, shape = example(name)
    compute = compile_network(network, shape, "ONNX Runtime")

    for batch in (1, 3):  # one compiled network, any batch
        x = frames(batch, shape)
        y = compute(x)

        np.testing.assert_allclose(y, computed_by_torch(modules, x), atol=1e-5)
        assert y.flags.c_contiguous


def test_onnx_runtime_reads_what_it_was_compiled_for() -> None:
    require_onnx_runtime()
    _, network, shape = example("light")
    compute = compile_network(network, shape, "ONNX Runtime")

    with pytest.raises(feedforward.ShapeError, match=r"\(B, 34\)"):
        compute(frames(1, (33,)))


def test_pictures_in_and_out_keep_their_axes_in_onnx() -> None:
    require_onnx_runtime()
    convolution = Convolution(frames(3, (5, 2, 4)), frames(1, (4,))[0], stride=2)
    network = FeedForward((convolution, LeakyRelu(0.3), Upsample()))
    x = frames(2, (7, 6, 2))

    y = compile_network(network, (7, 6, 2), "ONNX Runtime")(x)

    np.testing.assert_allclose(y, network.run(x), atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_onnx_package_accepts_our_bytes(name: str) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    _, network, shape = example(name)

    model = onnx.load_model_from_string(onnx_model(network, shape))

    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == 17
    axes = [[axis.dim_param or axis.dim_value for axis in end.type.tensor_type.shape.dim] for end in ends(model)]
    assert axes == [["batch", *shape], ["batch", *network.output_shape(shape)]]


def ends(model: object) -> Iterator[object]:
    """A model's inputs and outputs."""
    yield from model.graph.input
    yield from model.graph.output


def test_the_onnx_file_holds_every_weight() -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    _, network, shape = example("memory")

    model = onnx.load_model_from_string(onnx_model(network, shape))

    assert sum(onnx.numpy_helper.to_array(tensor).size for tensor in model.graph.initializer) == network.parameter_count


def test_onnx_runtime_is_chosen_where_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    require_onnx_runtime()
    runtimes._working_package.cache_clear()

    monkeypatch.delenv(RUNTIME_VARIABLE, raising=False)
    assert best_runtime() == "ONNX Runtime"
    monkeypatch.setenv(RUNTIME_VARIABLE, "onnx")
    assert best_runtime() == "ONNX Runtime"
    monkeypatch.setenv(RUNTIME_VARIABLE, "numpy")
    assert best_runtime() == "NumPy"


def test_choosing_a_runtime_prints_nothing() -> None:
    story = "from lipsync_core.model.runtimes import best_runtime; best_runtime()"

    done = subprocess.run([sys.executable, "-c", story], cwd=REPOSITORY, capture_output=True, check=True)

    assert (done.stdout, done.stderr) == (b"", b"")
