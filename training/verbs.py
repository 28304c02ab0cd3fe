"""What each verb of the command line does. Heavy packages are imported by the verb that needs them."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lipsync_core.animation import write_animation
from lipsync_core.archive import replacing, write_text
from lipsync_core.capture.clip import Clip, join_clips, read_clip, write_clip
from lipsync_core.capture.tracking import FaceTracker
from lipsync_core.character.life import LifeConfig
from lipsync_core.character.shaping import Shaping
from lipsync_core.character.wearing import worn
from lipsync_core.errors import ConfigError, FormatError
from lipsync_core.livelink import write_livelink
from lipsync_core.model.model_file import MODEL_SUFFIX, NOT_STATED, SpeechModel, read_model, write_model
from lipsync_core.progress import ignore_progress
from lipsync_core.synthesis import synthesize
from lipsync_core.weights_json import write_weights_json

from .terminal import json_lines, progress_bar, quiet_native_code

_FILM_SUFFIX = ".mp4"
_LOG = logging.getLogger(__name__)

if TYPE_CHECKING:
    from .config import ModelConfig
    from .judges.syncnet import SyncNet
    from .measures.evaluation import Evaluation
    from .trainer import Begin


def prepare(options: argparse.Namespace) -> None:
    """`prepare VIDEO... -o CLIP`."""
    from lipsync_core.capture.normalisation import Smoothing

    from .preparation import PreparationOptions, blendshape_residual, prepare_clip

    if options.audio and len(options.videos) > 1:
        raise ConfigError("--audio belongs to a single video; prepare the videos one by one.")
    settings = PreparationOptions(
        speaker=options.speaker,
        sound=options.audio,
        sound_offset=options.audio_offset,
        reference_seconds=options.reference,
        like=read_clip(options.like) if options.like else None,
        texture=not options.no_texture,
        normalise_light=not options.keep_light,
        smoothing=Smoothing(face=options.smoothing),
        skip_bad=options.skip_bad,
        consent=options.consent,
        licence=options.licence,
    )
    _warn_of_no_consent(options.consent, "this clip")
    quiet = nullcontext() if options.verbose else quiet_native_code()
    with quiet, progress_bar("reading the face") as report:
        clip = prepare_clip(options.videos, _tracker(options.landmarker), settings, report)
    write_clip(options.output, clip)
    print(f"{options.output}: {len(clip.takes)} takes, {clip.duration:.1f} s at {clip.fps:g} frames a second")
    print(f"the blendshapes follow the lips to {100 * blendshape_residual(clip):.1f} % of the eye distance")


def _check_film_name(path: Path) -> None:
    if path.suffix != _FILM_SUFFIX:
        raise FormatError(f"{path} should end in {_FILM_SUFFIX}.")


def _warn_of_no_consent(consent: str, what: str) -> None:
    if consent == NOT_STATED:
        _LOG.warning(
            "nobody's consent is stated for %s, and all that is made of it will say so; "
            'give `prepare --consent "who agreed, how"`.',
            what,
        )


def _tracker(landmarker: Path | None) -> FaceTracker:
    """Return what finds faces: with its own models, or with a `face_landmarker.task` of the user's."""
    from lipsync_core.capture.tracking import FaceLandmarkerTracker, FaceMeshTracker

    return FaceLandmarkerTracker(landmarker) if landmarker else FaceMeshTracker()


def train(options: argparse.Namespace) -> None:
    """`train CLIP... -o RUN`, also in each of several processes under `torchrun`."""
    from .config import read_config
    from .export import pick_device
    from .processes import joined
    from .run_folder import CONFIG_NAME, read_cost
    from .trainer import train as train_network

    run_folder: Path = options.output
    stored = run_folder / CONFIG_NAME
    with joined(pick_device(options.device)) as (crew, device):
        config = read_config(options.config or (stored if options.resume else None), options.set)
        clip = join_clips(read_clip(path) for path in options.clips)
        shown, held_out = clip.split_tail(config.data.held_out) if config.data.held_out else (clip, None)
        begin = None if options.resume else _beginning(options, config.model)
        if begin is None and crew.leads and not (options.resume or options.from_scratch):
            print("Training from scratch: there is no model for any voice whose encoder has this shape.")
        resume = options.resume
        with progress_bar("training") if crew.leads else nullcontext(ignore_progress) as report:
            train_network(
                shown, config, run_folder, device=device, begin=begin, resume=resume, crew=crew, progress=report
            )
    if not crew.leads:
        return
    if held_out:
        _measure_held_out(run_folder, held_out)
    print(f"{run_folder}: trained on {shown.duration:.0f} s of footage")
    if cost := read_cost(run_folder):
        print(cost.sentence())


