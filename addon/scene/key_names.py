"""Tell which shape keys of a character mean which blendshapes of a model. Pure text: no Blender here."""

import re
from collections.abc import Sequence

_SIDES = {"l": "left", "r": "right"}
_SIDE_LETTER = re.compile(r"(?:[_.\- ]|(?<=[a-z]))([LR])$|[_.\- ]([lr])$")


def match_names(key_names: Sequence[str], blendshape_names: Sequence[str]) -> dict[str, str]:
    """Find the shape keys that a model's blendshapes move.

    Case, separators and the way of writing the side do not matter: `MouthSmile_L`, `mouthSmile.L` and
    `mouth_smile_left` all mean `mouthSmileLeft`. Where a key bears the exact name, no other is taken for it.

    Args:
        key_names: Names of the shape keys of one mesh.
        blendshape_names: What the model moves.

    Returns:
        Blendshape name by key name.
    """
    exact = set(key_names) & set(blendshape_names)
    loose = {_plain(name): name for name in blendshape_names if name not in exact}
    matches = {name: name if name in exact else loose.get(_plain(name), "") for name in key_names}
    return {key_name: blendshape for key_name, blendshape in matches.items() if blendshape}


def _plain(name: str) -> str:
    """Return a name without case and separators, its side written out."""
    side = _SIDE_LETTER.search(name)
    if side:
        name = name[: side.start()] + _SIDES[(side[1] or side[2]).lower()]
    return re.sub(r"[_.\- ]", "", name).lower()
