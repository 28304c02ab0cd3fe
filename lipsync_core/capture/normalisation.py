"""Tracked faces of one speaker, out of one or many videos, brought into one face space.

A reference frame is chosen, frames that look like it are averaged into the speaker's neutral face, and every frame is
laid on that face by its rigid upper part (Lahiri et al. 2021, section 3.1.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray
from ..face.mouth import lip_gap, mouth_width
from ..face.topology import (
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LIPS,
    OUTER_EYE_CORNERS,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    generic_face,
)
from .alignment import HeadMotion, fit_head_motion, smooth_head_motion, smooth_over_time
from .tracking import LandmarkTrack

_USUAL_TURN = 5.0  # degrees of yaw or pitch that cost a candidate one point
_USUAL_GAP = 0.05  # lip gap, in mouth widths, that costs one point
_ALIKE_SHARE = 0.02  # share of all frames that are averaged into the neutral face
_ALIKE_RANGE = (5, 60)  # but at least and at most so many


@dataclass(frozen=True)
class Smoothing:
    """How many frames the zero-phase filters span; 0 leaves the tracker's values alone.

    Attributes:
        pose: For the head's scale and rotation.
        face: For the vertices. Five frames keep closures, which last three (measured on synthetic lips).
    """

    pose: int = 9
    face: int = 5


@dataclass(frozen=True)
class ReferenceFrame:
    """The frame that the neutral face was made from.

    Attributes:
        track: Index of the video.
        frame: Index of the frame in it.
    """

    track: int
    frame: int


@dataclass(frozen=True)
class NormalisedFace:
    """One video's face without head motion.

    Attributes:
        vertices: `(T, 468, 3)` float32, face units.
        head: How each frame was brought here, so that it can be undone.
    """

    vertices: NDArray[np.float32]
    head: HeadMotion


@dataclass(frozen=True)
class NormalisedSpeaker:
    """All videos of a speaker in one face space.

    Attributes:
        neutral: `(468, 3)` float32, lips together, face units.
        faces: One for each video.
    """

    neutral: NDArray[np.float32]
    faces: tuple[NormalisedFace, ...]


def normalise_speaker(
    tracks: Sequence[LandmarkTrack], neutral: NDArray[np.float32], smoothing: Smoothing
) -> NormalisedSpeaker:
    """Lay all videos of one speaker on one neutral face.

    Args:
        tracks: The tracked face in each video.
        neutral: `(468, 3)` from `neutral_face`, or of an earlier clip of the same speaker, face units.
        smoothing: How much the jitter is stilled.
    """
    return NormalisedSpeaker(neutral, tuple(_normalise(track, neutral, smoothing) for track in tracks))


def choose_reference(tracks: Sequence[LandmarkTrack]) -> ReferenceFrame:
    """Choose the frame that looks most straight ahead with the lips together and the eyes open."""
    costs = [_reference_cost(track) for track in tracks]
    best = min(range(len(tracks)), key=lambda index: costs[index].min())
    return ReferenceFrame(best, int(costs[best].argmin()))


def _reference_cost(track: LandmarkTrack) -> NDArray[np.float64]:
    """Score every frame, `(T,)`; 0 is perfect."""
    generic = generic_face()
    motion = fit_head_motion(track.points, generic)
    vertices = motion.remove(track.points)
    yaw, pitch, roll = motion.angles().T
    gap = lip_gap(vertices) / mouth_width(generic)
    lids = _eye_opening(vertices)
    sleepy = np.clip(1 - lids / np.median(lids), 0, 1)
    turned = (yaw / _USUAL_TURN) ** 2 + ((pitch - np.median(pitch)) / _USUAL_TURN) ** 2 + (roll / 10) ** 2
    cost = turned + (gap / _USUAL_GAP) ** 2 + (sleepy / 0.3) ** 2
    return np.where(track.detected, cost, np.inf)


def _eye_opening(vertices: FloatArray) -> NDArray[np.float64]:
    upper, lower = (
        list(right[1:-1] + left[1:-1])
        for right, left in ((RIGHT_UPPER_LID, LEFT_UPPER_LID), (RIGHT_LOWER_LID, LEFT_LOWER_LID))
    )
    return np.asarray(np.linalg.norm(vertices[:, upper] - vertices[:, lower], axis=2).mean(1), np.float64)


def neutral_face(tracks: Sequence[LandmarkTrack], chosen: ReferenceFrame) -> NDArray[np.float32]:
    """Average the frames whose mouth is like the reference's, and bring the mean into face space.

    Args:
        tracks: The tracked face in each video of one speaker.
        chosen: The reference frame.

    Returns:
        `(468, 3)`, face units.
    """
    first = tracks[chosen.track].points[chosen.frame]
    reference = fit_head_motion(first[None], generic_face()).remove(first[None])[0]
    aligned = np.concatenate([fit_head_motion(t.points, reference).remove(t.points) for t in tracks])
    aligned = aligned[np.concatenate([track.detected for track in tracks])]
    distance = np.linalg.norm(aligned[:, LIPS] - reference[list(LIPS)], axis=2).mean(1)
    count = int(np.clip(_ALIKE_SHARE * len(aligned), *_ALIKE_RANGE))
    return into_face_space(aligned[np.argsort(distance)[:count]].mean(0))


def into_face_space(face: FloatArray) -> NDArray[np.float32]:
    """Turn a `(468, 3)` face upright and frontal, its outer eye corners one unit apart about the origin."""
    upright = fit_head_motion(face[None], generic_face()).remove(face[None])[0]
    corners = upright[list(OUTER_EYE_CORNERS)]
    scaled = (upright - corners.mean(0)) / np.linalg.norm(corners[1] - corners[0])
    return np.asarray(scaled, np.float32)


def _normalise(track: LandmarkTrack, neutral: NDArray[np.float32], smoothing: Smoothing) -> NormalisedFace:
    head = fit_head_motion(track.points, neutral)
    head = smooth_head_motion(head, track.points, neutral, smoothing.pose)
    vertices = smooth_over_time(head.remove(track.points), smoothing.face)
    return NormalisedFace(np.asarray(vertices, np.float32), head)
