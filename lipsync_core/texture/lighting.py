"""Light taken out of face atlases, and put back (Lahiri et al. 2021, section 3.1.2, equations 1 to 3).

Three steps, each with an exact inverse: highlights are blended out; the reference atlas is made even from left to
right, and if wanted all over; every frame is brought to the light of the reference by a smooth gain on its luma and by
one slope and bias for each colour channel. Nothing is clipped to [0, 1] here: what is cut off cannot be put back.

Atlases are `(T, H, W, 3)` float32, sRGB values from 0 to 1; height and width are even.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..arrays import BoolArray, FloatArray, IntArray, check_shape
from ..face.topology import (
    FACE_OVAL,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LIPS,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    face_triangles,
    skin_triangles,
)

_Array = NDArray[np.float32]

_NOSTRILS = (20, 60, 99, 238, 242, 250, 290, 328, 458, 462)
_BROWS = (46, 52, 53, 55, 63, 65, 66, 70, 105, 107, 276, 282, 283, 285, 293, 295, 296, 300, 334, 336)

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of sRGB values, as Y of YUV
_GAIN_RANGE = (0.1, 10.0)
_SLOPE_RANGE = (0.2, 5.0)
_SLOPE_PULL = 1e-3  # squared sRGB values: skin that varies less than this has no slope of its own, see _fit_colour
_WIDER_FIRST = (4, 4, 2, 2)  # times as wide are the patches of the first iterations
_COARSER = 4  # times larger are the patches that stand in where a patch has no weight
_STEPS_PER_PATCH = 4  # gains are found this often along a patch, and read linearly in between
_STAND_IN = 0.01  # share of a patch's full weight with which the coarser patch counts
_RIM_RINGS = 2  # rings of triangles at the face's outline, where the picture's background shows through

_SMOOTHING = 2.0  # px, of the picture in which highlights are looked for
_DULL_SHARE = 90  # per cent of the skin that has no highlight
_FULL_HIGHLIGHT = 0.1  # sRGB values above the dull skin at which a highlight is taken out whole
_SKIN_FADE = 4.0  # px over which highlights fade in from the border of the skin
_FILL_PATCH = 24  # px
_STRONGEST_HIGHLIGHT = 0.95


@dataclass(frozen=True)
class LightSettings:
    """How the light's gain is found.

    Attributes:
        patch: Side of the square over which the gain is taken as one, px of the atlas.
        temperature: Squared luma, from 0 to 1, by which a pixel may miss the reference before its weight falls to 1/e.
        iterations: Of the weights, at the full sharpness of the patch.
        literal: Weights as equations 1 and 2 print them, from the error summed over the patch, for which the paper's
            temperature is 0.1. They never settle: a weight that falls lets the error fall and so rises again.
    """

    patch: int = 16
    temperature: float = 0.1 / 16
    iterations: int = 6
    literal: bool = False


@dataclass(frozen=True)
class Gain:
    """A smooth gain and how far each pixel was trusted for it.

    Attributes:
        values: `(T, H, W)` float32, greater than 0; also beyond what was covered.
        weights: `(T, H, W)` float32 from 0 to 1.
    """

    values: NDArray[np.float32]
    weights: NDArray[np.float32]


@dataclass(frozen=True)
class Light:
    """What turns each frame's light into the reference's.

    Attributes:
        gain: `(T, H, W)` float32, of the luma.
        slope: `(T, 3)` float32, of each colour channel after the gain.
        bias: `(T, 3)` float32, added after the slope, sRGB values.
    """

    gain: NDArray[np.float32]
    slope: NDArray[np.float32]
    bias: NDArray[np.float32]

    def __post_init__(self) -> None:
        frames = check_shape("Light.gain", self.gain, "T H W")["T"]
        check_shape("Light.slope", self.slope, f"{frames} 3")
        check_shape("Light.bias", self.bias, f"{frames} 3")

    def remove(self, atlases: FloatArray) -> NDArray[np.float32]:
        """Bring `(T, H, W, 3)` atlases to the light of the reference; the result may leave [0, 1]."""
        return _in_each_channel(apply_gain(atlases, self.gain), self.slope, self.bias)

    def restore(self, atlases: FloatArray) -> NDArray[np.float32]:
        """Undo `remove`: bring `(T, H, W, 3)` atlases from the reference's light to that of each frame."""
        return apply_gain(_in_each_channel(atlases, 1 / self.slope, -self.bias / self.slope), 1 / self.gain)


