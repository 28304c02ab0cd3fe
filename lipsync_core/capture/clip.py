"""The clip file: one speaker's normalised performances with their sound, which is all that training reads.

docs/FORMATS.md is the specification.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..archive import ArchiveFormat, read_archive, write_archive
from ..arrays import BoolArray, check_shape
from ..audio.waveform import Waveform
from ..errors import ConfigError, FormatError, ShapeError
from ..face.cylinder import ReferenceCylinder
from ..texture.crop_codec import decode_crops, encode_crops
from ..texture.layout import ATLAS_SIZE, CROP_SIZE, AtlasLayout
from .alignment import HeadMotion

CLIP_FORMAT = ArchiveFormat("lipsync3d-clip", 2, "clip", "update LipSync3D, or prepare the video again")
_PCM_SCALE = 32767.0
_CROP_PREFIX = "crops/"


@dataclass(frozen=True)
class ReferenceAtlas:
    """The texture of a speaker's neutral face, which all other frames are compared with.

    Attributes:
        layout: Where things lie in it.
        picture: `(256, 256, 3)` uint8, sRGB; what lies outside the face goes on like its border.
        light: `normalised`, or `as filmed` if no light was taken out.
    """

    layout: AtlasLayout
    picture: NDArray[np.uint8]
    light: str = "normalised"

    def __post_init__(self) -> None:
        check_shape("ReferenceAtlas.picture", self.picture, f"{ATLAS_SIZE} {ATLAS_SIZE} 3")


@dataclass(frozen=True)
class Take:
    """One continuous performance.

    Attributes:
        name: The video's name.
        seconds: `(T,)` float64, the middle of each frame, s from the first sample of the sound.
        vertices: `(T, 468, 3)` float32, without head motion, face units.
        blendshapes: `(T, B)` float32, 0 to 1, fitted to the vertices.
        detected: `(T,)` bool, False where the face was not found and its neighbours were interpolated.
        head: The motion that was taken out.
        waveform: The sound, 16 kHz.
        crops: `(T, 128, 128, 3)` uint8, the lip crop of each frame's atlas in the light of the speaker's reference,
            sRGB; outside the face it is the reference's. None if the clip has no texture.
    """

    name: str
    seconds: NDArray[np.float64]
    vertices: NDArray[np.float32]
    blendshapes: NDArray[np.float32]
    detected: BoolArray
    head: HeadMotion
    waveform: Waveform
    crops: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        frames = check_shape("Take.vertices", self.vertices, "T 468 3")["T"]
        if self.crops is not None:
            check_shape("Take.crops", self.crops, f"{frames} {CROP_SIZE} {CROP_SIZE} 3")
        check_shape("Take.seconds", self.seconds, f"{frames}")
        check_shape("Take.blendshapes", self.blendshapes, f"{frames} B")
        check_shape("Take.detected", self.detected, f"{frames}")

    def between(self, first: int, last: int | None) -> Take:
        """Return the frames from `first` up to `last` (the end if None), with the whole sound."""
        cut = slice(first, last)
        head = HeadMotion(self.head.scale[cut], self.head.rotation[cut], self.head.translation[cut])
        return replace(
            self,
            seconds=self.seconds[cut],
            vertices=self.vertices[cut],
            blendshapes=self.blendshapes[cut],
            detected=self.detected[cut],
            head=head,
            crops=None if self.crops is None else self.crops[cut],
        )


@dataclass(frozen=True)
class Clip:
    """One speaker's performances in one face space.

    Attributes:
        speaker: Who speaks.
        fps: Frames per second of the footage, the usual one where it varies.
        neutral: `(468, 3)` float32, face units.
        cylinder: Where the points lie in the texture.
        blendshape_names: Names of the `B` blendshapes.
        takes: The performances.
        reference: The texture of the neutral face; None if the clip has no texture.
        consent: What the speaker agreed to.
        licence: On what terms the footage may be used.
    """

    speaker: str
    fps: float
    neutral: NDArray[np.float32]
    cylinder: ReferenceCylinder
    blendshape_names: tuple[str, ...]
    takes: tuple[Take, ...]
    reference: ReferenceAtlas | None = None
    consent: str = "not stated"
    licence: str = "not stated"

    def __post_init__(self) -> None:
        check_shape("Clip.neutral", self.neutral, "468 3")
        if any((take.crops is None) != (self.reference is None) for take in self.takes):
            raise ShapeError("A clip has a reference atlas and lip crops in every take, or neither.")

    @property
    def frame_count(self) -> int:
        """Frames of all takes together."""
        return sum(len(take.seconds) for take in self.takes)

    @property
    def duration(self) -> float:
        """Length of all takes together, s."""
        return self.frame_count / self.fps

    def split_tail(self, share: float) -> tuple[Clip, Clip]:
        """Cut off the last part of the footage: whole takes if there are ten or more, else the end of each.

        Args:
            share: Share of the footage that goes into the second clip, 0 to 1.

        Returns:
            The first part and the last part.
        """
        if len(self.takes) >= 10:
            kept = len(self.takes) - max(1, round(share * len(self.takes)))
            first, last = self.takes[:kept], self.takes[kept:]
        else:
            cuts = [round((1 - share) * len(take.seconds)) for take in self.takes]
            first = tuple(take.between(0, cut) for take, cut in zip(self.takes, cuts, strict=True))
            last = tuple(take.between(cut, None) for take, cut in zip(self.takes, cuts, strict=True))
        return replace(self, takes=first), replace(self, takes=last)


def write_clip(path: Path, clip: Clip) -> None:
    """Write a clip to `path`, whole or not at all. Vertices are kept as half floats about the neutral face."""
    header: dict[str, Any] = {
        "speaker": clip.speaker,
        "fps": clip.fps,
        "cylinder": asdict(clip.cylinder),
        "blendshapes": list(clip.blendshape_names),
        "consent": clip.consent,
        "licence": clip.licence,
        "takes": [take.name for take in clip.takes],
        "sample_rates": [take.waveform.sample_rate for take in clip.takes],
    }
    arrays: dict[str, NDArray[Any]] = {"neutral": clip.neutral}
    if clip.reference is not None:
        layout = clip.reference.layout
        header["atlas"] = {"top": layout.top, "left": layout.left, "light": clip.reference.light}
        arrays["reference"] = clip.reference.picture
    for index, take in enumerate(clip.takes):
        arrays |= {f"takes/{index}/{name}": array for name, array in _take_arrays(take, clip.neutral).items()}
    write_archive(path, CLIP_FORMAT, header, arrays)


def _take_arrays(take: Take, neutral: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    crops = {} if take.crops is None else encode_crops(take.crops)
    return {
        "seconds": take.seconds,
        "offsets": (take.vertices - neutral).astype(np.float16),
        "blendshapes": take.blendshapes.astype(np.float16),
        "detected": take.detected,
        "scale": take.head.scale,
        "rotation": take.head.rotation,
        "translation": take.head.translation,
        "samples": np.round(np.clip(take.waveform.samples, -1, 1) * _PCM_SCALE).astype(np.int16),
        **{_CROP_PREFIX + name: array for name, array in crops.items()},
    }


def read_clip(path: Path) -> Clip:
    """Read what `write_clip` wrote.

    Raises:
        FormatError: If the file is no clip, is damaged, or is newer than this version.
    """
    header, arrays = read_archive(path, CLIP_FORMAT)
    try:
        neutral = arrays["neutral"]
        rates = header["sample_rates"]
        takes = tuple(
            _read_take(name, rates[index], arrays, f"takes/{index}/", neutral)
            for index, name in enumerate(header["takes"])
        )
        return Clip(
            speaker=header["speaker"],
            fps=header["fps"],
            neutral=neutral,
            cylinder=ReferenceCylinder(**header["cylinder"]),
            blendshape_names=tuple(header["blendshapes"]),
            takes=takes,
            reference=_read_reference(header, arrays),
            consent=header["consent"],
            licence=header["licence"],
        )
    except (KeyError, TypeError, ShapeError) as fault:
        raise FormatError(f"The clip file {path} is incomplete ({fault}); prepare the video again.") from fault


def _read_reference(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> ReferenceAtlas | None:
    if "atlas" not in header:  # a clip of version 1, or one without texture
        return None
    atlas = header["atlas"]
    layout = AtlasLayout(ReferenceCylinder(**header["cylinder"]), atlas["top"], atlas["left"])
    return ReferenceAtlas(layout, arrays["reference"], atlas["light"])


def _read_take(
    name: str, rate: int, arrays: dict[str, NDArray[Any]], prefix: str, neutral: NDArray[np.float32]
) -> Take:
    start = prefix + _CROP_PREFIX
    crops = {key.removeprefix(start): array for key, array in arrays.items() if key.startswith(start)}
    return Take(
        name=name,
        seconds=arrays[prefix + "seconds"],
        vertices=neutral + arrays[prefix + "offsets"].astype(np.float32),
        blendshapes=arrays[prefix + "blendshapes"].astype(np.float32),
        detected=arrays[prefix + "detected"],
        head=HeadMotion(*(arrays[prefix + part] for part in ("scale", "rotation", "translation"))),
        waveform=Waveform(arrays[prefix + "samples"].astype(np.float32) / np.float32(_PCM_SCALE), rate),
        crops=decode_crops(crops) if crops else None,
    )


def join_clips(clips: Iterable[Clip]) -> Clip:
    """Put the takes of several clips of one speaker together, each laid on the first one's neutral face.

    A clip's own differences from its neutral face are kept; only what it calls neutral changes.

    Raises:
        ConfigError: If their textures do not lie in the same atlas.
    """
    first, *others = clips
    if any(_atlas_layout(clip) != _atlas_layout(first) for clip in others):
        raise ConfigError("The clips' textures lie in different atlases; prepare the others with --like the first.")
    takes = list(first.takes)
    for clip in others:
        takes += [replace(take, vertices=take.vertices - clip.neutral + first.neutral) for take in clip.takes]
    return replace(first, takes=tuple(takes))


def _atlas_layout(clip: Clip) -> AtlasLayout | None:
    return None if clip.reference is None else clip.reference.layout
