"""Where a predicted face lies in the pictures of a target: its head's motion put back.

After Lahiri et al. 2021, section 3.3. The upper face stays the target's. Towards the mouth the geometry goes over,
gradually, into the predicted one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import BoolArray, FloatArray, IntArray, check_shape
from ..capture.alignment import HeadMotion, fit_head_motion
from ..capture.normalisation import (
    NormalisedFace,
    Smoothing,
    choose_reference,
    neutral_face,
    normalise_speaker,
    pose_terms,
    upper_face_share,
)
from ..capture.tracking import LandmarkTrack
from ..capture.unrolling import picture_points

_POSE_PULL = 0.1  # of the regression on the pose: squared terms, so that heads which hardly turn explain nothing
_SMOOTHING = Smoothing(skull=0)
_FADE_FRAMES = 5  # over which the new speech fades out before the face is lost, and in after it


@dataclass(frozen=True)
class TargetFace:
    """The face of a target video, laid on the model's.

    Attributes:
        face: Every frame in the model's face space, as filmed.
        rest: `(T, 468, 3)` float32, the same face saying nothing, in each frame's pose, face units. It turns as the
            tracker sees the face turn: where a tracker bends the jaw with the head's pose, the jaw at rest bends too.
        neutral: `(468, 3)` float32, the target's own neutral face, in the model's face space.
        usable: `(T,)` bool, False where the face was lost.
    """

    face: NormalisedFace
    rest: NDArray[np.float32]
    neutral: NDArray[np.float32]
    usable: BoolArray

    def __post_init__(self) -> None:
        frames = check_shape("TargetFace.rest", self.rest, "T 468 3")["T"]
        check_shape("TargetFace.usable", self.usable, f"{frames}")


@dataclass(frozen=True)
class Placement:
    """Where the points of a face were filmed, and where they are to be, in each picture of a film.

    Attributes:
        filmed: `(K, 468, 2)` float32, px, y down.
        spoken: `(K, 468, 2)` float32, px, y down.
        unit: `(K,)` float32, px of a face unit.
        strength: `(K,)` float32, how much of the new speech is shown: 0 leaves a picture as it is.
    """

    filmed: NDArray[np.float32]
    spoken: NDArray[np.float32]
    unit: NDArray[np.float32]
    strength: NDArray[np.float32]


def lay_target(track: LandmarkTrack, neutral: NDArray[np.float32]) -> TargetFace:
    """Lay a tracked target on a model's `(468, 3)` neutral face."""
    face = normalise_speaker([track], neutral, _SMOOTHING)[0]
    chosen = choose_reference([track])
    own = neutral_face([track], chosen)
    own = fit_head_motion(own[None], neutral).remove(own[None])[0]
    bent = _bent_by_pose(face, track.detected, chosen.frame)
    return TargetFace(face, own + bent, own, track.detected)


def _bent_by_pose(face: NormalisedFace, detected: BoolArray, reference: int) -> NDArray[np.float32]:
    """Return what the pose alone does to the tracked points, `(T, 468, 3)`, against the pose of the reference frame."""
    terms = pose_terms(face.head.angles())
    known, offsets = terms[detected], face.vertices[detected].reshape(detected.sum(), -1)
    centred = known - known.mean(axis=0)
    squares = centred.T @ centred + _POSE_PULL * len(known) * np.eye(terms.shape[1])
    explained = np.linalg.solve(squares, centred.T @ (offsets - offsets.mean(axis=0)))
    bent = (terms - terms[reference]) @ explained
    return bent.reshape(face.vertices.shape).astype(np.float32)


def place(target: TargetFace, order: IntArray, offsets: FloatArray, strength: FloatArray) -> Placement:
    """Place predicted faces in the pictures of a target.

    Args:
        target: The target.
        order: `(K,)` number of the target's frame under each picture.
        offsets: `(K, 468, 3)` predicted faces less the model's neutral, face units.
        strength: `(T,)` how much of them is shown on each frame of the target.
    """
    head = target.face.head
    head = HeadMotion(head.scale[order], head.rotation[order], head.translation[order])
    filmed, shown = target.face.vertices[order], np.asarray(strength[order], np.float32)
    share = (1 - upper_face_share(target.neutral))[:, None] * shown[:, None, None]
    spoken = filmed + share * (target.rest[order] + offsets - filmed)
    return Placement(
        picture_points(NormalisedFace(filmed, head)),
        picture_points(NormalisedFace(np.asarray(spoken, np.float32), head)),
        1 / head.scale,
        shown,
    )


def fading_strength(usable: BoolArray) -> NDArray[np.float32]:
    """Return how much of the new speech each frame shows, `(T,)`: 0 where it cannot be, and rising on either side."""
    positions = np.arange(len(usable))
    lost = np.flatnonzero(~usable)
    if not len(lost):
        return np.ones(len(usable), np.float32)
    after = np.searchsorted(lost, positions)
    distance = np.minimum(
        np.abs(positions - lost[np.minimum(after, len(lost) - 1)]), np.abs(positions - lost[np.maximum(after - 1, 0)])
    )
    ramp = np.clip(distance / _FADE_FRAMES, 0, 1)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), np.float32)
