"""What tracking and training make of the virtual speaker, held against what it really did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipsync_core.capture.clip import Take
from lipsync_core.face.mouth import CONTACT_GAP, NEARLY_CLOSED_GAP, closed_gap, gap_in_widths, lip_gap
from lipsync_core.face.topology import RIGID_POINTS
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.phones.phoneme import Phoneme
from lipsync_core.synthesis import predict_codes

from ..measures.lips import correlation
from .speaker import VirtualSpeakerTruth

BILABIALS = ("p", "b", "m")
_TOLERANCE = 1  # frames that a closure may come early or late


@dataclass(frozen=True)
class TrackingFigures:
    """How well the tracked face follows the true one.

    Attributes:
        gap_correlation: Pearson's, of the tracked and the true inner-lip gap.
        upper_face_motion: How far the skull's points move after normalisation, RMS, percent of the eye distance.
        largest_turn: The most that the true head turned to a side, degrees.
    """

    gap_correlation: float
    upper_face_motion: float
    largest_turn: float


@dataclass(frozen=True)
class SpeechFigures:
    """How well a model says a sentence that it never heard.

    Attributes:
        gap: `(T,)` predicted lip gap, in mouth widths.
        true_gap: `(T,)` true lip gap, in mouth widths.
        gap_correlation: Pearson's, of the two.
        closures: Number of p, b and m.
        closed: At how many of them the predicted lips touch, within one frame.
        nearly: At how many they nearly do.
    """

    gap: NDArray[np.float32]
    true_gap: NDArray[np.float32]
    gap_correlation: float
    closures: int
    closed: int
    nearly: int


def compare_tracking(take: Take, truth: VirtualSpeakerTruth) -> TrackingFigures:
    """Hold a normalised take against the truth of the same video."""
    skull = take.vertices[:, RIGID_POINTS]
    motion = np.sqrt(np.mean(np.sum((skull - skull.mean(0)) ** 2, axis=-1)))
    yaw = np.degrees(np.arctan2(truth.rotation[:, 0, 2], truth.rotation[:, 2, 2]))
    return TrackingFigures(
        gap_correlation=correlation(lip_gap(take.vertices), lip_gap(truth.vertices)),
        upper_face_motion=100 * float(motion),
        largest_turn=float(np.abs(yaw).max()),
    )


def compare_speech(model: SpeechModel, take: Take, truth: VirtualSpeakerTruth) -> SpeechFigures:
    """Let a model say what the virtual speaker said, and hold the mouths together."""
    codes = predict_codes(model, take.waveform, truth.seconds)
    gap = gap_in_widths(model.vertices(codes), model.neutral)
    true_gap = gap_in_widths(truth.vertices, truth.vertices.mean(0))
    least = np.array([_least(gap, truth, phoneme) for phoneme in _bilabials(truth)]) - closed_gap(model.neutral)
    touching, nearly = (int((least < bar).sum()) for bar in (CONTACT_GAP, NEARLY_CLOSED_GAP))
    return SpeechFigures(gap, true_gap, correlation(gap, true_gap), len(least), touching, nearly)


def _bilabials(truth: VirtualSpeakerTruth) -> list[Phoneme]:
    return [phoneme for phoneme in truth.phonemes if phoneme.symbol in BILABIALS]


def _least(gap: NDArray[np.float32], truth: VirtualSpeakerTruth, said: Phoneme) -> float:
    """Return the smallest gap in the frames of a sound, one frame early and late included."""
    margin = _TOLERANCE / truth.fps
    during = (truth.seconds >= said.start_seconds - margin) & (truth.seconds <= said.end_seconds + margin)
    return float(gap[during].min(initial=np.inf))
