"""Where a predicted face lies in the pictures of a target: its head's motion put back.

After Lahiri et al. 2021, section 3.3. The upper face stays the target's. Towards the mouth the geometry goes over,
gradually, into the predicted one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import BoolArray, FloatArray, IntArray, check_shape
from ..capture.alignment import HeadMotion
from ..capture.normalisation import NormalisedFace, Smoothing, normalise_speaker, pose_terms, upper_face_share
from ..capture.tracking import LandmarkTrack
from ..capture.unrolling import picture_points
from ..face.topology import CHIN_LINE, LIPS
from ..model.model_file import SpeechModel

_POSE_PULL = 0.05  # of the regression on the pose, squared terms: heads that hardly turn explain nothing
_SPEECH_SHAPES = 4  # main motions of the model: what these explain is taken for speech (97 % of a news reader's)
_SPOKEN_REACH = (0.05, 0.3)  # face units from lips and chin: up to the first all is predicted, beyond the second nothing
_SMOOTHING = Smoothing(skull=0)
_FADE_FRAMES = 5  # over which the new speech fades out before the face is lost, and in after it


@dataclass(frozen=True)
class TargetFace:
    """The face of a target video, laid on the model's.

    Attributes:
        face: Every frame in the model's face space, as filmed.
        rest: `(T, 468, 3)` float32, the same face saying nothing, in each frame's pose, face units. It is the model's
            neutral face, changed by how this video's face differs on the whole and with the head's pose: a tracker
            bends the jaw as the head turns. What could be speech is left out of both.
        usable: `(T,)` bool, False where the face was lost.
    """

    face: NormalisedFace
    rest: NDArray[np.float32]
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


def lay_target(track: LandmarkTrack, model: SpeechModel) -> TargetFace:
    """Lay a tracked target on a model's neutral face."""
    face = normalise_speaker([track], model.neutral, _SMOOTHING)[0]
    return TargetFace(face, _at_rest(face, track.detected, model), track.detected)


def _at_rest(face: NormalisedFace, detected: BoolArray, model: SpeechModel) -> NDArray[np.float32]:
    """Regress the points on the pose, and keep what the model's main motions do not explain."""
    offsets = (face.vertices - model.neutral).reshape(len(face.vertices), -1)[detected]
    terms = pose_terms(face.head.angles())
    centred = terms - terms[detected].mean(axis=0)
    known, usual = centred[detected], offsets.mean(axis=0)
    squares = known.T @ known + _POSE_PULL * len(known) * np.eye(known.shape[1])
    bent = np.linalg.solve(squares, known.T @ (offsets - usual))
    speech, _ = np.linalg.qr(model.shapes[:_SPEECH_SHAPES].reshape(_SPEECH_SHAPES, -1).T)
    usual, bent = (part - (part @ speech) @ speech.T for part in (usual, bent))
    return (model.neutral + (usual + centred @ bent).reshape(face.vertices.shape)).astype(np.float32)


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
    share = spoken_share(target.rest.mean(axis=0))[:, None] * shown[:, None, None]
    spoken = filmed + share * (target.rest[order] + offsets - filmed)
    return Placement(
        picture_points(NormalisedFace(filmed, head)),
        picture_points(NormalisedFace(np.asarray(spoken, np.float32), head)),
        1 / head.scale,
        shown,
    )


def spoken_share(neutral: FloatArray) -> FloatArray:
    """Return how much each point of a `(468, 3)` face follows the speech, `(468,)`: 1 on lips and chin, 0 above."""
    moving = neutral[list(LIPS + CHIN_LINE), :2]
    distance = np.linalg.norm(neutral[:, None, :2] - moving, axis=2).min(axis=1)
    near, far = _SPOKEN_REACH
    share = np.clip((far - distance) / (far - near), 0, 1)
    return np.minimum(share * share * (3 - 2 * share), 1 - upper_face_share(neutral))


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
