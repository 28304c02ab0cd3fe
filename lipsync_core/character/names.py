"""What the name of a shape key or of a bone means, in the conventions that characters come with.

Case, separators and the way of writing the side never matter: `MouthSmile_L`, `mouthSmile.L` and `mouth_smile_left`
all mean ARKit's `mouthSmileLeft`. Beside ARKit: Character Creator, VRM and VRoid, Daz, Oculus and Meta visemes, VRChat.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ..face.arkit import ARKIT_NAMES, mirrored_name

Meaning = Mapping[str, float]
"""The share of each source shape, by its ARKit or viseme name, that a key shows at full weight."""

_SIDES = {"l": "left", "r": "right"}
_SIDE_LETTER = re.compile(r"(?:[_.\- ]|(?<=[a-z]))([LR])$|[_.\- ]([lr])$")
_SEPARATORS = re.compile(r"[_.\-: |]")
_PREFIX = re.compile(
    r"^(?:facs_(?:jnt|bs|ctrl)_|ectrl|phm|pjcm|fcl_(?:mth|eye|brw|all)_|vrc\.|vrc_|ctrl_|expressions?_|arkit_)",
    re.IGNORECASE,
)

# Names of Character Creator, VRoid and others that no rule of spelling leads to.
_LEFT_AND_MIDLINE_SYNONYMS: dict[str, str] = {
    "mouthdownlowerleft": "mouthLowerDownLeft",
    "mouthupupperleft": "mouthUpperUpLeft",
    "mouthrollinlower": "mouthRollLower",
    "mouthrollinupper": "mouthRollUpper",
    "mouthdown": "mouthShrugLower",
    "jawleftward": "jawLeft",
    "jawdown": "jawOpen",
    "mouthopen": "jawOpen",
    "openmouth": "jawOpen",
    "lipsclose": "mouthClose",
    "eyeclosedleft": "eyeBlinkLeft",
    "eyecloseleft": "eyeBlinkLeft",
    "eyesclosedleft": "eyeBlinkLeft",
    "blinkleft": "eyeBlinkLeft",
    "winkleft": "eyeBlinkLeft",
    "eyellookleft": "eyeLookOutLeft",
    "eyellookright": "eyeLookInLeft",
    "eyellookup": "eyeLookUpLeft",
    "eyellookdown": "eyeLookDownLeft",
    "browdropleft": "browDownLeft",
    "browraiseouterleft": "browOuterUpLeft",
    "cheekraiseleft": "cheekSquintLeft",
    "nosewrinkleleft": "noseSneerLeft",
    "nosesneerleft": "noseSneerLeft",
    "tongueout": "tongueOut",
}
_UNSIDED_SYNONYMS: dict[str, tuple[str, ...]] = {
    "blink": ("eyeBlinkLeft", "eyeBlinkRight"),
    "eyesclosed": ("eyeBlinkLeft", "eyeBlinkRight"),
    "eyeclose": ("eyeBlinkLeft", "eyeBlinkRight"),
    "close": ("eyeBlinkLeft", "eyeBlinkRight"),
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
    "cheekpuffleft": ("cheekPuff",),
    "cheekpuffright": ("cheekPuff",),
    "browraiseinnerleft": ("browInnerUp",),
    "browraiseinnerright": ("browInnerUp",),
}

VISEME_SPELLINGS: dict[str, tuple[str, ...]] = {
    "viseme_sil": ("sil", "vsil", "visemesil"),
    "viseme_PP": ("pp", "vpp", "visemepp", "vexplosive", "bmp", "mbp", "vm"),
    "viseme_FF": ("ff", "vff", "visemeff", "vdentallip", "fv", "vf"),
    "viseme_TH": ("th", "vth", "visemeth"),
    "viseme_DD": ("dd", "vdd", "visemedd", "vt"),
    "viseme_kk": ("kk", "vkk", "visemekk", "vk"),
    "viseme_CH": ("ch", "vch", "visemech", "vaffricate", "vsh"),
    "viseme_SS": ("ss", "vss", "visemess", "vs"),
    "viseme_nn": ("nn", "vnn", "visemenn", "vl"),
    "viseme_RR": ("rr", "vrr", "visemerr", "ver"),
    "viseme_aa": ("aa", "vaa", "visemeaa", "a", "va", "vopen"),
    "viseme_E": ("e", "ve", "visemee", "ee", "vee", "veh"),
    "viseme_I": ("i", "vi", "visemei", "ih", "vih", "viy", "vwide"),
    "viseme_O": ("o", "vo", "visemeo", "oh", "voh", "vow", "vtighto"),
    "viseme_U": ("u", "vu", "visemeu", "ou", "vou", "vuw", "vtight"),
}
_BARE = 3  # letters: names as short as these mean visemes only beside others of their kind
_ENOUGH_BARE = 4

_JAW_BONES = ("jaw", "jawmaster", "jawbone", "lowerjaw", "mandible", "ccbasejawroot", "mjaw", "cjawbonex", "jawroot")
_HEAD_BONES = (
    "head",
    "ccbasehead",
    "mixamorighead",
    "jbipchead",
    "bip001head",
    "defspine006",
    "headx",
    "cheadx",
    "chead",
)
_BONE_ROLE = re.compile(r"^(?:DEF|ORG|MCH|CTRL)[-_]", re.IGNORECASE)


def meanings_of(key_names: Sequence[str]) -> dict[str, Meaning]:
    """Tell what each shape key of one character shows, as far as its name says.

    A key that shows both sides of a shape means half of each. Where a key bears the exact name of a shape, no other
    key is taken for it.

    Args:
        key_names: Names of the shape keys of all meshes of a character.

    Returns:
        The meaning by key name; names that say nothing are left out.
    """
    exact = set(key_names) & {*ARKIT_NAMES, *VISEME_SPELLINGS}
    bare = {_plain(name) for name in key_names if len(_plain(name)) < _BARE}
    trusted = len(bare & _VISEMES.keys()) >= _ENOUGH_BARE
    found = {name: {name: 1.0} if name in exact else _meaning(name, trusted) for name in key_names}
    return {
        name: meaning for name, meaning in found.items() if meaning and (name in exact or not exact & meaning.keys())
    }


def find_jaw_bone(bone_names: Iterable[str]) -> str:
    """Return the bone of an armature that moves its lower jaw, by name; "" if none is called so."""
    return _first_named(bone_names, _JAW_BONES)


def find_head_bone(bone_names: Iterable[str]) -> str:
    """Return the bone of an armature that turns its head, by name; "" if none is called so."""
    return _first_named(bone_names, _HEAD_BONES)


def _meaning(name: str, trusts_bare: bool) -> Meaning:
    """Look a name up as it stands, and without what stands before it."""
    plain = _plain(name)
    if plain in _SHAPES:
        return _SHAPES[plain]
    is_bare = len(plain) < _BARE and not name.lower().startswith("v")
    if plain in _VISEMES and (trusts_bare or not is_bare):
        return _VISEMES[plain]
    shorter = _PREFIX.sub("", re.split(r"[.:|]", name, maxsplit=1)[-1] if _has_owner(name) else name)
    return _meaning(shorter, trusts_bare or bool(_PREFIX.match(name))) if shorter not in ("", name) else {}


def _has_owner(name: str) -> bool:
    """Tell whether a mesh's name stands before the shape's, as in `Head.jawOpen`; `mouthSmile.L` has a side."""
    owner, separator, shape = name.partition(".") if "." in name else name.partition(":")
    return bool(separator) and len(shape) > len("L") and bool(owner)


def _plain(name: str) -> str:
    """Return a name without case and separators, its side written out."""
    side = _SIDE_LETTER.search(name)
    if side:
        name = name[: side.start()] + _SIDES[(side[1] or side[2]).lower()]
    return _SEPARATORS.sub("", name).lower()


def _first_named(bone_names: Iterable[str], wanted: Sequence[str]) -> str:
    plain = {_SEPARATORS.sub("", _BONE_ROLE.sub("", name)).lower(): name for name in reversed(list(bone_names))}
    return next((plain[name] for name in wanted if name in plain), "")


def _shape_meanings() -> dict[str, Meaning]:
    """List the plain spelling of every shape that is not a viseme."""
    meanings: dict[str, Meaning] = {}
    for name in ARKIT_NAMES:
        mirrored = mirrored_name(name)
        if mirrored != name and not name.startswith(("jaw", "eyeLook")) and name not in ("mouthLeft", "mouthRight"):
            meanings[_plain(name.removesuffix("Left").removesuffix("Right"))] = {name: 0.5, mirrored: 0.5}
    for spelling, name in _LEFT_AND_MIDLINE_SYNONYMS.items():
        meanings[spelling] = {name: 1.0}
        if mirrored_name(name) != name:
            meanings[_mirrored_spelling(spelling)] = {mirrored_name(name): 1.0}
    for spelling, names in _UNSIDED_SYNONYMS.items():
        meanings[spelling] = {name: 1 / len(names) for name in names}
    return meanings | {_plain(name): {name: 1.0} for name in ARKIT_NAMES}


def _mirrored_spelling(spelling: str) -> str:
    swapped = {"left": "right", "right": "left", "eyel": "eyer"}
    return re.sub("left|right|eyel(?=look)", lambda side: swapped[side[0]], spelling)


_SHAPES = _shape_meanings()
_VISEMES: dict[str, Meaning] = {
    spelling: {viseme: 1.0} for viseme, spellings in VISEME_SPELLINGS.items() for spelling in spellings
}
