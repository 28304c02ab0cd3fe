"""Likeness of pictures and their sharpness: against their definitions, and against scikit-image where there is one."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from scipy import ndimage  # noqa: E402

from lipsync_core.errors import ShapeError  # noqa: E402
from training.measures.image_quality import (  # noqa: E402
    blur_detection,
    canny_edges,
    edge_widths,
    peak_signal_to_noise,
    structural_similarity,
)


def textured(height: int, width: int, seed: int = 0) -> np.ndarray:
    """`(H, W)` uint8: patches of four brightnesses with hard edges between them."""
    rng = np.random.default_rng(seed)
    patches = rng.choice([20, 90, 160, 230], (height // 12 + 1, width // 12 + 1)).astype(np.uint8)
    return np.kron(patches, np.ones((12, 12), np.uint8))[:height, :width]


def noisy_pair(count: int = 2, height: int = 40, width: int = 56) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures `(B, 3, H, W)` from 0 to 1 and the same with noise, more of it in each next picture."""
    rng = np.random.default_rng(1)
    clean = np.stack([[textured(height, width, 3 * i + c) / 255 for c in range(3)] for i in range(count)])
    noise = rng.normal(0, 1, clean.shape) * np.linspace(0.02, 0.2, count)[:, None, None, None]
    return torch.from_numpy(clean).float(), torch.from_numpy(np.clip(clean + noise, 0, 1)).float()


def rough(height: int, width: int) -> np.ndarray:
    """The same with noise on it: edges of all strengths."""
    noise = np.random.default_rng(2).normal(0, 25, (height, width))
    return np.clip(textured(height, width) + noise, 0, 255)


def ramp(length: int) -> np.ndarray:
    """`(64, 96)` brightness that rises from 40 to 200 in `length` equal steps."""
    profile = np.interp(np.arange(96), [40, 40 + length], [40, 200])
    return np.tile(np.round(profile).astype(np.int32), (64, 1))


def test_equal_pictures_have_a_similarity_of_one_and_no_noise() -> None:
    picture, _ = noisy_pair()

    assert torch.allclose(structural_similarity(picture, picture), torch.ones(2), atol=1e-6)
    assert torch.isinf(peak_signal_to_noise(picture, picture)).all()


def test_which_picture_comes_first_does_not_matter() -> None:
    clean, noisy = noisy_pair()

    assert torch.allclose(structural_similarity(clean, noisy), structural_similarity(noisy, clean), atol=1e-6)
    assert torch.equal(peak_signal_to_noise(clean, noisy), peak_signal_to_noise(noisy, clean))


def test_more_noise_means_less_likeness() -> None:
    clean, noisy = noisy_pair(4)

    assert (structural_similarity(clean, noisy).diff() < 0).all()
    assert (peak_signal_to_noise(clean, noisy).diff() < 0).all()


@pytest.mark.parametrize("size", [(40, 56), (11, 64), (128, 128)])
def test_likeness_is_what_scikit_image_computes(size: tuple[int, int]) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    pairs = list(zip(*(tensor.double().numpy() for tensor in noisy_pair(3, *size)), strict=True))
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}

    similarity = [metrics.structural_similarity(*pair, channel_axis=0, data_range=1, **settings) for pair in pairs]
    ratio = [metrics.peak_signal_noise_ratio(*pair, data_range=1) for pair in pairs]

    assert np.allclose(structural_similarity(*noisy_pair(3, *size)), similarity, atol=1e-5)
    assert np.allclose(peak_signal_to_noise(*noisy_pair(3, *size)), ratio, atol=1e-9)


def test_bytes_and_floats_of_one_picture_are_equally_good() -> None:
    first, second = ((255 * picture).round().to(torch.uint8) for picture in noisy_pair())

    for measure in (structural_similarity, peak_signal_to_noise):
        assert torch.allclose(measure(first, second), measure(first.double() / 255, second.double() / 255), atol=1e-6)


def test_half_precision_around_it_does_not_touch_the_similarity() -> None:
    clean, noisy = noisy_pair()

    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = structural_similarity(clean, noisy)

    assert inside.dtype == torch.float32
    assert torch.equal(inside, structural_similarity(clean, noisy))


def test_the_gradient_of_similarity_is_its_slope() -> None:
    clean, noisy = noisy_pair()
    noisy.requires_grad_()
    direction = 1e-3 * torch.randn(noisy.shape, generator=torch.Generator().manual_seed(0))

    structural_similarity(noisy, clean).sum().backward()
    with torch.no_grad():
        ahead, behind = (structural_similarity(noisy + sign * direction, clean).sum() for sign in (1, -1))

    assert torch.isclose(ahead - behind, 2 * (noisy.grad * direction).sum(), rtol=0.02)


def test_only_the_region_counts() -> None:
    clean, _ = noisy_pair()
    left = torch.zeros(2, 40, 56, dtype=torch.bool)
    left[:, :, :20] = True
    damaged = clean.clone()
    damaged[:, :, :, 26:] = 0.5  # beyond the reach of any window around the region

    for measure in (structural_similarity, peak_signal_to_noise):
        assert torch.allclose(measure(clean, damaged, left), measure(clean, clean))
        assert (measure(clean, damaged, ~left) < measure(clean, damaged)).all()
        assert torch.allclose(measure(clean, damaged, left | ~left), measure(clean, damaged))


def test_an_empty_region_has_no_likeness() -> None:
    clean, noisy = noisy_pair()
    nowhere = torch.zeros(2, 40, 56, dtype=torch.bool)

    assert structural_similarity(clean, noisy, nowhere).isnan().all()
    assert peak_signal_to_noise(clean, noisy, nowhere).isnan().all()


