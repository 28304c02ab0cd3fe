"""What a figure is called where people read it: kept in the type of the field that holds it."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Better = Literal["higher", "lower", "nearer to 1", "nearer to 0", ""]


@dataclass(frozen=True)
class Described:
    """How a figure is shown, as `Annotated[..., Described(...)]`.

    Attributes:
        title: What it measures.
        unit: Empty for a share or a ratio.
        digits: Behind the point.
        better: Which figures are the better ones; empty where none is.
    """

    title: str
    unit: str = ""
    digits: int = 2
    better: Better = ""

    @property
    def heading(self) -> str:
        """The title and the unit."""
        return f"{self.title}, {self.unit}" if self.unit else self.title


def descriptions_of(figures: type) -> dict[str, Described]:
    """Return how the fields of a dataclass are shown, by name; each must be described."""
    return {name: hint.__metadata__[0] for name, hint in get_type_hints(figures, include_extras=True).items()}


def known_figures(figures: DataclassInstance) -> dict[str, float]:
    """Return the fields of a dataclass of single figures by name, rounded, without those that are NaN."""
    values = {item.name: float(getattr(figures, item.name)) for item in fields(figures)}
    return {name: round(value, 4) for name, value in values.items() if not math.isnan(value)}
