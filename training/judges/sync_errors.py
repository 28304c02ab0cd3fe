"""How well a sync judge finds a shift that is known, and how far from 0 it finds the takes of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from lipsync_core.audio.waveform import Waveform
from lipsync_core.progress import Progress, ignore_progress

from ..measures.bootstrap import ratio
from ..measures.described import Described
from .spoken import Spoken
from .sync_judge import Synchrony, SyncJudge

Values = NDArray[np.float64]

KNOWN_SHIFTS = tuple(range(-8, 9))  # frames


@dataclass(frozen=True)
class SyncCounts:
    """Summed over the shifts that were tried of each take.

    Attributes:
        tried: `(S,)` shifts.
        exact: `(S,)` those that were found to the frame.
        near: `(S,)` those that were found to within one frame.
        late: `(S,)` by how much later than it was the mouth was found, ms.
        confidence: `(S,)`.
    """

    tried: Values
    exact: Values
    near: Values
    late: Values
    confidence: Values


@dataclass(frozen=True)
class SyncFigures:
    """Means over all shifts that were tried, NaN where there were none.

    Attributes:
        exact: Share found to the frame.
        near: Share found to within one frame.
        lateness: By how much later than it was the mouth was found, ms.
        confidence: Agreement at the best shift, less the median.
    """

    exact: Annotated[Values, Described("offsets found to the frame", digits=3)]
    near: Annotated[Values, Described("offsets found to within one frame", digits=3)]
    lateness: Annotated[Values, Described("mouth late by the sync judge", "ms", digits=1)]
    confidence: Annotated[Values, Described("confidence of the sync judge")]


def offset_accuracy(
    judge: SyncJudge,
    takes: Sequence[Spoken],
    shifts: Sequence[int] = KNOWN_SHIFTS,
    progress: Progress = ignore_progress,
) -> SyncCounts:
    """Shift the sound of takes by known numbers of frames, and ask the judge by how many.

    With `shifts=(0,)` on painted takes it says how a model lies in time.

    Args:
        judge: Who is asked.
        takes: Filmed or painted.
        shifts: Frames by which the mouth is made to come late; its sound is moved forward.
        progress: Told the share done.
    """
    rows = []
    for number, take in enumerate(takes, start=1):
        found = [judge.offset(take.pictures, _earlier(take, shift), take.seconds) for shift in shifts]
        judged = [_judged(take, shift, answer) for shift, answer in zip(shifts, found, strict=True)]
        rows.append(np.sum(judged, axis=0))
        progress(number / len(takes))
    exact, near, late, confidence = np.array(rows, np.float64).T
    return SyncCounts(np.full(len(takes), float(len(shifts))), exact, near, late, confidence)


def sync_figures(counted: SyncCounts) -> SyncFigures:
    """Turn sums over takes into means; axes that come first are kept. For `figures_of`."""
    return SyncFigures(
        exact=ratio(counted.exact, counted.tried),
        near=ratio(counted.near, counted.tried),
        lateness=ratio(counted.late, counted.tried),
        confidence=ratio(counted.confidence, counted.tried),
    )


def _judged(take: Spoken, shift: int, answer: Synchrony) -> tuple[float, float, float, float]:
    error = abs(answer.frames - shift)
    return error == 0, error <= 1, answer.milliseconds - 1000 * shift * _frame(take), answer.confidence


def _earlier(take: Spoken, shift: int) -> Waveform:
    """Return the sound `shift` frames earlier, of the same length; what comes in is silence."""
    samples, rate = take.waveform.samples, take.waveform.sample_rate
    step = round(shift * _frame(take) * rate)
    gap = np.zeros(min(abs(step), len(samples)), np.float32)
    moved = [samples[len(gap) :], gap] if step > 0 else [gap, samples[: len(samples) - len(gap)]]
    return Waveform(np.concatenate(moved), rate)


def _frame(take: Spoken) -> float:
    return float(np.median(np.diff(take.seconds)))