def _measure_held_out(run_folder: Path, held_out: Clip) -> None:
    from .export import export_run
    from .measures.lips import measure
    from .measures.predictors import model_predictor
    from .run_folder import write_held_out

    model = export_run(run_folder)
    errors = measure(model_predictor(model, held_out), held_out).as_dict() | _texture_errors(model, held_out)
    write_held_out(run_folder, errors)
    _print_errors("held-out footage", errors)


def _beginning(options: argparse.Namespace, config: ModelConfig) -> Begin | None:
    """Return what puts the starting model into a network: the one for any voice, unless another or none is wanted."""
    from .starting_point import default_model_path, fits, start_from

    path: Path | None = options.start or default_model_path()
    if options.from_scratch or path is None:
        return None
    model = read_model(path)
    if not options.start and not fits(model, config):
        return None
    return lambda network, footage: start_from(model, network, footage, config)


def train_default(options: argparse.Namespace) -> None:
    """`train-default -o RUN`."""
    from .any_voice.card import model_card
    from .any_voice.corpus import CorpusOptions
    from .any_voice.recipe import Recipe, default_training, with_errors
    from .any_voice.recipe import train_default as train_on_recipe
    from .any_voice.sets import measure_sets, read_sets
    from .export import pick_device
    from .processes import refuse_company
    from .starting_point import DEFAULT_MODEL

    refuse_company("train-default")
    recipe = Recipe(
        corpus=CorpusOptions(seconds=3600 * options.hours, seed=options.seed),
        real=tuple(read_clip(path) for path in options.motion),
        copies=options.copies,
        training=default_training(options.set),
        processes=options.processes,
    )
    sets = read_sets(options.measure) if options.measure else None
    with progress_bar("training") as report:
        model = train_on_recipe(recipe, options.output, pick_device(options.device), report)
    measured = measure_sets(model, sets) if sets else None
    if measured:
        model = with_errors(model, measured.as_dict())
        _print_errors("measured", measured.as_dict())
    path = options.model or options.output / DEFAULT_MODEL
    write_model(path, model)
    if options.card:
        write_text(options.card, model_card(model, measured))
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def measure(options: argparse.Namespace) -> None:
    """`measure MODEL SETS.toml`."""
    from .any_voice.card import figures
    from .any_voice.sets import measure_sets, read_sets

    measured = measure_sets(read_model(options.model), read_sets(options.sets))
    print(figures(measured))
    if options.json:
        write_text(options.json, json.dumps(measured.as_dict(), indent=1) + "\n")


def export(options: argparse.Namespace) -> None:
    """`export RUN -o MODEL.lipsync3d`."""
    from .export import export_run

    if options.output.suffix != MODEL_SUFFIX:
        raise FormatError(f"{options.output} should end in {MODEL_SUFFIX}, so that Blender finds it.")
    model = export_run(options.run_folder, options.notes)
    write_model(options.output, model)
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.1f} MB")


def evaluate(options: argparse.Namespace) -> None:
    """`evaluate MODEL CLIP`."""
    from .measures.evaluation import evaluate_model, evaluate_predictor
    from .measures.page import write_page
    from .measures.predictors import mean_predictor, ridge_predictor
    from .measures.tables import text_table, write_json

    syncnet = _syncnet(options.syncnet)
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
    from .measures.evaluation import with_lip_sync
    from .measures.lip_sync import lip_sync_figures

    with progress_bar("asking SyncNet") as report:
        return with_lip_sync(evaluation, lip_sync_figures(syncnet, model, clip, report))


def _syncnet(weights: Path | None) -> SyncNet | None:
    """Read SyncNet where its weights are given."""
    from .export import pick_device
    from .judges.syncnet import read_syncnet

    return read_syncnet(weights, pick_device("auto")) if weights else None


def _texture_errors(model: SpeechModel, clip: Clip) -> dict[str, float]:
    """Return the texture's errors by name; none if the model or the clip has motion alone."""
    from .measures.lip_crops import measure_texture

    if model.texture is None or clip.reference is None:
        return {}
    return {f"texture_{name}": value for name, value in measure_texture(model, clip).as_dict().items()}


def _split(clip: Clip, share: float) -> tuple[Clip, Clip]:
    """Return what lies before the last share of a clip, and that share; the whole clip twice for a share of 1."""
    if not 0 < share <= 1:
        raise ConfigError(f"--tail must be above 0 and at most 1, not {share:g}.")
    return (clip, clip) if share == 1 else clip.split_tail(share)


