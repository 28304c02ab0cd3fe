"""How near predicted faces are to tracked ones: lip errors, closures, jitter, and how late they come. NumPy alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from lipsync_core.arrays import FloatArray
from lipsync_core.audio.waveform import Waveform
from lipsync_core.capture.clip import Clip, Take
from lipsync_core.face.mouth import CONTACT_GAP, NEARLY_CLOSED_GAP, closed_gap, gap_in_widths
from lipsync_core.face.topology import LIPS

from .bootstrap import by_sentence, joined, ratio, total
from .described import Described, known_figures

Array = NDArray[np.float32]
Values = NDArray[np.float64]
Predictor = Callable[[Take], Array]

# The points of the face mesh that lie where the 20 mouth points of iBUG's 68 do: the outer lips, then the inner ones.
MOUTH_LANDMARKS = (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87)

_BARS = (CONTACT_GAP, NEARLY_CLOSED_GAP)
_CLOSURE_TOLERANCE = 1  # frames that a predicted closure may come early or late
_STILL = 1e-5  # mouth widths: a gap that varies less does not move
_LONGEST_LAG = 10  # frames that the sound may be off by
_SILENCE = -45.0  # dBFS over a frame
_PERCENT = 100.0


@dataclass(frozen=True)
class Errors:
    """How far predicted faces are from tracked ones; NaN where there was nothing to measure.

    Lip vertices are the 80 points of the lip red; percent are of the outer eye-corner distance. All frames count alike.
    Jitter is the mean length of the lip vertices' second difference in time. A closure is a stretch between openings in
    which the lips touch (`lipsync_core.face.mouth`); it is hit where the other lips touch, within a frame of its
    middle.

    Attributes:
        gap_correlation: Pearson's, of the predicted and the tracked inner-lip gap; 0 if one of them stands still.
        speech_gap_correlation: The same over the frames in which something is heard.
        landmark_distance: Mean distance of 20 mouth points in the picture, their mean taken out, px of the video (LMD).
        landmark_error: The same, percent.
        mean_lip_error: Mean distance, percent.
        max_lip_error: Largest distance in each frame, mean over frames, percent.
        mean_lip_pixels: Mean distance in the picture, px of the video.
        closure_recall: Share of the tracked closures that are predicted within one frame.
        closure_precision: Share of the predicted closures that are tracked within one frame.
        nearly_closed_recall: As `closure_recall`, were all lips nearer than `NEARLY_CLOSED_GAP` to touch.
        nearly_closed_precision: As `closure_precision`, in the same way.
        jitter_ratio: Jitter over that of the tracked lips.
        speech_jitter_ratio: The same where something is heard.
        silence_jitter_ratio: The same where nothing is heard.
        delay: How much later the predicted lips move than the tracked ones, ms.
    """

    gap_correlation: Annotated[Values, Described("correlation of the lip gap", digits=3, better="higher")]
    speech_gap_correlation: Annotated[
        Values, Described("correlation of the lip gap, in speech", digits=3, better="higher")
    ]
    landmark_distance: Annotated[Values, Described("mouth landmark distance (LMD)", "px", better="lower")]
    landmark_error: Annotated[Values, Described("mouth landmark distance", "% of the eye distance", better="lower")]
    mean_lip_error: Annotated[Values, Described("lip vertex error, mean", "% of the eye distance", better="lower")]
    max_lip_error: Annotated[
        Values, Described("lip vertex error, largest of a frame", "% of the eye distance", better="lower")
    ]
    mean_lip_pixels: Annotated[Values, Described("lip vertex error, mean", "px", better="lower")]
    closure_recall: Annotated[Values, Described("closures hit (recall at 2 %)", digits=3, better="higher")]
    closure_precision: Annotated[
        Values, Described("closures that are real (precision at 2 %)", digits=3, better="higher")
    ]
    nearly_closed_recall: Annotated[Values, Described("nearly closed, hit (recall at 8 %)", digits=3, better="higher")]
    nearly_closed_precision: Annotated[
        Values, Described("nearly closed, real (precision at 8 %)", digits=3, better="higher")
    ]
    jitter_ratio: Annotated[Values, Described("jitter against the real", better="nearer to 1")]
    speech_jitter_ratio: Annotated[Values, Described("jitter against the real, in speech", better="nearer to 1")]
    silence_jitter_ratio: Annotated[Values, Described("jitter against the real, in silence", better="nearer to 1")]
    delay: Annotated[Values, Described("delay against the real", "ms", digits=1, better="nearer to 0")]

    def as_dict(self) -> dict[str, float]:
        """Return all figures by name, rounded, without those that could not be measured."""
        return known_figures(self)


@dataclass(frozen=True)
class LipFrames:
    """What `Errors` are summed up from, for each frame of a take.

    Attributes:
        known: `(T,)` 1 where the face was found.
        distances: `(T, 5)` there: landmarks px and face units, vertices' mean and largest face units, mean px.
        closures: `(T, 2, 4)` for contact and for nearly closed lips: whether it is a tracked closure, one that is
            predicted, a predicted one, one that is tracked.
        jitter: `(T, 2, 2)` in speech and in silence, predicted and tracked.
        products: `(T, L, 6)` of the predicted gap and the tracked one, for each lag: 1, x, y, x x, y y, x y.
        speech: `(T, 6)` the same without lag, where something is heard.
        lag: `(T,)` length of a frame, ms.
    """

    known: Values
    distances: Values
    closures: Values
    jitter: Values
    products: Values
    speech: Values
    lag: Values


def measure(predictor: Predictor, clip: Clip) -> Errors:
    """Compare a predictor with every tracked frame of a clip."""
    return lip_errors(total(joined([lip_frames(predictor(take), take, clip) for take in seen_takes(clip)])))


def seen_takes(clip: Clip) -> list[Take]:
    """Return the takes in which the face was found at all."""
    return [take for take in clip.takes if take.detected.any()]


def lip_sentences(frames: list[LipFrames], fps: float) -> LipFrames:
    """Sum over each sentence of all takes."""
    return joined([by_sentence(take, fps) for take in frames])


def lip_frames(face: Array, take: Take, clip: Clip) -> LipFrames:
    """Compare a predicted face `(T, 468, 3)` with a take of a clip, frame by frame."""
    predicted, tracked = (gap_in_widths(vertices, clip.neutral) for vertices in (face, take.vertices))
    closed = closed_gap(clip.neutral, tracked_gaps(clip))
    known = take.detected.astype(np.float64)
    silent = silent_frames(take.waveform, take.seconds) if len(take.seconds) > 1 else np.zeros(len(known), bool)
    products = _products(predicted, tracked)
    jitter = np.stack([_jitter(face), _jitter(take.vertices)], axis=-1)
    return LipFrames(
        known=known,
        distances=_distances(face, take) * known[:, None],
        closures=np.stack([_closures(predicted, tracked, closed + bar) for bar in _BARS], axis=1),
        jitter=np.stack([jitter * ~silent[:, None], jitter * silent[:, None]], axis=1),
        products=products,
        speech=products[:, _LONGEST_LAG] * ~silent[:, None],
        lag=np.full(len(known), 1000 / clip.fps),
    )


def lip_errors(counted: LipFrames) -> Errors:
    """Turn sums into figures; axes that come first are kept."""
    landmark_pixels, landmarks, mean, largest, pixels = np.moveaxis(
        ratio(counted.distances, counted.known[..., None]), -1, 0
    )
    closures, hit, predicted, real = np.moveaxis(counted.closures, -1, 0)
    recall, precision = ratio(hit, closures), ratio(real, predicted)
    speech, silence = np.moveaxis(counted.jitter, -2, 0)
    correlations = _correlations(counted.products)
    return Errors(
        gap_correlation=correlations[..., _LONGEST_LAG],
        speech_gap_correlation=_correlations(counted.speech),
        landmark_distance=landmark_pixels,
        landmark_error=_PERCENT * landmarks,
        mean_lip_error=_PERCENT * mean,
        max_lip_error=_PERCENT * largest,
        mean_lip_pixels=pixels,
        closure_recall=recall[..., 0],
        closure_precision=precision[..., 0],
        nearly_closed_recall=recall[..., 1],
        nearly_closed_precision=precision[..., 1],
        jitter_ratio=ratio((speech + silence)[..., 0], (speech + silence)[..., 1]),
        speech_jitter_ratio=ratio(speech[..., 0], speech[..., 1]),
        silence_jitter_ratio=ratio(silence[..., 0], silence[..., 1]),
        delay=_best_lag(correlations) * ratio(counted.lag, counted.products[..., _LONGEST_LAG, 0]),
    )


def correlation(first: Array, second: Array) -> float:
    """Return Pearson's correlation of two curves `(T,)`; 0 if one of them hardly moves."""
    if min(first.std(), second.std()) < _STILL:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def tracked_gaps(clip: Clip) -> Array:
    """Return the lip gap of every frame of a clip in which the face was found, in mouth widths."""
    return np.concatenate([gap_in_widths(take.vertices, clip.neutral)[take.detected] for take in clip.takes])


