"""Film the virtual speaker: an ordinary video, and beside it the truth that no camera can see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipsync_core.archive import replacing
from lipsync_core.arrays import FloatArray, check_shape
from lipsync_core.audio.decoding import import_av
from lipsync_core.audio.waveform import Waveform
from lipsync_core.errors import FormatError
from lipsync_core.face.arkit import ARKIT_NAMES, arkit_index
from lipsync_core.face.topology import POINT_COUNT
from lipsync_core.phones.phoneme import Phoneme
from lipsync_core.progress import Progress, ignore_progress

from .articulation import Articulation, articulate
from .head import VIRTUAL_SPEAKER, Head, HeadStyle, build_head
from .rendering import Light, Material, render, to_linear
from .speech import Speech, Voice, join, speak

_TRUTH_VERSION = 1
_TO_PICTURE = np.array([1, -1, 1], np.float32)  # y up to y down
_VIDEO_OPTIONS = {"crf": "14", "preset": "veryfast"}
_SOUND_BITS_PER_SECOND = 128_000


@dataclass(frozen=True)
class Filming:
    """How the speaker is filmed and how much moves beside the mouth.

    Attributes:
        width, height: Of the picture, px; even.
        fps: Frames per second.
        yaw_degrees, pitch_degrees, roll_degrees: The most the head turns to either side.
        sway: The most the head shifts to either side, face units.
        light_swing_degrees: The most the lamp wanders to either side.
        light_flicker: Share by which its intensity rises and falls.
    """

    width: int = 448
    height: int = 448
    fps: float = 25.0
    yaw_degrees: float = 15.0
    pitch_degrees: float = 6.0
    roll_degrees: float = 4.0
    sway: float = 0.06
    light_swing_degrees: float = 35.0
    light_flicker: float = 0.18


@dataclass(frozen=True)
class VirtualSpeakerTruth:
    """What the virtual speaker did in each frame of a video.

    Attributes:
        vertices: `(T, 468, 3)` float32, face units: the face without the head's motion.
        weights: `(T, 52)` float32, ARKit's blendshapes in the order of `ARKIT_NAMES`.
        rotation: `(T, 3, 3)` float32: how the head is turned; x right, y up, z towards the camera.
        translation: `(T, 2)` float32, px: where the middle between the eyes lies; x right, y down.
        scale: `(T,)` float32, px per face unit.
        light_direction: `(T, 3)` float32, unit vector towards the lamp: x right, y up, z towards the camera.
        light_intensity: `(T,)` float32.
        light_colour: `(T, 3)` float32, linear RGB.
        seconds: `(T,)` float64: the middle of each frame's time on screen.
        fps: Frames per second.
        phonemes: What is said, and when.
    """

    vertices: NDArray[np.float32]
    weights: NDArray[np.float32]
    rotation: NDArray[np.float32]
    translation: NDArray[np.float32]
    scale: NDArray[np.float32]
    light_direction: NDArray[np.float32]
    light_intensity: NDArray[np.float32]
    light_colour: NDArray[np.float32]
    seconds: NDArray[np.float64]
    fps: float
    phonemes: tuple[Phoneme, ...]

    def __post_init__(self) -> None:
        sizes = check_shape("VirtualSpeakerTruth.vertices", self.vertices, f"T {POINT_COUNT} 3")
        frames = sizes["T"]
        check_shape("VirtualSpeakerTruth.weights", self.weights, f"{frames} {len(ARKIT_NAMES)}")
        check_shape("VirtualSpeakerTruth.rotation", self.rotation, f"{frames} 3 3")
        check_shape("VirtualSpeakerTruth.translation", self.translation, f"{frames} 2")
        check_shape("VirtualSpeakerTruth.scale", self.scale, f"{frames}")
        check_shape("VirtualSpeakerTruth.seconds", self.seconds, f"{frames}")

    def image_points(self) -> NDArray[np.float32]:
        """Return where the 468 points lie in the picture, `(T, 468, 3)` px: x right, y down, z towards the camera."""
        turned = self.vertices @ self.rotation.transpose(0, 2, 1)
        placed = turned * (self.scale[:, None, None] * _TO_PICTURE)
        placed[..., :2] += self.translation[:, None]
        return np.asarray(placed, np.float32)


def record_virtual_speaker(
    path: Path,
    sentences: Sequence[str],
    *,
    seed: int,
    progress: Progress = ignore_progress,
    style: HeadStyle = VIRTUAL_SPEAKER,
    voice: Voice | None = None,
    articulation: Articulation | None = None,
    filming: Filming | None = None,
) -> VirtualSpeakerTruth:
    """Write a video of the speaker saying the sentences, and the truth beside it.

    Args:
        path: The video to write, `.mp4`. The truth goes to the same name with `.truth.npz`.
        sentences: What to say, one after the other.
        seed: Settles head motion, light, blinks and small differences between the sounds.
        progress: Told the share done.
        style: Who speaks.
        voice: How it sounds; espeak-ng's American English if None.
        articulation: How clearly; clear speech if None.
        filming: The camera; 448 by 448 at 25 frames per second if None.
    """
    filming = filming or Filming()
    speech = join([speak(sentence, voice) for sentence in sentences])
    head = build_head(style)
    truth = _perform(head, speech, articulation, filming, np.random.default_rng(seed))
    sound = _padded(speech.waveform, len(truth.seconds) / filming.fps)
    with replacing(path) as partial:
        _write_video(partial, _pictures(head, truth, filming), len(truth.seconds), sound, filming, progress)
    write_truth(truth_path(path), truth)
    return truth


def truth_path(video: Path) -> Path:
    """Return where the truth of a video of the virtual speaker lies."""
    return video.with_suffix(".truth.npz")


def write_truth(path: Path, truth: VirtualSpeakerTruth) -> None:
    """Write what `read_truth` reads."""
    arrays = {f.name: getattr(truth, f.name) for f in fields(truth) if f.name not in ("phonemes", "fps")}
    with replacing(path) as partial:
        np.savez_compressed(
            partial,
            version=np.array(_TRUTH_VERSION),
            fps=np.array(truth.fps),
            phoneme_symbols=np.array([p.symbol for p in truth.phonemes], np.str_),
            phoneme_seconds=np.array([(p.start_seconds, p.end_seconds) for p in truth.phonemes]),
            **arrays,
        )


def read_truth(path: Path) -> VirtualSpeakerTruth:
    """Read the truth of a video of the virtual speaker.

    Raises:
        FormatError: If there is no such file, or it is of another kind or newer than this code.
    """
    if not path.is_file():
        raise FormatError(f"There is no truth file at {path}; film the virtual speaker first.")
    with np.load(path, allow_pickle=False) as stored:
        arrays: dict[str, Any] = {name: stored[name] for name in stored.files}
    if int(arrays.pop("version", 0)) != _TRUTH_VERSION:
        raise FormatError(f"{path} is not a truth file of this version; film the virtual speaker again.")
    symbols, times = arrays.pop("phoneme_symbols"), arrays.pop("phoneme_seconds")
    phonemes = (Phoneme(str(s), float(a), float(b)) for s, (a, b) in zip(symbols, times, strict=True))
    return VirtualSpeakerTruth(fps=float(arrays.pop("fps")), phonemes=tuple(phonemes), **arrays)


# ---- The performance

_YAW_PERIODS = (5.3, 8.7, 3.1)  # s
_OTHER_PERIODS = (4.1, 7.3, 2.7)
_LIGHT_PERIODS = (11.0, 6.7)
_BLINK_EVERY_SECONDS = (1.8, 4.5)
_BLINK_CLOSES_SECONDS, _BLINK_OPENS_SECONDS = 0.08, 0.16
_GAZE_REACH_DEGREES = 30.0  # of an `eyeLook` weight of 1
_LAMP_HOME_DEGREES = (-25.0, 32.0)  # to the side and up
_WARM, _COOL = np.array([1.0, 0.93, 0.84]), np.array([0.94, 0.97, 1.0])
_ROOM = np.array([0.33, 0.345, 0.37])
_PIVOT = np.array([0.0, -0.95, -0.8], np.float32)  # face units: where the head turns on the neck
_FRAMING = (0.3, 0.43)  # px per face unit over the picture's height; height of the eyes in the picture


def _perform(
    head: Head,
    speech: Speech,
    articulation: Articulation | None,
    filming: Filming,
    rng: np.random.Generator,
) -> VirtualSpeakerTruth:
    """Decide all that is seen, before the first picture is drawn."""
    seconds = (np.arange(int(np.ceil(speech.waveform.duration * filming.fps))) + 0.5) / filming.fps
    angles = np.stack(
        [
            filming.yaw_degrees * _wander(seconds, _YAW_PERIODS, rng),
            filming.pitch_degrees * _wander(seconds, _OTHER_PERIODS, rng),
            filming.roll_degrees * _wander(seconds, _OTHER_PERIODS, rng),
        ],
        axis=1,
    )
    weights = articulate(speech.phonemes, seconds, articulation, rng).astype(np.float64)
    _add_eyes_and_brows(weights, seconds, angles, rng)
    rotation = _rotations(angles)
    translation, scale = _placement(rotation, seconds, filming, rng)
    direction, intensity, colour = _lamp(seconds, filming, rng)
    weights = np.clip(weights, 0, 1)
    return VirtualSpeakerTruth(
        vertices=head.basis.apply(weights),
        weights=weights.astype(np.float32),
        rotation=rotation.astype(np.float32),
        translation=translation.astype(np.float32),
        scale=scale.astype(np.float32),
        light_direction=direction.astype(np.float32),
        light_intensity=intensity.astype(np.float32),
        light_colour=colour.astype(np.float32),
        seconds=seconds,
        fps=filming.fps,
        phonemes=speech.phonemes,
    )


def _wander(seconds: FloatArray, periods: tuple[float, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a slow smooth motion between -1 and 1, `(T,)`."""
    waves = [np.sin(2 * np.pi * seconds / p + rng.uniform(0, 2 * np.pi)) / (i + 1) for i, p in enumerate(periods)]
    total = np.sum(waves, axis=0)
    return np.asarray(total / sum(1 / (i + 1) for i in range(len(periods))) * 1.15, np.float64).clip(-1, 1)


