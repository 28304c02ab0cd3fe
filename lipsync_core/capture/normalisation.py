"""Tracked faces of one speaker, out of one or many videos, brought into one face space.

A reference frame is chosen, frames that look like it are averaged into the speaker's neutral face, and every frame is
laid on that face by its rigid upper part (Lahiri et al. 2021, section 3.1.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray
from ..face.mouth import lip_gap, mouth_width
from ..face.topology import (
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LIPS,
    NOSE_TIP,
    OUTER_EYE_CORNERS,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    RIGID_POINTS,
    generic_face,
)
from .alignment import HeadMotion, fit_head_motion, smooth_head_motion, smooth_over_time
from .tracking import LandmarkTrack

_USUAL_TURN = 5.0  # degrees of yaw or pitch that cost a candidate one point
_USUAL_GAP = 0.05  # lip gap, in mouth widths, that costs one point
_REACH_OF_A_BLINK = 0.15  # face units from the lids
_ALIKE_SHARE = 0.02  # share of all frames that are averaged into the neutral face
_ALIKE_RANGE = (5, 60)  # but at least and at most so many


@dataclass(frozen=True)
class Smoothing:
    """How many frames the zero-phase filters span; 0 leaves the tracker's values alone.

    Attributes:
        pose: For the head's scale and rotation.
        face: For the vertices. Five frames keep closures, which last three (measured on synthetic lips).
        skull: For the upper face without the lids, which hardly moves.
    """

    pose: int = 9
    face: int = 5
    skull: int = 51


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


def normalise_speaker(
    tracks: Sequence[LandmarkTrack], neutral: NDArray[np.float32], smoothing: Smoothing
) -> tuple[NormalisedFace, ...]:
    """Lay all videos of one speaker on one neutral face.

    Args:
        tracks: The tracked face in each video.
        neutral: `(468, 3)` from `neutral_face`, or of an earlier clip of the same speaker, face units.
        smoothing: How much the jitter is stilled.
    """
    faces = [_normalise(track, neutral, smoothing) for track in tracks]
    return tuple(steady_upper_face(faces, neutral, smoothing.skull))


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


def steady_upper_face(
    faces: Sequence[NormalisedFace], neutral: NDArray[np.float32], window: int
) -> list[NormalisedFace]:
    """Take out of the upper face what the tracker invents as the head turns, and its jitter.

    A tracker's depth is a guess that changes with the pose, so a rigid skull seems to bend. What a quadratic in yaw,
    pitch and roll explains of the upper face's motion is removed; the mouth, jaw and cheeks stay as they are.

    Args:
        faces: All videos of one speaker.
        neutral: `(468, 3)`, face units.
        window: Frames that the skull's zero-phase filter spans; below 3 this function changes nothing.
    """
    if window < 3:
        return list(faces)
    upper = upper_face_share(neutral)[:, None]
    still = upper * _away_from_lids(neutral)[:, None]
    terms = pose_terms(np.concatenate([face.head.angles() for face in faces]))
    offsets = np.concatenate([face.vertices for face in faces]).reshape(len(terms), -1) - neutral.reshape(-1)
    explained, *_ = np.linalg.lstsq(terms, offsets, rcond=None)
    steadied, first = [], 0
    for face in faces:
        own = terms[first : first + len(face.vertices)] - terms.mean(0)
        first += len(face.vertices)
        vertices = face.vertices - upper * (own @ explained).reshape(face.vertices.shape)
        vertices += still * (smooth_over_time(vertices, window) - vertices)
        steadied.append(replace(face, vertices=vertices.astype(np.float32)))
    return steadied


def pose_terms(angles: FloatArray) -> FloatArray:
    """Return a constant and all first and second powers of yaw, pitch and roll `(T, 3)` degrees: `(T, 10)`."""
    x, y, z = ((angles - angles.mean(0)) / _USUAL_TURN).T
    return np.stack([np.ones_like(x), x, y, z, x * x, y * y, z * z, x * y, x * z, y * z], axis=1)


def upper_face_share(neutral: FloatArray) -> FloatArray:
    """Return how much each point belongs to the upper face, `(468,)`: 0 at the lips, 1 from the nose tip upwards."""
    lips, nose = neutral[list(LIPS), 1].max(), neutral[NOSE_TIP, 1]
    return _smooth_step((neutral[:, 1] - lips) / (nose - lips))


def _away_from_lids(neutral: FloatArray) -> FloatArray:
    """Return 0 on the lids, 1 where a blink does not reach and at the corners of the eyes, `(468,)`."""
    lids = neutral[list(RIGHT_UPPER_LID + RIGHT_LOWER_LID + LEFT_UPPER_LID + LEFT_LOWER_LID)]
    distance = np.linalg.norm(neutral[:, None] - lids, axis=2).min(1)
    share = _smooth_step(distance / _REACH_OF_A_BLINK)
    share[list(RIGID_POINTS)] = 1.0
    return share


def _smooth_step(share: FloatArray) -> FloatArray:
    share = np.clip(share, 0, 1)
    return share * share * (3 - 2 * share)
