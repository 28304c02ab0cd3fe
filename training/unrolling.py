"""The second look at a video, once its faces are known: unroll them, take the light out, keep the lip crops."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipsync_core.capture.clip import ReferenceAtlas
from lipsync_core.capture.normalisation import NormalisedFace
from lipsync_core.capture.unrolling import UnrolledFrames, picture_points, unroll
from lipsync_core.capture.video import VideoFrame, read_frames
from lipsync_core.errors import VideoError
from lipsync_core.face.topology import mirror_pairs
from lipsync_core.progress import Progress, ignore_progress
from lipsync_core.texture.layout import CROP_SIZE, AtlasLayout
from lipsync_core.texture.lighting import (
    apply_gain,
    fit_light,
    remove_highlights,
    skin_mask,
    surface_mask,
    symmetric_gain,
)
from lipsync_core.texture.sheet import nearest_pixel
from lipsync_core.texture.warping import sample

Array = NDArray[np.float32]

NORMALISED, AS_FILMED = "normalised", "as filmed"
_BLOCK = 16  # frames at a time
_MOST_WAITING = 8  # blocks that are being unrolled: bounds the memory
_RIM = 5  # px of the atlas at the face's outline that are not trusted


def reference_atlas(
    video: Path, frame: int, face: NormalisedFace, neutral: Array, layout: AtlasLayout, *, normalise: bool
) -> ReferenceAtlas:
    """Unroll the reference frame onto the neutral face's place in the atlas.

    Args:
        video: The video that the frame is in.
        frame: Its number.
        face: The video's face.
        neutral: `(468, 3)`, face units.
        layout: The atlas.
        normalise: Take highlights out, and lift the darker half of the face to the brighter one.
    """
    picture = next(islice(read_frames(video), frame, None)).image
    points = picture_points(face)[frame : frame + 1]
    unrolled = unroll([picture], points, neutral[None], layout)
    atlas = unrolled.atlases[0]
    covered = unrolled.surface.covered
    if normalise:
        covering = unrolled.surface.covering
        atlas = remove_highlights(unrolled.atlases, skin_mask(covering))[0][0]
        mirrored = sample(atlas, unrolled.surface.carry(layout.atlas_points(neutral[mirror_pairs()])))[0]
        atlas = apply_gain(atlas, symmetric_gain(atlas, mirrored, surface_mask(covering)[0]))
    inner = covered[0] & ~_rim(covered[0])
    filled = _as_bytes(atlas)[inner][nearest_pixel(inner)]
    return ReferenceAtlas(layout, filled, NORMALISED if normalise else AS_FILMED)


def film_crops(
    video: Path,
    face: NormalisedFace,
    neutral: Array,
    reference: ReferenceAtlas,
    progress: Progress = ignore_progress,
) -> NDArray[np.uint8]:
    """Return the lip crop of every frame, in the reference's light if that is normalised.

    Args:
        video: The video.
        face: Its face, `T` frames.
        neutral: `(468, 3)`, where the points lie in the reference, face units.
        reference: What the light is brought to.
        progress: Told the share done.

    Returns:
        `(T, 128, 128, 3)` uint8, the reference's outside the face.

    Raises:
        VideoError: If the video is shorter than the first time it was read.
    """
    points, frames = picture_points(face), _counted(read_frames(video), len(face.vertices), video)

    def crops_of(first: int, pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        block = slice(first, first + len(pictures))
        unrolled = unroll(pictures, points[block], face.vertices[block], reference.layout)
        return _lip_crops(unrolled, reference, neutral)

    crops: list[NDArray[np.uint8]] = []
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        waiting: deque[Future[NDArray[np.uint8]]] = deque()
        for first in range(0, len(points), _BLOCK):
            waiting.append(threads.submit(crops_of, first, [frame.image for frame in islice(frames, _BLOCK)]))
            if len(waiting) > _MOST_WAITING:
                crops.append(waiting.popleft().result())
            progress(first / len(points))
        crops += [block.result() for block in waiting]
    progress(1.0)
    return np.concatenate(crops) if crops else np.zeros((0, CROP_SIZE, CROP_SIZE, 3), np.uint8)


def _lip_crops(unrolled: UnrolledFrames, reference: ReferenceAtlas, neutral: Array) -> NDArray[np.uint8]:
    atlases = unrolled.atlases
    if reference.light == NORMALISED:
        atlases = in_light_of(reference, unrolled, neutral)
    rows, columns = reference.layout.crop
    visible = unrolled.surface.covered[:, rows, columns, None]
    return np.where(visible, _as_bytes(atlases[:, rows, columns]), reference.picture[rows, columns])


def in_light_of(reference: ReferenceAtlas, frames: UnrolledFrames, neutral: Array) -> Array:
    """Take the highlights out of some frames' atlases and bring them to the reference's light.

    Returns:
        `(T, 256, 256, 3)` float32; it may leave [0, 1].
    """
    covering = frames.surface.covering
    skin = skin_mask(covering)
    dull, _ = remove_highlights(frames.atlases, skin)
    positions = frames.surface.carry(reference.layout.atlas_points(neutral))
    target = sample(reference.picture, positions) / np.float32(255)
    return fit_light(dull, target, surface_mask(covering), skin).remove(dull)


def _counted(frames: Iterator[VideoFrame], count: int, video: Path) -> Iterator[VideoFrame]:
    """Give just `count` pictures."""
    for _ in range(count):
        frame = next(frames, None)
        if frame is None:
            raise VideoError(f"{video} became shorter while it was read; prepare it again.")
        yield frame


def _rim(covered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return where a mask `(H, W)` is within some pixels of its border: there the background shines through."""
    inner = np.pad(covered, _RIM)
    height, width = covered.shape
    steps = [(0, _RIM), (2 * _RIM, _RIM), (_RIM, 0), (_RIM, 2 * _RIM)]
    return ~np.logical_and.reduce([inner[y : y + height, x : x + width] for y, x in steps])


def _as_bytes(values: Array) -> NDArray[np.uint8]:
    return np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)
