"""The `.lipsync3d` file: everything that inference needs, and what the model is made of. docs/FORMATS.md."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..archive import ArchiveFormat, read_archive, write_archive
from ..arrays import FloatArray, check_shape
from ..audio.features import FeatureSpec
from ..errors import FormatError, ShapeError
from .encoders import EncoderSpec
from .texture import TextureModel

MODEL_FORMAT = ArchiveFormat(
    "lipsync3d-model", 3, "model", "update LipSync3D, or export the model again with this version"
)
MODEL_SUFFIX = ".lipsync3d"
NOT_STATED = "not stated"  # of consent or licence
_WEIGHT_PREFIX = "encoder/"
_TEXTURE_PREFIX = "texture/"


@dataclass(frozen=True)
class ModelDescription:
    """What a model is and what it was made of; shown in Blender.

    Attributes:
        speaker: Whose face and voice it learned.
        fps: Frames per second of the footage.
        created: Date, ISO 8601.
        training_seconds: Footage that it learned from, s.
        held_out: Errors on footage kept from training, by name.
        consent: What the speaker agreed to.
        licence: On what terms the model may be used.
        notes: Anything else.
    """

    speaker: str
    fps: float
    created: str = ""
    training_seconds: float = 0.0
    held_out: dict[str, float] = field(default_factory=dict)
    consent: str = NOT_STATED
    licence: str = NOT_STATED
    notes: str = ""


@dataclass(frozen=True)
class SpeechModel:
    """A trained speaker: from sound to a code per frame, and from the code to the face.

    `vertices = base + code @ shapes` and `blendshapes = code @ blendshape_weights + blendshape_bias`: both are linear
    (Lahiri et al. 2021, section 3.2), so `code_size` shape keys carry the mesh exactly.

    Attributes:
        description: What the model is.
        features: What it hears.
        encoder: The shape of its encoder.
        encoder_weights: The encoder's arrays by name.
        neutral: `(468, 3)` float32, the speaker at rest, face units.
        base: `(468, 3)` float32, the face at code zero, face units.
        shapes: `(N, 468, 3)` float32, what each number of the code adds, face units.
        blendshape_names: Names of the `B` blendshapes.
        blendshape_weights: `(N, B)` float32.
        blendshape_bias: `(B,)` float32.
        texture: What paints the face; None if the model has only motion.
        crispness: How much further than predicted a code goes from its own mean over time: networks that are unsure
            move too little, and close the lips too late.
        closure_gap: Share of the mouth's width under which a predicted lip gap between two openings is a closure and is
            brought to contact, where the model hears no phones; 0 leaves every gap as it is predicted.
    """

    description: ModelDescription
    features: FeatureSpec
    encoder: EncoderSpec
    encoder_weights: dict[str, NDArray[np.float32]]
    neutral: NDArray[np.float32]
    base: NDArray[np.float32]
    shapes: NDArray[np.float32]
    blendshape_names: tuple[str, ...]
    blendshape_weights: NDArray[np.float32]
    blendshape_bias: NDArray[np.float32]
    texture: TextureModel | None = None
    crispness: float = 0.0
    closure_gap: float = 0.0

    def __post_init__(self) -> None:
        size, count = self.encoder.code_size, len(self.blendshape_names)
        check_shape("SpeechModel.neutral", self.neutral, "468 3")
        check_shape("SpeechModel.base", self.base, "468 3")
        check_shape("SpeechModel.shapes", self.shapes, f"{size} 468 3")
        check_shape("SpeechModel.blendshape_weights", self.blendshape_weights, f"{size} {count}")
        check_shape("SpeechModel.blendshape_bias", self.blendshape_bias, f"{count}")

    def vertices(self, codes: FloatArray) -> NDArray[np.float32]:
        """Decode `(T, N)` codes to meshes, `(T, 468, 3)`, face units."""
        moved = codes @ self.shapes.reshape(len(self.shapes), -1)
        return np.asarray(self.base + moved.reshape(-1, *self.base.shape), np.float32)


def write_model(path: Path, model: SpeechModel) -> None:
    """Write a model to `path`, whole or not at all."""
    header: dict[str, Any] = {
        "description": asdict(model.description),
        "features": model.features.to_header(),
        "encoder": model.encoder.to_header(),
        "blendshapes": list(model.blendshape_names),
        "crispness": model.crispness,
        "closure_gap": model.closure_gap,
    }
    arrays: dict[str, NDArray[Any]] = {
        "neutral": model.neutral,
        "base": model.base,
        "shapes": model.shapes,
        "blendshape_weights": model.blendshape_weights,
        "blendshape_bias": model.blendshape_bias,
    }
    arrays |= {_WEIGHT_PREFIX + name: array for name, array in model.encoder_weights.items()}
    if model.texture is not None:
        header["texture"] = model.texture.to_header()
        arrays |= {_TEXTURE_PREFIX + name: array for name, array in model.texture.to_arrays().items()}
    write_archive(path, MODEL_FORMAT, header, arrays)


def read_model(path: Path) -> SpeechModel:
    """Read what `write_model` wrote.

    Raises:
        FormatError: If the file is no model, is damaged, or is newer than this version.
    """
    header, arrays = read_archive(path, MODEL_FORMAT)
    try:
        return SpeechModel(
            description=ModelDescription(**header["description"]),
            features=FeatureSpec.from_header(header["features"]),
            encoder=EncoderSpec.from_header(header["encoder"]),
            encoder_weights={name: array.astype(np.float32) for name, array in _under(_WEIGHT_PREFIX, arrays).items()},
            neutral=arrays["neutral"],
            base=arrays["base"],
            shapes=arrays["shapes"],
            blendshape_names=tuple(header["blendshapes"]),
            blendshape_weights=arrays["blendshape_weights"],
            blendshape_bias=arrays["blendshape_bias"],
            texture=_read_texture(header, arrays),
            crispness=float(header.get("crispness", 0.0)),
            closure_gap=float(header.get("closure_gap", 0.0)),
        )
    except (KeyError, TypeError, ShapeError) as fault:
        raise FormatError(f"The model file {path} is incomplete ({fault}); export the model again.") from fault


def _read_texture(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> TextureModel | None:
    if "texture" not in header:  # a model of version 1, or one of motion alone
        return None
    return TextureModel.read(header["texture"], _under(_TEXTURE_PREFIX, arrays))


def _under(prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the arrays whose names begin with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
