"""How the model for any voice is made: what it is shown, for how long, and what its file says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import torch

from lipsync_core.capture.clip import Clip
from lipsync_core.face.topology import generic_face
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.progress import Progress, ignore_progress, part_of

from ..building import feature_spec, untrained_network
from ..config import TrainingConfig, read_config
from ..course import Course, Subject
from ..export import export_run
from ..networks import pose
from ..trainer import follow
from .corpus import CORPUS_FPS, SHAPES, CorpusOptions, SpokenTrack, make_corpus
from .left_out import check_left_out, voices_but
from .lessons import PosedFootage, PosedLesson, corpus_footage, shape_deltas, vary_voice
from .real_motion import MovingTake, filmed_takes, real_tracks
from .recorded_voices import installed_voices
from .rig_motion import RIG_LICENCE, rig_takes
from .transcripts import word_files

LICENCE = "GPL-3.0-or-later"
SETTINGS: tuple[str, ...] = (
    'model.texture="none"',
    'model.geometry="posed"',
    "model.phones=true",
    "data.held_out=0.0",
    "data.batch_size=5",
    "data.tempo=0.0",  # the corpus holds many
    "data.voice=0.07",
    "optimizer.learning_rate=1.5e-3",
    "optimizer.least_steps=7500",
    "optimizer.most_steps=7500",
)

CRISPNESS = 0.75
"""Of the model: with .75 as many closures as with 1, at the correlation of 0."""

CLOSURE_GAP = 0.07
"""Of the model: of 27 p, b and m, those at which a character's lips touch went from 7 to 20 by it."""

_CORPUS_SHARE = 0.1  # of the progress bar
_SEED_OF_REAL = 1000  # added to the corpus's seed


@dataclass(frozen=True)
class Recipe:
    """What goes into the model.

    Attributes:
        corpus: The synthetic voices.
        real: Clips of real speakers, whose motion may be shipped.
        rigs: Folders of a production rig's motion with its sound.
        speaker_seconds: How long each speaker's motion is told, by many throats and under many conditions, s.
        hearing: A model that hears phones: it finds those of known sentences in the footage.
        words: Folders of files that say when each word of a sentence is said.
        training: The network and how it learns.
        processes: Processor cores that make the corpus.
    """

    corpus: CorpusOptions
    real: tuple[Clip, ...] = ()
    rigs: tuple[Path, ...] = ()
    speaker_seconds: float = 400.0
    hearing: SpeechModel | None = None
    words: tuple[Path, ...] = ()
    training: TrainingConfig = field(default_factory=TrainingConfig)
    processes: int = 2

    @property
    def shown(self) -> tuple[Clip, ...]:
        """The clips of speakers who are not left out."""
        return tuple(clip for clip in self.real if clip.speaker not in self.corpus.without)

    @property
    def shown_rigs(self) -> tuple[Path, ...]:
        """The folders of rigs that are not left out."""
        return tuple(folder for folder in self.rigs if folder.name not in self.corpus.without)


def default_training(settings: Sequence[str] = ()) -> TrainingConfig:
    """Return the training of the model for any voice, with single settings changed (`section.key=value`)."""
    return read_config(None, (*SETTINGS, *settings))


def train_default(
    recipe: Recipe, run_folder: Path, device: torch.device, progress: Progress = ignore_progress
) -> SpeechModel:
    """Make the corpus, train on it, and return the model.

    Args:
        recipe: What goes in.
        run_folder: Where the settings, the checkpoint and the log go.
        device: Where to compute.
        progress: Told the share done.

    Raises:
        ConfigError: If somebody is left out of whom nothing is known.
        MissingDependencyError: If espeak-ng is not installed.
    """
    check_left_out(recipe.corpus.without, _names(recipe))
    config = recipe.training
    footage = corpus_footage(_tracks(recipe, part_of(progress, 0.0, _CORPUS_SHARE)), feature_spec(config.model))
    torch.manual_seed(config.optimizer.seed)
    follow(
        any_voice_course(recipe, footage, device), config, run_folder, progress=part_of(progress, _CORPUS_SHARE, 1.0)
    )
    return replace(export_run(run_folder, ingredients(recipe)), crispness=CRISPNESS, closure_gap=CLOSURE_GAP)


def any_voice_course(recipe: Recipe, footage: PosedFootage, device: torch.device) -> Course:
    """Return what the network is to learn from some footage."""
    network = untrained_network(footage, recipe.training)
    pose(network.geometry, torch.from_numpy(shape_deltas()))
    network.offset_mean.zero_()
    return Course(
        subject=_nobody(recipe, len(footage.known) / CORPUS_FPS),
        footage=footage.to(device),
        network=network.to(device),
        vary=vary_voice,
        motion=PosedLesson.of_generic_face(recipe.training.loss, device),
    )


def ingredients(recipe: Recipe) -> str:
    """Say in a sentence or two what goes into the model."""
    text = (
        f"{recipe.corpus.seconds / 3600:.2g} h of synthetic speech by espeak-ng (seed {recipe.corpus.seed}), moved by "
        "rules of articulation."
    )
    if recipe.corpus.recorded:
        kept = voices_but(installed_voices(), recipe.corpus.without)
        voices = ", ".join(f"{voice.name} ({voice.licence})" for voice in kept)
        text += f" {recipe.corpus.recorded:.0%} of it by recorded voices: {voices}." if voices else ""
    for clip in recipe.shown:
        text += f" The mouth motion of {clip.speaker}, {clip.duration:.0f} s ({clip.licence}): no picture, no voice."
    for folder in recipe.shown_rigs:
        text += f" The motion of a production rig, {folder.name} ({RIG_LICENCE}): no voice."
    if recipe.corpus.without:
        text += f" Kept from it: {', '.join(recipe.corpus.without)}."
    return text


def _tracks(recipe: Recipe, progress: Progress) -> Iterator[SpokenTrack]:
    spoken = make_corpus(recipe.corpus, recipe.processes, progress)
    seed = recipe.corpus.seed + _SEED_OF_REAL
    return chain(spoken, real_tracks(_speakers(recipe), recipe.speaker_seconds, seed, recipe.corpus.variation))


def _names(recipe: Recipe) -> list[str]:
    return [clip.speaker for clip in recipe.real] + [folder.name for folder in recipe.rigs]


def _speakers(recipe: Recipe) -> list[list[MovingTake]]:
    """Return the takes of each speaker; clips of one name are one speaker."""
    speakers: dict[str, list[MovingTake]] = {}
    files = word_files(recipe.words)
    for clip in recipe.shown:
        speakers.setdefault(clip.speaker, []).extend(filmed_takes(clip, recipe.hearing, files))
    return [*speakers.values(), *(list(rig_takes(folder)) for folder in recipe.shown_rigs)]


def _nobody(recipe: Recipe, seconds: float) -> Subject:
    return Subject(
        speaker="any voice",
        fps=CORPUS_FPS,
        neutral=generic_face(),
        blendshape_names=SHAPES,
        duration=seconds,
        consent="voices of synthesisers" + ("; real motion as licensed" if recipe.shown or recipe.shown_rigs else ""),
        licence=LICENCE,
    )


def with_errors(model: SpeechModel, errors: dict[str, float]) -> SpeechModel:
    """Return the model with measured figures in its description."""
    return replace(model, description=replace(model.description, held_out=errors))
