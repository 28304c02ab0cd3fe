"""How good a picture is: its likeness to a true one (SSIM, PSNR), and its sharpness with none to compare (CPBD).

Pictures to compare are tensors `(B, 3, H, W)`, either floats from 0 to 1 or uint8; regions are `(B, H, W)` booleans.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from lipsync_core.arrays import BoolArray, FloatArray, IntArray, check_shape
from lipsync_core.errors import ShapeError

WINDOW_RADIUS = 5  # px: structural similarity looks through a Gaussian of 11 x 11 px, and is unknown nearer the border
BLOCK = 64  # px: sides of the squares in which blur is judged

_WINDOW_DEVIATION = 1.5  # px
_LUMINANCE_FLOOR = 0.01**2  # the usual constants of structural similarity, for pictures from 0 to 1
_CONTRAST_FLOOR = 0.03**2
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_EDGE_SHARE = 0.002  # a block with a smaller share of edge pixels is smooth, and says nothing of blur
_LOW_CONTRAST = 50  # grey levels between the darkest and the brightest pixel of a block
_NOTICEABLE_WIDTHS = (3, 5)  # px: at which an edge looks blurred in a block of high and of low contrast
_LEAST_SLOPE = 2.0  # grey levels per px of an edge whose width is measured
_LONGEST_RUN = 100  # px on either side of an edge
_SLANT = math.tan(math.radians(22.5))  # slopes nearer to the row than this have a width along it
_CANNY_DEVIATION = math.sqrt(2.0)  # px
_CANNY_SHARE = 0.7  # share of the pixels whose slope is too weak to start an edge
_CANNY_RATIO = 0.4  # slope that continues an edge, over the slope that starts one
_FLAT = 1e-6  # grey levels: slopes below this are rounding


def structural_similarity(first: Tensor, second: Tensor, region: Tensor | None = None) -> Tensor:
    """Compare pictures as an eye does, by their local brightness, contrast and pattern (Wang et al. 2004).

    The window is a Gaussian of 1.5 px, 11 x 11 px; its variances are of the population. Only pixels whose whole window
    lies in the picture count. `1 - structural_similarity(...).mean()` is the texture loss of Lahiri et al. 2021,
    section 3.2. Always computed in float32, under autocast too: variances are small differences of large numbers.

    Args:
        first: `(B, 3, H, W)`; any number of channels will do.
        second: The same shape.
        region: `(B, H, W)` where to compare, each pixel by the window around it; None compares everywhere.

    Returns:
        `(B,)` mean over channels and pixels, at most 1; NaN where the region is empty. Differentiable.

    Raises:
        ShapeError: If the shapes differ, or a picture is smaller than the window.
    """
    _check_pictures(first, second, region)
    inner = slice(WINDOW_RADIUS, -WINDOW_RADIUS)
    with torch.autocast(first.device.type, enabled=False):
        likeness = _similarity_map(_from_zero_to_one(first, torch.float32), _from_zero_to_one(second, torch.float32))
        return _mean_over(likeness, None if region is None else region[:, inner, inner])


def peak_signal_to_noise(first: Tensor, second: Tensor, region: Tensor | None = None) -> Tensor:
    """Return `10 log10(peak^2 / mean squared error)` of each picture, dB, in float64.

    Args:
        first: `(B, 3, H, W)`; the peak is 255 for uint8 and 1 for floats.
        second: The same shape.
        region: `(B, H, W)` where to compare; None compares everywhere.

    Returns:
        `(B,)`: infinity for equal pictures, NaN where the region is empty.

    Raises:
        ShapeError: If the shapes differ.
    """
    _check_pictures(first, second, region, least=1)
    error = _from_zero_to_one(first, torch.float64) - _from_zero_to_one(second, torch.float64)
    return -10 * torch.log10(_mean_over(error.square(), region))


def blur_detection(image: NDArray[np.uint8]) -> float:
    """Return the share of a picture's edges on which no blur is seen (CPBD; Narvekar and Karam 2011).

    Blur is seen with a probability `1 - exp(-(width / noticeable width)^3.6)`. An edge counts as sharp where that is at
    most 63 %, in whole percents, and so exactly where its width is at most the noticeable one: 3 px, or 5 px where
    contrast is low. Only blocks of 64 x 64 px with enough edges count; what is left over at the right and at the bottom
    does not. Edges are found and measured as in the authors' program.

    Args:
        image: `(H, W)` luma or `(H, W, 3)` RGB, 0 to 255.

    Returns:
        0 (all blurred) to 1 (all sharp); 0 for a picture without edges.

    Raises:
        ShapeError: If the picture has other axes, or is smaller than one block.
    """
    luma = _luma(image)
    if min(luma.shape) < BLOCK:
        raise ShapeError(f"Blur is judged in blocks of {BLOCK} px; enlarge the picture of {luma.shape} px.")
    busy = _blocks(canny_edges(luma)).mean(axis=(1, 2)) > _EDGE_SHARE
    widths, brightness = _blocks(edge_widths(luma))[busy], _blocks(luma)[busy]
    flat = np.ptp(brightness, axis=(1, 2), keepdims=True) <= _LOW_CONTRAST
    noticeable = np.where(flat, _NOTICEABLE_WIDTHS[1], _NOTICEABLE_WIDTHS[0])
    sharp = (widths > 0) & (widths <= noticeable)
    return float(np.count_nonzero(sharp) / max(np.count_nonzero(widths), 1))


def edge_widths(luma: IntArray) -> IntArray:
    """Measure how many pixels each upright edge takes to rise or fall (Marziliano et al. 2004).

    An edge is where brightness changes most steeply, by more than 2 grey levels per px. It reaches to either side for
    as long as brightness keeps rising, or keeps falling. Edges more than 22.5 degrees from upright have no width.

    Args:
        luma: `(H, W)` signed integers, 0 to 255.

    Returns:
        `(H, W)` px, from 2 upwards; 0 where there is no edge, and on the border.
    """
    climb, slope = np.gradient(luma.astype(np.float64))
    upright = (slope == 0) | (np.abs(climb) <= _SLANT * np.abs(slope))  # without a slope it counts as rising
    return np.where(_steepest(luma) & upright, np.where(slope < 0, _rise_widths(-luma), _rise_widths(luma)), 0)


def canny_edges(luma: IntArray) -> BoolArray:
    """Find the edges of a picture (Canny 1986), as strong as its own slopes allow.

    Args:
        luma: `(H, W)`.

    Returns:
        `(H, W)` lines of one pixel's width: those with a slope among the picture's steepest 30 % somewhere, and of at
        least 0.4 times as much everywhere.
    """
    smooth = ndimage.gaussian_filter(luma.astype(np.float64), _CANNY_DEVIATION, mode="nearest")
    down, right = ndimage.sobel(smooth, axis=0), ndimage.sobel(smooth, axis=1)
    steepness = np.hypot(down, right)
    strong = float(np.quantile(steepness, _CANNY_SHARE))
    ridge = _ridge(steepness, down, right, max(_CANNY_RATIO * strong, _FLAT))
    lines, count = ndimage.label(ridge, np.ones((3, 3)))
    started = np.zeros(count + 1, bool)
    started[lines[ridge & (steepness >= strong)]] = True
    return started[lines]


def _check_pictures(first: Tensor, second: Tensor, region: Tensor | None, least: int = 2 * WINDOW_RADIUS + 1) -> None:
    """Raise ShapeError unless the pictures, and the region, belong together and have `least` px on each side."""
    if first.ndim != 4 or first.shape != second.shape:
        raise ShapeError(f"Compare two tensors (B, 3, H, W), not {tuple(first.shape)} and {tuple(second.shape)}.")
    if min(first.shape[-2:]) < least:
        raise ShapeError(f"Pictures to compare need at least {least} px on each side, not {tuple(first.shape[-2:])}.")
    if region is not None and region.shape != first[:, 0].shape:
        raise ShapeError(f"The region must have the shape {tuple(first[:, 0].shape)}, not {tuple(region.shape)}.")


def _from_zero_to_one(picture: Tensor, dtype: torch.dtype) -> Tensor:
    return picture.to(dtype) / 255 if picture.dtype == torch.uint8 else picture.to(dtype)


def _mean_over(values: Tensor, region: Tensor | None) -> Tensor:
    """Return the `(B,)` mean of `(B, C, H, W)` values, in the `(B, H, W)` region."""
    if region is None:
        return values.mean(dim=(1, 2, 3))
    return (values.mean(dim=1) * region).sum(dim=(1, 2)) / region.sum(dim=(1, 2))


def _similarity_map(first: Tensor, second: Tensor) -> Tensor:
    """Return the `(B, C, H - 10, W - 10)` structural similarity of two float32 pictures."""
    moments = torch.cat([first, second, first * first + second * second, first * second], dim=1)
    mean, other_mean, squares, product = _through_window(moments).chunk(4, dim=1)
    means, mean_squares = mean * other_mean, mean * mean + other_mean * other_mean
    brightness = (2 * means + _LUMINANCE_FLOOR) / (mean_squares + _LUMINANCE_FLOOR)
    return brightness * (2 * (product - means) + _CONTRAST_FLOOR) / (squares - mean_squares + _CONTRAST_FLOOR)


def _through_window(maps: Tensor) -> Tensor:
    """Blur `(B, C, H, W)` maps by the window; what is known is `(B, C, H - 10, W - 10)`."""
    offset = torch.arange(-WINDOW_RADIUS, WINDOW_RADIUS + 1, dtype=maps.dtype, device=maps.device)
    weight = torch.softmax(-0.5 * (offset / _WINDOW_DEVIATION) ** 2, dim=0).expand(maps.shape[1], 1, 1, -1)
    maps = maps.contiguous(memory_format=torch.channels_last)  # several times as fast on a CPU
    return functional.conv2d(functional.conv2d(maps, weight, groups=maps.shape[1]), weight.mT, groups=maps.shape[1])


def _luma(image: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return the `(H, W)` brightness of a grey or RGB picture, 0 to 255."""
    if image.ndim == 3:
        check_shape("A colour picture", image, "H W 3")
        return np.floor(image @ np.array(_LUMA) + 0.5).astype(np.int32)
    check_shape("A grey picture", image, "H W")
    return image.astype(np.int32)


