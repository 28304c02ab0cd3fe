"""Everything that is measured of a predictor on a clip, sentence by sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lipsync_core.capture.clip import Clip
from lipsync_core.errors import ConfigError
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.progress import Progress, ignore_progress

from .bootstrap import Figure, figures_of
from .described import Described, descriptions_of
from .lip_crops import CropFrames, TextureErrors, crop_frames, crop_sentences, late_crop_frames, texture_errors
from .lip_sync import LipSyncErrors
from .lips import Errors, LipFrames, Predictor, lip_errors, lip_frames, lip_sentences, seen_takes
from .predictors import late_predictor, model_predictor

TEXTURE_PREFIX = "texture_"
SYNCNET_PREFIX = "syncnet_"


@dataclass(frozen=True)
class Evaluation:
    """What was measured of one predictor.

    Attributes:
        name: Of the predictor.
        figures: `Errors`, by name; `TextureErrors` where there are pictures, whose names begin with `texture_`; and
            `LipSyncErrors` where SyncNet was asked, with `syncnet_`.
        faces: `(T, 468, 3)` predicted for each take in which the face was found.
        lips: What was counted in each frame of the same takes.
    """

    name: str
    figures: Mapping[str, Figure]
    faces: Sequence[NDArray[np.float32]]
    lips: Sequence[LipFrames]


def evaluate_predictor(name: str, predictor: Predictor, clip: Clip) -> Evaluation:
    """Measure the motion of a predictor.

    Args:
        name: Of the predictor.
        predictor: Predicts the faces of a take.
        clip: What to compare with.

    Raises:
        ConfigError: If no face was found in the clip.
    """
    takes = seen_takes(clip)
    if not takes:
        raise ConfigError("The clip shows no face to compare with; prepare another video.")
    faces = [predictor(take) for take in takes]
    lips = [lip_frames(face, take, clip) for face, take in zip(faces, takes, strict=True)]
    return Evaluation(name, figures_of(lip_sentences(lips, clip.fps), lip_errors), faces, lips)


def evaluate_model(
    model: SpeechModel, clip: Clip, name: str = "model", progress: Progress = ignore_progress
) -> Evaluation:
    """Measure the motion of a model, and its pictures if both it and the clip have any.

    Raises:
        ConfigError: If no face was found in the clip, or the atlases are not the same.
    """
    motion = evaluate_predictor(name, model_predictor(model, clip), clip)
    if model.texture is None or clip.reference is None:
        return motion
    return _with_pictures(motion, crop_frames(model, clip, progress), clip.fps)


def evaluate_late_film(clip: Clip, name: str = "a frame late") -> Evaluation:
    """Measure a clip against itself, a frame late: how much each figure makes of as little as that.

    Raises:
        ConfigError: If no face was found in the clip.
    """
    motion = evaluate_predictor(name, late_predictor, clip)
    return _with_pictures(motion, late_crop_frames(clip), clip.fps) if clip.reference else motion


def descriptions() -> dict[str, Described]:
    """Return how every figure of an evaluation is shown, by name, in the order of tables."""
    shown = descriptions_of(Errors)
    for prefix, errors in ((TEXTURE_PREFIX, TextureErrors), (SYNCNET_PREFIX, LipSyncErrors)):
        shown |= {prefix + name: description for name, description in descriptions_of(errors).items()}
    return shown


def _with_pictures(motion: Evaluation, pictures: list[CropFrames], fps: float) -> Evaluation:
    texture = figures_of(crop_sentences(pictures, fps), texture_errors)
    named = {TEXTURE_PREFIX + measure: figure for measure, figure in texture.items()}
    return replace(motion, figures={**motion.figures, **named})


def with_lip_sync(evaluation: Evaluation, figures: Mapping[str, Figure]) -> Evaluation:
    """Add `LipSyncErrors` to what was measured of a model."""
    named = {SYNCNET_PREFIX + name: figure for name, figure in figures.items()}
    return replace(evaluation, figures={**evaluation.figures, **named})
