"""The verbs that make things: clips, runs, models, and films of the virtual speaker."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from lipsync_core.archive import write_text
from lipsync_core.capture.clip import Clip, join_clips, read_clip, write_clip
from lipsync_core.errors import ConfigError, FormatError
from lipsync_core.model.model_file import MODEL_SUFFIX, SpeechModel, read_model, write_model
from lipsync_core.progress import ignore_progress

from ..terminal import print_errors, progress_bar, quiet_native_code
from . import given


def prepare(options: argparse.Namespace) -> None:
    """`prepare VIDEO... -o CLIP`."""
    from lipsync_core.capture.normalisation import Smoothing

    from ..preparation import PreparationOptions, blendshape_residual, prepare_clip

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
    given.warn_of_no_consent(options.consent, "this clip")
    quiet = nullcontext() if options.verbose else quiet_native_code()
    with quiet, progress_bar("reading the face") as report:
        clip = prepare_clip(options.videos, given.tracker(options.landmarker), settings, report)
    write_clip(options.output, clip)
    print(f"{options.output}: {len(clip.takes)} takes, {clip.duration:.1f} s at {clip.fps:g} frames a second")
    print(f"the blendshapes follow the lips to {100 * blendshape_residual(clip):.1f} % of the eye distance")


def train(options: argparse.Namespace) -> None:
    """`train CLIP... -o RUN`, also in each of several processes under `torchrun`."""
    from ..config import read_config
    from ..export import pick_device
    from ..processes import joined
    from ..run_folder import CONFIG_NAME, read_cost
    from ..starting_point import begin_with
    from ..trainer import train as train_network

    run_folder: Path = options.output
    stored = run_folder / CONFIG_NAME
    with joined(pick_device(options.device)) as (crew, device):
        config = read_config(options.config or (stored if options.resume else None), options.set)
        clip = join_clips(read_clip(path) for path in options.clips)
        shown, held_out = clip.split_tail(config.data.held_out) if config.data.held_out else (clip, None)
        resume = options.resume
        begin = begin_with(options.start, config.model) if options.start and not resume else None
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
    from ..export import export_run
    from ..measures.lips import measure
    from ..measures.predictors import model_predictor
    from ..run_folder import write_held_out

    model = export_run(run_folder)
    errors = measure(model_predictor(model, held_out), held_out).as_dict() | _texture_errors(model, held_out)
    write_held_out(run_folder, errors)
    print_errors("held-out footage", errors)


def _texture_errors(model: SpeechModel, clip: Clip) -> dict[str, float]:
    """Return the texture's errors by name; none if the model or the clip has motion alone."""
    from ..measures.lip_crops import measure_texture

    if model.texture is None or clip.reference is None:
        return {}
    return {f"texture_{name}": value for name, value in measure_texture(model, clip).as_dict().items()}


def train_default(options: argparse.Namespace) -> None:
    """`train-default -o RUN`."""
    from ..any_voice.card import model_card
    from ..any_voice.corpus import CorpusOptions
    from ..any_voice.recipe import Recipe, default_training, with_errors
    from ..any_voice.recipe import train_default as train_on_recipe
    from ..any_voice.recorded_voices import missing_packages
    from ..any_voice.sets import measure_sets, read_sets
    from ..export import pick_device
    from ..processes import refuse_company
    from ..starting_point import DEFAULT_MODEL

    refuse_company("train-default")
    recipe = Recipe(
        corpus=CorpusOptions(
            seconds=3600 * options.hours,
            seed=options.seed,
            recorded=options.recorded,
            without=tuple(options.without),
        ),
        real=tuple(read_clip(path) for path in options.motion),
        rigs=tuple(options.rig_motion),
        speaker_seconds=options.speaker_seconds,
        hearing=read_model(options.hearing) if options.hearing else None,
        words=tuple(options.words),
        training=default_training(options.set),
        processes=options.processes,
    )
    if options.recorded and (packages := missing_packages()):
        print(f"more voices speak where these Debian packages are installed: {' '.join(packages)}")
    sets = read_sets(options.measure) if options.measure else None
    with progress_bar("training") as report:
        model = train_on_recipe(recipe, options.output, pick_device(options.device), report)
    measured = measure_sets(model, sets) if sets else None
    if measured:
        model = with_errors(model, measured.as_dict())
        print_errors("measured", measured.as_dict())
    path = options.model or options.output / DEFAULT_MODEL
    write_model(path, model)
    if options.card:
        write_text(options.card, model_card(model, measured))
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def export(options: argparse.Namespace) -> None:
    """`export RUN -o MODEL.lipsync3d`."""
    from ..export import export_run

    if options.output.suffix != MODEL_SUFFIX:
        raise FormatError(f"{options.output} should end in {MODEL_SUFFIX}, so that Blender finds it.")
    model = export_run(options.run_folder, options.notes)
    write_model(options.output, model)
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.1f} MB")


def virtual_speaker(options: argparse.Namespace) -> None:
    """`virtual-speaker -o VIDEO.mp4`."""
    from ..virtual_speaker.sentences import TRAINING_SENTENCES
    from ..virtual_speaker.speaker import record_virtual_speaker

    order = np.random.default_rng(options.seed).permutation(len(TRAINING_SENTENCES))
    chosen = [TRAINING_SENTENCES[order[i % len(order)]] for i in range(options.sentences)]
    with progress_bar("filming the speaker") as report:
        record_virtual_speaker(options.output, options.text or chosen, seed=options.seed, progress=report)
    print(options.output)
