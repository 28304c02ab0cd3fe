"""Who speaks in the corpus: espeak-ng's variants at many rates and pitches. None of them is a person."""

from __future__ import annotations

import numpy as np

from ..virtual_speaker.speech import Voice
from .texts import pick

VARIANTS: tuple[str, ...] = (
    *(f"m{n}" for n in range(1, 9)),
    *(f"f{n}" for n in range(1, 6)),
    *("klatt", "klatt2", "klatt3", "klatt4", "klatt5", "klatt6"),
    *("croak", "whisper", "whisperf", "adam", "Alex", "Alicia", "Andrea", "Andy", "Annie", "anika", "announcer"),
    *("antonio", "aunty", "belinda", "benjamin", "boris", "caleb", "david", "ed", "edward", "Gene", "grandma"),
    *("grandpa", "gustave", "Henrique", "Hugo", "ian", "iven", "Jacky", "john", "Lee", "linda", "marcelo", "Marco"),
    *("Mario", "max", "Michael", "michel", "miguel", "Mike", "Nguyen", "norbert", "pablo", "paul", "pedro", "quincy"),
    *("Reed", "rob", "robert", "sandro", "shelby", "steph", "Storm", "travis", "victor", "zac"),
)
_SLOWEST, _FASTEST = 110, 230  # words per minute


def random_voice(language: str, rng: np.random.Generator) -> Voice:
    """Draw a voice that speaks a language (an espeak-ng voice without variant)."""
    return Voice(
        name=f"{language}+{pick(rng, VARIANTS)}",
        rate=int(rng.integers(_SLOWEST, _FASTEST)),
        pitch=int(rng.integers(10, 90)),
        pitch_range=int(rng.integers(10, 100)),
    )
