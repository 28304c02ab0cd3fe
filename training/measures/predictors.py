"""What predicts faces from sound: a model, and the simple ones that it is held against. NumPy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipsync_core.audio.features import FeatureSpec, hear
from lipsync_core.capture.clip import Clip, Take
from lipsync_core.model.encoders import window_columns
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.synthesis import predict_codes

from .lips import Predictor, measure

Array = NDArray[np.float32]

_RIDGE_BANDS = 40
_RIDGE_COMPONENTS = 30
_RIDGE_PENALTIES = (1e1, 1e2, 1e3, 1e4, 1e5)


def model_predictor(model: SpeechModel, clip: Clip) -> Predictor:
    """Return what predicts `(T, 468, 3)` vertices of a take, in the clip's face space."""

    def predict(take: Take) -> Array:
        codes = predict_codes(model, take.waveform, take.seconds)
        return model.vertices(codes) - model.neutral + clip.neutral

    return predict


def late_predictor(take: Take) -> Array:
    """Return the tracked vertices of a take, `(T, 468, 3)`, a frame late."""
    return np.concatenate([take.vertices[:1], take.vertices[:-1]])


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
