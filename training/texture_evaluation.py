"""How near a model's lip crops are to filmed ones, painted through the exported runtime."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lipsync_core.audio.waveform import Waveform
from lipsync_core.capture.clip import Clip, Take
from lipsync_core.errors import ConfigError
from lipsync_core.face.topology import face_triangles
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.model.runtimes import best_runtime
from lipsync_core.synthesis import predict_codes
from lipsync_core.texture.layout import CROP_SIZE, AtlasLayout
from lipsync_core.texture.warping import rasterise

from .image_quality import blur_detection, peak_signal_to_noise, structural_similarity

Crops = NDArray[np.uint8]

_SHARPNESS_EVERY = 5  # frames: CPBD is slow, and neighbours are alike
_SILENCE = -45.0  # dBFS over a frame
_STILL = 1e-3  # grey levels: filmed crops that change less do not jitter
_BEST_NOISE_RATIO = 100.0  # dB, in place of the infinity of equal pictures
_BLOCK = 32  # frames compared at a time


@dataclass(frozen=True)
class TextureErrors:
    """How far painted lip crops are from filmed ones; means over all frames.

    Attributes:
        similarity: Structural similarity of the whole crop (Gaussian window 11 x 11), black outside the face.
        face_similarity: The same inside the filmed face alone.
        noise_ratio: Peak signal to noise ratio of the whole crop, dB.
        sharpness: CPBD of the painted crops over that of the filmed ones.
        jitter_ratio: Mean absolute second difference in time over that of the filmed crops.
        silence_jitter_ratio: The same in silence alone; 0 if the footage has none.
    """

    similarity: float
    face_similarity: float
    noise_ratio: float
    sharpness: float
    jitter_ratio: float
    silence_jitter_ratio: float

    def as_dict(self) -> dict[str, float]:
        """Return all figures by name, rounded."""
        return {name: round(float(value), 4) for name, value in asdict(self).items()}


def measure_texture(model: SpeechModel, clip: Clip) -> TextureErrors:
    """Compare a model's lip crops with the filmed ones of a clip.

    Raises:
        ConfigError: If one of them has no texture, or their atlases are not the same.
    """
    if model.texture is None or clip.reference is None:
        raise ConfigError("There is no texture to compare; prepare and train with one.")
    if model.texture.layout != clip.reference.layout:
        raise ConfigError("The model and the clip have different atlases; prepare the clip with --like the model's.")
    compared = [_compare(model, take, crops) for take, crops in _filmed(clip, clip.reference.layout)]
    if not any(len(take.similarity) for take in compared):
        raise ConfigError("The clip shows the face in no take of three frames or more; prepare a longer video.")
    return _summary(compared)


def painted_crops(model: SpeechModel, take: Take) -> Crops:
    """Paint the lip crops of a take, `(T, 128, 128, 3)`, black outside the predicted face."""
    if model.texture is None:
        return np.zeros((len(take.seconds), CROP_SIZE, CROP_SIZE, 3), np.uint8)
    codes = predict_codes(model, take.waveform, take.seconds)
    painted = model.texture.paint(codes, model.vertices(codes), best_runtime())
    blocks = [np.clip(np.rint(crops * 255), 0, 255).astype(np.uint8) * face[..., None] for crops, face in painted]
    return np.concatenate(blocks)


def silent_frames(waveform: Waveform, seconds: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell in which frames, by the times of their middles `(T,)`, nothing is heard."""
    half = max(1, round(0.5 * float(np.median(np.diff(seconds))) * waveform.sample_rate))
    power = np.concatenate([[0.0], np.cumsum(np.square(waveform.samples, dtype=np.float64))])
    middle = np.rint(seconds * waveform.sample_rate).astype(int)
    first, last = (np.clip(middle + step, 0, len(waveform.samples)) for step in (-half, half))
    mean = (power[last] - power[first]) / np.maximum(last - first, 1)
    return np.asarray(mean < 10 ** (_SILENCE / 10), bool)


@dataclass(frozen=True)
class _Comparison:
    """One take: values for each frame, and sums of second differences in all frames and in silence."""

    similarity: NDArray[np.float64]
    face_similarity: NDArray[np.float64]
    noise_ratio: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    jitter: NDArray[np.float64]


def _filmed(clip: Clip, layout: AtlasLayout) -> Iterator[tuple[Take, Crops]]:
    """Give all takes with their crops, black outside the face."""
    for take in clip.takes:
        if take.crops is not None and len(take.crops) > 2:
            points = layout.crop_points(take.vertices)
            blocks = (points[first : first + _BLOCK] for first in range(0, len(points), _BLOCK))
            face = [rasterise(block, face_triangles(), CROP_SIZE, CROP_SIZE).covered for block in blocks]
            yield take, take.crops * np.concatenate(face)[..., None]


def _compare(model: SpeechModel, take: Take, filmed: Crops) -> _Comparison:
    painted = painted_crops(model, take)
    blocks = [slice(first, first + _BLOCK) for first in range(0, len(filmed), _BLOCK)]
    measured = np.concatenate([_likeness(painted[block], filmed[block]) for block in blocks], axis=1)
    pairs = zip(painted[::_SHARPNESS_EVERY], filmed[::_SHARPNESS_EVERY], strict=True)
    silent = silent_frames(take.waveform, take.seconds)[1:-1]
    jitter = np.stack([_jitter(painted), _jitter(filmed)], axis=1)
    similarity, face_similarity, noise_ratio = measured[:, take.detected]
    return _Comparison(
        similarity=similarity,
        face_similarity=face_similarity,
        noise_ratio=noise_ratio,
        sharpness=np.array([[blur_detection(crop) for crop in pair] for pair in pairs]),
        jitter=np.concatenate([jitter, jitter * silent[:, None]], axis=1),
    )


def _likeness(painted: Crops, filmed: Crops) -> NDArray[np.float64]:
    """Return both similarities and the noise ratio of each frame, `(3, T)`."""
    first, second = (torch.from_numpy(crops).permute(0, 3, 1, 2) for crops in (painted, filmed))
    face = second.amax(dim=1) > 0
    return np.stack(
        [
            structural_similarity(first, second).double().numpy(),
            structural_similarity(first, second, face).double().numpy(),
            peak_signal_to_noise(first, second).double().clamp(max=_BEST_NOISE_RATIO).numpy(),
        ]
    )


def _jitter(crops: Crops) -> NDArray[np.float64]:
    """Return the mean absolute second difference about each frame but the first and the last."""
    changes = np.diff(crops.astype(np.int16), n=2, axis=0)
    return np.abs(changes).mean(axis=(1, 2, 3))


def _summary(takes: list[_Comparison]) -> TextureErrors:
    def mean(name: str) -> float:
        return float(np.concatenate([getattr(take, name) for take in takes]).mean())

    sharpness = np.concatenate([take.sharpness for take in takes]).mean(axis=0)
    jitter = np.concatenate([take.jitter for take in takes])
    painted, filmed, painted_silence, filmed_silence = jitter.mean(axis=0)
    return TextureErrors(
        similarity=mean("similarity"),
        face_similarity=mean("face_similarity"),
        noise_ratio=mean("noise_ratio"),
        sharpness=float(sharpness[0] / max(sharpness[1], _STILL)),
        jitter_ratio=float(painted / max(filmed, _STILL)),
        silence_jitter_ratio=float(painted_silence / max(filmed_silence, _STILL)),
    )
