"""Everything about a training run that can be set, as frozen dataclasses, a TOML file, and `--set key=value`."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from lipsync_core.errors import ConfigError
from lipsync_core.model.encoders import EncoderKind


@dataclass(frozen=True)
class ModelConfig:
    """The network."""

    encoder: EncoderKind = "track"
    """`track`: dilated convolutions over log-mel bands. `paper`: the twelve layers of Lahiri et al. 2021."""

    geometry: Literal["direct", "paper", "posed"] = "direct"
    """`direct`: one linear layer from the code to the mesh. `paper`: 150 linear units between, with dropout. `posed`:
    blendshapes pose the mesh, for footage without a mesh of its own."""

    code_size: int = 32
    """Numbers per frame that all decoders read (the paper's N_s)."""

    width: int = 160
    """Channels of the `track` encoder."""

    dropout: float = 0.1
    """Share of the channels dropped in the `track` encoder's blocks."""

    code_stride: int = 2
    """Feature columns (10 ms) per code step of the `track` encoder."""

    fast_dilations: tuple[int, ...] = (1,)
    """Residual blocks of the `track` encoder before the stride, by dilation."""

    slow_dilations: tuple[int, ...] = (1, 2, 4, 8)
    """Residual blocks of the `track` encoder after the stride, by dilation."""

    phones: bool = False
    """Whether the `track` encoder also says which phone class is heard; its footage must know."""
    geometry_units: int = 150
    """Hidden units of the `paper` geometry decoder."""

    geometry_dropout: float = 0.5
    """Share of those units dropped; the paper states none."""

    channel_seconds: float = 1.0
    """Loud speech, s, after which the `track` encoder trusts a recording's own colour, which is taken out, as much as
    that of speech at large; 0 leaves the colour in."""

    texture: Literal["sheet", "paper", "none"] = "sheet"
    """`sheet`: mixes the main sheets of the speaker. `paper`: draws the lip crop as Lahiri et al. 2021, table
    4, do. `none`: motion only."""

    memory_size: int = 0
    """Numbers that the texture decoder hears of the frame before (the paper's N_a is 2); 0: no autoregression, which
    changed nothing that was measured of the `sheet` decoder."""

    texture_units: int = 128
    """Hidden units of the `sheet` texture decoder."""

    skin_components: int = 32
    """Main sheets of the skin."""

    inside_components: int = 24
    """Main sheets of the inside of the mouth."""


@dataclass(frozen=True)
class LossConfig:
    """What counts as wrong, and how much."""

    vertex_norm: Literal["squared", "euclidean"] = "squared"
    """`squared`: per vertex, lips emphasised. `euclidean`: the paper's norm of the whole 1404-vector."""

    vertex: float = 1.0
    """Weight of the vertex error (the paper's alpha_1 is 3.0)."""

    motion: float = 3.0
    """Weight of the same error taken on the motion from frame to frame; `squared` only."""

    closure: float = 1.5
    """Weight of the error of the lip gap where the lips are close together, of the mesh and again of the face that the
    blendshapes pose; `squared` only."""

    opening: float = 0.5
    """Weight of the squared error of the lip gap, however far open, of both as well; `squared` only."""

    phone: float = 3.0
    """Weight of the cross-entropy of the phone classes, where the network has them and the footage knows them."""
    blendshape: float = 20.0
    """Weight of the mean absolute error of the blendshapes."""

    texture: float = 0.3
    """Weight of the texture's error: of the squared error of its pixels in percent (`sheet`), or of one less their
    structural similarity (`paper`)."""

    texture_motion: float = 0.3
    """Weight of the same error taken on its change from frame to frame; `sheet` only."""

    rest: float = 0.1
    """Weight of a vertex that is not part of the lips, against 1 for one that is."""


@dataclass(frozen=True)
class DataConfig:
    """What is shown."""

    held_out: float = 0.1
    """Share of the footage, its end, that is kept from training to measure the error on."""

    crop_seconds: float = 3.0
    """Length of one piece of footage in a batch, s."""

    batch_size: int = 4
    """Pieces in a batch."""

    band_noise: float = 0.2
    """Deviation of the noise added to standardised log-mel features."""

    level: float = 0.3
    """Deviation of a random level and a random spectral slope of each piece, in standardised log-mel."""

    tempo: float = 0.08
    """Logarithm of the largest factor by which a piece is spoken faster or slower."""

    voice: float = 0.03
    """Largest share by which the bands of a piece are drawn apart or together, as another throat would."""

    masked_columns: int = 8
    """Longest stretch of columns blanked in each piece."""

    masked_bands: int = 0
    """Widest stretch of bands blanked in each piece."""
    forgetting: float = 0.2
    """Share of the frames whose texture is predicted without the frame before."""

    pictures: int = 128
    """Frames of a batch that the `paper` texture decoder draws."""


@dataclass(frozen=True)
class OptimizerConfig:
    """How the weights move."""

    passes: float = 120.0
    """How often the footage is shown in all."""

    least_steps: int = 400
    """Batches shown at least, however short the footage is."""

    most_steps: int = 3000
    """Batches shown at most, however long the footage is."""

    learning_rate: float = 1.2e-3
    """AdamW's largest step, reached after a fifth of the steps (one cycle)."""

    weight_decay: float = 0.01
    """AdamW's."""

    largest_gradient: float = 1.0
    """Norm that longer gradients are cut to."""

    averaging: float = 0.995
    """Share of the running average of the weights that stays at each step; the average is what is exported."""

    seed: int = 0
    """Of everything random."""

    precision: Literal["full", "bf16"] = "full"
    """`full`: 32 bits, on a GPU with products of 19 (TF32). `bf16`: the encoder and the texture's networks compute with
    bfloat16; weights, linear decoders and losses stay in full. For the `paper` networks on a GPU."""


@dataclass(frozen=True)
class TrainingConfig:
    """A whole run."""

    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)


