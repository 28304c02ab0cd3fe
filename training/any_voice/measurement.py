"""How well a model speaks with voices it never heard: against tracked lips, known phonemes, its own clean answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lipsync_core.animation import frame_times
from lipsync_core.arrays import FloatArray
from lipsync_core.audio.features import FeatureSpec, hear
from lipsync_core.audio.waveform import Waveform
from lipsync_core.capture.clip import Clip, Take
from lipsync_core.face.mouth import CONTACT_GAP, NEARLY_CLOSED_GAP, closed_gap, gap_in_widths, lip_gap
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.synthesis import predict_codes

from ..measures.lips import correlation

_LATEST_OFFSET = 0.6  # s: the sound of footage is not expected to be further off
_OFFSET_STEP = 0.02


@dataclass(frozen=True)
class Agreement:
    """How far a predicted lip gap goes with the tracked one: Pearson's r of each take, mean over takes.

    Attributes:
        model: Of the model.
        loudness: Of the sound's loudness, which any model must beat.
        takes: How many.
    """

    model: float
    loudness: float
    takes: int


def agreement(model: SpeechModel, clips: Sequence[Clip]) -> Agreement:
    """Compare a model with all takes of some clips."""
    takes = [take for clip in clips for take in clip.takes if take.detected.any()]
    pairs = [(_agreement(predicted_gap(model, t.waveform, t.seconds), t), _agreement(loudness(t), t)) for t in takes]
    means = np.mean(pairs, axis=0)
    return Agreement(float(means[0]), float(means[1]), len(takes))


def _agreement(curve: FloatArray, take: Take) -> float:
    return correlation(curve[take.detected], lip_gap(take.vertices)[take.detected])


def predicted_gap(model: SpeechModel, waveform: Waveform, seconds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the lip gap `(T,)` that a model predicts, in mouth widths of its neutral face."""
    return gap_in_widths(model.vertices(predict_codes(model, waveform, seconds)), model.neutral)


def loudness(take: Take) -> NDArray[np.float32]:
    """Return the mean log-mel energy at each frame of a take, `(T,)`."""
    heard = hear(take.waveform, take.seconds, FeatureSpec())
    energy = heard.features.mean(1)
    return np.asarray(np.interp(heard.columns, np.arange(len(energy)), energy), np.float32)


def sound_offset(model: SpeechModel, take: Take) -> float:
    """Return how much later than its picture a take's sound is, s: where the prediction fits best."""
    times = frame_times(int(take.waveform.duration / _OFFSET_STEP), 1 / _OFFSET_STEP)
    gap = predicted_gap(model, take.waveform, times)
    shifts = np.arange(-_LATEST_OFFSET, _LATEST_OFFSET + 1e-9, _OFFSET_STEP)
    fits = [_agreement(np.interp(take.seconds + shift, times, gap), take) for shift in shifts]
    return float(shifts[int(np.argmax(fits))])


def moved_sound(clip: Clip, seconds: float) -> Clip:
    """Return a clip whose frames are that much later in its sound, s."""
    return replace(clip, takes=tuple(replace(take, seconds=take.seconds + seconds) for take in clip.takes))


@dataclass(frozen=True)
class Kinds:
    """Which phones of an alignment close the lips, which open them, and which are pauses."""

    bilabials: frozenset[str]
    vowels: frozenset[str]
    pauses: frozenset[str]


ARPABET = Kinds(
    bilabials=frozenset("PBM"),
    vowels=frozenset(("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")),
    pauses=frozenset(("", "SIL", "SP", "SPN")),
)


@dataclass(frozen=True)
class Closures:
    """How well p, b and m close the lips, to one frame; closed lips touch (`lipsync_core.face.mouth`).

    Attributes:
        recall: Share of the known p, b, m during which, or one frame beside which, the predicted lips touch.
        precision: Share of the predicted closures between openings that fall on a p, b, m or a pause, within one frame.
        vowel_opening: Median predicted gap in the middle of vowels, mouth widths.
        rest: Median predicted gap in pauses, mouth widths.
        nearly_recall: As `recall`, were nearly closed lips to touch.
        nearly_precision: As `precision`, in the same way.
    """

    recall: float
    precision: float
    vowel_opening: float
    rest: float
    nearly_recall: float
    nearly_precision: float


@dataclass(frozen=True)
class Stretch:
    """What is said from one time to another, s."""

    sound: str
    start: float
    end: float

    @property
    def phone(self) -> str:
        """The sound without stress, in capitals."""
        return self.sound.upper().rstrip("012")


def closures(
    model: SpeechModel, waveform: Waveform, stretches: Sequence[Stretch], kinds: Kinds, fps: float = 25.0
) -> Closures:
    """Compare a model's closures with aligned phones.

    Args:
        model: What speaks.
        waveform: What is said.
        stretches: All phones of it.
        kinds: Which phones are what.
        fps: Frames per second.
    """
    times = frame_times(int(waveform.duration * fps), fps)
    gap = predicted_gap(model, waveform, times)
    closed = closed_gap(model.neutral)
    recall, precision = _hits(gap < closed + CONTACT_GAP, times, stretches, kinds)
    nearly_recall, nearly_precision = _hits(gap < closed + NEARLY_CLOSED_GAP, times, stretches, kinds)
    return Closures(
        recall=recall,
        precision=precision,
        vowel_opening=_median_gap(gap, times, [s for s in stretches if s.phone in kinds.vowels]),
        rest=_median_gap(gap, times, [s for s in stretches if s.phone in kinds.pauses and s.end - s.start > 0.3]),
        nearly_recall=nearly_recall,
        nearly_precision=nearly_precision,
    )


def _hits(
    met: NDArray[np.bool_], times: NDArray[np.float64], stretches: Sequence[Stretch], kinds: Kinds
) -> tuple[float, float]:
    """Return recall and precision of the frames `(T,)` in which lips are met, at `(T,)` times, s."""
    reach = 1.5 * float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    lips = [s for s in stretches if s.phone in kinds.bilabials]
    hits = [bool(met[(times > s.start - reach) & (times < s.end + reach)].any()) for s in lips]
    excuses = [s for s in stretches if s.phone in kinds.bilabials | kinds.pauses]
    made = [times[run] for run in _runs(met)]
    right = [any(s.start - reach < t[-1] and s.end + reach > t[0] for s in excuses) for t in made]
    return float(np.mean(hits)) if hits else 1.0, float(np.mean(right)) if right else 1.0


def _runs(met: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Return the frames of every stretch in which the lips are met."""
    frames = np.flatnonzero(met)
    return [run for run in np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1) if len(run)]


def _median_gap(gap: NDArray[np.float32], times: NDArray[np.float64], stretches: Sequence[Stretch]) -> float:
    middles = [(s.start + s.end) / 2 for s in stretches]
    return float(np.median(np.interp(middles, times, gap))) if middles else 0.0


def robustness(model: SpeechModel, clean: Waveform, noisy: Waveform, fps: float = 25.0) -> float:
    """Return how far the lip gap predicted from a noisy sound goes with that from the clean one, Pearson's r."""
    times = frame_times(int(min(clean.duration, noisy.duration) * fps), fps)
    return correlation(predicted_gap(model, clean, times), predicted_gap(model, noisy, times))
