"""What every film that was made here says of itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..audio.decoding import import_av
from ..errors import VideoError
from ..model.model_file import ModelDescription

MARK = "SYNTHETIC"
_SOFTWARE = f"LipSync3D {__version__}"
_MARK_HEIGHT = 0.022  # of the picture's shorter side
_MARK_SHARE = 0.6  # of white in the mark


@dataclass(frozen=True)
class Provenance:
    """Where a film comes from.

    Attributes:
        software: What made it, with its version.
        model: Whose model.
        created: Date and time, ISO 8601, UTC.
        consent: What the speaker agreed to.
        licence: On what terms the model may be used.
        target: Name of the video that was dubbed; "" for a head alone.
        synthetic: That it is no record of what was said.
    """

    software: str
    model: str
    created: str
    consent: str
    licence: str
    target: str = ""
    synthetic: bool = True

    @classmethod
    def of(cls, description: ModelDescription, target: str = "") -> Provenance:
        """Say that a film is made now, with a model."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(_SOFTWARE, description.speaker, now, description.consent, description.licence, target)

    def metadata(self) -> dict[str, str]:
        """Return what goes into a container: a sentence that players show, and each value for programs."""
        sentence = (
            f"Synthetic: made by {self.software} with the model of {self.model} on {self.created[:10]}; "
            f"mouth and speech are not a record. Consent: {self.consent}."
        )
        values = {"synthetic": "true" if self.synthetic else "false", "software": self.software}
        values |= {"model": self.model, "date": self.created, "consent": self.consent, "licence": self.licence}
        return {"comment": sentence, "description": json.dumps(vars(self), ensure_ascii=False), **values}


def read_provenance(path: Path) -> Provenance | None:
    """Return what a film says of itself; None if it was not made here, or lost it when it was converted.

    Raises:
        VideoError: If the file cannot be read.
    """
    av = import_av()
    try:
        with av.open(str(path)) as container:
            values: dict[str, Any] = json.loads(container.metadata.get("description", "{}"))
            return Provenance(**values) if values.get("synthetic") else None
    except av.FFmpegError as fault:
        raise VideoError(f"{path} cannot be read as video; check the path.") from fault
    except (ValueError, TypeError, AttributeError):
        return None


def draw_mark(picture: NDArray[np.uint8]) -> None:
    """Write a small word into the lower left corner of a picture `(H, W, 3)`, in place."""
    import cv2

    height, width = picture.shape[:2]
    tall = max(8, round(_MARK_HEIGHT * min(height, width)))
    scale = tall / 22  # the font's capitals are 22 px high at scale 1
    at = (tall, height - tall)
    layer = picture.copy()
    for colour, thickness in ((0, 3), (255, 1)):
        weight = max(1, round(thickness * scale))
        cv2.putText(layer, MARK, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (colour,) * 3, weight, cv2.LINE_AA)
    cv2.addWeighted(layer, _MARK_SHARE, picture, 1 - _MARK_SHARE, 0, picture)