def test_noise_of_ten_grey_levels_is_28_decibels_down() -> None:
    rng = np.random.default_rng(0)
    grey = np.full((1, 3, 256, 256), 128, np.uint8)
    noisy = np.round(grey + rng.normal(0, 10, grey.shape)).astype(np.uint8)

    ratio = peak_signal_to_noise(torch.from_numpy(grey), torch.from_numpy(noisy))

    assert ratio.dtype == torch.float64
    assert ratio.item() == pytest.approx(20 * np.log10(255 / 10), abs=0.05)


def test_darker_bytes_are_as_far_off_as_brighter_ones() -> None:
    pictures = [torch.full((1, 3, 16, 16), value, dtype=torch.uint8) for value in (0, 10, 20, 255)]

    assert peak_signal_to_noise(pictures[1], pictures[2]).item() == pytest.approx(20 * np.log10(25.5))
    assert peak_signal_to_noise(pictures[2], pictures[1]).item() == pytest.approx(20 * np.log10(25.5))
    assert peak_signal_to_noise(pictures[0], pictures[3]).item() == pytest.approx(0)


def test_pictures_that_cannot_be_compared_are_refused() -> None:
    picture = torch.zeros(1, 3, 16, 16)

    with pytest.raises(ShapeError, match="Compare two tensors"):
        peak_signal_to_noise(picture, picture[:, :, 1:])
    with pytest.raises(ShapeError, match="11 px"):
        structural_similarity(picture[..., :10], picture[..., :10])
    with pytest.raises(ShapeError, match="region"):
        structural_similarity(picture, picture, torch.ones(1, 6, 6, dtype=torch.bool))


def test_blur_makes_pictures_less_sharp() -> None:
    picture = rough(192, 192)

    sharpness = [
        blur_detection(ndimage.gaussian_filter(picture, blur).astype(np.uint8)) for blur in (0, 0.7, 1, 1.5, 3)
    ]

    assert sharpness[0] > 0.8
    assert sharpness[-1] < 0.05
    assert (np.diff(sharpness) < 0).all()


@pytest.mark.parametrize("length", [1, 2, 3, 5, 16])
def test_an_edge_is_as_wide_as_its_ramp_is_long(length: int) -> None:
    for picture in (ramp(length), ramp(length)[:, ::-1], 255 - ramp(length)):
        widths = edge_widths(picture)

        assert set(widths[1:-1].max(axis=1)) == {max(length, 2)}
        assert (np.count_nonzero(widths[1:-1], axis=1) == 1).all()


def test_only_upright_edges_have_a_width() -> None:
    assert not edge_widths(ramp(4).T).any()
    assert not edge_widths(np.full((64, 64), 7, np.int32)).any()


def test_widths_are_those_of_a_walk_down_and_up_the_edge() -> None:
    luma = ndimage.gaussian_filter(textured(64, 128).astype(float), (0, 1.3)).astype(np.int32)
    widths = edge_widths(luma)

    def walk(row: int, column: int, step: int) -> int:
        rising = luma[row, column + 1] >= luma[row, column - 1]
        length, here = 1, column + step
        while 0 <= here + step < 128 and (luma[row, here + step] > luma[row, here]) == (rising == (step > 0)):
            if luma[row, here + step] == luma[row, here]:
                break
            length, here = length + 1, here + step
        return length

    places = np.argwhere(widths)
    assert len(places) > 100
    assert all(widths[row, column] == walk(row, column, -1) + walk(row, column, 1) for row, column in places)


def test_sharpness_is_the_cumulative_probability_of_unseen_blur() -> None:
    picture = ndimage.gaussian_filter(rough(64, 64), 0.8).astype(np.uint8)
    pale = 128 + picture // 6
    assert np.ptp(pale) <= 50 < np.ptp(picture)

    for block, noticeable in ((picture, 3), (pale, 5)):
        widths = edge_widths(block.astype(np.int32))
        seen = 1 - np.exp(-((widths[widths > 0] / noticeable) ** 3.6))

        assert 0 < blur_detection(block) < 1
        assert blur_detection(block) == pytest.approx(np.mean(np.round(100 * seen) <= 63))


@pytest.mark.parametrize("blur", [0, 1, 3])
def test_edges_are_those_of_scikit_image_at_the_same_thresholds(blur: float) -> None:
    feature = pytest.importorskip("skimage.feature")
    rng = np.random.default_rng(0)
    fading = np.linspace(0.02, 1, 140) * (textured(100, 140) + rng.normal(0, 8, (100, 140)))
    luma = ndimage.gaussian_filter(fading, blur).round().astype(np.int32)
    smooth = ndimage.gaussian_filter(luma.astype(float), np.sqrt(2), mode="nearest")
    strong = np.quantile(np.hypot(ndimage.sobel(smooth, 0), ndimage.sobel(smooth, 1)), 0.7)

    expected = feature.canny(luma.astype(float), np.sqrt(2), 0.4 * strong, strong, mode="nearest")

    assert np.array_equal(canny_edges(luma), expected)


def test_colour_is_judged_by_its_brightness() -> None:
    picture = ndimage.gaussian_filter(textured(64, 128), 1)

    assert blur_detection(np.dstack([picture] * 3)) == blur_detection(picture)


def test_a_picture_without_edges_is_not_sharp() -> None:
    assert blur_detection(np.full((64, 64), 255, np.uint8)) == 0


def test_blur_is_not_judged_in_less_than_a_block() -> None:
    with pytest.raises(ShapeError, match="64 px"):
        blur_detection(np.zeros((63, 200), np.uint8))
    with pytest.raises(ShapeError, match="H, W, 3"):
        blur_detection(np.zeros((64, 64, 4), np.uint8))
