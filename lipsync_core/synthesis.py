"""The main road: a model and a sound in, a facial animation out."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .animation import FaceAnimation, animation_from_codes, frame_times
from .audio.features import hear
from .audio.waveform import Waveform
from .errors import AudioError
from .model.encoders import encode
from .model.model_file import SpeechModel
from .progress import Progress, ignore_progress, part_of

_CRISP_SECONDS = 0.08  # deviation of the mean that crispness goes away from
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
        raise AudioError(f"The sound lasts {waveform.duration:.2f} s, too short to speak; choose a longer one.")
    rate = fps or model.description.fps
    times = frame_times(math.ceil(waveform.duration * rate - 1e-6), rate)
    return animation_from_codes(predict_codes(model, waveform, times, progress), rate, model)


def predict_codes(
    model: SpeechModel,
    waveform: Waveform,
    seconds: NDArray[np.float64],
    progress: Progress = ignore_progress,
) -> NDArray[np.float32]:
    """Predict the code of a face at given times of a sound.

    Args:
        model: The speaker.
        waveform: What is said.
        seconds: `(T,)` times from the first sample, s.
        progress: Told the share done.

    Returns:
        `(T, N)` float32.
    """
    heard = hear(waveform, seconds, model.features)
    progress(0.2)
    report = part_of(progress, 0.2, 1.0)
    codes = encode(heard.features, heard.columns, model.encoder, model.encoder_weights, report)
    return crisp(codes.astype(np.float32), seconds, model.crispness)


def crisp(codes: NDArray[np.float32], seconds: NDArray[np.float64], amount: float) -> NDArray[np.float32]:
    """Carry each code further from its own mean over time: unsharp masking, without delay.

    Args:
        codes: `(T, N)`.
        seconds: `(T,)` when, about evenly spaced, s.
        amount: How much further; 0 for not at all.
    """
    if amount == 0 or len(codes) < 2:
        return codes
    frames = _CRISP_SECONDS / float(np.median(np.diff(seconds)))
    reach = int(np.ceil(3 * frames))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / frames) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    padded = np.pad(codes, ((reach, reach), (0, 0)), mode="edge")
    mean = np.zeros_like(codes)
    for shift, weight in enumerate(kernel):
        mean += weight * padded[shift : shift + len(codes)]
    return codes + np.float32(amount) * (codes - mean)
