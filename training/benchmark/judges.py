"""Who judges in a benchmark: a lip reader where GRID's sentences are said, and a judge of synchrony everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from lipsync_core.progress import Progress

from ..judges.lip_reader import LIP_READER_KIND, LipReader, train_lip_reader
from ..judges.spoken import Spoken
from ..judges.sync_errors import KNOWN_SHIFTS, offset_accuracy, sync_figures
from ..judges.sync_judge import SYNC_JUDGE_KIND, SyncJudge, train_sync_judge
from ..judges.word_errors import word_error_rates, word_errors
from ..measures.bootstrap import Figure, figures_of
from .judged import SYNC_PREFIX, ReadTwice, words_lost
from .judgement import Judge, JudgeKind
from .protocol import FootagePlan

_OF_SHIFTS = ("exact", "near")  # sync figures that say how well known shifts are found


@dataclass(frozen=True)
class WordJudge:
    """Counts the words that a lip reader reads wrong."""

    reader: LipReader

    def figures(self, shown: Sequence[Spoken], film: Sequence[Spoken]) -> dict[str, Figure]:
        """Return the error rates of what is shown, and how much higher they are than those of the film."""
        read = word_errors(self.reader, shown)
        rates = figures_of(read, word_error_rates)
        if shown is film:
            return rates
        return rates | figures_of(ReadTwice.of(read, word_errors(self.reader, film)), words_lost)

    def save(self, path: Path) -> None:
        """Write the lip reader."""
        self.reader.save(path)


class WordJudgeKind:
    """A lip reader, for GRID."""

    name = LIP_READER_KIND

    def suits(self, footage: FootagePlan) -> bool:
        """Tell whether GRID's sentences are said."""
        return footage.grammar == "grid"

    def train(self, film: Sequence[Spoken], device: torch.device, progress: Progress) -> Judge:
        """Teach one."""
        return WordJudge(train_lip_reader(film, device=device, progress=progress))

    def load(self, path: Path) -> Judge:
        """Read one."""
        return WordJudge(LipReader.load(path))


@dataclass(frozen=True)
class TimeJudge:
    """Finds how late a mouth is; of the film also by known shifts, which tells how far this judge is to be trusted."""

    judge: SyncJudge

    def figures(self, shown: Sequence[Spoken], film: Sequence[Spoken]) -> dict[str, Figure]:
        """Return the mouth's lateness, and for the film the shares of known shifts that were found."""
        found = figures_of(offset_accuracy(self.judge, shown, (0,)), sync_figures)
        if shown is film:
            shifted = figures_of(offset_accuracy(self.judge, film, KNOWN_SHIFTS), sync_figures)
            found |= {name: shifted[name] for name in _OF_SHIFTS}
        else:
            found = {name: figure for name, figure in found.items() if name not in _OF_SHIFTS}
        return {SYNC_PREFIX + name: figure for name, figure in found.items()}

    def save(self, path: Path) -> None:
        """Write the judge of synchrony."""
        self.judge.save(path)


class TimeJudgeKind:
    """A judge of synchrony, for anybody."""

    name = SYNC_JUDGE_KIND

    def suits(self, footage: FootagePlan) -> bool:
        """Tell that anybody's mouth will do."""
        return True

    def train(self, film: Sequence[Spoken], device: torch.device, progress: Progress) -> Judge:
        """Teach one."""
        return TimeJudge(train_sync_judge(film, device=device, progress=progress))

    def load(self, path: Path) -> Judge:
        """Read one."""
        return TimeJudge(SyncJudge.load(path))


JUDGES: tuple[JudgeKind, ...] = (WordJudgeKind(), TimeJudgeKind())