def fit_light(
    atlases: FloatArray,
    references: FloatArray,
    covered: BoolArray,
    skin: BoolArray,
    settings: LightSettings | None = None,
) -> Light:
    """Find the light in which each frame differs from the reference.

    Args:
        atlases: `(T, H, W, 3)`.
        references: `(T, H, W, 3)`, the reference atlas laid on the texture coordinates of each frame.
        covered: `(T, H, W)`, where both show the same surface: `surface_mask`.
        skin: `(T, H, W)`, from where the colour is taken: `skin_mask`.
        settings: The paper's patch if None.
    """
    settings = settings or LightSettings()
    gain = fit_gain(luma(atlases), luma(references), covered, settings)
    every_second = (slice(None), slice(None, None, 2), slice(None, None, 2))
    lit = apply_gain(atlases[every_second], gain.values[every_second])
    slope, bias = _fit_colour(lit, references[every_second], (gain.weights * skin)[every_second])
    return Light(gain.values, slope, bias)


def fit_gain(values: FloatArray, targets: FloatArray, covered: BoolArray, settings: LightSettings) -> Gain:
    """Find the smooth gain that turns one luma into another, robust to pixels that no gain explains.

    Equations 1 and 2: least squares over a patch around each pixel, reweighted. The weight is that of the pixel's own
    error unless `settings.literal`. The first iterations take wider patches: a mouth that is larger than a patch would
    else get a gain of its own (on footage of two talkers the gain about the lips then wavers 1 to 8 % less, the skin as
    much as before). Where a patch has no weight the patch four times as wide stands in, then the whole face, then 1.

    Args:
        values: `(T, H, W)`, luma from 0 to 1.
        targets: `(T, H, W)`, luma from 0 to 1.
        covered: `(T, H, W)`: pixels outside get no weight.
        settings: How.
    """
    check_shape("The luma of the reference", targets, " ".join(map(str, values.shape)))
    problem = _Problem(_halved(values), _halved(targets), _halved(covered) == 1)
    weights = problem.inside.astype(np.float32)
    for patch in _patches(settings):
        gain = problem.gain(weights, patch)
        weights = (
            problem.patch_weights(weights, gain, patch, settings)
            if settings.literal
            else problem.weights(gain, settings)
        )
    gain = problem.gain(weights, settings.patch // 2)
    return Gain(_spread(gain, *values.shape[1:]), _doubled(weights) * covered)


def _patches(settings: LightSettings) -> list[int]:
    """Return the side of the patch in each iteration, px of half size."""
    patch = settings.patch // 2
    wider = [] if settings.literal else [side * patch for side in _WIDER_FIRST]
    return wider + [patch] * settings.iterations


@dataclass(frozen=True)
class _Problem:
    """Luma to bring to a target, at half size: what the reweighting needs again and again."""

    values: _Array
    targets: _Array
    inside: BoolArray
    products: _Array = field(init=False)
    squares: _Array = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "products", self.values * self.targets)
        object.__setattr__(self, "squares", self.values * self.values)

    def gain(self, weights: _Array, patch: int) -> _Array:
        """Return the best gain of each patch, `(T, h, w)`."""
        return np.clip(_ratios(weights * self.products, weights * self.squares, patch), *_GAIN_RANGE)

    def weights(self, gain: _Array, settings: LightSettings) -> _Array:
        """Trust each pixel by how well the gain explains it."""
        error = self.targets - _spread(gain, *self.values.shape[1:]) * self.values
        return self.inside * np.exp(error * error * np.float32(-1 / settings.temperature))

    def patch_weights(self, weights: _Array, gain: _Array, patch: int, settings: LightSettings) -> _Array:
        """Trust each pixel by how well its patch is explained, as printed."""
        error = _patch_sums(weights * self.targets**2, patch)
        error += gain * gain * _patch_sums(weights * self.squares, patch)
        error -= 2 * gain * _patch_sums(weights * self.products, patch)
        error = _spread(np.maximum(4 * error, 0), *self.values.shape[1:])  # four pixels in each of half size
        return self.inside * np.exp(error * np.float32(-1 / settings.temperature))


