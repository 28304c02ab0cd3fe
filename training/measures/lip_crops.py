"""How near a model's lip crops are to filmed ones, painted through the exported runtime."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray

from lipsync_core.capture.clip import Clip, Take
from lipsync_core.errors import ConfigError
from lipsync_core.face.topology import face_triangles
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.model.runtimes import best_runtime
from lipsync_core.progress import Progress, ignore_progress
from lipsync_core.synthesis import predict_codes
from lipsync_core.texture.layout import CROP_SIZE, AtlasLayout
from lipsync_core.texture.warping import rasterise

from .bootstrap import by_sentence, joined, ratio, total
from .described import Described, known_figures
from .image_quality import blur_detection, peak_signal_to_noise, structural_similarity
from .lips import silent_frames

Crops = NDArray[np.uint8]
Values = NDArray[np.float64]

_SHARPNESS_EVERY = 5  # frames: CPBD is slow, and neighbours are alike
_STILL = 1e-3  # grey levels: filmed crops that change less do not jitter
_BEST_NOISE_RATIO = 100.0  # dB, in place of the infinity of equal pictures
_BLOCK = 32  # frames compared at a time


@dataclass(frozen=True)
class TextureErrors:
    """How far painted lip crops are from filmed ones, means over all frames; NaN where there was nothing to measure.

    Attributes:
        similarity: Structural similarity of the whole crop (Gaussian window 11 x 11), black outside the face.
        face_similarity: The same inside the filmed face alone.
        noise_ratio: Peak signal to noise ratio of the whole crop, dB.
        blur_detection: CPBD of the painted crops.
        filmed_blur_detection: CPBD of the filmed ones.
        sharpness: The former over the latter.
        jitter_ratio: Mean absolute second difference in time over that of the filmed crops.
        silence_jitter_ratio: The same in silence alone.
    """

    similarity: Annotated[Values, Described("SSIM of the lip crop", digits=3, better="higher")]
    face_similarity: Annotated[Values, Described("SSIM inside the face", digits=3, better="higher")]
    noise_ratio: Annotated[Values, Described("PSNR of the lip crop", "dB", digits=1, better="higher")]
    blur_detection: Annotated[Values, Described("CPBD", digits=3)]
    filmed_blur_detection: Annotated[Values, Described("CPBD of the film", digits=3)]
    sharpness: Annotated[Values, Described("CPBD against the film", better="nearer to 1")]
    jitter_ratio: Annotated[Values, Described("picture jitter against the real", better="nearer to 1")]
    silence_jitter_ratio: Annotated[
        Values, Described("picture jitter against the real, in silence", better="nearer to 1")
    ]

    def as_dict(self) -> dict[str, float]:
        """Return all figures by name, rounded, without those that could not be measured."""
        return known_figures(self)


@dataclass(frozen=True)
class CropFrames:
    """What `TextureErrors` are summed up from, for each frame of a take.

    Attributes:
        known: `(T,)` 1 where the face was found.
        likeness: `(T, 3)` there: similarity, similarity inside the face, noise ratio.
        sharpness: `(T, 2)` of the painted and of the filmed crop, where it was measured.
        sharpness_known: `(T,)` 1 where it was.
        jitter: `(T, 2)` painted and filmed.
        silence_jitter: `(T, 2)` the same, 0 where something is heard.
    """

    known: Values
    likeness: Values
    sharpness: Values
    sharpness_known: Values
    jitter: Values
    silence_jitter: Values


def measure_texture(model: SpeechModel, clip: Clip) -> TextureErrors:
    """Compare a model's lip crops with the filmed ones of a clip.

    Raises:
        ConfigError: If one of them has no texture, or their atlases are not the same.
    """
    return texture_errors(total(joined(crop_frames(model, clip))))


def crop_frames(model: SpeechModel, clip: Clip, progress: Progress = ignore_progress) -> list[CropFrames]:
    """Compare each take of three frames or more, frame by frame.

    Raises:
        ConfigError: As `measure_texture`.
    """
    if model.texture is None or clip.reference is None:
        raise ConfigError("There is no texture to compare; prepare and train with one.")
    if model.texture.layout != clip.reference.layout:
        raise ConfigError("The model and the clip have different atlases; prepare the clip with --like the model's.")
    compared = []
    for number, (take, crops) in enumerate(filmed_crops(clip, clip.reference.layout)):
        compared.append(_compare(painted_crops(model, take), take, crops))
        progress((number + 1) / len(clip.takes))
    return _seen(compared)


def late_crop_frames(clip: Clip) -> list[CropFrames]:
    """Compare the crops of each take of three frames or more with themselves, a frame late.

    Raises:
        ConfigError: If the clip has no texture or shows no face.
    """
    if clip.reference is None:
        raise ConfigError("There is no texture to compare; prepare with one.")
    shown = filmed_crops(clip, clip.reference.layout)
    return _seen([_compare(np.concatenate([crops[:1], crops[:-1]]), take, crops) for take, crops in shown])


def crop_sentences(frames: list[CropFrames], fps: float) -> CropFrames:
    """Sum over each sentence of all takes."""
    return joined([by_sentence(take, fps) for take in frames])


def texture_errors(counted: CropFrames) -> TextureErrors:
    """Turn sums into figures; axes that come first are kept."""
    similarity, face, noise = np.moveaxis(ratio(counted.likeness, counted.known[..., None]), -1, 0)
    painted, filmed = np.moveaxis(ratio(counted.sharpness, counted.sharpness_known[..., None]), -1, 0)
    return TextureErrors(
        similarity=similarity,
        face_similarity=face,
        noise_ratio=noise,
        blur_detection=painted,
        filmed_blur_detection=filmed,
        sharpness=ratio(painted, filmed),
        jitter_ratio=ratio(counted.jitter[..., 0], counted.jitter[..., 1]),
        silence_jitter_ratio=ratio(counted.silence_jitter[..., 0], counted.silence_jitter[..., 1]),
    )


def painted_crops(model: SpeechModel, take: Take) -> Crops:
    """Paint the lip crops of a take, `(T, 128, 128, 3)`, black outside the predicted face."""
    if model.texture is None:
        return np.zeros((len(take.seconds), CROP_SIZE, CROP_SIZE, 3), np.uint8)
    codes = predict_codes(model, take.waveform, take.seconds)
    painted = model.texture.paint(codes, model.vertices(codes), best_runtime())
    blocks = [np.clip(np.rint(crops * 255), 0, 255).astype(np.uint8) * face[..., None] for crops, face in painted]
    return np.concatenate(blocks)


def filmed_crops(clip: Clip, layout: AtlasLayout) -> Iterator[tuple[Take, Crops]]:
    """Give all takes with their crops, black outside the face."""
    for take in clip.takes:
        if take.crops is not None and len(take.crops) > 2:
            points = layout.crop_points(take.vertices)
            blocks = (points[first : first + _BLOCK] for first in range(0, len(points), _BLOCK))
            face = [rasterise(block, face_triangles(), CROP_SIZE, CROP_SIZE).covered for block in blocks]
            yield take, take.crops * np.concatenate(face)[..., None]


def _seen(compared: list[CropFrames]) -> list[CropFrames]:
    if not any(take.known.any() for take in compared):
        raise ConfigError("The clip shows the face in no take of three frames or more; prepare a longer video.")
    return compared


def _compare(painted: Crops, take: Take, filmed: Crops) -> CropFrames:
    blocks = [slice(first, first + _BLOCK) for first in range(0, len(filmed), _BLOCK)]
    likeness = np.concatenate([_likeness(painted[block], filmed[block]) for block in blocks], axis=1).T
    jitter = np.stack([_jitter(painted), _jitter(filmed)], axis=1)
    sharpness, judged = _sharpness(painted, filmed)
    return CropFrames(
        known=take.detected.astype(np.float64),
        likeness=np.where(take.detected[:, None], likeness, 0.0),
        sharpness=sharpness,
        sharpness_known=judged,
        jitter=jitter,
        silence_jitter=jitter * silent_frames(take.waveform, take.seconds)[:, None],
    )


def _sharpness(painted: Crops, filmed: Crops) -> tuple[Values, Values]:
    """Return CPBD of both, `(T, 2)`, and where it was measured, `(T,)`."""
    sharpness, judged = np.zeros((len(filmed), 2)), np.zeros(len(filmed))
    judged[::_SHARPNESS_EVERY] = 1
    for frame in np.flatnonzero(judged):
        sharpness[frame] = blur_detection(painted[frame]), blur_detection(filmed[frame])
    return sharpness, judged


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


def _jitter(crops: Crops) -> Values:
    """Return the mean absolute second difference about each frame, `(T,)`; 0 at both ends and where it is next to 0."""
    changes = np.abs(np.diff(crops.astype(np.int16), n=2, axis=0)).mean(axis=(1, 2, 3))
    return np.pad(np.where(changes < _STILL, 0.0, changes), 1)
