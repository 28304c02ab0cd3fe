"""The verbs that say how good something is."""

from __future__ import annotations

import argparse
import json
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lipsync_core.archive import write_text
from lipsync_core.capture.clip import Clip, read_clip
from lipsync_core.errors import ConfigError
from lipsync_core.model.model_file import SpeechModel, read_model

from ..terminal import print_errors, progress_bar, quiet_native_code
from . import given

if TYPE_CHECKING:
    from ..judges.syncnet import SyncNet
    from ..measures.evaluation import Evaluation


def evaluate(options: argparse.Namespace) -> None:
    """`evaluate MODEL CLIP`."""
    from ..measures.evaluation import evaluate_model, evaluate_predictor
    from ..measures.page import write_page
    from ..measures.predictors import mean_predictor, ridge_predictor
    from ..measures.tables import text_table, write_json

    syncnet = given.syncnet(options.syncnet)
    model, clip = read_model(options.model), read_clip(options.clip)
    rest, part = _split(clip, options.tail)
    with progress_bar("comparing") as report:
        evaluations = [evaluate_model(model, part, progress=report)]
    if syncnet:
        evaluations = [_judged_by(syncnet, evaluations[0], model, part)]
    if options.against:
        training = rest if options.against.resolve() == options.clip.resolve() else read_clip(options.against)
        evaluations.append(evaluate_predictor("ridge regression", ridge_predictor(training), part))
        evaluations.append(evaluate_predictor("mean face", mean_predictor(training), part))
    print(text_table(evaluations))
    if options.json:
        write_json(options.json, evaluations)
    if options.html:
        write_page(options.html, evaluations, model, part)


def _judged_by(syncnet: SyncNet, evaluation: Evaluation, model: SpeechModel, clip: Clip) -> Evaluation:
    """Add what SyncNet says of the model's head."""
    from ..measures.evaluation import with_lip_sync
    from ..measures.lip_sync import lip_sync_figures

    with progress_bar("asking SyncNet") as report:
        return with_lip_sync(evaluation, lip_sync_figures(syncnet, model, clip, report))


def _split(clip: Clip, share: float) -> tuple[Clip, Clip]:
    """Return what lies before the last share of a clip, and that share; the whole clip twice for a share of 1."""
    if not 0 < share <= 1:
        raise ConfigError(f"--tail must be above 0 and at most 1, not {share:g}.")
    return (clip, clip) if share == 1 else clip.split_tail(share)


def measure(options: argparse.Namespace) -> None:
    """`measure MODEL SETS.toml`."""
    from ..any_voice.card import figures
    from ..any_voice.sets import measure_sets, read_sets

    measured = measure_sets(read_model(options.model), read_sets(options.sets))
    print(figures(measured))
    if options.json:
        write_text(options.json, json.dumps(measured.as_dict(), indent=1) + "\n")


def compare(options: argparse.Namespace) -> None:
    """`compare TARGET DUB.mp4`."""
    from ..dub_evaluation import compare_films

    syncnet = given.syncnet(options.syncnet)
    with nullcontext() if options.verbose else quiet_native_code():
        errors = compare_films(options.filmed, options.dubbed, given.tracker(None), max(1, options.every)).as_dict()
        if syncnet:
            errors |= _lip_sync_errors(syncnet, options.filmed, options.dubbed)
    print_errors(str(options.dubbed), errors)
    if options.json:
        write_text(options.json, json.dumps(errors, indent=1) + "\n")


def _lip_sync_errors(syncnet: SyncNet, filmed: Path, dubbed: Path) -> dict[str, float]:
    """Return what SyncNet says of a dub and of the film that it was made of, by name."""
    from ..measures.lip_sync import judge_film

    films = {"syncnet_": dubbed, "syncnet_filmed_": filmed}
    judged = {prefix: asdict(judge_film(syncnet, path, given.tracker(None))) for prefix, path in films.items()}
    return {prefix + name: value for prefix, said in judged.items() for name, value in said.items()}


def benchmark(options: argparse.Namespace) -> None:
    """`benchmark -o WORK`."""
    from ..benchmark.bench import Bench, data_folder, run_protocol
    from ..benchmark.judges import JUDGES
    from ..benchmark.protocol import default_protocol, read_protocol
    from ..benchmark.report import write_report
    from ..export import pick_device

    protocol = read_protocol(options.protocol or default_protocol())
    device = pick_device(options.device)
    bench = Bench(options.output, data_folder(options.data), device, progress_bar, partial(print, flush=True), JUDGES)
    with nullcontext() if options.verbose else quiet_native_code():
        results = run_protocol(protocol, bench, options.only)
    write_report(options.report, protocol, results, _benchmark_command(options))
    print(options.report)


def _benchmark_command(options: argparse.Namespace) -> str:
    """Return the command that makes a report again, without what lies where on this machine."""
    protocol = f" --protocol {options.protocol.name}" if options.protocol else ""
    return f"lipsync3d benchmark -o WORK{protocol}"