def closure_frames(gap: Array, bar: float) -> NDArray[np.int64]:
    """Return the middle frame of every stretch where a gap `(T,)`, in mouth widths, comes under a bar between two
    openings.
    """
    closed = np.concatenate([[False], gap < bar, [False]])
    starts, ends = (np.flatnonzero(np.diff(closed.astype(int)) == step) for step in (1, -1))
    between = (starts > 0) & (ends < len(gap))
    return np.asarray((starts[between] + ends[between] - 1) // 2, np.int64)


def silent_frames(waveform: Waveform, seconds: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell in which frames, by the times of their middles `(T,)`, nothing is heard."""
    half = max(1, round(0.5 * float(np.median(np.diff(seconds))) * waveform.sample_rate))
    power = np.concatenate([[0.0], np.cumsum(np.square(waveform.samples, dtype=np.float64))])
    middle = np.rint(seconds * waveform.sample_rate).astype(int)
    first, last = (np.clip(middle + step, 0, len(waveform.samples)) for step in (-half, half))
    mean = (power[last] - power[first]) / np.maximum(last - first, 1)
    return np.asarray(mean < 10 ** (_SILENCE / 10), bool)


def in_picture(difference: FloatArray, take: Take) -> Values:
    """Return what differences `(T, n, 3)` in face space are in the picture, `(T, n, 2)` px."""
    seen = (difference @ take.head.rotation)[..., :2] / take.head.scale[:, None, None]
    return np.asarray(seen, np.float64)


def _distances(face: Array, take: Take) -> Values:
    """Return the five distances of `LipFrames`."""
    difference = face - take.vertices
    flat = in_picture(difference[:, MOUTH_LANDMARKS], take)
    landmarks = np.linalg.norm(flat - flat.mean(axis=1, keepdims=True), axis=2).mean(axis=1)
    lips = np.linalg.norm(difference[:, LIPS], axis=2)
    pixels = np.linalg.norm(in_picture(difference[:, LIPS], take), axis=2).mean(axis=1)
    return np.stack([landmarks, landmarks * take.head.scale, lips.mean(axis=1), lips.max(axis=1), pixels], axis=-1)


def _closures(predicted: Array, tracked: Array, bar: float) -> Values:
    """Return one bar's part of `LipFrames.closures`, `(T, 4)`."""
    return np.stack([*_hits(tracked, predicted, bar), *_hits(predicted, tracked, bar)], axis=-1)


def _hits(gap: Array, other: Array, bar: float) -> tuple[Values, Values]:
    """Mark `(T,)` closures of one gap, and those of them near which the other one is closed as well."""
    events, hits = np.zeros(len(gap)), np.zeros(len(gap))
    closed = other < bar
    for frame in closure_frames(gap, bar):
        around = slice(max(0, frame - _CLOSURE_TOLERANCE), frame + _CLOSURE_TOLERANCE + 1)
        events[frame], hits[frame] = 1, closed[around].any()
    return events, hits


def _jitter(face: Array) -> Values:
    """Return the mean length of the lips' second difference about each frame, `(T,)`; 0 at both ends."""
    lengths = np.linalg.norm(np.diff(face[:, LIPS].astype(np.float64), n=2, axis=0), axis=2).mean(axis=1)
    return np.pad(lengths, 1)[: len(face)]


def _products(predicted: Array, tracked: Array) -> Values:
    """Return what correlations for each lag are summed from; 0 where the shifted frame is not there."""
    frames = np.arange(len(tracked))
    shifted = frames[:, None] + np.arange(-_LONGEST_LAG, _LONGEST_LAG + 1)
    there = ((shifted >= 0) & (shifted < len(frames))).astype(np.float64)
    x = predicted.astype(np.float64)[np.clip(shifted, 0, len(frames) - 1)]
    y = np.broadcast_to(tracked.astype(np.float64)[:, None], x.shape)
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1) * there[..., None]


def _correlations(products: Values) -> Values:
    """Return Pearson's correlation for each lag from sums `(..., L, 6)`; 0 where a gap stands still."""
    count, x, y, xx, yy, xy = np.moveaxis(products, -1, 0)
    count = np.maximum(count, 1)
    spread, other = (xx / count - (x / count) ** 2, yy / count - (y / count) ** 2)
    moves = np.minimum(spread, other) > _STILL**2
    shared = xy / count - x * y / count**2
    return np.where(moves, shared / np.sqrt(np.where(moves, spread * other, 1.0)), 0.0)


def _best_lag(correlations: Values) -> Values:
    """Return the lag `(...)` at which correlations `(..., L)` peak, frames, between frames by a parabola."""
    best = np.clip(correlations.argmax(axis=-1), 1, correlations.shape[-1] - 2)
    before, peak, after = (
        np.take_along_axis(correlations, best[..., None] + step, axis=-1)[..., 0] for step in (-1, 0, 1)
    )
    bend = before - 2 * peak + after
    between = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1.0), 0.0)
    moved = np.abs(correlations).max(axis=-1) > 0
    return np.where(moved, best - _LONGEST_LAG + np.clip(between, -1, 1), np.nan)
