"""The main road: a model and a sound in, a facial animation out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .animation import FaceAnimation, animation_from_codes, frame_times
from .audio.features import MARGIN_SECONDS, hear
from .audio.waveform import Waveform
from .errors import AudioError
from .face.contact import gestures_seen, with_contacts
from .model.encoders import listen
from .model.model_file import SpeechModel
from .phones.evidence import PhoneEvidence
from .phones.following import follow
from .phones.gestures import Gesture, gestures_heard
from .phones.script import Script
from .progress import Progress, ignore_progress, part_of

_CRISP_SECONDS = 0.08  # deviation of the mean that crispness goes away from
SHORTEST_SECONDS = 0.05  # less than two frames of speech animate nothing


def synthesize(
    model: SpeechModel,
    waveform: Waveform,
    fps: float | None = None,
    progress: Progress = ignore_progress,
    script: Script | None = None,
) -> FaceAnimation:
    """Make a face speak.

    Args:
        model: The speaker.
        waveform: What is said.
        fps: Frames per second of the animation; the footage's own if None.
        progress: Told the share done.
        script: What is said, if that is known: contacts follow it; the animation's remark says how well it fits.

    Returns:
        One frame for every `1 / fps` of the sound, the last one begun included.

    Raises:
        AudioError: If the sound is too short.
        MissingDependencyError: If words are given and espeak-ng, which pronounces them, is not there.
    """
    if waveform.duration < SHORTEST_SECONDS:
        raise AudioError(f"The sound lasts {waveform.duration:.2f} s, too short to speak; choose a longer one.")
    rate = fps or model.description.fps
    times = frame_times(math.ceil(waveform.duration * rate - 1e-6), rate)
    spoken = predict(model, waveform, times, progress, script)
    return animation_from_codes(spoken.codes, rate, model, spoken.gestures, spoken.remark)


@dataclass(frozen=True)
class Spoken:
    """What a model makes of a sound.

    Attributes:
        codes: `(T, N)` float32, with the contacts of the gestures in them.
        gestures: What was decided on, by start; none if the model hears no phones.
        phones: What was heard; None if the model hears no phones.
        remark: What became of the script, in one sentence; "" if there was none.
    """

    codes: NDArray[np.float32]
    gestures: tuple[Gesture, ...] = ()
    phones: PhoneEvidence | None = None
    remark: str = ""


def predict_codes(
    model: SpeechModel,
    waveform: Waveform,
    seconds: NDArray[np.float64],
    progress: Progress = ignore_progress,
) -> NDArray[np.float32]:
    """Return the codes of `predict`, `(T, N)` float32."""
    return predict(model, waveform, seconds, progress).codes


def predict(
    model: SpeechModel,
    waveform: Waveform,
    seconds: NDArray[np.float64],
    progress: Progress = ignore_progress,
    script: Script | None = None,
) -> Spoken:
    """Predict the code of a face at given times of a sound.

    Args:
        model: The speaker.
        waveform: What is said.
        seconds: `(T,)` times from the first sample, s.
        progress: Told the share done.
        script: What is said, if that is known.
    """
    heard = hear(waveform, seconds, model.features)
    progress(0.2)
    report = part_of(progress, 0.2, 1.0)
    encoded = listen(heard.features, heard.columns, model.encoder, model.encoder_weights, report)
    codes = crisp(encoded.codes.astype(np.float32), seconds, model.crispness)
    face = (model.neutral, model.base, model.shapes)
    phones = _evidence(encoded.phones, model, waveform.duration) if model.encoder.phones else None
    followed = follow(script, phones, waveform.duration) if script else None
    gestures = gestures_heard(phones) if phones else gestures_seen(codes, seconds, face, model.closure_gap)
    if followed and (phones or followed.gestures):
        gestures = followed.gestures
    remark = followed.remark if followed else ""
    return Spoken(with_contacts(codes, seconds, gestures, face), gestures, phones, remark)


def _evidence(log_probabilities: NDArray[np.float32], model: SpeechModel, duration: float) -> PhoneEvidence:
    """Return what is heard from the sound's first sample to its last; the margins of silence are cut off."""
    step = model.encoder.code_stride / model.features.column_rate
    first = round(MARGIN_SECONDS / step)
    return PhoneEvidence(step, log_probabilities[first : first + max(1, math.ceil(duration / step))])


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
