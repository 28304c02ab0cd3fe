"""Mark what the extension made, so that it replaces its own things and never the artist's."""

from typing import Any, Protocol

TAG = "lipsync3d"  # name of the custom property


class Markable(Protocol):
    """A data-block or a strip: whatever holds custom properties."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return a custom property."""

    def __setitem__(self, key: str, value: Any) -> None: ...


def claim(thing: Markable, role: str) -> None:
    """Mark a data-block or strip as made by us, in this role."""
    thing[TAG] = role


def is_ours(thing: Markable | None, role: str) -> bool:
    """Tell whether we made a data-block or strip in this role."""
    return thing is not None and thing.get(TAG) == role
