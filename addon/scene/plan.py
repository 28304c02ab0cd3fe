"""What an artist wants of a character, in plain values: the table, the sliders, where the keyframes go."""

from dataclasses import dataclass, field

from ...lipsync_core.character.life import LifeConfig
from ...lipsync_core.character.mapping import MappingRow
from ...lipsync_core.character.shaping import Shaping


@dataclass(frozen=True)
class ActionChoice:
    """Where keyframes go.

    Attributes:
        name: Name of the new Action; "" for one named after the sound.
        existing: Name of an Action of the file to write into; "" for a new one.
        slot: Name of the slot in it, as Blender shows it; "" for the one called as the data-block, or a new one.
        to_nla: Whether the Action ends in an NLA strip rather than as the active one.
    """

    name: str = ""
    existing: str = ""
    slot: str = ""
    to_nla: bool = False


@dataclass(frozen=True)
class Bones:
    """Bones that move with speech.

    Attributes:
        jaw: Pose bone that opens the mouth; "" for none.
        jaw_degrees: How far a fully open jaw turns it.
        head: Pose bone that turns the head; "" for none.
    """

    jaw: str = ""
    jaw_degrees: float = 20.0
    head: str = ""


@dataclass(frozen=True)
class CharacterPlan:
    """Everything that decides what a prediction does to a character.

    Attributes:
        mapping: The table; None to map by name.
        bones: What moves besides shape keys; None to look for a jaw bone where no shape key opens the mouth.
        shaping: The sliders.
        largest_error: How far reduced keyframes may be from the prediction; 0 for a key on every frame.
        life: Signs of life.
        action: Where the keyframes go.
    """

    mapping: tuple[MappingRow, ...] | None = None
    bones: Bones | None = None
    shaping: Shaping = field(default_factory=Shaping)
    largest_error: float = 0.01
    life: LifeConfig = field(default_factory=LifeConfig)
    action: ActionChoice = field(default_factory=ActionChoice)
