"""Phonemes to the mouth that says them: ARKit weights over time, each sound coloured by its neighbours.

Every sound pulls the jaw and the lips towards a target. Where sounds overlap, each pulls with its dominance, which
falls off with the distance in time (Cohen and Massaro 1993). Lips that must touch do so whatever the neighbours want.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lipsync_core.arrays import FloatArray
from lipsync_core.face.arkit import ARKIT_NAMES, arkit_index
from lipsync_core.phones.phoneme import SILENCE, Phoneme


@dataclass(frozen=True)
class Articulation:
    """How somebody moves the mouth.

    Attributes:
        strength: 1 is clear speech; less mumbles, more declaims. Lips meet in any case.
        variation: Share by which the strength differs from sound to sound.
    """

    strength: float = 1.0
    variation: float = 0.12


@dataclass(frozen=True)
class _Sound:
    """Where one sound wants the mouth, and how much it insists."""

    weights: Mapping[str, float] = field(default_factory=dict)
    jaw: float = 1.0
    """Dominance over the jaw."""
    lips: float = 1.0
    """Dominance over the lips."""


def _both(name: str, weight: float) -> dict[str, float]:
    return {f"{name}Left": weight, f"{name}Right": weight}


def _vowel(
    opening: float,
    *,
    round_: float = 0.0,
    pucker: float = 0.0,
    narrow: float = 0.0,
    spread: float = 0.0,
    show: float = 0.0,
) -> _Sound:
    """A vowel by the opening of the jaw, the rounding and spreading of the lips, and the teeth that show.

    Rounded lips come near each other though the jaw is open: `narrow` is the share of its opening that they take back.
    """
    weights = {"jawOpen": opening, "mouthFunnel": round_, "mouthPucker": pucker, "mouthClose": narrow * opening}
    weights |= _both("mouthStretch", spread) | _both("mouthSmile", 0.45 * spread)
    weights |= _both("mouthLowerDown", show) | _both("mouthUpperUp", 0.5 * show)
    return _Sound(weights, jaw=1.2, lips=1.3 if round_ or pucker or spread > 0.2 else 0.6)


_TONGUE_TIP = {"jawOpen": 0.14, **_both("mouthLowerDown", 0.22), **_both("mouthUpperUp", 0.1)}
_HISS = {
    "jawOpen": 0.09,
    **_both("mouthLowerDown", 0.35),
    **_both("mouthUpperUp", 0.2),
    **_both("mouthStretch", 0.15),
}
_HUSH = {"jawOpen": 0.06, "mouthFunnel": 0.5, "mouthPucker": 0.25}
_LISP = {"jawOpen": 0.07, "tongueOut": 0.5, **_both("mouthLowerDown", 0.2), **_both("mouthUpperUp", 0.1)}
_ROUND_GLIDE = {"jawOpen": 0.05, "mouthFunnel": 0.08, "mouthPucker": 0.85, "mouthClose": 0.04}
_ROUND_LIQUID = {"jawOpen": 0.12, "mouthFunnel": 0.15, "mouthPucker": 0.35, "mouthClose": 0.06}

_SOUNDS: dict[str, _Sound] = {
    SILENCE: _Sound(jaw=3.0, lips=3.0),
    "ɑ": _vowel(0.52, show=0.15),
    "a": _vowel(0.44, show=0.15),
    "ɐ": _vowel(0.42, show=0.1),
    "ʌ": _vowel(0.4, show=0.1),
    "æ": _vowel(0.46, spread=0.3, show=0.25),
    "ɛ": _vowel(0.34, spread=0.2, show=0.2),
    "e": _vowel(0.26, spread=0.3, show=0.2),
    "ə": _vowel(0.22, show=0.08),
    **dict.fromkeys("ɜɚɝ", _vowel(0.24, round_=0.2, narrow=0.3)),
    **dict.fromkeys("ɪᵻ", _vowel(0.21, spread=0.25, show=0.25)),
    "i": _vowel(0.17, spread=0.55, show=0.3),
    "j": _vowel(0.13, spread=0.4, show=0.2),
    **dict.fromkeys("ɔɒ", _vowel(0.42, round_=0.25, pucker=0.25, narrow=0.6)),
    "o": _vowel(0.28, round_=0.25, pucker=0.45, narrow=0.6),
    "ʊ": _vowel(0.18, round_=0.2, pucker=0.45, narrow=0.6),
    "u": _vowel(0.11, round_=0.15, pucker=0.75, narrow=0.5),
    "ä": _vowel(0.5, show=0.15),
    **dict.fromkeys("øɵ", _vowel(0.24, round_=0.25, pucker=0.4, narrow=0.5)),
    **dict.fromkeys("œɶɞ", _vowel(0.34, round_=0.3, pucker=0.2, narrow=0.4)),
    **dict.fromkeys("yʏʉ", _vowel(0.11, round_=0.15, pucker=0.7, narrow=0.5)),
    **dict.fromkeys("ɯɨ", _vowel(0.14, spread=0.2, show=0.15)),
    "ɤ": _vowel(0.28, spread=0.1, show=0.1),
    **dict.fromkeys("tdnɾʈɖɳɽɗ", _Sound(_TONGUE_TIP, jaw=1.0, lips=0.25)),
    **dict.fromkeys("lɫɭɬ", _Sound({"jawOpen": 0.15, **_both("mouthLowerDown", 0.1)}, jaw=0.7, lips=0.25)),
    **dict.fromkeys("sz", _Sound(_HISS, jaw=2.2, lips=0.6)),
    **dict.fromkeys(("ʃ", "ʒ", "ʂ", "ʐ", "tʃ", "dʒ"), _Sound(_HUSH, jaw=2.2, lips=1.8)),
    **dict.fromkeys("ɕʑ", _Sound(_HISS | {"mouthFunnel": 0.25}, jaw=2.2, lips=1.0)),
    **dict.fromkeys("θð", _Sound(_LISP, jaw=1.5, lips=0.6)),
    **dict.fromkeys("kɡgŋxɣqɢχʁħʕ", _Sound({"jawOpen": 0.16}, jaw=0.5, lips=0.15)),
    **dict.fromkeys("cɟɲʎçʝ", _Sound({"jawOpen": 0.11, **_both("mouthStretch", 0.15)}, jaw=0.8, lips=0.3)),
    **dict.fromkeys("hʔ", _Sound({"jawOpen": 0.25}, jaw=0.15, lips=0.05)),
    **dict.fromkeys("ɹr", _Sound(_ROUND_LIQUID, jaw=0.8, lips=1.0)),
    **dict.fromkeys("wɥ", _Sound(_ROUND_GLIDE, jaw=1.5, lips=2.2)),
    **dict.fromkeys("βɸ", _Sound({"jawOpen": 0.06, "mouthPucker": 0.15}, jaw=1.2, lips=1.5)),  # lips near, not met
    **dict.fromkeys("pbmɓ", _Sound({"jawOpen": 0.07}, jaw=0.7, lips=0.3)),
    **dict.fromkeys("fvʋɱ", _Sound({"jawOpen": 0.07}, jaw=1.2, lips=0.3)),
}
BILABIALS = frozenset("pbmɓ")
LABIODENTALS = frozenset("fvʋɱ")

_JAW_CHANNELS = ("jawOpen", "tongueOut")
_PULL_SECONDS = 0.065  # how far a sound reaches into its neighbours
_PULL_CORE = 0.25  # share of a sound on either side of its middle over which it pulls fully
_CONTACT_RAMP_SECONDS = 0.055  # the lips take this long to meet and to part
_CONTACT_LEAST_SECONDS = 0.06
_OPENING_SHAPES = [
    arkit_index(name) for name in (*_both("mouthLowerDown", 0), *_both("mouthUpperUp", 0), "mouthFunnel")
]
_LIP_TO_TEETH = {
    "mouthRollLower": 0.42,
    **_both("mouthUpperUp", 0.45),
}  # the lower lip under the upper incisors
_LIPS_PRESSED = {"mouthRollLower": 0.12, "mouthRollUpper": 0.12, **_both("mouthPress", 0.35)}


def articulate(
    phonemes: Sequence[Phoneme],
    times: FloatArray,
    articulation: Articulation | None = None,
    rng: np.random.Generator | None = None,
) -> NDArray[np.float32]:
    """Move the mouth through the phonemes.

    Args:
        phonemes: In order, without gaps.
        times: `(T,)` s.
        articulation: How clearly; clear speech if None.
        rng: What makes one utterance differ from the next; none do if None.

    Returns:
        `(T, 52)` weights in the order of `ARKIT_NAMES`. Silence is a closed mouth.
    """
    articulation = articulation or Articulation()
    parts = list(_parts(phonemes))
    sounds = [_SOUNDS[part.symbol] for part in parts]
    spread = articulation.variation * (rng.uniform(-1, 1, len(sounds)) if rng else np.zeros(len(sounds)))
    targets = np.stack([_row(sound.weights) for sound in sounds])
    targets *= (articulation.strength * (1 + spread))[:, None]
    pull = np.stack([_pull(part.start_seconds, part.end_seconds, times) for part in parts], axis=1)  # (T, P)
    dominance = np.array([(sound.jaw, sound.lips) for sound in sounds])
    jaw, lips = (_blend(pull * dominance[:, channel], targets) for channel in range(2))
    weights = np.where(_is_jaw_channel(), jaw, lips)
    return _with_contacts(weights, parts, times).astype(np.float32)


def _parts(phonemes: Sequence[Phoneme]) -> Iterator[Phoneme]:
    """Split diphthongs, affricates and the like into known sounds, which share the time."""
    for phoneme in phonemes:
        symbols = _split(phoneme.symbol)
        edges = np.linspace(phoneme.start_seconds, phoneme.end_seconds, len(symbols) + 1)
        for symbol, start, end in zip(symbols, edges[:-1], edges[1:], strict=True):
            yield Phoneme(symbol, float(start), float(end))


def _split(symbol: str) -> list[str]:
    """Return the known sounds that an IPA symbol is made of; an unknown one is a neutral vowel."""
    if symbol in _SOUNDS:
        return [symbol]
    return [character for character in symbol if character in _SOUNDS] or ["ə"]


def _row(weights: Mapping[str, float]) -> NDArray[np.float64]:
    row = np.zeros(len(ARKIT_NAMES))
    for name, weight in weights.items():
        row[arkit_index(name)] = weight
    return row


def _pull(start: float, end: float, times: FloatArray) -> NDArray[np.float64]:
    """Return how strongly a sound pulls at each time: 1 around its middle, falling off as a bell; `(T,)`."""
    beyond = np.maximum(np.abs(times - (start + end) / 2) - _PULL_CORE * (end - start), 0)
    return np.asarray(np.exp(-((beyond / _PULL_SECONDS) ** 2)) + 1e-12, np.float64)


def _blend(dominance: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the `(T, 52)` mean of `(P, 52)` targets under `(T, P)` dominance."""
    return np.asarray(dominance @ targets / dominance.sum(axis=1, keepdims=True), np.float64)


