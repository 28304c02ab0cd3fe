"""Text to sound and the phonemes in it, spoken by espeak-ng."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipsync_core.arrays import FloatArray
from lipsync_core.audio.waveform import Waveform
from lipsync_core.errors import AudioError, MissingDependencyError

SILENCE = ""  # the symbol of a pause
REST_SECONDS = 0.3  # of closed mouth before and after each sentence

# espeak-ng's speak_lib.h
_AUDIO_OUTPUT_RETRIEVAL = 1
_PHONEME_EVENTS_IN_IPA = 0b11
_CHARS_UTF8 = 1
_EVENT_LIST_TERMINATED, _EVENT_PHONEME = 0, 7
_PARAMETER_RATE, _PARAMETER_PITCH, _PARAMETER_RANGE = 1, 3, 4


@dataclass(frozen=True)
class Voice:
    """Who speaks.

    Attributes:
        name: An espeak-ng voice, with a variant behind the plus sign.
        rate: Words per minute.
        pitch: 0 to 100; 50 is the voice's own.
        pitch_range: 0 (monotone) to 100.
    """

    name: str = "en-us+f2"
    rate: int = 150
    pitch: int = 45
    pitch_range: int = 60


@dataclass(frozen=True)
class Phoneme:
    """One sound of speech: its IPA symbol without length and stress, and when it lasts."""

    symbol: str
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class Speech:
    """A sound and what is said in it; the phonemes follow one another without gaps, pauses included."""

    waveform: Waveform
    phonemes: tuple[Phoneme, ...]


class _EventName(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]  # noqa: RUF012


class _Event(ctypes.Structure):
    _fields_ = [  # noqa: RUF012
        ("kind", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # milliseconds
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventName),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)
