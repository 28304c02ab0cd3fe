"""What a benchmark runs: a TOML file that names footage, systems, and what of them is compared.

docs/BENCHMARK.md is the specification.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal

from lipsync_core.errors import ConfigError

from ..config import TrainingConfig, read_config
from .records import record_of
from .results import described_measures

Light = Literal["normalised", "as filmed"]
Kind = Literal["network", "mean face", "ridge regression", "film", "late film"]

_NO_TEXTURE = 'model.texture="none"'


@dataclass(frozen=True)
class Published:
    """Figures that a paper prints.

    Attributes:
        name: Of the paper's column.
        figures: By the name of our measure that comes nearest.
    """

    name: str
    figures: Mapping[str, float]


@dataclass(frozen=True)
class FootagePlan:
    """One speaker's footage, and what is run on it. Paths are relative to the folder of data.

    Attributes:
        name: What it is called.
        systems: What the main table compares, by name.
        about: Said above the tables.
        training: Videos to train on; `*` and `?` as in a shell.
        first: Take only so many of them, by name; 0: all.
        every: Take only one in so many of them.
        test: Videos to test on.
        tail: Test on this last share of the training footage instead.
        training_clip: A prepared clip in place of `training`.
        test_clip: A prepared clip in place of `test`.
        grammar: What is said in it, where a lip reader can judge; empty elsewhere.
        published: What papers print of footage like it.
        published_note: Why theirs and ours are only neighbours.
        consent: What the speaker agreed to.
        licence: On what terms the footage may be used.
    """

    name: str
    systems: tuple[str, ...]
    about: str = ""
    training: tuple[str, ...] = ()
    first: int = 0
    every: int = 1
    test: tuple[str, ...] = ()
    tail: float = 0.0
    training_clip: str = ""
    test_clip: str = ""
    grammar: Literal["", "grid"] = ""
    published: tuple[Published, ...] = ()
    published_note: str = ""
    consent: str = "not stated"
    licence: str = "not stated"

    def __post_init__(self) -> None:
        if bool(self.training) == bool(self.training_clip):
            raise ConfigError(f"The footage {self.name} needs one of training and training_clip.")
        if sum(map(bool, (self.test, self.test_clip, self.tail))) != 1:
            raise ConfigError(f"The footage {self.name} needs one of test, test_clip and tail.")
        if not (0 <= self.tail < 1 and self.first >= 0 and self.every >= 1):
            raise ConfigError(f"The footage {self.name} needs 0 <= tail < 1, first >= 0 and every >= 1.")


@dataclass(frozen=True)
class SystemPlan:
    """What predicts faces, and how it is trained.

    Attributes:
        name: What it is called.
        about: Said in the list of systems.
        kind: `network`: trained by `config` and `settings`. `film`: the footage itself, for the judges to judge. `late
            film`: the footage a frame late, held against itself.
        config: File of settings; relative to the protocol where that names it.
        settings: `section.key=value` over it.
        start: `built-in`: from the encoder of the model for any voice.
        texture: Learn the pictures as well; false: motion only.
        light: `as filmed`: on footage whose light is not brought to that of one frame.
        minutes: Train on the first so many minutes; 0: on what the footage's plan gives to training.
        dubbed: Dub so many of the test's films with their own sound.
    """

    name: str
    about: str = ""
    kind: Kind = "network"
    config: str = ""
    settings: tuple[str, ...] = ()
    start: Literal["none", "built-in"] = "none"
    texture: bool = True
    light: Light = "normalised"
    minutes: float = 0.0
    dubbed: int = 0

    @property
    def overrides(self) -> tuple[str, ...]:
        """All settings over the file's, as of `--set`."""
        return self.settings if self.texture else (*self.settings, _NO_TEXTURE)

    def training_config(self) -> TrainingConfig:
        """Return all settings of a network.

        Raises:
            ConfigError: If one of them is none.
        """
        return read_config(Path(self.config) if self.config else None, self.overrides)


@dataclass(frozen=True)
class Ablation:
    """A table of systems that differ in one thing.

    Attributes:
        title: What differs.
        footage: The name of what it is tried on.
        systems: By name.
        measures: What is shown of them, by name.
        about: Said above the table.
    """

    title: str
    footage: str
    systems: tuple[str, ...]
    measures: tuple[str, ...]
    about: str = ""