def _is_jaw_channel() -> NDArray[np.bool_]:
    return np.isin(ARKIT_NAMES, _JAW_CHANNELS)


def _with_contacts(weights: NDArray[np.float64], phonemes: Sequence[Phoneme], times: FloatArray) -> NDArray[np.float64]:
    """Make the lips meet on p, b, m and in silence, and the lower lip meet the teeth on f and v."""
    met = _contact(phonemes, times, BILABIALS)[:, None]
    quiet = _contact(phonemes, times, frozenset([SILENCE]))[:, None]
    bitten = _contact(phonemes, times, LABIODENTALS)[:, None] * (1 - met)
    touching = np.maximum(np.maximum(met, quiet), bitten)
    result = weights.copy()
    result[:, _OPENING_SHAPES] *= 1 - touching
    result += met * _row(_LIPS_PRESSED) + bitten * _row(_LIP_TO_TEETH)
    result[:, arkit_index("tongueOut")] *= 1 - touching[:, 0]
    jaw, together = result[:, arkit_index("jawOpen")], result[:, arkit_index("mouthClose")]
    result[:, arkit_index("mouthClose")] = jaw * touching[:, 0] + np.minimum(together, jaw) * (1 - touching[:, 0])
    return np.clip(result, 0, 1)


def _contact(phonemes: Sequence[Phoneme], times: FloatArray, symbols: frozenset[str]) -> NDArray[np.float64]:
    """Return how nearly the lips touch, 0 to 1, `(T,)`: 1 throughout each of these sounds."""
    contact = np.zeros(len(times))
    for phoneme in phonemes:
        if phoneme.symbol not in symbols:
            continue
        middle = (phoneme.start_seconds + phoneme.end_seconds) / 2
        half = max(phoneme.end_seconds - phoneme.start_seconds, _CONTACT_LEAST_SECONDS) / 2
        share = np.clip(1 - (np.abs(times - middle) - half) / _CONTACT_RAMP_SECONDS, 0, 1)
        contact = np.maximum(contact, share * share * (3 - 2 * share))
    return contact
