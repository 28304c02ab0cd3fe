"""The light of a target, and a predicted texture brought into it: the lighting normalisation in reverse.

The light is found while the target is tracked, against the model's reference, on atlases of half the usual size. Of
each frame only a few kilobytes are kept, which can then be stilled over time without delay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import BoolArray, FloatArray, check_shape
from ..capture.alignment import fit_head_motion
from ..capture.tracking import FaceTracker
from ..capture.unrolling import UnrolledFrames, unroll
from ..capture.video import VideoFrame
from ..model.texture import TextureModel
from ..texture.layout import ATLAS_SIZE
from ..texture.lighting import Light, LightSettings, fit_light, remove_highlights, skin_mask, surface_mask
from ..texture.warping import sample

_SIDE = ATLAS_SIZE // 2  # px of the atlases in which the light is looked for
_SETTINGS = LightSettings(patch=8)  # the paper's patch, on atlases of half the size
_GRID = 32  # values across and down that are kept of a gain, which is smooth over 16 px of 256
_BLOCK = 16  # frames at a time
_EVERY = 2  # frames in one of which the light is measured
_STILLED_FRAMES = 9  # over which the light is averaged
_STRANGE = 0.15  # sRGB value by which skin may differ from the reference's in the same light
_HIDDEN = 0.2  # share of the skin about the mouth that may look stranger than in most frames

Array = NDArray[np.float32]


@dataclass(frozen=True)
class TargetLight:
    """The light of every frame of a target, as what turns it into that of the model's reference.

    Attributes:
        gain: `(T, 32, 32)` float32, natural logarithm of the luma's gain over the atlas.
        slope: `(T, 3)` float32, of each colour channel.
        bias: `(T, 3)` float32.
        strangeness: `(T,)` float32, share of the skin about the mouth that does not look like the reference's in any
            light, and share by which its light differs from that of other frames: high where something covers it.
    """

    gain: Array
    slope: Array
    bias: Array
    strangeness: Array

    def __post_init__(self) -> None:
        frames = check_shape("TargetLight.gain", self.gain, f"T {_GRID} {_GRID}")["T"]
        check_shape("TargetLight.slope", self.slope, f"{frames} 3")
        check_shape("TargetLight.bias", self.bias, f"{frames} 3")
        check_shape("TargetLight.strangeness", self.strangeness, f"{frames}")

    @property
    def covered(self) -> BoolArray:
        """`(T,)` where something hides the skin about the mouth: it looks much stranger there than in most frames."""
        return self.strangeness > float(np.median(self.strangeness)) + _HIDDEN

    def of_crops(self, frames: NDArray[np.int32], texture: TextureModel) -> Light:
        """Return the light of some frames over the lip crop, `(n, 128, 128)`."""
        rows, columns = (
            (np.arange(part.start, part.stop) + 0.5) * _GRID / ATLAS_SIZE - 0.5 for part in texture.layout.crop
        )
        gain = _read_rows(_read_rows(self.gain[frames], rows, axis=1), columns, axis=2)
        return Light(np.exp(gain), self.slope[frames], self.bias[frames])


class LightMeter:
    """A tracker that also looks at the light of every face it finds."""

    def __init__(self, tracker: FaceTracker, neutral: Array, texture: TextureModel) -> None:
        """Measure against a model's `(468, 3)` neutral face and its texture."""
        self._tracker, self._neutral, self._texture = tracker, neutral, texture
        halved = texture.reference.reshape(_SIDE, 2, _SIDE, 2, 3).mean(axis=(1, 3), dtype=np.float32)
        self._reference = halved / np.float32(255)
        self._rest = texture.layout.atlas_points(neutral) * np.float32(_SIDE / ATLAS_SIZE)
        self._waiting: list[UnrolledFrames] = []
        self._measured: list[tuple[Array, Array, Array, Array]] = []
        self._asked = 0
        self._frames: list[int] = []  # those that were measured, counted from 1

    def find(self, frame: VideoFrame) -> NDArray[np.float32] | None:
        """Find the face in one picture, and remember its atlas."""
        points = self._tracker.find(frame)
        self._asked += 1
        if points is not None and not (self._frames and self._asked - self._frames[-1] < _EVERY):
            self._frames.append(self._asked)
            vertices = fit_head_motion(points[None], self._neutral).remove(points[None])
            at = points[None, :, :2] * np.array([1, -1], np.float32)
            self._waiting.append(unroll([frame.image], at, vertices, self._texture.layout, _SIDE))
            if len(self._waiting) == _BLOCK:
                self._measure()
        return points

    def restart(self) -> None:
        """Forget everything."""
        self._tracker.restart()
        self._waiting, self._measured = [], []
        self._asked, self._frames = 0, []

    def light(self) -> TargetLight:
        """Return the light of all frames that were looked at since the start, stilled over time.

        Where it was not measured it is that of the nearest frame in which it was; but a face is as strange there as in
        the stranger one on either side.
        """
        if self._waiting:
            self._measure()
        asked = np.arange(1, self._asked + 1)
        positions = np.interp(asked, self._frames, np.arange(len(self._frames)))
        nearest = np.rint(positions).astype(int)
        gain, slope, bias, strange = (np.concatenate(part) for part in zip(*self._measured, strict=True))
        strange = strange + self._unusual(gain)
        sides = (strange[np.floor(positions).astype(int)], strange[np.ceil(positions).astype(int)])
        gain, slope, bias = (_stilled(part[nearest]) for part in (gain, slope, bias))
        return TargetLight(gain, slope, bias, np.maximum(*sides))

    def _unusual(self, gain: Array) -> Array:
        """Return how much the gain about the mouth differs from the usual, against that of the whole face, `(T,)`."""
        rows, columns = (
            slice(part.start * _GRID // ATLAS_SIZE, part.stop * _GRID // ATLAS_SIZE)
            for part in self._texture.layout.crop
        )
        change = gain - np.median(gain, axis=0)
        change -= np.median(change, axis=(1, 2), keepdims=True)
        return np.abs(change[:, rows, columns]).mean(axis=(1, 2))

    def _measure(self) -> None:
        """Find the light of the waiting frames."""
        atlases = np.concatenate([frame.atlases for frame in self._waiting])
        covering = np.concatenate([frame.surface.covering for frame in self._waiting])
        positions = np.concatenate([frame.surface.carry(self._rest) for frame in self._waiting])
        self._waiting = []
        skin, target = skin_mask(covering), sample(self._reference, positions)
        dull, _ = remove_highlights(atlases, skin)
        light = fit_light(dull, target, surface_mask(covering), skin, _SETTINGS)
        step = _SIDE // _GRID
        gain = np.log(light.gain).reshape(len(atlases), _GRID, step, _GRID, step).mean(axis=(2, 4))
        strange = self._strangeness(np.abs(light.remove(dull) - target).max(axis=-1), skin)
        self._measured.append((gain, light.slope, light.bias, strange))

    def _strangeness(self, difference: Array, skin: BoolArray) -> Array:
        rows, columns = (slice(part.start // 2, part.stop // 2) for part in self._texture.layout.crop)
        seen = skin[:, rows, columns]
        strange = seen & (difference[:, rows, columns] > _STRANGE)
        return (strange.sum(axis=(1, 2)) / np.maximum(seen.sum(axis=(1, 2)), 1)).astype(np.float32)


def _stilled(values: FloatArray) -> Array:
    """Average `(T, ...)` over time with a window that falls off to either side; the ends go on as they are."""
    reach = _STILLED_FRAMES // 2
    window = np.hanning(_STILLED_FRAMES + 2)[1:-1]
    padded = np.concatenate([values[:1].repeat(reach, axis=0), values, values[-1:].repeat(reach, axis=0)])
    total = sum(weight * padded[first : first + len(values)] for first, weight in enumerate(window))
    return np.asarray(total / window.sum(), np.float32)


def _read_rows(values: Array, positions: FloatArray, axis: int) -> Array:
    """Read an axis linearly at positions, in steps; beyond its ends they go on."""
    positions = np.clip(positions, 0, values.shape[axis] - 1)
    lower = np.minimum(positions.astype(int), values.shape[axis] - 2)
    shape = [1] * values.ndim
    shape[axis] = -1
    share = (positions - lower).astype(np.float32).reshape(shape)
    return values.take(lower, axis) * (1 - share) + values.take(lower + 1, axis) * share
