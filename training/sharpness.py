"""Sheets that are shown as sharp as the footage.

A mean of many frames is softer than any of them, and each warp softens a little more. What is shown is therefore
sharpened, and given the fine detail of one frame: as much of it as makes crops of the training footage about as sharp
(CPBD) as the real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from lipsync_core.face.topology import face_triangles
from lipsync_core.texture.layout import CROP_SIZE, AtlasLayout
from lipsync_core.texture.sheet import SheetLayout
from lipsync_core.texture.warping import rasterise

from .appearance import Appearance, Filmed, measure_amounts
from .measures.image_quality import blur_detection

Array = NDArray[np.float32]

_ENOUGH = 0.83  # of the real crops' sharpness
_WARP_BLUR = 0.7  # px, deviation of the blur that a warp adds
_UNBLUR = 0.7  # strength of the sharpening that undoes it
_FINE = 1.0  # px: what a blur of this deviation takes away is detail
_SHARES = np.linspace(0, 1.5, 16)  # of the detail, that are tried
_LIKEST = 9  # frames most like the mean, of which the sharpest gives its detail
_EXAMPLES = 48  # crops that sharpness is measured on
_CANDIDATES = 400  # frames that the detail may be taken from


def sharpened(appearance: Appearance, takes: Sequence[Filmed], layout: AtlasLayout) -> Appearance:
    """Return an appearance whose shown sheets are about as sharp as the footage.

    Args:
        appearance: What was fitted to the footage.
        takes: The crops and the faces of each take.
        layout: The atlas.
    """
    detail = _fine_detail(appearance, takes, layout)
    crops, faces = _every(takes, _EXAMPLES)
    points = layout.crop_points(faces)
    amounts = measure_amounts([(crops, faces)], layout, appearance).amounts
    face = rasterise(points, face_triangles(), CROP_SIZE, CROP_SIZE).covered
    enough = _ENOUGH * _sharpness(crops, face)
    for share in _SHARES:
        shown = _shown(appearance, np.float32(share) * detail)
        painted, _ = appearance.layout.lay(shown.shown_mean + amounts @ shown.shown_components, points)
        if _sharpness(np.clip(np.rint(painted * 255), 0, 255).astype(np.uint8), face) >= enough:
            break
    return shown


def _shown(appearance: Appearance, detail: Array) -> Appearance:
    sheet = appearance.layout
    mean = _unsharp(appearance.mean[None], sheet)[0] + detail
    return replace(appearance, shown_mean=mean, shown_components=_unsharp(appearance.components, sheet))


def _fine_detail(appearance: Appearance, takes: Sequence[Filmed], layout: AtlasLayout) -> Array:
    """Return what a frame that is much like the mean has of fine detail on its skin beyond the mean, `(P,)`."""
    crops, faces = _every(takes, _CANDIDATES)
    sheet = appearance.layout
    values, _ = sheet.lift(crops, layout.crop_points(faces))
    distance = np.square(values[:, : sheet.skin_size] - appearance.mean[: sheet.skin_size]).sum(axis=1)
    likest = np.argsort(distance)[:_LIKEST]
    differences = _unsharp(values[likest], sheet) - appearance.mean
    details = differences - _blurred(differences, sheet, _FINE)
    details[:, sheet.skin_size :] = 0
    return np.asarray(details[np.square(details).sum(axis=1).argmax()], np.float32)


def _every(takes: Sequence[Filmed], count: int) -> Filmed:
    """Return about `count` frames from all over the footage."""
    ends = np.cumsum([len(faces) for _, faces in takes])
    chosen = np.linspace(0, ends[-1] - 1, min(count, ends[-1])).astype(int)
    take = np.searchsorted(ends, chosen, side="right")
    places = [(takes[t], frame - ends[t] + len(takes[t][1])) for t, frame in zip(take, chosen, strict=True)]
    return np.stack([take[0][frame] for take, frame in places]), np.stack([take[1][frame] for take, frame in places])


def _sharpness(crops: NDArray[np.uint8], face: NDArray[np.bool_]) -> float:
    """Return the mean CPBD of crops that are black outside the face."""
    return float(np.mean([blur_detection(crop) for crop in crops * face[..., None]]))


def _unsharp(values: Array, sheet: SheetLayout) -> Array:
    return values + np.float32(_UNBLUR) * (values - _blurred(values, sheet, _WARP_BLUR))


def _blurred(values: Array, sheet: SheetLayout, deviation: float) -> Array:
    """Blur sheets `(n, P)`, skin and inside each for itself."""
    blurred = [
        gaussian_filter(part, (0, deviation, deviation, 0))[:, mask].reshape(len(values), -1)
        for part, mask in zip(sheet.pictures(values), (sheet.skin, sheet.inside), strict=True)
    ]
    return np.concatenate(blurred, axis=1)
