"""The bench: every system on every footage, each figure measured once and kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from lipsync_core.capture.tracking import FaceMeshTracker
from lipsync_core.errors import ConfigError
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.progress import Progress

from ..measures.bootstrap import Figure
from ..measures.evaluation import evaluate_late_film, evaluate_model, evaluate_predictor
from ..measures.predictors import mean_predictor, ridge_predictor
from ..run_folder import read_cost
from .clips import ClipShelf
from .costs import Costs, machine_name, speech_cost
from .dubs import dub_figures, evenly
from .judgement import JudgeKind, Jury
from .learning import trained_model, training_fingerprint
from .protocol import FootagePlan, Protocol, SystemPlan, file_name
from .results import Result, Results, fingerprint, read_result, write_result

DATA_VARIABLE = "LIPSYNC3D_DATA"

_BASELINES = {"mean face": mean_predictor, "ridge regression": ridge_predictor}


@dataclass(frozen=True)
class Bench:
    """Where a benchmark is run.

    Attributes:
        work: Folder of all that it makes.
        data: Folder of the footage.
        device: Where networks are trained.
        bars: Shows how far a piece of work is.
        say: Tells what comes next.
        judges: Who judges pictures.
    """

    work: Path
    data: Path
    device: torch.device
    bars: Callable[[str], AbstractContextManager[Progress]]
    say: Callable[[str], None]
    judges: Sequence[JudgeKind] = ()


@dataclass(frozen=True)
class Job:
    """One system on one footage."""

    footage: FootagePlan
    system: SystemPlan

    @property
    def names(self) -> tuple[str, str]:
        """The footage's and the system's."""
        return self.footage.name, self.system.name


@dataclass(frozen=True)
class _Place:
    """The clips of one footage, and who judges on it."""

    shelf: ClipShelf
    jury: Jury


def data_folder(given: Path | None) -> Path:
    """Return the folder of footage: the one given, else the environment's, else `shared/data` beside a checkout.

    Raises:
        ConfigError: If it is nowhere.
    """
    beside = Path(__file__).parents[3] / "shared" / "data"
    folder = given or Path(os.environ.get(DATA_VARIABLE, beside))
    if not folder.is_dir():
        raise ConfigError(f"There is no folder of footage at {folder}; give --data, or set {DATA_VARIABLE}.")
    return folder


def run_protocol(protocol: Protocol, bench: Bench, only: Sequence[str] = ()) -> Results:
    """Run what has not been run yet, and return all that has.

    Args:
        protocol: What to run.
        bench: Where.
        only: Run these systems, or all on these footages, by name; everything if empty.

    Raises:
        LipSyncError: If footage is missing, or a system cannot be trained on it.
    """
    jobs = [Job(footage, system) for footage in protocol.footage for system in protocol.systems_on(footage)]
    wanted = [job for job in jobs if not only or set(job.names) & set(only)]
    _check_only(only, jobs)
    results = _kept([job for job in jobs if job not in wanted], bench)
    place: _Place | None = None
    for number, job in enumerate(wanted, start=1):
        if place is None or place.shelf.plan != job.footage:
            place = _place(job.footage, bench)
        bench.say(f"{number} of {len(wanted)}: {', '.join(job.names)}")
        results[job.names] = _result(job, place, bench)
    return Results({job.names: results[job.names] for job in jobs if job.names in results})


def _place(footage: FootagePlan, bench: Bench) -> _Place:
    name = file_name(footage.name)
    shelf = ClipShelf(footage, bench.data, bench.work / "clips" / name, bench.bars)
    return _Place(shelf, Jury(bench.judges, shelf, bench.work / "judges" / name, bench.device))


def _kept(jobs: Sequence[Job], bench: Bench) -> dict[tuple[str, str], Result]:
    """Return the results of jobs that are not run now, as far as they were, and nothing has changed since."""
    found = {}
    for job in jobs:
        with suppress(ConfigError):  # the footage is not here
            kept = read_result(_result_path(job, bench), _fingerprint(job, _place(job.footage, bench)))
            if kept:
                found[job.names] = kept
    return found


def _check_only(only: Sequence[str], jobs: Sequence[Job]) -> None:
    known = {name for job in jobs for name in job.names}
    for name in only:
        if name not in known:
            raise ConfigError(f"The protocol runs nothing called {name}; it has {', '.join(sorted(known))}.")


def _result_path(job: Job, bench: Bench) -> Path:
    return bench.work / "figures" / file_name(job.footage.name) / f"{file_name(job.system.name)}.json"


def _fingerprint(job: Job, place: _Place) -> str:
    """Return what changes when a job's figures would."""
    judged = place.jury.fingerprint() if _is_judged(job.system) else ""
    return fingerprint(learned=_learned(job, place.shelf), judged=judged, dubbed=job.system.dubbed)


