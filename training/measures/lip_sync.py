"""LSE-D and LSE-C (Prajwal et al. 2020) of films, and of a model's head beside the filmed one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from lipsync_core.animation import animation_from_codes
from lipsync_core.capture.clip import Clip, ReferenceAtlas, Take
from lipsync_core.capture.tracking import FaceTracker
from lipsync_core.dubbing.portrait import draw_head, frontal_points
from lipsync_core.errors import ConfigError
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.model.texture import TextureModel
from lipsync_core.progress import Progress, ignore_progress
from lipsync_core.synthesis import predict_codes
from lipsync_core.texturing import paint_crops

from ..judges.face_crops import even_faces, filmed_face
from ..judges.syncnet import Synchrony, SyncNet, judge_synchrony
from .bootstrap import Figure, figures_of, ratio
from .described import Described

Values = NDArray[np.float64]
Picture = NDArray[np.uint8]

_PORTRAIT_SIDE = 200  # px: the face is then as large as SyncNet sees it
_HEAD_SIDE = 304  # px: holds all that is cut out around it
_SHORTEST = 0.4  # s: takes with less are not judged


@dataclass(frozen=True)
class LipSyncErrors:
    """What SyncNet says of a model's head, means over takes; and of the filmed head, drawn the same way.

    Attributes:
        lse_d, filmed_lse_d: LSE-D.
        lse_c, filmed_lse_c: LSE-C.
        offset, filmed_offset: How much later the picture is than the sound, in frames of 1/25 s.
    """

    lse_d: Annotated[Values, Described("LSE-D (SyncNet)")]
    lse_c: Annotated[Values, Described("LSE-C (SyncNet)")]
    offset: Annotated[Values, Described("offset (SyncNet)", "frames of 40 ms", digits=1)]
    filmed_lse_d: Annotated[Values, Described("LSE-D of the film's head")]
    filmed_lse_c: Annotated[Values, Described("LSE-C of the film's head")]
    filmed_offset: Annotated[Values, Described("offset of the film's head", "frames of 40 ms", digits=1)]


@dataclass(frozen=True)
class JudgedTakes:
    """What `LipSyncErrors` are summed up from: a row for each take.

    Attributes:
        counts: `(K,)` ones.
        values: `(K, 6)` in the order of `LipSyncErrors`.
    """

    counts: Values
    values: Values


def judge_film(network: SyncNet, path: Path, tracker: FaceTracker) -> Synchrony:
    """Measure a film of one talking face.

    Raises:
        VideoError: If the film cannot be read, or is too short.
        TrackingError: If the face is missing in half of the pictures or more.
        AudioError: If there is no sound in it.
    """
    film = filmed_face(path, tracker)
    return judge_synchrony(network, film.faces, film.sound, str(path))


def lip_sync_figures(
    network: SyncNet, model: SpeechModel, clip: Clip, progress: Progress = ignore_progress
) -> dict[str, Figure]:
    """Measure a model's head on the sound of each take, with intervals over takes.

    Raises:
        ConfigError: If model or clip have no texture, their atlases differ, or every take is too short.
    """
    texture, reference = model.texture, clip.reference
    if texture is None or reference is None:
        raise ConfigError("SyncNet must see a face; prepare and train with a texture.")
    if texture.layout != reference.layout:
        raise ConfigError("The model and the clip have different atlases; prepare the clip with --like the model's.")
    takes = [take for take in clip.takes if len(take.seconds) >= _SHORTEST * clip.fps]
    if not takes:
        raise ConfigError("Every take of the clip is too short for SyncNet; prepare a longer video.")
    rows = []
    for number, take in enumerate(takes):
        films = painted_head(model, texture, take), filmed_head(clip, reference, texture, take)
        sound = take.waveform.beginning_at(float(take.seconds[0]) - 0.5 / clip.fps)
        rows.append([value for film in films for value in astuple(judge_synchrony(network, film, sound, take.name))])
        progress((number + 1) / len(takes))
    return figures_of(JudgedTakes(np.ones(len(rows)), np.array(rows)), _errors)


def painted_head(model: SpeechModel, texture: TextureModel, take: Take) -> Iterator[Picture]:
    """Draw a model's head saying what a take says, `(224, 224, 3)`, RGB, 25 a second."""
    codes = predict_codes(model, take.waveform, take.seconds)
    animation = animation_from_codes(codes, model.description.fps, model)
    crops = (crop for block in paint_crops(model, animation).crops for crop in block)
    return _faces(_Head(texture, texture.reference, model.neutral, animation.vertices()), crops, take)


def filmed_head(clip: Clip, reference: ReferenceAtlas, texture: TextureModel, take: Take) -> Iterator[Picture]:
    """Draw the filmed lip crops of a take on its tracked mesh, as `painted_head` does."""
    crops = take.crops if take.crops is not None else ()
    return _faces(_Head(texture, reference.picture, clip.neutral, take.vertices), iter(crops), take)


@dataclass(frozen=True)
class _Head:
    """A head that is drawn.

    Attributes:
        texture: Tells where things lie in the atlas.
        reference: `(256, 256, 3)` uint8, the atlas about the lip crop.
        neutral: `(468, 3)`.
        vertices: `(T, 468, 3)`.
    """

    texture: TextureModel
    reference: Picture
    neutral: NDArray[np.float32]
    vertices: NDArray[np.float32]


def _faces(head: _Head, crops: Iterator[Picture], take: Take) -> Iterator[Picture]:
    points, _ = frontal_points(head.vertices, head.neutral, _PORTRAIT_SIDE)
    points += (_HEAD_SIDE - _PORTRAIT_SIDE) // 2
    return even_faces(_pictures(head, crops, points), points, take.seconds)


def _pictures(head: _Head, crops: Iterator[Picture], points: NDArray[np.float32]) -> Iterator[Picture]:
    atlas = head.reference.copy()
    for number, crop in enumerate(crops):
        atlas[head.texture.layout.crop] = crop
        yield draw_head(atlas, head.texture, head.vertices[number], points[number], _HEAD_SIDE)


def _errors(takes: JudgedTakes) -> LipSyncErrors:
    """Turn sums over takes into means; axes that come first are kept."""
    return LipSyncErrors(*np.moveaxis(ratio(takes.values, takes.counts[..., None]), -1, 0))
