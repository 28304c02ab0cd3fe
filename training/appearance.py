"""What the default texture decoder learns to predict: a few numbers per frame that mix a speaker's main sheets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipsync_core.errors import ConfigError
from lipsync_core.texture.layout import AtlasLayout
from lipsync_core.texture.sheet import SheetLayout, sheet_layout

Array = NDArray[np.float32]

_MOST_EXAMPLES = 800  # sheets that the components are found from
_FILLING_PASSES = 8  # of guessing what the lips hide from the components, and the components from the guess
_HIDDEN = 1e-3  # share of a pixel's worth that says "like the mean" where the lips hide all
_STILL = 1e-6  # size of an amount that never changes
_BLOCK = 16  # frames at a time


@dataclass(frozen=True)
class Appearance:
    """The main sheets of a speaker: `sheet = mean + amounts @ components`.

    The first `skin_count` components change the skin alone, the others the inside of the mouth alone. What is shown is
    sharper than what is measured, see `training/sharpness.py`.

    Attributes:
        layout: Where things lie on a sheet of `P` values.
        mean: `(P,)` float32, 0 to 1.
        components: `(K, P)` float32, orthonormal, those of the skin first, each part's largest first.
        skin_count: Components of the skin.
        scale: `(K,)` float32, the usual size of each amount.
        shown_mean: `(P,)` float32, in place of `mean` where sheets are painted.
        shown_components: `(K, P)` float32, in place of `components` where sheets are painted.
    """

    layout: SheetLayout
    mean: Array
    components: Array
    skin_count: int
    scale: Array
    shown_mean: Array
    shown_components: Array

    @property
    def inside(self) -> Array:
        """`(K - skin_count, Q, 3)`: what the inner components do to each pixel of the inside."""
        inner = self.components[self.skin_count :, self.layout.skin_size :]
        return inner.reshape(len(inner), inner.shape[1] // 3, 3)


@dataclass(frozen=True)
class SheetAmounts:
    """How much of each component some frames show.

    Attributes:
        amounts: `(T, K)` float32.
        visible: `(T, I, I)` float32 for the `I` inner components: `e @ visible @ e` is the squared error that an
            error `e` of their amounts makes in the pixels that are seen.
    """

    amounts: Array
    visible: Array


Filmed = tuple[NDArray[np.uint8], Array]  # crops (T, 128, 128, 3) and vertices (T, 468, 3)


def fit_appearance(takes: Sequence[Filmed], layout: AtlasLayout, skin_count: int, inside_count: int) -> Appearance:
    """Find a speaker's main sheets.

    Args:
        takes: The crops and the faces of each take.
        layout: The atlas.
        skin_count: Components of the skin wanted; fewer if there are few frames.
        inside_count: Components of the inside of the mouth wanted.

    Raises:
        ConfigError: If there is no frame.
    """
    vertices = np.concatenate([faces for _, faces in takes])
    if not len(vertices):
        raise ConfigError("The clip has no frame with a texture; prepare the video again.")
    sheet = sheet_layout(vertices, layout)
    step = max(1, -(-len(vertices) // _MOST_EXAMPLES))
    lifted = [sheet.lift(crops[::step], layout.crop_points(faces[::step])) for crops, faces in takes]
    values, seen = (np.concatenate(parts) for parts in zip(*lifted, strict=True))
    skin = _part(values[:, : sheet.skin_size], None, skin_count)
    inside = _part(values[:, sheet.skin_size :], np.repeat(seen, 3, axis=1), inside_count)
    return _joined(sheet, skin, inside)


@dataclass(frozen=True)
class _Part:
    """Mean `(p,)`, components `(k, p)` and their usual sizes `(k,)` of the skin or of the inside."""

    mean: Array
    components: Array
    scale: Array


def _part(values: Array, seen: NDArray[np.bool_] | None, count: int) -> _Part:
    if seen is None:
        mean = values.mean(axis=0)
        centred = values - mean
        components = _components(centred, count)
    else:
        mean = (values * seen).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
        centred = np.where(seen, values - mean, 0)
        components = _hidden_components(centred, seen, count)
    return _Part(mean, components, (centred @ components.T).std(axis=0) + _STILL)


def _joined(sheet: SheetLayout, skin: _Part, inside: _Part) -> Appearance:
    components = np.zeros((len(skin.scale) + len(inside.scale), sheet.size), np.float32)
    components[: len(skin.scale), : sheet.skin_size] = skin.components
    components[len(skin.scale) :, sheet.skin_size :] = inside.components
    mean = np.concatenate([skin.mean, inside.mean]).astype(np.float32)
    scale = np.concatenate([skin.scale, inside.scale]).astype(np.float32)
    return Appearance(sheet, mean, components, len(skin.scale), scale, mean, components)


def measure_amounts(takes: Sequence[Filmed], layout: AtlasLayout, appearance: Appearance) -> SheetAmounts:
    """Find how much of each component every frame shows, as far as it can be seen."""
    blocks = [_amounts(crops, layout.crop_points(faces), appearance) for crops, faces in _in_blocks(takes)]
    return SheetAmounts(
        np.concatenate([block.amounts for block in blocks]), np.concatenate([block.visible for block in blocks])
    )


def _amounts(crops: NDArray[np.uint8], points: Array, appearance: Appearance) -> SheetAmounts:
    values, seen = appearance.layout.lift(crops, points)
    difference = values - appearance.mean
    size, inner = appearance.layout.skin_size, appearance.inside
    skin = difference[:, :size] @ appearance.components[: appearance.skin_count, :size].T
    products = np.einsum("iqc,jqc->qij", inner, inner).reshape(inner.shape[1], -1)
    visible = (seen.astype(np.float32) @ products).reshape(len(seen), len(inner), len(inner))
    shown = (difference[:, size:].reshape(*seen.shape, 3) * seen[..., None]).reshape(len(seen), -1)
    wanted = shown @ inner.reshape(len(inner), shown.shape[1]).T
    inside = np.linalg.solve(visible + _HIDDEN * np.eye(len(inner), dtype=np.float32), wanted[..., None])[..., 0]
    return SheetAmounts(np.concatenate([skin, inside], axis=1).astype(np.float32), visible.astype(np.float32))


def _in_blocks(takes: Sequence[Filmed]) -> Iterator[Filmed]:
    for crops, faces in takes:
        for first in range(0, len(faces), _BLOCK):
            yield crops[first : first + _BLOCK], faces[first : first + _BLOCK]


def _components(centred: Array, count: int) -> Array:
    """Return the main directions of `(n, P)` differences, `(count, P)`, orthonormal, largest first."""
    values, vectors = np.linalg.eigh((centred @ centred.T).astype(np.float64))
    count = min(count, int((values > 1e-9 * max(values[-1], 1e-12)).sum()))
    chosen = vectors[:, ::-1][:, :count] / np.sqrt(values[::-1][:count])
    return np.asarray(chosen.T @ centred, np.float32)


def _hidden_components(centred: Array, seen: NDArray[np.bool_], count: int) -> Array:
    """Return the main directions of differences that are 0 where they are not seen, as `_components` does."""
    components = _components(centred, count)
    filled = centred
    for _ in range(_FILLING_PASSES):
        filled = np.where(seen, centred, filled @ components.T @ components)
        components = _components(filled, count)
    return components
