"""A predicted performance: the code of each frame, and the mesh and blendshapes that follow from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .archive import ArchiveFormat, read_archive, write_archive
from .arrays import check_shape
from .model.model_file import ModelDescription, SpeechModel
from .phones.gestures import Gesture

ANIMATION_FORMAT = ArchiveFormat("lipsync3d-animation", 1, "animation", "update LipSync3D")


@dataclass(frozen=True)
class FaceAnimation:
    """What a face does while a sound plays. Frame `i` shows the time `(i + 0.5) / fps` of the sound.

    Attributes:
        fps: Frames per second.
        codes: `(T, N)` float32.
        base: `(468, 3)` float32, the face at code zero, face units.
        shapes: `(N, 468, 3)` float32, what each number of the code adds, face units.
        blendshape_names: Names of the `B` blendshapes.
        blendshapes: `(T, B)` float32, 0 to 1.
        description: The model that made it.
        gestures: Contacts of lips and tongue and rests, by start; empty if the model hears no phones.
        remark: What became of the text that was given, in one sentence; "" if none was.
    """

    fps: float
    codes: NDArray[np.float32]
    base: NDArray[np.float32]
    shapes: NDArray[np.float32]
    blendshape_names: tuple[str, ...]
    blendshapes: NDArray[np.float32]
    description: ModelDescription
    gestures: tuple[Gesture, ...] = ()
    remark: str = ""

    def __post_init__(self) -> None:
        sizes = check_shape("FaceAnimation.codes", self.codes, "T N")
        check_shape("FaceAnimation.base", self.base, "468 3")
        check_shape("FaceAnimation.shapes", self.shapes, f"{sizes['N']} 468 3")
        check_shape("FaceAnimation.blendshapes", self.blendshapes, f"{sizes['T']} {len(self.blendshape_names)}")

    @property
    def frame_count(self) -> int:
        """Number of frames, `T`."""
        return len(self.codes)

    @property
    def times(self) -> NDArray[np.float64]:
        """`(T,)` the time in the sound that each frame shows, s."""
        return frame_times(self.frame_count, self.fps)

    def vertices(self) -> NDArray[np.float32]:
        """Return the mesh of every frame, `(T, 468, 3)`, face units."""
        moved = self.codes @ self.shapes.reshape(len(self.shapes), -1)
        return self.base + moved.reshape(-1, *self.base.shape)


def frame_times(frame_count: int, fps: float) -> NDArray[np.float64]:
    """Return the time that each frame shows, `(T,)`, s: the middle of the frame."""
    return (np.arange(frame_count) + 0.5) / fps


def animation_from_codes(
    codes: NDArray[np.float32],
    fps: float,
    model: SpeechModel,
    gestures: tuple[Gesture, ...] = (),
    remark: str = "",
) -> FaceAnimation:
    """Decode `(T, N)` codes with a model's two linear decoders."""
    blendshapes = np.clip(codes @ model.blendshape_weights + model.blendshape_bias, 0, 1)
    return FaceAnimation(
        fps, codes, model.base, model.shapes, model.blendshape_names, blendshapes, model.description, gestures, remark
    )


def write_animation(path: Path, animation: FaceAnimation) -> None:
    """Write an animation to `path`, whole or not at all; `numpy.load` reads its arrays."""
    header = {
        "fps": animation.fps,
        "blendshapes": list(animation.blendshape_names),
        "description": asdict(animation.description),
        "gestures": [[g.kind, g.start_seconds, g.end_seconds] for g in animation.gestures],
        "remark": animation.remark,
    }
    arrays: dict[str, NDArray[Any]] = {
        "times": animation.times,
        "codes": animation.codes,
        "base": animation.base,
        "shapes": animation.shapes,
        "blendshapes": animation.blendshapes,
    }
    write_archive(path, ANIMATION_FORMAT, header, arrays)


def read_animation(path: Path) -> FaceAnimation:
    """Read what `write_animation` wrote.

    Raises:
        FormatError: If the file is no animation, is damaged, or is newer than this version.
    """
    header, arrays = read_archive(path, ANIMATION_FORMAT)
    return FaceAnimation(
        fps=header["fps"],
        codes=arrays["codes"],
        base=arrays["base"],
        shapes=arrays["shapes"],
        blendshape_names=tuple(header["blendshapes"]),
        blendshapes=arrays["blendshapes"],
        description=ModelDescription(**header["description"]),
        gestures=tuple(Gesture(*gesture) for gesture in header.get("gestures", ())),
        remark=header.get("remark", ""),
    )