def _add_eyes_and_brows(
    weights: NDArray[np.float64], seconds: FloatArray, angles: FloatArray, rng: np.random.Generator
) -> None:
    """Let the eyes blink and keep to the camera, the brows live, and a little smile come and go."""
    blink = _blinks(seconds, rng)
    for side in ("Left", "Right"):
        weights[:, arkit_index(f"eyeBlink{side}")] += blink
        weights[:, arkit_index(f"mouthSmile{side}")] += 0.1 * (1 + _wander(seconds, _LIGHT_PERIODS, rng))
        weights[:, arkit_index(f"browOuterUp{side}")] += 0.1 * (1 + _wander(seconds, _YAW_PERIODS, rng))
    weights[:, arkit_index("browInnerUp")] += 0.16 * (1 + _wander(seconds, _OTHER_PERIODS, rng))
    to_left = np.clip(-angles[:, 0] / _GAZE_REACH_DEGREES, -1, 1)  # the head turns, the gaze stays
    up = np.clip(-angles[:, 1] / _GAZE_REACH_DEGREES, -1, 1)
    for side, outwards in (("Left", to_left), ("Right", -to_left)):
        for name, share in (("Out", outwards), ("In", -outwards), ("Up", up), ("Down", -up)):
            weights[:, arkit_index(f"eyeLook{name}{side}")] += np.maximum(share, 0)