def read_config(path: Path | None, settings: Sequence[str] = ()) -> TrainingConfig:
    """Read a TOML file over the defaults, then single settings over both.

    Args:
        path: The file; only defaults if None.
        settings: `section.key=value`, the value as in TOML.

    Raises:
        ConfigError: If the file cannot be read, or a key or value is not one.
    """
    config = TrainingConfig()
    if path is not None:
        config = _merge(config, _parse(path), "")
    for setting in settings:
        config = _merge(config, _parse_setting(setting), "")
    return config


def write_config(path: Path, config: TrainingConfig) -> None:
    """Write every setting, so that `read_config` gives the same run again."""
    lines = []
    for section, values in asdict(config).items():
        lines += ["", f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    path.write_text("\n".join(lines[1:]) + "\n", encoding="utf-8")


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as fault:
        raise ConfigError(f"The configuration {path} cannot be read ({fault}); mend it.") from fault


def _parse_setting(setting: str) -> dict[str, Any]:
    name, equals, value = setting.partition("=")
    section, dot, key = name.strip().partition(".")
    if not (equals and dot):
        raise ConfigError(f"--set {setting} is not of the form section.key=value.")
    try:
        return {section: {key: tomllib.loads(f"value = {value}")["value"]}}
    except tomllib.TOMLDecodeError:
        return {section: {key: value.strip()}}  # a bare word is a string


def _merge(config: Any, values: Mapping[str, Any], where: str) -> Any:
    """Return `config` with `values` in place of what they name, each of the type that it replaces."""
    known = [item.name for item in fields(config)]
    changes = {}
    for key, value in values.items():
        if key not in known:
            close = difflib.get_close_matches(key, known, 1) or known[:1]
            raise ConfigError(f"There is no setting {where}{key}; did you mean {where}{close[0]}?")
        present = getattr(config, key)
        if is_dataclass(present) and isinstance(value, Mapping):
            changes[key] = _merge(present, value, f"{where}{key}.")
        else:
            changes[key] = _as_type_of(present, value, where + key)
            _check_choice(get_type_hints(type(config))[key], value, where + key)
    return replace(config, **changes)


def _as_type_of(present: Any, value: Any, name: str) -> Any:
    if isinstance(present, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(present, tuple) and isinstance(value, list):
        return tuple(value)
    if type(value) is not type(present):
        raise ConfigError(f"{name} must be a {type(present).__name__}, not {value!r}.")
    return value


def _check_choice(kind: Any, value: Any, name: str) -> None:
    """Refuse a value that is none of those that a `Literal` names."""
    if get_origin(kind) is Literal and value not in get_args(kind):
        raise ConfigError(f"{name} must be one of {', '.join(get_args(kind))}, not {value!r}.")
