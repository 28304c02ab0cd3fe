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
_SPOKEN_REACH = (
    0.05,
    0.3,
)  # face units from lips and chin: up to the first all is predicted, beyond the second nothing
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
        usable: `(T,)` bool, False where the face was lost or covered.
        unlikeness: How far this face is from the model's, all but speech and pose: root mean square over the points,
            face units.
    """

    face: NormalisedFace
    rest: NDArray[np.float32]
    usable: BoolArray
    unlikeness: float

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


def lay_target(track: LandmarkTrack, model: SpeechModel, covered: BoolArray) -> TargetFace:
    """Lay a tracked target on a model's neutral face.

    Args:
        track: The target's face.
        model: The speaker.
        covered: `(T,)` where something hides the mouth.
    """
    face = normalise_speaker([track], model.neutral, _SMOOTHING)[0]
    usable = track.detected & ~covered
    own, bent = _own_face(face, usable if usable.any() else track.detected, model)
    rest = (model.neutral + own + bent).astype(np.float32)
    return TargetFace(face, rest, usable, float(np.sqrt(np.square(own).sum(axis=1).mean())))


def _own_face(face: NormalisedFace, known: BoolArray, model: SpeechModel) -> tuple[FloatArray, FloatArray]:
    """Regress the points of some frames on the pose, and keep what the model's main motions do not explain.

    Returns:
        How the face differs from the model's on the whole, `(468, 3)`, and with each frame's pose, `(T, 468, 3)`.
    """
    offsets = (face.vertices - model.neutral).reshape(len(face.vertices), -1)[known]
    terms = pose_terms(face.head.angles())
    centred, usual = terms - terms[known].mean(axis=0), offsets.mean(axis=0)
    squares = centred[known].T @ centred[known] + _POSE_PULL * known.sum() * np.eye(terms.shape[1])
    bent = np.linalg.solve(squares, centred[known].T @ (offsets - usual))
    speech, _ = np.linalg.qr(model.shapes[:_SPEECH_SHAPES].reshape(_SPEECH_SHAPES, -1).T)
    usual, bent = (part - (part @ speech) @ speech.T for part in (usual, bent))
    return usual.reshape(-1, 3), (centred @ bent).reshape(face.vertices.shape)


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