def _blinks(seconds: FloatArray, rng: np.random.Generator) -> NDArray[np.float64]:
    closed = np.zeros(len(seconds))
    moment = rng.uniform(*_BLINK_EVERY_SECONDS) / 2
    while moment < seconds[-1]:
        before = np.clip(1 - (moment - seconds) / _BLINK_CLOSES_SECONDS, 0, 1)
        after = np.clip(1 - (seconds - moment) / _BLINK_OPENS_SECONDS, 0, 1)
        closed = np.maximum(closed, np.where(seconds < moment, before, after))
        moment += rng.uniform(*_BLINK_EVERY_SECONDS)
    return closed * closed * (3 - 2 * closed)


def _rotations(angles: FloatArray) -> NDArray[np.float64]:
    """Return the `(T, 3, 3)` rotations for yaw to the left, pitch up and roll, `(T, 3)` degrees."""
    yaw, pitch, roll = np.radians(angles).T
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)

    def matrices(*rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack(rows, axis=1).reshape(-1, 3, 3)

    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (np.cos, np.sin))
    about_y = matrices(cy, zero, sy, zero, one, zero, -sy, zero, cy)
    about_x = matrices(one, zero, zero, zero, cp, sp, zero, -sp, cp)
    about_z = matrices(cr, -sr, zero, sr, cr, zero, zero, zero, one)
    return about_z @ about_y @ about_x


