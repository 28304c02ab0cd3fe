"""From videos to a clip: track the face, take head motion out, read the sound, fit blendshapes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lipsync_core.audio.waveform import Waveform
from lipsync_core.capture.clip import Clip, ReferenceAtlas, Take
from lipsync_core.capture.normalisation import (
    NormalisedFace,
    ReferenceFrame,
    Smoothing,
    choose_reference,
    neutral_face,
    normalise_speaker,
)
from lipsync_core.capture.tracking import FaceTracker, LandmarkTrack, track_face
from lipsync_core.capture.video import (
    VideoFrame,
    check_lengths,
    count_frames,
    frame_middles,
    read_frames,
    read_voice,
)
from lipsync_core.errors import LipSyncError, TrackingError
from lipsync_core.face.basis import BlendshapeBasis, arkit_basis
from lipsync_core.face.cylinder import fit_cylinder
from lipsync_core.face.solver import fit_blendshapes, lip_residual
from lipsync_core.progress import Progress, ignore_progress, part_of
from lipsync_core.texture.layout import layout_of

from .unrolling import film_crops, reference_atlas

_LOG = logging.getLogger(__name__)
_TRACKING_SHARE = 0.5  # of the progress bar; the rest is the texture


@dataclass(frozen=True)
class PreparationOptions:
    """How videos become a clip.

    Attributes:
        speaker: Who speaks; the first video's name if empty.
        sound: Sound file that replaces the videos' own; for a single video.
        sound_offset: How much later than the picture the sound starts, s.
        reference_seconds: Time in the first video of the frame to call neutral; chosen if None.
        like: An earlier clip of the speaker, whose neutral face and reference atlas are used; made if None.
        texture: Unroll the pictures as well.
        normalise_light: Bring the texture of every frame to the light of the reference.
        smoothing: How much jitter is stilled.
        skip_bad: Leave out videos that cannot be used instead of stopping at them.
        consent: What the speaker agreed to.
        licence: On what terms the footage may be used.
    """

    speaker: str = ""
    sound: Path | None = None
    sound_offset: float = 0.0
    reference_seconds: float | None = None
    like: Clip | None = None
    texture: bool = True
    normalise_light: bool = True
    smoothing: Smoothing = field(default_factory=Smoothing)
    skip_bad: bool = False
    consent: str = "not stated"
    licence: str = "not stated"


@dataclass(frozen=True)
class _Footage:
    """One video, tracked, with its sound."""

    video: Path
    track: LandmarkTrack
    waveform: Waveform
    sound_start: float


def prepare_clip(
    videos: Sequence[Path],
    tracker: FaceTracker,
    options: PreparationOptions,
    progress: Progress = ignore_progress,
) -> Clip:
    """Make one clip, with one neutral face, of all videos of a speaker.

    Args:
        videos: At least one video.
        tracker: What finds the face.
        options: The rest.
        progress: Told the share done.

    Raises:
        LipSyncError: If a video cannot be used (with `skip_bad`: if none can).
    """
    tracked = _TRACKING_SHARE if options.texture else 1.0
    footage = _read_all(videos, tracker, options, part_of(progress, 0.0, tracked))
    tracks = [part.track for part in footage]
    chosen = _reference(tracks, options)
    neutral = neutral_face(tracks, chosen) if options.like is None else options.like.neutral
    faces = normalise_speaker(tracks, neutral, options.smoothing)
    basis = arkit_basis(neutral)
    takes = [_take(part, face, basis) for part, face in zip(footage, faces, strict=True)]
    clip = Clip(
        speaker=options.speaker or videos[0].stem,
        fps=_usual_fps(footage),
        neutral=neutral,
        cylinder=fit_cylinder(neutral) if options.like is None else options.like.cylinder,
        blendshape_names=basis.names,
        takes=tuple(takes),
        consent=options.consent,
        licence=options.licence,
    )
    if not options.texture:
        return clip
    reference = _reference_atlas(clip, footage[chosen.track].video, chosen.frame, faces[chosen.track], options)
    return _with_texture(clip, [part.video for part in footage], faces, reference, part_of(progress, tracked, 1.0))


def blendshape_residual(clip: Clip) -> float:
    """Return how far the lips that the blendshapes pose are from the tracked ones, RMS over a clip, face units."""
    basis = arkit_basis(clip.neutral)
    squares = [lip_residual(take.vertices, basis, take.blendshapes) ** 2 for take in clip.takes]
    return float(np.sqrt(np.average(squares, weights=[len(take.vertices) for take in clip.takes])))


def _reference(tracks: Sequence[LandmarkTrack], options: PreparationOptions) -> ReferenceFrame:
    if options.reference_seconds is None:
        return choose_reference(tracks)
    return ReferenceFrame(0, int(np.abs(tracks[0].seconds - options.reference_seconds).argmin()))


def _reference_atlas(
    clip: Clip, video: Path, frame: int, face: NormalisedFace, options: PreparationOptions
) -> ReferenceAtlas:
    if options.like is not None and options.like.reference is not None:
        return options.like.reference
    layout = layout_of(clip.neutral, clip.cylinder)
    return reference_atlas(video, frame, face, clip.neutral, layout, normalise=options.normalise_light)


def _with_texture(
    clip: Clip, videos: Sequence[Path], faces: Sequence[NormalisedFace], reference: ReferenceAtlas, progress: Progress
) -> Clip:
    """Read the videos once more, for the lip crops of all takes."""
    takes, done = [], 0.0
    for take, video, face in zip(clip.takes, videos, faces, strict=True):
        share = len(face.vertices) / clip.frame_count
        report = part_of(progress, done, min(1.0, done + share))
        takes.append(replace(take, crops=film_crops(video, face, clip.neutral, reference, report)))
        done += share
    return replace(clip, takes=tuple(takes), reference=reference)


def _read_all(
    videos: Sequence[Path], tracker: FaceTracker, options: PreparationOptions, progress: Progress
) -> list[_Footage]:
    footage, faults = [], []
    for index, video in enumerate(videos):
        report = part_of(progress, index / len(videos), (index + 1) / len(videos))
        try:
            footage.append(_read_footage(video, tracker, options, report))
        except LipSyncError as fault:
            if not options.skip_bad:
                raise
            _LOG.warning("left out: %s", fault)
            faults.append(fault)
    if not footage:
        raise TrackingError(f"None of the {len(videos)} videos can be used; the last one: {faults[-1]}")
    return footage


def _read_footage(video: Path, tracker: FaceTracker, options: PreparationOptions, progress: Progress) -> _Footage:
    waveform, start = read_voice(video, options.sound, options.sound_offset)
    frames = _counted(read_frames(video), count_frames(video), progress)
    track = track_face(frames, tracker, str(video))
    check_lengths(video, track.seconds, waveform)
    _LOG.info("%s: face found in %.1f %% of %d frames", video, 100 * track.detected.mean(), len(track.seconds))
    return _Footage(video, track, waveform, start)


def _counted(frames: Iterator[VideoFrame], expected: int, progress: Progress) -> Iterator[VideoFrame]:
    for index, frame in enumerate(frames):
        yield frame
        progress(min(1.0, (index + 1) / max(expected, 1)))
    progress(1.0)


def _take(part: _Footage, face: NormalisedFace, basis: BlendshapeBasis) -> Take:
    fit = fit_blendshapes(face.vertices, basis)
    _LOG.info("%s: blendshapes follow the lips to %.2f %% of the eye distance", part.video.stem, 100 * fit.residual)
    return Take(
        name=part.video.stem,
        seconds=frame_middles(part.track.seconds) - part.sound_start,
        vertices=face.vertices,
        blendshapes=fit.weights,
        detected=part.track.detected,
        head=face.head,
        waveform=part.waveform,
    )


def _usual_fps(footage: Sequence[_Footage]) -> float:
    steps = np.concatenate([np.diff(part.track.seconds) for part in footage])
    return round(float(1 / np.median(steps)), 3)