def _fit_colour(atlases: _Array, references: FloatArray, weights: _Array) -> tuple[_Array, _Array]:
    """Regress each colour channel of the reference on that of the frame, `(T, 3)` slope and bias.

    The evener the skin of the reference, the lower the slope that least squares find (0.2 on skin of one colour), and
    lips and teeth would lose their contrast. So the slope is drawn to the ratio of the means.
    """
    total = weights.sum(axis=(1, 2))[:, None] + np.float32(1e-6)
    mean, wanted = _weighted_sums(atlases, weights) / total, _weighted_sums(references, weights) / total
    centred = atlases - mean[:, None, None]
    variance = _weighted_sums(centred * centred, weights) / total
    shared = _weighted_sums(centred * references, weights) / total
    ratio = (wanted + np.float32(1e-6)) / (mean + np.float32(1e-6))
    slope = np.clip((shared + _SLOPE_PULL * ratio) / (variance + _SLOPE_PULL), *_SLOPE_RANGE).astype(np.float32)
    return slope, (wanted - slope * mean).astype(np.float32)


def _in_each_channel(atlases: FloatArray, slope: FloatArray, bias: FloatArray) -> _Array:
    """Scale and shift the channels of `(T, H, W, 3)` by `(T, 3)`, whole rows at a time."""
    frames, height, width, _ = atlases.shape
    slopes, biases = (np.tile(part, width).reshape(frames, 1, -1) for part in (slope, bias))
    rows = atlases.reshape(frames, height, -1)
    return np.asarray(rows * slopes + biases, np.float32).reshape(atlases.shape)


def _weighted_sums(atlases: FloatArray, weights: _Array) -> _Array:
    """Sum `(T, H, W, 3)` over the picture, `(T, 3)`."""
    frames = len(weights)
    return (weights.reshape(frames, 1, -1) @ atlases.reshape(frames, -1, 3).astype(np.float32))[:, 0]


# ---- The reference


def symmetric_gain(
    reference: FloatArray, mirrored: FloatArray, covered: BoolArray, settings: LightSettings | None = None
) -> NDArray[np.float32]:
    """Find the gain that lifts the darker half of a face to the brighter one.

    The paper prints `max(G, mirror(G))`. But the mirror image of a gain from one half to the other is its inverse, so
    that form brightens both halves alike. Here it is `max(G, 1)`.

    Args:
        reference: `(H, W, 3)`.
        mirrored: `(H, W, 3)`, the reference laid on its own mesh with left and right points exchanged
            (`face.topology.mirror_pairs`). A flipped picture would do only for a symmetric face.
        covered: `(H, W)`, where both show the face.
        settings: The paper's patch if None.

    Returns:
        `(H, W)`, at least 1, for `apply_gain`.
    """
    gain = fit_gain(luma(reference)[None], luma(mirrored)[None], covered[None], settings or LightSettings())
    return np.maximum(gain.values[0], 1)


def even_gain(reference: FloatArray, skin: BoolArray, settings: LightSettings | None = None) -> NDArray[np.float32]:
    """Find the gain that makes all skin equally bright, down to the size of a patch.

    Goes beyond the paper: it holds all skin to be of one albedo, so shading from forehead to chin goes, and so do wide
    differences of the skin itself. What is smaller than the patch stays.

    Args:
        reference: `(H, W, 3)`.
        skin: `(H, W)` from `skin_mask`.
        settings: Twice the paper's patch if None.

    Returns:
        `(H, W)` for `apply_gain`.
    """
    brightness = luma(reference)[None]
    usual = np.full_like(brightness, np.median(brightness[0][skin]) if skin.any() else 0)
    return fit_gain(brightness, usual, skin[None], settings or LightSettings(patch=32)).values[0]


