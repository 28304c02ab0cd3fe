"""What figures with intervals allow to say: of two systems, which is better; of one, whether it reached its goal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

from ..measures.bootstrap import Figure
from ..measures.described import Better
from .protocol import Contest, Goal
from .results import Results, described_measures

Verdict = Literal["better", "worse", "overlapping", "unknown"]

_SAID: dict[Verdict, str] = {
    "better": "is better, with intervals that do not overlap, at {}",
    "worse": "is worse, with intervals that do not overlap, at {}",
    "overlapping": "cannot be told from it, for the intervals overlap, at {}",
    "unknown": "cannot be compared, for want of intervals, at {}",
}


def verdict(ours: Figure | None, other: Figure | None, better: Better) -> Verdict:
    """Hold two figures against each other: better or worse only where their intervals do not meet.

    Args:
        ours: The figure that is judged; None if it was not measured.
        other: What it is judged against.
        better: Which figures are the better ones.
    """
    if ours is None or other is None or not better:
        return "unknown"
    least, most = _badness(ours, better)
    other_least, other_most = _badness(other, better)
    if math.isnan(most) or math.isnan(other_most):
        return "unknown"
    if most < other_least:
        return "better"
    return "worse" if other_most < least else "overlapping"


def _badness(figure: Figure, better: Better) -> tuple[float, float]:
    """Return an interval of what is to be little: turned over, or taken as distances from what is right."""
    if better == "lower":
        return figure.low, figure.high
    if better == "higher":
        return -figure.high, -figure.low
    right = 1.0 if better == "nearer to 1" else 0.0
    nearest, farthest = sorted((abs(figure.low - right), abs(figure.high - right)))
    return (0.0 if figure.low <= right <= figure.high else nearest), farthest


def contest_sentence(contest: Contest, footage: str, results: Results) -> str:
    """Say at what a system beats another on some footage, and at what it does not."""
    known = described_measures()
    found: dict[Verdict, list[str]] = {"better": [], "worse": [], "overlapping": [], "unknown": []}
    for measure in contest.measures:
        ours, other = (results.figure(footage, system, measure) for system in (contest.ours, contest.against))
        found[verdict(ours, other, known[measure].better)].append(known[measure].title)
    clauses = [_SAID[kind].format(listed(titles)) for kind, titles in found.items() if titles]
    return f"Against *{contest.against}*, *{contest.ours}* {'; it '.join(clauses)}."


def listed(words: Sequence[str]) -> str:
    """Join words as in a sentence."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def goal_rows(goals: Sequence[Goal], results: Results) -> Iterator[list[str]]:
    """Say of each goal what was wanted, what was measured, and whether it is reached."""
    known = described_measures()
    for goal in goals:
        shown = known[goal.measure]
        figure = results.figure(goal.footage, goal.system, goal.measure)
        yield [goal.system, shown.heading, _wanted(goal, shown.digits), *_reached(goal, figure, shown.digits)]


def _wanted(goal: Goal, digits: int) -> str:
    bounds = [(f"{sign} {bound:.{digits}f}", bound) for sign, bound in (("≥", goal.least), ("≤", goal.most))]
    return " and ".join(text for text, bound in bounds if math.isfinite(bound))


def _reached(goal: Goal, figure: Figure | None, digits: int) -> list[str]:
    """Return what was measured, and what that means: reached by the whole interval, by the figure alone, or missed."""
    if figure is None or math.isnan(figure.value):
        return ["–", "not measured"]
    value = f"{figure.value:z.{digits}f}"
    if not goal.least <= figure.value <= goal.most:
        return [value, f"missed by {max(goal.least - figure.value, figure.value - goal.most):.{digits}f}"]
    beyond = figure.low < goal.least or figure.high > goal.most
    return [value, "reached, but not by the whole interval" if beyond else "reached"]
