"""What a texture network's answer is laid on: the reference atlas, and the main sheets where it mixes those."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from lipsync_core.capture.clip import Clip, ReferenceAtlas
from lipsync_core.face.cylinder import ReferenceCylinder
from lipsync_core.texture.layout import AtlasLayout
from lipsync_core.texture.sheet import SheetLayout

from .appearance import Appearance, Filmed, fit_appearance
from .config import ModelConfig
from .sharpness import sharpened


@dataclass(frozen=True)
class TextureGround:
    """What a speaker's texture is made on.

    Attributes:
        reference: The speaker's reference atlas.
        appearance: The main sheets; None for the paper's decoder.
    """

    reference: ReferenceAtlas
    appearance: Appearance | None

    def to_values(self) -> dict[str, Any]:
        """Return plain values and arrays, as a checkpoint keeps them."""
        layout = self.reference.layout
        values: dict[str, Any] = {
            "cylinder": asdict(layout.cylinder),
            "crop": (layout.top, layout.left),
            "light": self.reference.light,
            "picture": torch.from_numpy(self.reference.picture),
        }
        if self.appearance is not None:
            sheet = self.appearance.layout
            kept = {"points": sheet.points, "inside": sheet.inside}
            kept |= {name: getattr(self.appearance, name) for name in _SHOWN}
            values["sheets"] = {name: torch.from_numpy(array) for name, array in kept.items()}
            values["skin_count"] = self.appearance.skin_count
        return values

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> TextureGround:
        """Read what `to_values` gave."""
        layout = AtlasLayout(ReferenceCylinder(**values["cylinder"]), *values["crop"])
        reference = ReferenceAtlas(layout, values["picture"].numpy(), values["light"])
        if "sheets" not in values:
            return cls(reference, None)
        kept = {name: tensor.numpy() for name, tensor in values["sheets"].items()}
        sheet = SheetLayout(kept["points"], kept["inside"])
        shown = {name: kept[name] for name in _SHOWN}  # what was measured is needed to teach alone
        mean, components = shown["shown_mean"], shown["shown_components"]
        return cls(reference, Appearance(sheet, mean, components, values["skin_count"], **shown))


_SHOWN = ("scale", "shown_mean", "shown_components")


def texture_ground(clip: Clip, config: ModelConfig) -> TextureGround | None:
    """Find what a clip's texture is made on; None if the clip has none, or none is wanted."""
    if clip.reference is None or config.texture == "none":
        return None
    if config.texture == "paper":
        return TextureGround(clip.reference, None)
    takes, layout = filmed_takes(clip), clip.reference.layout
    appearance = fit_appearance(takes, layout, config.skin_components, config.inside_components)
    return TextureGround(clip.reference, sharpened(appearance, takes, layout))


def filmed_takes(clip: Clip) -> list[Filmed]:
    """Return the crops and the faces of all takes that have any, without frames where the face was not found."""
    return [(take.crops[take.detected], take.vertices[take.detected]) for take in clip.takes if take.crops is not None]