@dataclass(frozen=True)
class Contest:
    """Two systems, of which one is to be better on all footage that has both.

    Attributes:
        ours: The system that is to be better, by name.
        against: The other.
        measures: At what, by name.
    """

    ours: str
    against: str
    measures: tuple[str, ...]


@dataclass(frozen=True)
class Goal:
    """What a system is to reach.

    Attributes:
        footage: By name.
        system: By name.
        measure: By name.
        least: The figure is to be this or more.
        most: The figure is to be this or less.
    """

    footage: str
    system: str
    measure: str
    least: float = -math.inf
    most: float = math.inf


@dataclass(frozen=True)
class Protocol:
    """A whole benchmark.

    Attributes:
        title: Of the report.
        footage: What is trained and tested on.
        system: What is trained.
        ablation: Tables beside the main ones.
        contest: Who is to beat whom.
        goal: What is to be reached.
        about: Said below the report's title.
    """

    title: str
    footage: tuple[FootagePlan, ...]
    system: tuple[SystemPlan, ...]
    ablation: tuple[Ablation, ...] = ()
    contest: tuple[Contest, ...] = ()
    goal: tuple[Goal, ...] = ()
    about: str = ""

    def system_called(self, name: str) -> SystemPlan:
        """Return a system by its name."""
        return next(system for system in self.system if system.name == name)

    def systems_on(self, footage: FootagePlan) -> list[SystemPlan]:
        """Return what is run on some footage: the main table's systems, then those of its ablations."""
        names = [*footage.systems]
        for table in self.ablations_of(footage):
            names += table.systems
        return [self.system_called(name) for name in dict.fromkeys(names)]

    def ablations_of(self, footage: FootagePlan) -> list[Ablation]:
        """Return the ablations that are tried on some footage."""
        return [table for table in self.ablation if table.footage == footage.name]


def file_name(name: str) -> str:
    """Return what a footage's or a system's files are called."""
    return re.sub(r"[^\w.-]+", "_", name)


def default_protocol() -> Path:
    """Return the protocol that comes with a checkout."""
    return Path(__file__).parents[2] / "configs" / "benchmark.toml"


def read_protocol(path: Path) -> Protocol:
    """Read a benchmark's file.

    Raises:
        ConfigError: If it cannot be read, or names something that there is not.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as fault:
        raise ConfigError(f"The protocol {path} cannot be read ({fault}); mend it.") from fault
    protocol = record_of(Protocol, values)
    _check_names(protocol)
    systems = [_beside(path, system) for system in protocol.system]
    for system in systems:
        system.training_config()  # a mistake in the settings is told before hours of work
    return replace(protocol, system=tuple(systems))


def _beside(path: Path, system: SystemPlan) -> SystemPlan:
    """Find a system's file of settings from the protocol's folder."""
    return replace(system, config=str(path.parent / system.config)) if system.config else system


def _check_names(protocol: Protocol) -> None:
    footage, systems = ([plan.name for plan in plans] for plans in (protocol.footage, protocol.system))
    for kind, names in (("footage", footage), ("system", systems)):
        twice = [name for name, count in Counter(map(file_name, names)).items() if count > 1]
        if twice:
            raise ConfigError(f"There is more than one {kind} called {twice[0]}; give each its own name.")
    _check_known("footage", footage, _named_footage(protocol))
    _check_known("system", systems, _named_systems(protocol))
    _check_known("measure", list(described_measures()), _named_measures(protocol))


def _named_footage(protocol: Protocol) -> Iterator[str]:
    yield from (table.footage for table in protocol.ablation)
    yield from (goal.footage for goal in protocol.goal)


def _named_systems(protocol: Protocol) -> Iterator[str]:
    yield from chain.from_iterable(footage.systems for footage in protocol.footage)
    yield from chain.from_iterable(table.systems for table in protocol.ablation)
    yield from chain.from_iterable((contest.ours, contest.against) for contest in protocol.contest)
    yield from (goal.system for goal in protocol.goal)


def _named_measures(protocol: Protocol) -> Iterator[str]:
    yield from chain.from_iterable(table.measures for table in protocol.ablation)
    yield from chain.from_iterable(contest.measures for contest in protocol.contest)
    yield from (goal.measure for goal in protocol.goal)
    papers = chain.from_iterable(footage.published for footage in protocol.footage)
    yield from chain.from_iterable(paper.figures for paper in papers)


def _check_known(kind: str, known: Sequence[str], named: Iterable[str]) -> None:
    for name in named:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            meant = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}."
            raise ConfigError(f"There is no {kind} called {name}; {meant}")
