"""Signs of life that speech does not tell: blinks, glances, and small motion of the head, from a seeded generator.

Lahiri et al. (2021) put a predicted mouth onto a face whose head and eyes move by themselves; here that motion is drawn
at random, within what people do: 10 to 20 blinks a minute that close faster than they open, gaze that rests for about
a second and jumps, a head that drifts by a few degrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLINK_PAUSE = 3.6  # s, median
_PAUSE_SPREAD = 0.5  # deviation of the pause's logarithm
_SHORTEST_PAUSE = 0.7  # s
_CLOSING, _OPENING = 0.08, 0.17  # s
_FIXATION = 1.1  # s, median
_SACCADE = 0.04  # s
_GAZE = 0.16  # deviation of an eye shape's weight
_HEAD_RATE = 0.35  # Hz: above this the head hardly moves
_HEAD = (2.2, 1.5, 1.0)  # degrees: deviations of turn, nod and tilt


@dataclass(frozen=True)
class LifeConfig:
    """Which signs of life are wanted.

    Attributes:
        blinks: How often the lids close, as a factor on the usual; 0 for never.
        eyes: Strength of the glances; 0 for none.
        head: Strength of the head's motion; 0 for none.
        seed: Of the generator: the same seed, the same motion.
    """

    blinks: float = 0.0
    eyes: float = 0.0
    head: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Life:
    """The motion that was drawn.

    Attributes:
        names: ARKit names of the `B` shapes of lids and eyes that move.
        weights: `(T, B)` float32, 0 to 1.
        head: `(T, 3)` degrees: turn to the left, nod downwards, tilt to the left; zero at both ends. None if the head
            rests.
    """

    names: tuple[str, ...]
    weights: NDArray[np.float32]
    head: NDArray[np.float32] | None


def draw_life(frame_count: int, fps: float, config: LifeConfig) -> Life:
    """Draw as many frames of life as asked; every part has a generator of its own, so none changes another."""
    channels: dict[str, NDArray[np.float64]] = {}
    if config.blinks > 0:
        lids = _blinks(frame_count, fps, config.blinks, _generator(config, 1))
        channels |= {"eyeBlinkLeft": lids, "eyeBlinkRight": lids}
    if config.eyes > 0:
        channels |= _glances(config.eyes * _gaze(frame_count, fps, _generator(config, 2)))
    head = config.head * _head(frame_count, fps, _generator(config, 3)) if config.head > 0 else None
    weights = np.stack(list(channels.values()), axis=1) if channels else np.zeros((frame_count, 0))
    return Life(
        tuple(channels), np.clip(weights, 0, 1).astype(np.float32), None if head is None else head.astype(np.float32)
    )


def _generator(config: LifeConfig, part: int) -> np.random.Generator:
    return np.random.default_rng((config.seed, part))


def _blinks(frame_count: int, fps: float, rate: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return how far the lids are closed, `(T,)`."""
    times = (np.arange(frame_count) + 0.5) / fps
    lids = np.zeros(frame_count)
    middle = 0.0
    while True:
        middle += max(_SHORTEST_PAUSE, rng.lognormal(np.log(_BLINK_PAUSE / rate), _PAUSE_SPREAD))
        middle = (np.floor(middle * fps) + 0.5) / fps  # at a frame, so that no blink falls between two
        if middle > times[-1] - _OPENING:
            return lids
        since = times - middle
        shut = np.where(since < 0, 1 + since / _CLOSING, 1 - since / _OPENING)
        lids = np.maximum(lids, np.clip(shut, 0, 1))


def _gaze(frame_count: int, fps: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return where the eyes look, `(T, 2)`: to the left and up, in weights; they begin and end straight ahead."""
    times = (np.arange(frame_count) + 0.5) / fps
    places, starts = [np.zeros(2)], [0.0]
    while starts[-1] < times[-1]:
        starts.append(starts[-1] + rng.lognormal(np.log(_FIXATION), _PAUSE_SPREAD))
        places.append(rng.normal(0, _GAZE, 2) * (1.0, 0.6))
    places[-1] = places[0]
    knots = np.repeat(starts, 2)[1:]
    knots[1::2] += _SACCADE
    values = np.repeat(places, 2, axis=0)[:-1]
    return np.stack([np.interp(times, knots, values[:, axis]) for axis in range(2)], axis=1)


def _glances(gaze: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Spread a gaze over ARKit's eight shapes: an eye looks out, the other in."""
    left, up = gaze.T
    return {
        "eyeLookOutLeft": np.maximum(left, 0),
        "eyeLookInRight": np.maximum(left, 0),
        "eyeLookInLeft": np.maximum(-left, 0),
        "eyeLookOutRight": np.maximum(-left, 0),
        "eyeLookUpLeft": np.maximum(up, 0),
        "eyeLookUpRight": np.maximum(up, 0),
        "eyeLookDownLeft": np.maximum(-up, 0),
        "eyeLookDownRight": np.maximum(-up, 0),
    }


def _head(frame_count: int, fps: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return turn, nod and tilt, `(T, 3)` degrees: noise without its fast part, faded in and out."""
    spectrum = np.fft.rfft(rng.normal(size=(frame_count, 3)), axis=0)
    rates = np.fft.rfftfreq(frame_count, 1 / fps)[:, None]
    drift = np.fft.irfft(spectrum * np.exp(-0.5 * (rates / _HEAD_RATE) ** 2), frame_count, axis=0)
    drift *= np.array(_HEAD) / np.maximum(drift.std(axis=0), 1e-12)
    since_ends = np.minimum(np.arange(frame_count), np.arange(frame_count)[::-1]) / fps
    return np.asarray(drift * np.clip(since_ends, 0, 1)[:, None], np.float64)
