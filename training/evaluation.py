"""How near a model's faces are to tracked ones, and a simple regression to hold it against. NumPy alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from lipsync_core.audio.features import FeatureSpec, hear
from lipsync_core.capture.clip import Clip, Take
from lipsync_core.face.mouth import CLOSED_GAP, lip_gap, mouth_width
from lipsync_core.face.topology import LIPS
from lipsync_core.model.encoders import window_columns
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.synthesis import predict_codes

Array = NDArray[np.float32]
Predictor = Callable[[Take], Array]

_CLOSURE_TOLERANCE = 1  # frames that a predicted closure may come early or late
_STILL = 1e-5  # face units: a gap that varies less does not move
_RIDGE_BANDS = 40
_RIDGE_COMPONENTS = 30
_RIDGE_PENALTIES = (1e1, 1e2, 1e3, 1e4, 1e5)


@dataclass(frozen=True)
class Errors:
    """How far predicted faces are from tracked ones. Lip vertices; percent are of the outer eye-corner distance.

    Attributes:
        gap_correlation: Pearson's, of the predicted and the tracked inner-lip gap, all frames together.
        mean_lip_error: Mean distance, percent.
        max_lip_error: Largest distance in each frame, mean over frames, percent.
        mean_lip_pixels: Mean distance in the picture, px of the video.
        closure_recall: Share of the tracked closures that are predicted within one frame; 1 if there are none.
        jitter_ratio: Mean length of the second difference in time over that of the tracked lips.
    """

    gap_correlation: float
    mean_lip_error: float
    max_lip_error: float
    mean_lip_pixels: float
    closure_recall: float
    jitter_ratio: float

    def as_dict(self) -> dict[str, float]:
        """Return all figures by name, rounded."""
        return {name: round(float(value), 4) for name, value in asdict(self).items()}


def model_predictor(model: SpeechModel, clip: Clip) -> Predictor:
    """Return what predicts `(T, 468, 3)` vertices of a take, in the clip's face space."""

    def predict(take: Take) -> Array:
        codes = predict_codes(model, take.waveform, take.seconds)
        return model.vertices(codes) - model.neutral + clip.neutral

    return predict


def mean_predictor(training: Clip) -> Predictor:
    """Return what always predicts the mean face of a clip."""
    mean = np.concatenate([take.vertices for take in training.takes]).mean(0)
    return lambda take: np.broadcast_to(mean, take.vertices.shape)


def ridge_predictor(training: Clip) -> Predictor:
    """Return a ridge regression from 24 columns of 40 log-mel bands to 30 principal components of the lips.

    The penalty is chosen on the last tenth of the training clip.
    """
    spec = FeatureSpec(mel_bands=_RIDGE_BANDS)
    first, last = training.split_tail(0.1)
    penalty = min(_RIDGE_PENALTIES, key=lambda value: measure(_fit_ridge(first, spec, value), last).mean_lip_error)
    return _fit_ridge(training, spec, penalty)


def _fit_ridge(training: Clip, spec: FeatureSpec, penalty: float) -> Predictor:
    inputs = np.concatenate([_windows(take, spec) for take in training.takes]).astype(np.float64)
    outputs = np.concatenate([take.vertices for take in training.takes]).reshape(len(inputs), -1)
    input_mean, output_mean = inputs.mean(0), outputs.mean(0, dtype=np.float64)
    centred = inputs - input_mean
    _, _, components = np.linalg.svd((outputs - output_mean)[:: max(1, len(outputs) // 3000)], full_matrices=False)
    components = components[:_RIDGE_COMPONENTS]
    amounts = (outputs - output_mean) @ components.T
    slope = np.linalg.solve(centred.T @ centred + penalty * np.eye(centred.shape[1]), centred.T @ amounts)

    def predict(take: Take) -> Array:
        flat = (_windows(take, spec) - input_mean) @ slope @ components + output_mean
        return flat.reshape(-1, 468, 3).astype(np.float32)

    return predict


def _windows(take: Take, spec: FeatureSpec) -> Array:
    heard = hear(take.waveform, take.seconds, spec)
    columns = np.minimum(window_columns(heard.columns, len(heard.features)), len(heard.features) - 1)
    return heard.features[columns].reshape(len(columns), -1)


def measure(predictor: Predictor, clip: Clip) -> Errors:
    """Compare a predictor with every tracked frame of a clip."""
    takes = [take for take in clip.takes if take.detected.any()]
    predicted = [predictor(take) for take in takes]
    distances = np.concatenate(
        [_lip_distances(face, take)[take.detected] for face, take in zip(predicted, takes, strict=True)]
    )
    pixels = np.concatenate(
        [_lip_pixels(face, take)[take.detected] for face, take in zip(predicted, takes, strict=True)]
    )
    gaps = [np.concatenate([lip_gap(face) for face in faces]) for faces in (predicted, [t.vertices for t in takes])]
    return Errors(
        gap_correlation=correlation(*gaps),
        mean_lip_error=100 * float(distances.mean()),
        max_lip_error=100 * float(distances.max(1).mean()),
        mean_lip_pixels=float(pixels.mean()),
        closure_recall=_closure_recall(predicted, takes, mouth_width(clip.neutral)),
        jitter_ratio=_jitter(predicted) / max(_jitter([take.vertices for take in takes]), 1e-9),
    )


def _lip_distances(face: Array, take: Take) -> Array:
    return np.asarray(np.linalg.norm(face[:, LIPS] - take.vertices[:, LIPS], axis=2), np.float32)


def _lip_pixels(face: Array, take: Take) -> Array:
    difference = face[:, LIPS] - take.vertices[:, LIPS]
    seen = (difference @ take.head.rotation)[..., :2] / take.head.scale[:, None, None]
    return np.asarray(np.linalg.norm(seen, axis=2), np.float32)


def correlation(first: Array, second: Array) -> float:
    """Return Pearson's correlation of two curves `(T,)`; 0 if one of them hardly moves."""
    if min(first.std(), second.std()) < _STILL:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _closure_recall(predicted: Sequence[Array], takes: Sequence[Take], width: float) -> float:
    """Find the tracked closures (local minima under `CLOSED_GAP`) and how many of them are predicted."""
    hits = events = 0
    for face, take in zip(predicted, takes, strict=True):
        tracked = lip_gap(take.vertices) / width
        closed = lip_gap(face) / width < CLOSED_GAP
        for frame in closure_frames(tracked):
            around = slice(max(0, frame - _CLOSURE_TOLERANCE), frame + _CLOSURE_TOLERANCE + 1)
            events += 1
            hits += bool(closed[around].any())
    return hits / events if events else 1.0


def closure_frames(gap: Array) -> NDArray[np.int64]:
    """Return the middle frame of every stretch where a gap `(T,)`, in mouth widths, comes under half of
    `CLOSED_GAP` between two openings.
    """
    closed = np.concatenate([[False], gap < CLOSED_GAP / 2, [False]])
    starts, ends = (np.flatnonzero(np.diff(closed.astype(int)) == step) for step in (1, -1))
    between = (starts > 0) & (ends < len(gap))
    return np.asarray((starts[between] + ends[between] - 1) // 2, np.int64)


def _jitter(faces: Sequence[Array]) -> float:
    lengths = [np.linalg.norm(np.diff(face[:, LIPS], n=2, axis=0), axis=2).mean() for face in faces]
    return float(np.mean(lengths))
