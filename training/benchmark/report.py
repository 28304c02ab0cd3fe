"""The report of a benchmark, in Markdown: tables with intervals, what they allow to say, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from lipsync_core import __version__
from lipsync_core.archive import write_text
from lipsync_core.face.mouth import CLOSURES_EXPLAINED

from ..measures.tables import UNKNOWN, cell
from .costs import cost_heading, cost_row
from .findings import contest_sentence, goal_rows
from .protocol import Ablation, FootagePlan, Protocol, Published, SystemPlan
from .results import Result, Results, described_measures

_INTERVALS = (
    "In brackets: 95 % intervals, bootstrapped over sentences. Measures against the real are ratios, better the nearer "
    "they are to 1; a delay is better the nearer it is to 0."
)


def write_report(path: Path, protocol: Protocol, results: Results, command: str) -> None:
    """Write the report, whole or not at all.

    Args:
        path: The Markdown file.
        protocol: What was run.
        results: What came of it.
        command: What makes the report again.
    """
    write_text(path, "\n".join(_report(protocol, results, command)) + "\n")


def _report(protocol: Protocol, results: Results, command: str) -> Iterator[str]:
    yield f"# {protocol.title}"
    yield ""
    yield f"`{command}` (LipSync3D {__version__}) measured this and wrote this page. {_INTERVALS} {CLOSURES_EXPLAINED}"
    yield from _paragraph(protocol.about)
    for footage in protocol.footage:
        yield from _footage(protocol, footage, results)
    yield from _systems(protocol, results)
    yield from _costs(protocol, results)


def _paragraph(text: str) -> Iterator[str]:
    if text:
        yield ""
        yield text.strip()


def _footage(protocol: Protocol, footage: FootagePlan, results: Results) -> Iterator[str]:
    """Write what was found on one footage; nothing if nothing was run on it."""
    found = {name: results.of.get((footage.name, name)) for name in footage.systems}
    shown = [name for name, result in found.items() if result and result.figures]
    if not shown:
        return
    yield ""
    yield f"## {footage.name}"
    yield from _paragraph(footage.about)
    yield from _paragraph(_lengths([results.of[footage.name, name] for name in shown]))
    yield from _table(_main_rows(footage, shown, results))
    yield from _paragraph(footage.published_note)
    for contest in protocol.contest:
        if {contest.ours, contest.against} <= set(shown):
            yield from _paragraph(contest_sentence(contest, footage.name, results))
    yield from _goals(protocol, footage, results)
    for table in protocol.ablations_of(footage):
        yield from _ablation(table, results)


def _goals(protocol: Protocol, footage: FootagePlan, results: Results) -> Iterator[str]:
    goals = [goal for goal in protocol.goal if goal.footage == footage.name]
    goals = [goal for goal in goals if (goal.footage, goal.system) in results.of]
    if goals:
        yield from _paragraph("What was to be reached:")
        yield from _table([["system", "measure", "wanted", "measured", ""], *goal_rows(goals, results)])


def _lengths(results: Sequence[Result]) -> str:
    trained = max(result.trained_seconds for result in results)
    return f"Trained on {trained:.0f} s, tested on {results[0].tested_seconds:.0f} s of other footage."


def _main_rows(footage: FootagePlan, systems: Sequence[str], results: Results) -> Iterator[list[str]]:
    """Give a row for each measure that is known of any system or paper; systems and papers are columns."""
    yield ["", *systems, *(paper.name for paper in footage.published)]
    for measure, shown in described_measures().items():
        cells = [cell(results.figure(footage.name, system, measure), shown.digits) for system in systems]
        cells += [_printed(paper, measure) for paper in footage.published]
        if any(text != UNKNOWN for text in cells):
            yield [shown.heading, *cells]


def _printed(paper: Published, measure: str) -> str:
    return f"{paper.figures[measure]:g}" if measure in paper.figures else UNKNOWN


def _ablation(table: Ablation, results: Results) -> Iterator[str]:
    """Write a table of systems by measures; nothing if there are no two to compare."""
    shown = [name for name in table.systems if (table.footage, name) in results.of]
    if len(shown) < 2:
        return
    known = described_measures()
    yield ""
    yield f"### {table.title}"
    yield from _paragraph(table.about)
    rows = [["", *(known[measure].heading for measure in table.measures)]]
    for name in shown:
        figures = ((results.figure(table.footage, name, measure), known[measure].digits) for measure in table.measures)
        rows.append([name, *(cell(figure, digits) for figure, digits in figures)])
    yield from _table(rows)


def _systems(protocol: Protocol, results: Results) -> Iterator[str]:
    """List what each system is."""
    run = {name for _, name in results.of}
    yield ""
    yield "## The systems"
    rows = [["", "", "settings over the default", "starts from", "minutes"]]
    rows += [_system_row(system) for system in protocol.system if system.name in run]
    yield from _table(rows)


def _system_row(system: SystemPlan) -> list[str]:
    if system.kind != "network":
        return [system.name, system.about or system.kind, UNKNOWN, UNKNOWN, UNKNOWN]
    settings = [Path(system.config).name] if system.config else []
    settings += system.overrides
    said = ", ".join(f"`{setting}`" for setting in settings) or "none"
    start = "the model for any voice" if system.start == "built-in" else "nothing"
    about = " ".join(filter(None, (system.about, "Light as filmed." if system.light == "as filmed" else "")))
    return [system.name, about, said, start, f"{system.minutes:g}" if system.minutes else "all"]


def _costs(protocol: Protocol, results: Results) -> Iterator[str]:
    """List what training and prediction took."""
    known = [(names, result.costs) for names, result in results.of.items() if result.costs]
    if not known:
        return
    yield ""
    yield "## What it cost"
    machines = dict.fromkeys(result.machine for result in results.of.values() if result.costs)
    yield from _paragraph(f"On {'; '.join(machines)}. Memory is that of the whole process, with the clip in it.")
    rows = [["footage", "system", *cost_heading()]]
    rows += [[*names, *cost_row(costs)] for names, costs in known]
    yield from _table(rows)


def _table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    heading, *others = rows
    yield ""
    for row in (heading, ["---"] * len(heading), *others):
        yield "| " + " | ".join(row) + " |"