def animate(options: argparse.Namespace) -> None:
    """`animate MODEL AUDIO -o OUT.csv|.json|.npz`."""
    from lipsync_core.audio.decoding import read_speech

    writers = {".csv": write_livelink, ".json": write_weights_json, ".npz": write_animation}
    if options.output.suffix not in writers:
        raise FormatError(f"{options.output} should end in .csv (Live Link Face), .json or .npz.")
    shaping = Shaping(options.intensity, smoothing=options.smoothing / 1000, delay=options.delay / 1000)
    life = LifeConfig(float("blinks" in options.life), float("eyes" in options.life), seed=options.seed)
    model = read_model(options.model)
    speech = read_speech(options.audio)
    with progress_bar("animating") as report:
        animation = worn(synthesize(model, speech, options.fps, report), shaping, life)
    writers[options.output.suffix](options.output, animation)
    print(f"{options.output}: {animation.frame_count} frames at {animation.fps:g} frames a second")


def head(options: argparse.Namespace) -> None:
    """`head MODEL AUDIO -o OUT.mp4`."""
    from lipsync_core.dubbing.portrait import PortraitOptions, film_head

    _check_film_name(options.output)
    wanted = PortraitOptions(options.style, options.side, options.fps, options.mark)
    model = read_model(options.model)
    _warn_of_no_consent(model.description.consent, f"the model of {model.description.speaker}")
    with progress_bar("filming the head") as report:
        animation = film_head(model, options.audio, options.output, wanted, report)
    print(f"{options.output}: {animation.frame_count} frames at {animation.fps:g} frames a second")


def dub(options: argparse.Namespace) -> None:
    """`dub MODEL TARGET AUDIO -o OUT.mp4`."""
    from lipsync_core.dubbing.dub import DubOptions
    from lipsync_core.dubbing.dub import dub as dub_video

    _check_film_name(options.output)
    model = read_model(options.model)
    wanted = DubOptions(
        style=options.style,
        length=options.length,
        relight=not options.no_relight,
        mark=options.mark,
        anyway=options.anyway,
    )
    _warn_of_no_consent(model.description.consent, f"the model of {model.description.speaker}")
    quiet = nullcontext() if options.verbose else quiet_native_code()
    shown = json_lines(sys.stdout) if options.json_progress else progress_bar("dubbing")
    with quiet, shown as report:
        tracker = _tracker(options.landmarker)
        result = dub_video(model, options.target, options.audio, options.output, tracker, wanted, report)
    if options.json_progress:
        print(json.dumps({"done": str(options.output), "report": asdict(result)}), flush=True)
        return
    print(f"{options.output}: {result.frames} frames, {result.seconds:.1f} s")
    if result.repeated:
        print("the target is shorter than the speech; --keep-length, --loop-target and --hold-last say what to do")
    for start, end in result.lost:
        print(f"unchanged from {start:.2f} s to {end:.2f} s of the target: the face was lost or covered")


def compare(options: argparse.Namespace) -> None:
    """`compare TARGET DUB.mp4`."""
    from .dub_evaluation import compare_films

    syncnet = _syncnet(options.syncnet)
    with nullcontext() if options.verbose else quiet_native_code():
        errors = compare_films(options.filmed, options.dubbed, _tracker(None), max(1, options.every)).as_dict()
        if syncnet:
            errors |= _lip_sync_errors(syncnet, options.filmed, options.dubbed)
    _print_errors(str(options.dubbed), errors)
    if options.json:
        with replacing(options.json) as partial:
            partial.write_text(json.dumps(errors, indent=1) + "\n", encoding="utf-8")


def _lip_sync_errors(syncnet: SyncNet, filmed: Path, dubbed: Path) -> dict[str, float]:
    """Return what SyncNet says of a dub and of the film that it was made of, by name."""
    from .measures.lip_sync import judge_film

    films = {"syncnet_": dubbed, "syncnet_filmed_": filmed}
    judged = {prefix: asdict(judge_film(syncnet, path, _tracker(None))) for prefix, path in films.items()}
    return {prefix + name: value for prefix, said in judged.items() for name, value in said.items()}


def benchmark(options: argparse.Namespace) -> None:
    """`benchmark -o WORK`."""
    from .benchmark.bench import Bench, data_folder, run_protocol
    from .benchmark.judges import JUDGES
    from .benchmark.protocol import default_protocol, read_protocol
    from .benchmark.report import write_report
    from .export import pick_device

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


def virtual_speaker(options: argparse.Namespace) -> None:
    """`virtual-speaker -o VIDEO.mp4`."""
    from .virtual_speaker.sentences import TRAINING_SENTENCES
    from .virtual_speaker.speaker import record_virtual_speaker

    order = np.random.default_rng(options.seed).permutation(len(TRAINING_SENTENCES))
    chosen = [TRAINING_SENTENCES[order[i % len(order)]] for i in range(options.sentences)]
    with progress_bar("filming the speaker") as report:
        record_virtual_speaker(options.output, options.text or chosen, seed=options.seed, progress=report)
    print(options.output)


def _print_errors(name: str, errors: dict[str, float]) -> None:
    figures = ", ".join(f"{key.replace('_', ' ')} {value:.3g}" for key, value in errors.items())
    print(f"{name}: {figures}")
