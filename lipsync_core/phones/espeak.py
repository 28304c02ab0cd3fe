"""The library of espeak-ng, which knows how words are said in more than a hundred languages.

Outside Blender it comes with `espeakng-loader`; where that is not installed, the system's own is taken.
"""

from __future__ import annotations

import ctypes
from ctypes.util import find_library
from functools import cache
from importlib import import_module
from typing import Any

from ..errors import MissingDependencyError

# espeak-ng's speak_lib.h
_AUDIO_OUTPUT_RETRIEVAL = 1
_PHONEME_EVENTS_IN_IPA = 0b11

_PLACES = (  # of an installed espeak-ng
    "libespeak-ng.so.1",
    "/opt/homebrew/lib/libespeak-ng.dylib",
    "/usr/local/lib/libespeak-ng.dylib",
    r"C:\Program Files\eSpeak NG\libespeak-ng.dll",
)


@cache
def espeak_library() -> tuple[Any, int]:
    """Load the library, once in a process: it has one state, and does not bear to be begun again.

    Returns:
        The library, ready to give sound and phonemes, and its sample rate, Hz.

    Raises:
        MissingDependencyError: If espeak-ng is not installed.
    """
    library, folder = _loaded()
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    library.espeak_TextToPhonemes.argtypes = (ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int)
    rate = int(library.espeak_Initialize(_AUDIO_OUTPUT_RETRIEVAL, 0, folder, _PHONEME_EVENTS_IN_IPA))
    if rate <= 0:
        raise MissingDependencyError("espeak-ng does not find its data; install it again.")
    return library, rate


def _loaded() -> tuple[Any, bytes | None]:
    """Return the library, and where its data are; None for its own place."""
    try:
        loader = import_module("espeakng_loader")
        return ctypes.CDLL(loader.get_library_path()), loader.get_data_path().encode()
    except (ImportError, OSError):
        pass
    for name in filter(None, (find_library("espeak-ng"), *_PLACES)):
        try:
            return ctypes.CDLL(name), None
        except OSError:
            continue
    raise MissingDependencyError(
        "Words are pronounced with eSpeak NG, which is not here: install it on this system (outside Blender, `pip "
        "install espeakng-loader` is enough), or give a TextGrid or a list of phones in place of words."
    )
