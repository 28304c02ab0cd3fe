"""A sound of speech and when it lasts."""

from __future__ import annotations

from dataclasses import dataclass

SILENCE = ""  # the symbol of a pause


@dataclass(frozen=True)
class Phoneme:
    """One sound of speech: its IPA symbol without length and stress, and when it lasts."""

    symbol: str
    start_seconds: float
    end_seconds: float
