"""The main road: a model and a sound in, a facial animation out."""

from __future__ import annotations

import math

import numpy as np

from .animation import FaceAnimation, animation_from_codes, frame_times
from .audio.features import audio_features
from .audio.waveform import Waveform
from .errors import AudioError
from .model.encoders import encode
from .model.model_file import SpeechModel
from .progress import Progress, ignore_progress, part_of

SHORTEST_SECONDS = 0.05  # less than two frames of speech animate nothing


def synthesize(
    model: SpeechModel, waveform: Waveform, fps: float | None = None, progress: Progress = ignore_progress
) -> FaceAnimation:
    """Make a face speak.

    Args:
        model: The speaker.
        waveform: What is said.
        fps: Frames per second of the animation; the footage's own if None.
        progress: Told the share done.

    Returns:
        One frame for every `1 / fps` of the sound, the last one begun included.

    Raises:
        AudioError: If the sound is too short.
    """
    if waveform.duration < SHORTEST_SECONDS:
        raise AudioError(
            f"The sound lasts {waveform.duration:.2f} s, too short to speak; choose a longer one."
        )
    rate = fps or model.description.fps
    features = audio_features(waveform, model.features)
    progress(0.2)
    times = frame_times(math.ceil(waveform.duration * rate - 1e-6), rate)
    columns = times * model.features.column_rate
    codes = encode(features, columns, model.encoder, model.encoder_weights, part_of(progress, 0.2, 1.0))
    return animation_from_codes(codes.astype(np.float32), rate, model)