def _placement(
    rotation: FloatArray, seconds: FloatArray, filming: Filming, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where the middle between the eyes lies, `(T, 2)` px, and px per face unit, `(T,)`."""
    scale = filming.height * _FRAMING[0] * (1 + 0.02 * _wander(seconds, _LIGHT_PERIODS, rng))
    sway = np.stack([_wander(seconds, _OTHER_PERIODS, rng) for _ in range(2)], axis=1) * (1.0, 0.4)
    from_pivot = (_PIVOT - rotation @ _PIVOT)[:, :2] + filming.sway * sway
    home = np.array([filming.width / 2, filming.height * _FRAMING[1]])
    return home + scale[:, None] * from_pivot * (1, -1), scale


def _lamp(
    seconds: FloatArray, filming: Filming, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the direction, `(T, 3)`, intensity, `(T,)`, and colour, `(T, 3)`, of the light."""
    swing = filming.light_swing_degrees
    aside = np.radians(_LAMP_HOME_DEGREES[0] + swing * _wander(seconds, _LIGHT_PERIODS, rng))
    above = np.radians(_LAMP_HOME_DEGREES[1] + 0.4 * swing * _wander(seconds, _LIGHT_PERIODS, rng))
    direction = np.stack([np.sin(aside) * np.cos(above), np.sin(above), np.cos(aside) * np.cos(above)], axis=1)
    intensity = 0.85 * (1 + filming.light_flicker * _wander(seconds, _LIGHT_PERIODS, rng))
    warmth = 0.5 + 0.5 * _wander(seconds, _LIGHT_PERIODS, rng)[:, None]
    return direction, intensity, warmth * _WARM + (1 - warmth) * _COOL


# ---- The pictures


@dataclass(frozen=True)
class _Figure:
    """All parts of a head as one surface: `deltas` is `(52, M * 3)` of the `moving` points."""

    vertices: NDArray[np.float32]
    triangles: NDArray[np.int32]
    moving: NDArray[np.int64]
    deltas: NDArray[np.float32]
    turns: NDArray[np.float32]
    material: Material

    @classmethod
    def of(cls, head: Head) -> _Figure:
        parts = head.parts
        firsts = np.cumsum([0] + [len(part.vertices) for part in parts])
        deltas = np.concatenate([part.deltas for part in parts], axis=1)
        moving = np.flatnonzero(np.abs(deltas).max(axis=(0, 2)) > 1e-6)

        def per_point(values: list[float]) -> NDArray[np.float32]:
            return np.repeat(np.array(values, np.float32), np.diff(firsts))

        material = Material(
            to_linear(np.clip(np.concatenate([part.colours for part in parts]), 0, 1)),
            per_point([part.finish.gloss for part in parts]),
            per_point([part.finish.sharpness for part in parts]),
            per_point([part.finish.translucence for part in parts]),
            np.concatenate([part.openness for part in parts]),
        )
        return cls(
            np.concatenate([part.vertices for part in parts]),
            np.concatenate([part.triangles + first for part, first in zip(parts, firsts, strict=False)]).astype(
                np.int32
            ),
            moving,
            np.ascontiguousarray(deltas[:, moving].reshape(len(ARKIT_NAMES), -1)),
            np.concatenate([part.turns for part in parts]),
            material,
        )

    def posed(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the `(V, 3)` vertices, face units, for `(52,)` weights."""
        points = self.vertices.copy()
        points[self.moving] += (weights @ self.deltas).reshape(-1, 3)
        return points


def _pictures(head: Head, truth: VirtualSpeakerTruth, filming: Filming) -> Iterator[NDArray[np.uint8]]:
    figure = _Figure.of(head)
    background = _backdrop(filming)
    for frame, weights in enumerate(truth.weights):
        points = figure.posed(weights)
        turned = points @ truth.rotation[frame].T
        upright = points + (truth.rotation[frame] @ _PIVOT - _PIVOT)  # the shoulders, under the same neck
        placed = upright + figure.turns[:, None] * (turned - upright)
        placed *= truth.scale[frame] * _TO_PICTURE
        placed[:, :2] += truth.translation[frame]
        light = Light(
            truth.light_direction[frame],
            float(truth.light_intensity[frame]),
            truth.light_colour[frame],
            _ROOM.astype(np.float32),
        )
        yield render(placed, figure.triangles, figure.material, light, background)


def _backdrop(filming: Filming) -> NDArray[np.float32]:
    """Return a wall that is lighter behind the head, `(H, W, 3)` linear RGB."""
    y, x = np.mgrid[0 : filming.height, 0 : filming.width]
    from_middle = np.hypot(x / filming.width - 0.5, 0.8 * (y / filming.height - 0.4))
    glow = np.exp(-((from_middle / 0.55) ** 2))[..., None]
    return np.asarray(np.array([0.13, 0.16, 0.19]) + glow * np.array([0.2, 0.22, 0.23]), np.float32)


# ---- The file


def _padded(waveform: Waveform, seconds: float) -> Waveform:
    """Lengthen a sound with silence."""
    missing = max(round(seconds * waveform.sample_rate) - len(waveform.samples), 0)
    return Waveform(np.pad(waveform.samples, (0, missing)), waveform.sample_rate)


def _write_video(
    path: Path,
    pictures: Iterator[NDArray[np.uint8]],
    count: int,
    sound: Waveform,
    filming: Filming,
    progress: Progress,
) -> None:
    av = import_av()
    with av.open(str(path), "w", format="mp4") as container:
        video = container.add_stream("h264", rate=Fraction(filming.fps).limit_denominator(1001), options=_VIDEO_OPTIONS)
        video.width, video.height, video.pix_fmt = filming.width, filming.height, "yuv420p"
        audio = container.add_stream("aac", rate=sound.sample_rate)
        audio.bit_rate = _SOUND_BITS_PER_SECOND
        audio.layout = "mono"
        for index, picture in enumerate(pictures):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(audio.encode(_sound_of_frame(sound, index, filming.fps)))
            progress((index + 1) / count)
        container.mux(video.encode())
        container.mux(audio.encode())


def _sound_of_frame(sound: Waveform, index: int, fps: float) -> Any:
    """Return the samples that are heard while a picture is shown, with their time."""
    av = import_av()
    first, end = (round((index + step) / fps * sound.sample_rate) for step in (0, 1))
    frame = av.AudioFrame.from_ndarray(sound.samples[None, first:end], format="fltp", layout="mono")
    frame.sample_rate = sound.sample_rate
    frame.pts, frame.time_base = first, Fraction(1, sound.sample_rate)  # without a time AAC starts 1024 samples late
    return frame