def _learned(job: Job, shelf: ClipShelf) -> str:
    """Return what changes when what a job learns from the footage would."""
    system, footage = job.system, shelf.fingerprint(job.system.light, job.system.minutes)
    if system.kind == "network":
        return training_fingerprint(system, footage)
    return fingerprint(footage=footage, kind=system.kind, minutes=system.minutes)


def _is_judged(system: SystemPlan) -> bool:
    """Tell whether judges look at a system: at all that has pictures in the light in which they learned to see."""
    return system.light == "normalised" and (system.kind == "film" or (system.kind == "network" and system.texture))


def _result(job: Job, place: _Place, bench: Bench) -> Result:
    """Return what was measured before, else measure it."""
    path, wanted = _result_path(job, bench), _fingerprint(job, place)
    kept = read_result(path, wanted)
    if kept:
        bench.say("measured before")
        return kept
    measure = _MEASURING.get(job.system.kind, _measured_baseline)
    result = replace(measure(job, place, bench), fingerprint=wanted, machine=machine_name())
    write_result(path, result)
    return result


def _measured_baseline(job: Job, place: _Place, _: Bench) -> Result:
    training = place.shelf.training(job.system.light, job.system.minutes)
    test = place.shelf.test(job.system.light)
    predictor = _BASELINES[job.system.kind](training)
    figures = evaluate_predictor(job.system.name, predictor, test).figures
    return Result(figures, training.duration, test.duration)


def _measured_film(job: Job, place: _Place, _: Bench) -> Result:
    test = place.shelf.test(job.system.light)
    return Result(place.jury.of_film(test), 0.0, test.duration)


def _measured_late_film(job: Job, place: _Place, _: Bench) -> Result:
    test = place.shelf.test(job.system.light)
    return Result(evaluate_late_film(test).figures, 0.0, test.duration)


def _measured_network(job: Job, place: _Place, bench: Bench) -> Result:
    system, run = job.system, bench.work / "runs" / file_name(job.footage.name) / file_name(job.system.name)
    clip = partial(place.shelf.training, system.light, system.minutes)
    model, training = trained_model(system, _learned(job, place.shelf), clip, run, bench.device, bench.bars)
    test = place.shelf.test(system.light)
    with bench.bars("comparing") as report:
        figures = dict(evaluate_model(model, test, system.name, report).figures)
        report(1.0)
    if _is_judged(system):
        figures |= place.jury.of_model(model, test)
    figures |= _dubbed(job, model, place, bench)
    spent = read_cost(run)
    costs = Costs(spent, speech_cost(model, test)) if spent else None
    return Result(figures, training.seconds, test.duration, costs)


def _dubbed(job: Job, model: SpeechModel, place: _Place, bench: Bench) -> dict[str, Figure]:
    """Return what dubs of the test's films are away from them; nothing where none are wanted or possible."""
    films = evenly(place.shelf.films(), job.system.dubbed) if job.system.dubbed and model.texture else []
    if not films:
        return {}
    folder = bench.work / "dubs" / file_name(job.footage.name) / file_name(job.system.name)
    folder.mkdir(parents=True, exist_ok=True)
    with bench.bars(f"dubbing {len(films)} films") as report:
        return dub_figures(model, films, folder, FaceMeshTracker(), report)


_MEASURING = {"network": _measured_network, "film": _measured_film, "late film": _measured_late_film}
