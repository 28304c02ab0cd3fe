"""What verbs make of what they are given."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from lipsync_core.capture.tracking import FaceTracker
from lipsync_core.errors import FormatError
from lipsync_core.model.model_file import NOT_STATED
from lipsync_core.phones.espeak import espeak_library
from lipsync_core.phones.script import Script, ScriptChoice

if TYPE_CHECKING:
    from ..judges.syncnet import SyncNet

_FILM_SUFFIX = ".mp4"
_LOG = logging.getLogger(__name__)


def check_film_name(path: Path) -> None:
    """Raise FormatError unless a path ends as films do."""
    if path.suffix != _FILM_SUFFIX:
        raise FormatError(f"{path} should end in {_FILM_SUFFIX}.")


def warn_of_no_consent(consent: str, what: str) -> None:
    """Say so where nobody's consent is stated."""
    if consent == NOT_STATED:
        _LOG.warning(
            "nobody's consent is stated for %s, and all that is made of it will say so; "
            'give `prepare --consent "who agreed, how"`.',
            what,
        )


def script(options: argparse.Namespace) -> Script | None:
    """Return what is said in the sound, if that is known.

    Raises:
        MissingDependencyError: If words were given that nothing can pronounce: better now than after minutes of work.
    """
    choice = ScriptChoice(options.text or "", options.language, look_beside=not options.no_text)
    found = choice.script_for(options.audio)
    if found and found.words and not found.is_found:
        espeak_library()
    return found


def say_remark(remark: str) -> None:
    """Say what became of the script, if there was one."""
    if remark:
        print(remark)


def tracker(landmarker: Path | None) -> FaceTracker:
    """Return what finds faces: with its own models, or with a `face_landmarker.task` of the user's."""
    from lipsync_core.capture.tracking import FaceLandmarkerTracker, FaceMeshTracker

    return FaceLandmarkerTracker(landmarker) if landmarker else FaceMeshTracker()


def syncnet(weights: Path | None) -> SyncNet | None:
    """Read SyncNet where its weights are given."""
    from ..export import pick_device
    from ..judges.syncnet import read_syncnet

    return read_syncnet(weights, pick_device("auto")) if weights else None
