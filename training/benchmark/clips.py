"""The clips of a benchmark's footage: prepared once, kept in the work folder, cut as its systems need them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from lipsync_core.archive import write_text
from lipsync_core.capture.clip import Clip, join_clips, read_clip, write_clip
from lipsync_core.capture.tracking import FaceMeshTracker
from lipsync_core.errors import ConfigError
from lipsync_core.progress import Progress

from ..preparation import PreparationOptions, prepare_clip
from .dubs import write_tail
from .protocol import FootagePlan, Light
from .results import fingerprint

Bars: TypeAlias = "Callable[[str], AbstractContextManager[Progress]]"
Part = Literal["training", "rest", "test"]


def first_minutes(clip: Clip, minutes: float) -> Clip:
    """Return the beginning of a clip."""
    takes, left = [], round(60 * minutes * clip.fps)
    for take in clip.takes:
        if left > 0:
            takes.append(take.between(0, min(left, len(take.seconds))))
        left -= len(take.seconds)
    return replace(clip, takes=tuple(takes))


@dataclass
class ClipShelf:
    """The clips of one footage; each is prepared when it is first asked for, and again when its videos change.

    Attributes:
        plan: What the footage is.
        data: Folder that the plan's paths are relative to.
        folder: Where prepared clips are kept.
        bars: Shows how far preparation is.
    """

    plan: FootagePlan
    data: Path
    folder: Path
    bars: Bars
    _read: dict[Path, Clip] = field(default_factory=dict, repr=False)

    def training(self, light: Light, minutes: float) -> Clip:
        """Return what is trained on: the plan's training footage, or its beginning, or that and more of the same.

        Raises:
            ConfigError: If there is less footage than that.
        """
        clip = self._trained(light)
        if not minutes:
            return clip
        if 60 * minutes > clip.duration + 1 / clip.fps and self._videos("rest"):
            clip = join_clips([clip, self._part("rest", light)])
        if 60 * minutes > clip.duration + 1 / clip.fps:
            there = f"{clip.duration / 60:.1f} minutes to train on, not {minutes:g}"
            raise ConfigError(f"{self.plan.name} has only {there}; ask for less.")
        return first_minutes(clip, minutes)

    def test(self, light: Light) -> Clip:
        """Return what is tested on."""
        if self.plan.tail:
            return self._part("training", light).split_tail(self.plan.tail)[1]
        return self._part("test", light)

    def films(self) -> list[Path]:
        """Return the films of the test: what is trained on of none of them; none where it is a prepared clip."""
        if not self.plan.tail:
            return self._videos("test")
        trained, tested = self._part("training", "normalised").split_tail(self.plan.tail)
        begun, shown = ({take.name for take in clip.takes} for clip in (trained, tested))
        films = [film for film in self._videos("training") if film.stem in shown]
        return [self._tail(film) if film.stem in begun else film for film in films]

    def _tail(self, film: Path) -> Path:
        """Return the last share of a film as a film of its own."""
        source = fingerprint(tail=self.plan.tail, size=_size(film))
        path = self.folder / f"{film.stem}, tail {source}.mp4"
        if not path.is_file():
            write_tail(film, self.plan.tail, path)
        return path

    def everything(self) -> Clip:
        """Return all footage that is not for tests, for judges to learn from."""
        clip = self._trained("normalised")
        return join_clips([clip, self._part("rest", "normalised")]) if self._videos("rest") else clip

    def fingerprint(self, light: Light, minutes: float) -> str:
        """Return what changes when the plan names other footage, or a file of it changes; nothing is prepared."""
        parts: tuple[Part, ...] = ("training", "rest", "test") if minutes else ("training", "test")
        return fingerprint(tail=self.plan.tail, parts=[self._source(part, light) for part in parts])

    def fingerprint_of_everything(self) -> str:
        """Return what changes when what judges learn from does."""
        return fingerprint(tail=self.plan.tail, parts=[self._source(p, "normalised") for p in ("training", "rest")])

    def _trained(self, light: Light) -> Clip:
        clip = self._part("training", light)
        return clip.split_tail(self.plan.tail)[0] if self.plan.tail else clip

    def _part(self, part: Part, light: Light) -> Clip:
        path = self._given(part, light) or self._prepared(part, light)
        if path not in self._read:
            self._read[path] = read_clip(path)
        return self._read[path]

    def _given(self, part: Part, light: Light) -> Path | None:
        """Return where the prepared clip lies that the plan names."""
        name = {"training": self.plan.training_clip, "test": self.plan.test_clip}.get(part, "")
        if name and light == "as filmed":
            raise ConfigError(f"{self.plan.name} is prepared already, so its light cannot be kept; name its videos.")
        return self.data / name if name else None

    def _prepared(self, part: Part, light: Light) -> Path:
        """Return where a part lies that is prepared here, after preparing it if need be."""
        path = self.folder / f"{part}, {light}.clip"
        stamp, wanted = path.with_suffix(".json"), fingerprint(source=self._source(part, light))
        if path.is_file() and stamp.is_file() and json.loads(stamp.read_text(encoding="utf-8")) == wanted:
            return path
        options = PreparationOptions(
            speaker=self.plan.name,
            like=None if part == "training" else self._part("training", light),
            normalise_light=light == "normalised",
            skip_bad=True,
            consent=self.plan.consent,
            licence=self.plan.licence,
        )
        videos = self._videos(part)
        with self.bars(f"preparing {len(videos)} videos") as report:
            clip = prepare_clip(videos, FaceMeshTracker(), options, report)
        write_clip(path, clip)
        write_text(stamp, json.dumps(wanted))
        return path

    def _source(self, part: Part, light: Light) -> list[object]:
        """Return what a part is made of, as JSON values."""
        given = self._given(part, light)
        if given:
            return [given.name, _size(given), given.stat().st_mtime]
        made_like = [] if part == "training" else self._source("training", light)
        files = [[video.relative_to(self.data).as_posix(), _size(video)] for video in self._videos(part)]
        return [light, made_like, files]

    def _videos(self, part: Part) -> list[Path]:
        """Return the videos of a part by name; none for a part that the plan does not have."""
        if part == "test":
            return self._found(self.plan.test)
        every = self._found(self.plan.training)
        chosen = every[:: self.plan.every][: self.plan.first or None]
        return chosen if part == "training" else [video for video in every if video not in set(chosen)]

    def _found(self, patterns: Sequence[str]) -> list[Path]:
        found: set[Path] = set()
        for pattern in patterns:
            matching = set(self.data.glob(pattern))
            if not matching:
                raise ConfigError(f"{self.plan.name} wants {pattern} in {self.data}, where there is none; give --data.")
            found |= matching
        return sorted(found)


def _size(path: Path) -> int:
    if not path.is_file():
        raise ConfigError(f"There is no {path}, which the protocol names; mend its path, or give --data.")
    return path.stat().st_size
