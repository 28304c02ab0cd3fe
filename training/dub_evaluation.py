"""How near a dub with a film's own sound is to that film: self-reenactment (Lahiri et al. 2021, section 4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lipsync_core.arrays import FloatArray
from lipsync_core.capture.tracking import FaceTracker, LandmarkTrack, track_face
from lipsync_core.capture.video import VideoFrame, read_frames
from lipsync_core.errors import VideoError
from lipsync_core.face.topology import (
    FACE_OVAL,
    LIPS,
    LOWER_INNER_LIP,
    LOWER_OUTER_LIP,
    OUTER_EYE_CORNERS,
    UPPER_INNER_LIP,
    UPPER_OUTER_LIP,
)

from .measures.image_quality import BLOCK, blur_detection, peak_signal_to_noise, structural_similarity

LIP_MARKS = tuple(
    line[i]
    for line, places in (
        (UPPER_OUTER_LIP, (0, 2, 4, 5, 6, 8, 10)),
        (LOWER_OUTER_LIP, (2, 4, 5, 6, 8)),
        (UPPER_INNER_LIP, (0, 3, 5, 7, 10)),
        (LOWER_INNER_LIP, (3, 5, 7)),
    )
    for i in places
)
"""Twenty points in the places of the usual mouth landmarks: twelve on the outer border of the lips, eight inside."""

_MOUTH_SIDE = 1.0  # eye distances: side of the square about the lips that is called the mouth region
_FACE_MARGIN = 0.6  # eye distances around the face that do not count as outside
_LIPS_MARGIN = 0.06  # eye distances around the lips that do not count as skin

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class DubErrors:
    """What a dub is away from the film, means over frames.

    Attributes:
        similarity, noise_ratio: SSIM, and PSNR in dB, of the full frame.
        mouth_similarity, mouth_noise_ratio: Of the mouth region: a square of one eye distance about the lips.
        outside_noise_ratio: PSNR of what is neither face nor neck, dB.
        sharpness, filmed_sharpness: CPBD of the full frame, dubbed and filmed.
        mouth_sharpness, filmed_mouth_sharpness: The same of the mouth region.
        landmarks: LMD, mean distance of twenty mouth landmarks, each mouth about its own middle, px.
        landmark_share: The same in per cent of the eye distance.
        flicker: Mean change from frame to frame of the skin about the lips, over that of the film.
    """

    similarity: float
    noise_ratio: float
    mouth_similarity: float
    mouth_noise_ratio: float
    outside_noise_ratio: float
    sharpness: float
    filmed_sharpness: float
    mouth_sharpness: float
    filmed_mouth_sharpness: float
    landmarks: float
    landmark_share: float
    flicker: float

    def as_dict(self) -> dict[str, float]:
        """Return the errors by name."""
        return asdict(self)


def compare_films(filmed: Path, dubbed: Path, tracker: FaceTracker, every: int = 1) -> DubErrors:
    """Hold a dub against the film that it was made of.

    Args:
        filmed: The target.
        dubbed: The dub of it with its own sound, of the same length.
        tracker: What finds the lips in both.
        every: Compare the pictures of only one in so many frames; landmarks and flicker are always of all.

    Raises:
        VideoError: If the two differ in size, or by more than a frame in length.
    """
    track, own = (track_face(read_frames(path), tracker, str(path)) for path in (filmed, dubbed))
    if abs(len(track.points) - len(own.points)) > 1:
        raise VideoError(f"{dubbed} is not as long as {filmed}; dub that film with its own sound.")
    count = min(len(track.points), len(own.points))
    distance = _landmark_distance(track.points[:count], own.points[:count])
    eyes = _eye_distance(track)[:count]
    rows, changes, last = [], [], None
    for number, pair in enumerate(islice(_pairs(filmed, dubbed), count)):
        lips = np.concatenate([_flat(each.points[number])[list(LIPS)] for each in (track, own)])
        if last is not None:
            changes.append(_changes(pair, last, lips, eyes[number]))
        if number % every == 0:
            rows.append(_picture_errors(pair, _flat(track.points[number]), float(eyes[number])))
        last = pair
    filmed_change, dubbed_change = np.mean(changes, axis=0)
    values = dict(zip([field.name for field in fields(DubErrors)], np.mean(rows, axis=0).tolist(), strict=False))
    return DubErrors(
        **values,
        landmarks=float(distance.mean()),
        landmark_share=float(100 * (distance / eyes).mean()),
        flicker=float(dubbed_change / filmed_change),
    )


def _pairs(filmed: Path, dubbed: Path) -> Iterator[tuple[Picture, Picture]]:
    both: zip[tuple[VideoFrame, VideoFrame]] = zip(read_frames(filmed), read_frames(dubbed), strict=False)
    for one, other in both:
        if one.image.shape != other.image.shape:
            raise VideoError(f"{dubbed} is not as large as {filmed}; dub that film itself.")
        yield one.image, other.image


def _flat(points: FloatArray) -> FloatArray:
    """Return `(468, 2)` px, y down."""
    return points[:, :2] * (1, -1)


def _eye_distance(track: LandmarkTrack) -> FloatArray:
    right, left = (track.points[:, corner, :2] for corner in OUTER_EYE_CORNERS)
    return np.asarray(np.linalg.norm(left - right, axis=1))


def _landmark_distance(points: FloatArray, others: FloatArray) -> FloatArray:
    """Return LMD of each frame, px."""
    mouths = [each[:, LIP_MARKS, :2] - each[:, LIP_MARKS, :2].mean(axis=1, keepdims=True) for each in (points, others)]
    return np.asarray(np.linalg.norm(mouths[0] - mouths[1], axis=2).mean(axis=1))


def _picture_errors(pair: tuple[Picture, Picture], points: FloatArray, eyes: float) -> list[float]:
    """Return the first nine figures of `DubErrors` for one frame."""
    height, width = pair[0].shape[:2]
    side = max(BLOCK, round(_MOUTH_SIDE * eyes))
    left, top = (points[list(LIPS)].mean(axis=0) - side / 2).astype(int)
    mouth = np.s_[max(top, 0) : top + side, max(left, 0) : left + side]
    outline, margin = points[list(FACE_OVAL)], _FACE_MARGIN * eyes
    low, high = outline.min(axis=0) - margin, outline.max(axis=0) + margin
    y, x = np.mgrid[:height, :width]
    outside = (x < low[0]) | (x > high[0]) | (y < low[1]) | (y > high[1])
    filmed, dubbed = (_tensor(picture) for picture in pair)
    filmed_mouth, dubbed_mouth = (_tensor(picture[mouth]) for picture in pair)
    return [
        structural_similarity(filmed, dubbed).item(),
        peak_signal_to_noise(filmed, dubbed).item(),
        structural_similarity(filmed_mouth, dubbed_mouth).item(),
        peak_signal_to_noise(filmed_mouth, dubbed_mouth).item(),
        peak_signal_to_noise(filmed, dubbed, torch.from_numpy(outside)[None]).item(),
        blur_detection(pair[1]),
        blur_detection(pair[0]),
        blur_detection(pair[1][mouth]),
        blur_detection(pair[0][mouth]),
    ]


def _changes(
    pair: tuple[Picture, Picture], last: tuple[Picture, Picture], lips: FloatArray, eyes: float
) -> list[float]:
    """Return how much the skin about the lips changed since the frame before, in the film and in the dub."""
    height, width = pair[0].shape[:2]
    middle, reach = lips.mean(axis=0), 0.5 * _MOUTH_SIDE * eyes
    low, high = lips.min(axis=0) - _LIPS_MARGIN * eyes, lips.max(axis=0) + _LIPS_MARGIN * eyes
    y, x = np.mgrid[:height, :width]
    around = (np.abs(x - middle[0]) < reach) & (np.abs(y - middle[1]) < reach)
    skin = around & ~((x > low[0]) & (x < high[0]) & (y > low[1]) & (y < high[1]))
    return [
        float(np.abs(now[skin].astype(np.int16) - before[skin]).mean()) for now, before in zip(pair, last, strict=True)
    ]


def _tensor(picture: Picture) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]
