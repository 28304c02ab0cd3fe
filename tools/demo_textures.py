"""The demo's pictures of the texture: light taken out, painted beside filmed lips, the head from all sides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lipsync_core.animation import FaceAnimation
from lipsync_core.capture.clip import Clip, Take
from lipsync_core.capture.normalisation import NormalisedFace
from lipsync_core.capture.unrolling import picture_points, unroll
from lipsync_core.capture.video import read_frames
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.texturing import paint_crops
from training.unrolling import in_light_of
from training.virtual_speaker.speaker import VirtualSpeakerTruth

Picture = NDArray[np.uint8]

_SCALE = 2  # times larger are lip crops shown
_GAP = 6  # px of white between pictures


def light_picture(video: Path, clip: Clip, truth: VirtualSpeakerTruth) -> Picture:
    """Show the atlases of two frames that the lamp lights from different sides, and both in the reference's light.

    Args:
        video: The film of the clip's only take.
        clip: With a texture.
        truth: Where the lamp was.
    """
    take = clip.takes[0]
    lamp = truth.light_direction[: len(take.seconds), 0]
    chosen = [int(lamp.argmin()), int(lamp.argmax())]
    pictures = {i: frame.image for i, frame in enumerate(read_frames(video)) if i in chosen}
    points = picture_points(NormalisedFace(take.vertices, take.head))[chosen]
    assert clip.reference is not None
    unrolled = unroll([pictures[i] for i in chosen], points, take.vertices[chosen], clip.reference.layout)
    even = in_light_of(clip.reference, unrolled, clip.neutral) * unrolled.surface.covered[..., None]
    rows = [[_bytes(atlas) for atlas in atlases] for atlases in (unrolled.atlases, even)]
    return beside([*rows[0], *rows[1], clip.reference.picture])


def lips_picture(model: SpeechModel, animation: FaceAnimation, filmed: Take, frames: Sequence[int]) -> Picture:
    """Show painted lips under filmed ones at some frames of an unseen take."""
    painted = np.concatenate(list(paint_crops(model, animation).crops))
    assert filmed.crops is not None
    rows = [beside([_larger(crops[min(i, len(crops) - 1)]) for i in frames]) for crops in (filmed.crops, painted)]
    return np.concatenate(rows)


def views_picture(source: Picture, views: Sequence[Path]) -> Picture:
    """Show the head from all sides beside the frame that says the same."""
    heads = [np.asarray(Image.open(path).convert("RGB")) for path in views]
    side = heads[0].shape[0]
    return beside([np.asarray(Image.fromarray(source).resize((side, side), Image.Resampling.LANCZOS)), *heads])


def save_picture(path: Path, picture: Picture) -> None:
    """Write a picture in the format of its name."""
    Image.fromarray(picture).save(path, quality=90)


def beside(pictures: Sequence[Picture]) -> Picture:
    """Lay pictures of one height side by side, with a little white between."""
    gap = np.full((len(pictures[0]), _GAP, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (picture, gap)]
    return np.concatenate(parts[:-1], axis=1)


def _larger(crop: Picture) -> Picture:
    side = crop.shape[0] * _SCALE
    return np.asarray(Image.fromarray(crop).resize((side, side), Image.Resampling.BICUBIC))


def _bytes(atlas: NDArray[np.float32]) -> Picture:
    return np.clip(np.rint(atlas * 255), 0, 255).astype(np.uint8)
