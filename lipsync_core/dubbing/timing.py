"""Which frame of the target is shown when: cut to the speech, played back and forth, or held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray, check_shape

Length: TypeAlias = Literal["loop", "hold", "keep"]
"""What gives way where target and speech differ in length.

`loop` and `hold` make the film as long as the speech: a longer target is cut, a shorter one is played back and forth,
or its last frame is held. `keep` makes the film as long as the target: the speech is cut, or followed by silence.
"""


@dataclass(frozen=True)
class Schedule:
    """The frames of a film in the order in which they are shown.

    Attributes:
        frames: `(K,)` int32, numbers of frames of the target.
        starts: `(K,)` float64, when each is first shown, s from the first.
        end: When the last one is no longer shown, s.
    """

    frames: NDArray[np.int32]
    starts: NDArray[np.float64]
    end: float

    def __post_init__(self) -> None:
        check_shape("Schedule.starts", self.starts, str(len(self.frames)))

    @property
    def middles(self) -> NDArray[np.float64]:
        """`(K,)` the middle of each frame's time on screen, s: the time of the speech that it shows."""
        return 0.5 * (self.starts + np.append(self.starts[1:], self.end))


def schedule(seconds: FloatArray, speech_seconds: float, length: Length) -> Schedule:
    """Lay the frames of a target under a speech.

    Turning back repeats no frame, so the head slows down to a halt and returns; the time between two frames is the
    same in either direction, whatever the frame rate does.

    Args:
        seconds: `(T,)` when each frame of the target is first shown, on any clock, s; at least one.
        speech_seconds: How long the speech lasts.
        length: What gives way.
    """
    steps = np.diff(seconds)
    last_step = float(np.median(steps)) if len(steps) else 1 / 25
    if length == "keep":
        starts = np.asarray(seconds - seconds[0], np.float64)
        return Schedule(np.arange(len(seconds), dtype=np.int32), starts, float(starts[-1]) + last_step)
    if length == "hold":
        there = np.arange(len(seconds), dtype=np.int32)
        missing = max(0, int(np.ceil((speech_seconds - (seconds[-1] - seconds[0])) / last_step)))
        order = np.concatenate([there, np.full(missing, len(seconds) - 1, np.int32)])
    else:
        order = _back_and_forth(steps, last_step, speech_seconds)
    between = _steps_between(order, steps, last_step)
    starts = np.concatenate([[0.0], np.cumsum(between)])
    shown = max(1, int(np.searchsorted(starts, speech_seconds - 1e-6)))
    end = float(starts[shown]) if shown < len(starts) else float(starts[-1]) + last_step
    return Schedule(order[:shown], starts[:shown], end)


def _back_and_forth(steps: FloatArray, last_step: float, wanted: float) -> NDArray[np.int32]:
    """Return frame numbers that swing from one end to the other, for at least so many seconds."""
    count = len(steps) + 1
    swing = np.concatenate([np.arange(count), np.arange(count - 2, 0, -1)]).astype(np.int32)
    period = 2 * float(steps.sum()) or last_step
    return np.tile(swing, int(wanted / period) + 2)


def _steps_between(order: NDArray[np.int32], steps: FloatArray, last_step: float) -> NDArray[np.float64]:
    """Return the time from each shown frame to the next, s."""
    if not len(steps):
        return np.full(len(order) - 1, last_step)
    between = steps[np.minimum(np.minimum(order[1:], order[:-1]), len(steps) - 1)]
    return np.where(order[1:] == order[:-1], last_step, between).astype(np.float64)