def apply_gain(atlases: FloatArray, gain: FloatArray) -> NDArray[np.float32]:
    """Multiply the luma of `(..., 3)` atlases by a `(...)` gain and leave their U and V; `1 / gain` undoes it."""
    change = (gain - 1) * luma(atlases)
    return np.asarray(atlases + change[..., None], np.float32)


def luma(atlases: FloatArray) -> NDArray[np.float32]:
    """Return Y of YUV, `(...)`, of `(..., 3)` sRGB values."""
    return np.asarray(atlases, np.float32) @ _LUMA


# ---- Highlights


def remove_highlights(atlases: FloatArray, skin: BoolArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Blend the highlights out of the skin (equation 3).

    A highlight is where the darkest colour channel of the smoothed atlas is brighter than on nine tenths of the skin.
    The paper compares it with their luma, which on skin no highlight reaches. What lies beneath is filled in from
    around. The highlight fades in with its brightness and from the border of the skin, so that it leaves no seam.

    Args:
        atlases: `(T, H, W, 3)`.
        skin: `(T, H, W)` from `skin_mask`.

    Returns:
        The atlases without highlights, `(T, H, W, 3)`, and the highlights' alpha, `(T, H, W)` from 0 to below 1.
    """
    small = np.stack([_halved(atlases[..., channel]) for channel in range(3)])
    inside = _halved(skin) == 1
    share = _highlight_share(small, inside)
    clean = _filled(small, inside & (share == 0))
    found = ((small - clean) / np.maximum(1 - clean, np.float32(0.05))).min(axis=0)
    alpha = _spread(share * np.clip(found, 0, _STRONGEST_HIGHLIGHT), *skin.shape[1:])
    rest = 1 - alpha[..., None]
    return np.asarray(1 - (1 - atlases) / rest, np.float32), alpha


def restore_highlights(atlases: FloatArray, alpha: FloatArray) -> NDArray[np.float32]:
    """Undo `remove_highlights`: lay highlights of `(T, H, W)` alpha over `(T, H, W, 3)` atlases."""
    return np.asarray(1 - (1 - alpha[..., None]) * (1 - atlases), np.float32)


def _highlight_share(small: _Array, inside: BoolArray) -> _Array:
    """Return how surely each pixel of `(3, T, h, w)` is a highlight, `(T, h, w)` from 0 to 1."""
    weights = inside.astype(np.float32)
    around = np.maximum(_blurred(weights, _SMOOTHING / 2), np.float32(1e-3))
    darkest = _blurred(small * weights, _SMOOTHING / 2).min(axis=0) / around
    dull = [
        np.percentile(frame[on], _DULL_SHARE) if on.any() else 1.0 for frame, on in zip(darkest, inside, strict=True)
    ]
    brightness = (darkest - np.array(dull, np.float32)[:, None, None]) / np.float32(_FULL_HIGHLIGHT)
    inwards = 2 * _blurred(weights, _SKIN_FADE / 2) - 1
    return np.asarray(np.clip(brightness, 0, 1) * np.clip(inwards, 0, 1) * weights, np.float32)


def _filled(small: _Array, known: BoolArray) -> _Array:
    """Replace every pixel of `(3, T, h, w)` by the mean of the known ones around it."""
    weights = known.astype(np.float32)
    return np.stack([_spread(_ratios(weights * c, weights, _FILL_PATCH // 2), *known.shape[1:]) for c in small])


# ---- Where there is skin


def skin_mask(covering: IntArray) -> BoolArray:
    """Tell where an atlas shows skin: no lips, mouth, eyes, brows, nostrils, and not the rim of the face.

    Args:
        covering: `(T, H, W)`, the number in `face.topology.face_triangles` of the triangle at each pixel; -1 if none.
    """
    return _mask_of(_skin_numbers(), covering)


def surface_mask(covering: IntArray) -> BoolArray:
    """Tell where an atlas shows the surface that the mesh follows: the face without eyeballs and inside of the mouth.

    Args:
        covering: As for `skin_mask`.
    """
    return (covering >= 0) & (covering < len(skin_triangles()))


def _mask_of(wanted: BoolArray, covering: IntArray) -> BoolArray:
    return np.append(wanted, False)[covering]  # -1 is the last


@cache
def _skin_numbers() -> BoolArray:
    """Return for each of the 898 triangles whether it is skin."""
    triangles = face_triangles()
    lids = RIGHT_UPPER_LID + RIGHT_LOWER_LID + LEFT_UPPER_LID + LEFT_LOWER_LID
    other = np.isin(triangles, LIPS + lids + _BROWS + _NOSTRILS).any(axis=1)
    rim = np.array(FACE_OVAL)
    for _ in range(_RIM_RINGS):
        touching = np.isin(triangles, rim).any(axis=1)
        rim = np.unique(triangles[touching])
    skin = ~other & ~touching
    skin[len(skin_triangles()) :] = False
    return skin


# ---- Smooth fields, as products with narrow matrices


def _ratios(numerators: _Array, denominators: _Array, patch: int) -> _Array:
    """Divide sums over patches, `(T, h, w)`; coarser patches, the whole picture and 1 stand in for missing weight."""
    level = denominators.mean(axis=(1, 2), keepdims=True) + np.float32(1e-6)
    whole = numerators.mean(axis=(1, 2), keepdims=True) + np.float32(1e-6)
    ratios = whole / level
    for side in (_COARSER * patch, patch):
        upper, lower = _patch_sums(numerators, side), _patch_sums(denominators, side)
        pull = level * np.float32(_STAND_IN * side * side)
        ratios = (upper + pull * _spread(ratios, *upper.shape[1:])) / (lower + pull)
    return ratios


def _patch_sums(pictures: _Array, patch: int) -> _Array:
    """Sum `(T, H, W)` over squares of a side, one square to each step."""
    height, width = pictures.shape[1:]
    return _boxes(height, patch) @ pictures @ _boxes(width, patch).T


def _spread(values: _Array, height: int, width: int) -> _Array:
    """Enlarge `(T, h, w)` linearly to `(T, height, width)`."""
    if values.shape[1:] == (1, 1):
        return values
    return _between(values.shape[1], height) @ values @ _between(values.shape[2], width).T


def _blurred(pictures: _Array, deviation: float) -> _Array:
    """Blur `(..., H, W)` with a Gaussian of so many px."""
    height, width = pictures.shape[-2:]
    return _bells(height, deviation) @ pictures @ _bells(width, deviation).T


def _halved(pictures: FloatArray | BoolArray) -> _Array:
    """Average `(T, H, W)` over squares of two pixels."""
    values = np.asarray(pictures, np.float32)
    rows = values[:, ::2] + values[:, 1::2]
    return (rows[..., ::2] + rows[..., 1::2]) * np.float32(0.25)


def _doubled(pictures: _Array) -> _Array:
    return pictures.repeat(2, axis=1).repeat(2, axis=2)


def _steps(size: int, patch: int) -> Iterator[float]:
    """Yield the middles of the patches along an axis, px."""
    step = max(patch / _STEPS_PER_PATCH, 1)
    count = max(round(size / step), 1)
    return ((index + 0.5) * size / count for index in range(count))


@cache
def _boxes(size: int, patch: int) -> _Array:
    """Return the matrix that sums an axis over each patch, `(steps, size)`."""
    middles = np.array(list(_steps(size, patch)))
    pixels = np.arange(size) + 0.5
    return (np.abs(pixels - middles[:, None]) <= patch / 2).astype(np.float32)


@cache
def _between(count: int, size: int) -> _Array:
    """Return the matrix that reads `count` even steps linearly at `size` pixels, `(size, count)`."""
    places = np.clip((np.arange(size) + 0.5) * count / size - 0.5, 0, count - 1)
    return np.maximum(1 - np.abs(places[:, None] - np.arange(count)), 0).astype(np.float32)


@cache
def _bells(size: int, deviation: float) -> _Array:
    """Return the matrix that blurs an axis, `(size, size)`, its rows of sum 1."""
    distance = np.subtract.outer(np.arange(size), np.arange(size)) / deviation
    bells = np.exp(-0.5 * distance**2)
    return (bells / bells.sum(axis=1, keepdims=True)).astype(np.float32)
