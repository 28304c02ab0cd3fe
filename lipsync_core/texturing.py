"""The other half of the main road: an animation in, the pictures of its texture out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .animation import FaceAnimation
from .errors import FormatError
from .face.topology import face_triangles
from .model.model_file import SpeechModel
from .model.runtimes import Runtime, best_runtime
from .model.texture import Painted, TextureModel
from .progress import Progress, ignore_progress
from .texture.layout import CROP_SIZE
from .texture.warping import rasterise, sample

_FADE = 10  # px over which a painted crop goes over into the reference, from its border inwards


@dataclass(frozen=True)
class CropPainting:
    """The lip crops of an animation, painted as they are asked for.

    Attributes:
        crops: Blocks `(n, 128, 128, 3)` uint8, sRGB, in order. At the border they are the reference as the moving mesh
            carries it, outside the face the reference as it is.
        frame_count: Frames of all blocks together.
        runtime: What computes the networks.
    """

    crops: Iterator[NDArray[np.uint8]]
    frame_count: int
    runtime: Runtime


def paint_crops(
    model: SpeechModel, animation: FaceAnimation, progress: Progress = ignore_progress, runtime: Runtime | None = None
) -> CropPainting:
    """Paint the texture of an animation that a model made.

    Args:
        model: The speaker.
        animation: What the face does.
        progress: Told the share done.
        runtime: What computes the networks; the fastest there is if None.

    Raises:
        FormatError: If the model has no texture.
    """
    if model.texture is None:
        raise FormatError(f"The model of {model.description.speaker} has no texture; train it with one.")
    runtime = runtime or best_runtime()
    painted = model.texture.paint(animation.codes, animation.vertices(), runtime)
    crops = _finished(painted, model.texture, model.neutral, animation, progress)
    return CropPainting(crops, animation.frame_count, runtime)


def _finished(
    painted: Iterator[Painted],
    texture: TextureModel,
    neutral: NDArray[np.float32],
    animation: FaceAnimation,
    progress: Progress,
) -> Iterator[NDArray[np.uint8]]:
    """Let the crops go over into the reference as the mesh carries it in each frame, and count them."""
    layout, vertices = texture.layout, animation.vertices()
    rest, still = layout.atlas_points(neutral), texture.reference[layout.crop].astype(np.float32)
    inner = _inner_share()[..., None]
    done = 0
    for crops, face in painted:
        points = layout.crop_points(vertices[done : done + len(crops)])
        surface = rasterise(points, face_triangles(), CROP_SIZE, CROP_SIZE)
        around = np.where(face[..., None], sample(texture.reference, surface.carry(rest)), still)
        share = inner * face[..., None]
        yield np.rint(np.clip(around + share * (crops * 255 - around), 0, 255)).astype(np.uint8)
        done += len(crops)
        progress(done / animation.frame_count)


def _inner_share() -> NDArray[np.float32]:
    """Return how much of each pixel of a crop is painted, `(128, 128)`: 0 at the border, 1 further in."""
    ramp = np.clip((np.minimum(np.arange(CROP_SIZE), np.arange(CROP_SIZE)[::-1])) / _FADE, 0, 1)
    ramp = ramp * ramp * (3 - 2 * ramp)
    return np.minimum(ramp[:, None], ramp).astype(np.float32)