def _blocks(picture: NDArray[Any]) -> NDArray[Any]:
    """Cut `(H, W)` into `(N, 64, 64)` whole blocks."""
    rows, columns = picture.shape[0] // BLOCK, picture.shape[1] // BLOCK
    whole = picture[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    return whole.swapaxes(1, 2).reshape(-1, BLOCK, BLOCK)


def _steepest(luma: IntArray) -> BoolArray:
    """Mark `(H, W)` pixels whose slope along the row is great, and greatest across its edge; none on the border."""
    along, across = (np.square(ndimage.sobel(luma, axis, mode="nearest") / 8) for axis in (1, 0))
    padded = np.pad(along, 1, mode="edge")
    in_row = (padded[1:-1, :-2] <= along) & (along > padded[1:-1, 2:]) & (along >= across)
    in_column = (padded[:-2, 1:-1] <= along) & (along > padded[2:, 1:-1]) & (across >= along)
    steepest = (along > _LEAST_SLOPE**2) & (in_row | in_column)
    return np.pad(steepest[1:-1, 1:-1], 1)


def _rise_widths(luma: IntArray) -> IntArray:
    """Return the `(H, W)` width that an edge at each pixel has if brightness rises there from left to right, px."""
    return _steps_to_the_foot(luma) + _steps_to_the_foot(-luma[:, ::-1])[:, ::-1]


def _steps_to_the_foot(luma: IntArray) -> IntArray:
    """Count `(H, W)` steps to the left, the first one free, for as long as brightness falls."""
    column = np.arange(luma.shape[1])
    rises = np.diff(luma, axis=1, prepend=luma[:, :1]) > 0
    run = column - np.maximum.accumulate(np.where(rises, -1, column), axis=1)
    return 1 + np.minimum(np.pad(run[:, :-1], ((0, 0), (1, 0))), _LONGEST_RUN)


def _ridge(steepness: FloatArray, down: FloatArray, right: FloatArray, least: float) -> BoolArray:
    """Mark `(H, W)` pixels of at least the `least` steepness that neither neighbour along their slope exceeds."""
    inside = np.zeros(steepness.shape, bool)
    inside[1:-1, 1:-1] = steepness[1:-1, 1:-1] >= least
    row, column = np.nonzero(inside)
    down, right = down[row, column], right[row, column]
    upright = np.abs(down) > np.abs(right)
    slant = np.minimum(np.abs(down), np.abs(right)) / np.maximum(np.abs(down), np.abs(right))
    for side in (1, -1):
        to_row, to_column = side * np.sign(down).astype(int), side * np.sign(right).astype(int)
        near = steepness[row + to_row * upright, column + to_column * ~upright]
        beside = near + slant * (steepness[row + to_row, column + to_column] - near)
        inside[row, column] &= beside <= steepness[row, column]
    return inside
