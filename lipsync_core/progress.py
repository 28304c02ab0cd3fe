"""How long work tells how far it is, and how it is asked to stop.

A progress hook takes the share done, 0 to 1. It may raise `Cancelled`; the work then leaves nothing half-written.
"""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[float], None]


def ignore_progress(share: float) -> None:
    """Tell nobody."""


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """Hand the stretch from `start` to `end` of a progress bar to one step of the work."""

    def report(share: float) -> None:
        progress(start + (end - start) * share)

    return report
