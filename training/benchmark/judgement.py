"""The judges of a benchmark: trained once on a speaker's film, then shown the test's film and what models paint."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch

from lipsync_core.archive import write_text
from lipsync_core.capture.clip import Clip
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.progress import Progress

from ..judges.spoken import Spoken, filmed, painted
from ..measures.bootstrap import Figure
from .clips import ClipShelf
from .protocol import FootagePlan
from .results import fingerprint


class Judge(Protocol):
    """What has learned to judge a speaker's mouth."""

    def figures(self, shown: Sequence[Spoken], film: Sequence[Spoken]) -> dict[str, Figure]:
        """Judge takes of which a model painted the pictures, or the film itself, by measure."""

    def save(self, path: Path) -> None:
        """Write the judge, whole or not at all."""


class JudgeKind(Protocol):
    """How a judge is made."""

    @property
    def name(self) -> str:
        """What its file is called."""

    def suits(self, footage: FootagePlan) -> bool:
        """Tell whether it can judge some footage."""

    def train(self, film: Sequence[Spoken], device: torch.device, progress: Progress) -> Judge:
        """Make one of the film of a speaker."""

    def load(self, path: Path) -> Judge:
        """Read what `save` wrote."""


@dataclass
class Jury:
    """The judges of one footage, each made when it is first asked.

    Attributes:
        kinds: Who may judge.
        shelf: The footage's clips.
        folder: Where judges are kept.
        device: Where they are trained.
    """

    kinds: Sequence[JudgeKind]
    shelf: ClipShelf
    folder: Path
    device: torch.device
    _made: dict[str, Judge] = field(default_factory=dict, repr=False)

    def fingerprint(self) -> str:
        """Return what changes when what judges learned from does; empty where nobody judges."""
        names = [kind.name for kind in self._suited()]
        return fingerprint(judges=names, film=self.shelf.fingerprint_of_everything()) if names else ""

    def of_film(self, clip: Clip) -> dict[str, Figure]:
        """Have a clip's own pictures judged; nothing if it has none."""
        film = self._film(clip)
        return self._figures(film, film)

    def of_model(self, model: SpeechModel, clip: Clip) -> dict[str, Figure]:
        """Have judged what a model paints to the sounds of a clip; nothing if it does not paint."""
        film = self._film(clip) if model.texture else []
        if not film:
            return {}
        with self.shelf.bars("painting for the judges") as report:
            shown = painted(model, clip, report)
        return self._figures(shown, film)

    def _suited(self) -> list[JudgeKind]:
        return [kind for kind in self.kinds if kind.suits(self.shelf.plan)]

    def _film(self, clip: Clip) -> list[Spoken]:
        return filmed(clip) if clip.reference and self._suited() else []

    def _figures(self, shown: list[Spoken], film: list[Spoken]) -> dict[str, Figure]:
        found: dict[str, Figure] = {}
        for kind in self._suited() if film else ():
            found |= self._judge(kind).figures(shown, film)
        return found

    def _judge(self, kind: JudgeKind) -> Judge:
        if kind.name not in self._made:
            self._made[kind.name] = self._kept(kind) or self._trained(kind)
        return self._made[kind.name]

    def _kept(self, kind: JudgeKind) -> Judge | None:
        """Return the judge that was made of the same film before."""
        path, stamp = self._paths(kind)
        wanted = self.shelf.fingerprint_of_everything()
        same = path.is_file() and stamp.is_file() and json.loads(stamp.read_text(encoding="utf-8")) == wanted
        return kind.load(path) if same else None

    def _trained(self, kind: JudgeKind) -> Judge:
        path, stamp = self._paths(kind)
        film = filmed(self.shelf.everything())
        with self.shelf.bars(f"training the {kind.name}") as report:
            judge = kind.train(film, self.device, report)
        judge.save(path)
        write_text(stamp, json.dumps(self.shelf.fingerprint_of_everything()))
        return judge

    def _paths(self, kind: JudgeKind) -> tuple[Path, Path]:
        path = self.folder / f"{kind.name.replace(' ', '_')}.pt"
        return path, path.with_suffix(".json")
