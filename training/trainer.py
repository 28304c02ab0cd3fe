"""The training loop: a clip and a configuration in, a run folder with a checkpoint out."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lipsync_core.audio.features import FeatureSpec
from lipsync_core.capture.clip import Clip
from lipsync_core.errors import ConfigError
from lipsync_core.model.encoders import EncoderSpec
from lipsync_core.progress import Progress, ignore_progress

from .checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from .config import ModelConfig, TrainingConfig
from .dataset import Batch, Footage, PieceSampler, Vary, load_footage, vary
from .losses import Anatomy, Face, anatomy_of, total_loss
from .networks import PaperEncoder, SpeakerNetwork, TrackEncoder, direct_geometry, paper_geometry, posed_geometry
from .run_folder import LOG_NAME, open_run
from .texture_ground import TextureGround, texture_ground
from .texture_lessons import TextureLesson, texture_lesson
from .texture_networks import TextureNetwork, paper_texture, sheet_texture

Begin: TypeAlias = "Callable[[SpeakerNetwork, Footage], None]"
MotionLesson: TypeAlias = "Callable[[SpeakerNetwork, Tensor, Batch], Tensor]"

_LOG = logging.getLogger(__name__)
_SAVE_EVERY = 250  # steps between checkpoints
_REPORT_EVERY = 50  # steps between lines of the log
_LEAST_FOOTAGE_SECONDS = 2.0


def feature_spec(config: ModelConfig) -> FeatureSpec:
    """Return what the configured encoder hears."""
    if config.encoder == "track":
        return FeatureSpec(kind="log_mel", channel_seconds=config.channel_seconds)
    return FeatureSpec(kind="complex_stft")


def encoder_spec(config: ModelConfig) -> EncoderSpec:
    """Return the shape of the configured encoder."""
    return EncoderSpec(
        kind=config.encoder,
        code_size=config.code_size,
        code_stride=config.code_stride if config.encoder == "track" else 1,
        fast_dilations=config.fast_dilations if config.encoder == "track" else (),
        slow_dilations=config.slow_dilations if config.encoder == "track" else (),
    )


def build_network(
    config: ModelConfig,
    blendshape_count: int,
    components: NDArray[np.float32],
    ground: TextureGround | None = None,
) -> SpeakerNetwork:
    """Make an untrained network.

    Args:
        config: Its shape.
        blendshape_count: Number of blendshapes.
        components: `(K, 1404)` principal components of the face's motion, for the geometry decoder.
        ground: What the texture is made on; None for motion alone.
    """
    spec, size = encoder_spec(config), config.code_size
    encoder: TrackEncoder | PaperEncoder
    if config.encoder == "track":
        encoder = TrackEncoder(spec, feature_spec(config).size, config.width, config.dropout)
    else:
        encoder = PaperEncoder(spec)
    geometry: nn.Module
    if config.geometry == "paper":
        geometry = paper_geometry(components, size, config.geometry_units, config.geometry_dropout)
    else:
        geometry = direct_geometry(components, size)
    network = SpeakerNetwork(encoder, geometry, size, blendshape_count, _texture_network(config, ground))
    if config.geometry == "posed":
        network.geometry = posed_geometry(network.blendshapes)
    return network


def _texture_network(config: ModelConfig, ground: TextureGround | None) -> TextureNetwork | None:
    if ground is None:
        return None
    if ground.appearance is None:
        return paper_texture(config.code_size, config.memory_size)
    scale = torch.from_numpy(ground.appearance.scale)
    return sheet_texture(config.code_size, config.memory_size, config.texture_units, scale)


def principal_components(offsets: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return the `(K, 1404)` main motions of `(T, 468, 3)` offsets, each as long as its standard deviation."""
    flat = offsets.reshape(len(offsets), -1).astype(np.float64)
    centred = flat - flat.mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(flat))
    order = np.argsort(values)[::-1][:count]
    return (vectors[:, order] * np.sqrt(np.clip(values[order], 0, None))).T.astype(np.float32)


@dataclass(frozen=True)
class Subject:
    """Whose face is learned.

    Attributes:
        speaker: The name.
        fps: Frames per second of the footage.
        neutral: `(468, 3)` float32, face units.
        blendshape_names: Names of the `B` blendshapes.
        duration: Length of the footage, s.
        consent: What the speaker agreed to.
        licence: On what terms the footage may be used.
    """

    speaker: str
    fps: float
    neutral: NDArray[np.float32]
    blendshape_names: tuple[str, ...]
    duration: float
    consent: str = "not stated"
    licence: str = "not stated"

    @classmethod
    def of(cls, clip: Clip) -> Subject:
        """Return who speaks in a clip."""
        return cls(
            speaker=clip.speaker,
            fps=clip.fps,
            neutral=clip.neutral,
            blendshape_names=clip.blendshape_names,
            duration=clip.duration,
            consent=clip.consent,
            licence=clip.licence,
        )


@dataclass(frozen=True)
class Course:
    """What a network is to learn, and from what it starts.

    Attributes:
        subject: Whose face it is.
        footage: What is shown, on the device of training.
        network: Where training starts, on the same device.
        ground: What the texture is made on; None for motion alone.
        lesson: What counts as wrong in the texture; None for motion alone.
        vary: Changes standardised features as a `track` encoder may meet them.
        motion: What counts as wrong in the motion, where it is not `total_loss`.
    """

    subject: Subject
    footage: Footage
    network: SpeakerNetwork
    ground: TextureGround | None = None
    lesson: TextureLesson | None = None
    vary: Vary = vary
    motion: MotionLesson | None = None


@dataclass
class _Run:
    """What changes while training."""

    network: SpeakerNetwork
    average: AveragedModel
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    generator: torch.Generator
    largest_gradient: float
    ground: TextureGround | None
    step: int = 0

    @classmethod
    def start(cls, network: SpeakerNetwork, steps: int, config: TrainingConfig, ground: TextureGround | None) -> _Run:
        """Stand at the beginning of `steps` batches."""
        settings = config.optimizer
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        return cls(
            network=network,
            average=AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(settings.averaging), use_buffers=True),
            optimizer=optimizer,
            schedule=torch.optim.lr_scheduler.OneCycleLR(
                optimizer, settings.learning_rate, total_steps=steps + 1, pct_start=0.2
            ),
            generator=torch.Generator().manual_seed(settings.seed),
            largest_gradient=settings.largest_gradient,
            ground=ground,
        )

    def advance(self, loss: Tensor) -> Tensor:
        """Move the weights down one batch's gradient; returns the loss without its history."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.largest_gradient)
        self.optimizer.step()
        self.schedule.step()
        self.average.update_parameters(self.network)
        self.step += 1
        return loss.detach()

    def checkpoint(self, subject: Subject) -> Checkpoint:
        """Take down everything that training goes on from."""
        return Checkpoint(
            step=self.step,
            network=self.network.state_dict(),
            average=self.average.module.state_dict(),
            optimizer=self.optimizer.state_dict(),
            schedule=self.schedule.state_dict(),
            random_state=self.generator.get_state(),
            dropout_state=torch.get_rng_state(),
            neutral=torch.from_numpy(subject.neutral),
            texture=self.ground.to_values() if self.ground else None,
            about={
                "speaker": subject.speaker,
                "fps": subject.fps,
                "consent": subject.consent,
                "licence": subject.licence,
                "blendshapes": list(subject.blendshape_names),
                "training_seconds": subject.duration,
            },
        )

    def restore(self, saved: Checkpoint) -> None:
        """Stand where the checkpoint stood."""
        self.network.load_state_dict(saved.network)
        self.average.module.load_state_dict(saved.average)
        self.average.n_averaged.fill_(saved.step)  # else the average would begin anew
        self.optimizer.load_state_dict(saved.optimizer)
        self.schedule.load_state_dict(saved.schedule)
        self.generator.set_state(saved.random_state)
        torch.set_rng_state(saved.dropout_state)
        self.step = saved.step


def train(
    clip: Clip,
    config: TrainingConfig,
    run_folder: Path,
    *,
    device: torch.device,
    begin: Begin | None = None,
    resume: bool = False,
    progress: Progress = ignore_progress,
) -> SpeakerNetwork:
    """Train a speaker's network on a clip.

    An interrupt writes a checkpoint first, so that `resume` goes on from there.

    Args:
        clip: The footage, without what is held out.
        config: All settings.
        run_folder: Where the settings, the checkpoint and the log go; made when all is well.
        device: Where to compute.
        begin: Changes the untrained network, on the CPU, to what training starts from (`starting_point.start_from`).
        resume: Go on from the checkpoint in the run folder.
        progress: Told the share done.

    Returns:
        The averaged network, on the CPU, ready to predict.

    Raises:
        ConfigError: If there is too little footage.
        FormatError: If there is nothing to resume.
    """
    if clip.duration < _LEAST_FOOTAGE_SECONDS:
        raise ConfigError(f"The clip holds only {clip.duration:.1f} s of footage; training needs some minutes.")
    torch.manual_seed(config.optimizer.seed)
    footage = load_footage(clip, feature_spec(config.model))
    ground = texture_ground(clip, config.model)
    network = untrained_network(footage, config, ground)
    if begin:
        begin(network, footage)
    course = Course(
        subject=Subject.of(clip),
        footage=footage.to(device),
        network=network.to(device),
        ground=ground,
        lesson=texture_lesson(clip, ground, footage.to(device), config.loss, config.data) if ground else None,
    )
    return follow(course, config, run_folder, resume=resume, progress=progress)


def follow(
    course: Course, config: TrainingConfig, run_folder: Path, *, resume: bool = False, progress: Progress
) -> SpeakerNetwork:
    """Train a course's network; `train` says what is written, returned and raised."""
    device = course.footage.features.device
    sampler = _sampler(course.footage, course.subject.fps, course.network, config)
    steps = step_count(sampler, config)
    run = _Run.start(course.network, steps, config, course.ground)
    if resume:
        run.restore(read_checkpoint(run_folder))
    anatomy = anatomy_of(course.subject.neutral, course.subject.blendshape_names, device)
    teacher = _Teacher(sampler, config, anatomy, course.lesson, course.vary, course.motion)
    open_run(run_folder, config, resume=resume)
    try:
        _loop(run, teacher, steps, run_folder, course.subject, progress)
    finally:
        write_checkpoint(run_folder, run.checkpoint(course.subject))
    return cast(SpeakerNetwork, run.average.module.cpu().eval())


def step_count(sampler: PieceSampler, config: TrainingConfig) -> int:
    """Return the number of batches that the configured passes over the footage take."""
    settings = config.optimizer
    wanted = round(settings.passes * sampler.steps_per_pass)
    return max(settings.least_steps, min(settings.most_steps, wanted))


def untrained_network(footage: Footage, config: TrainingConfig, ground: TextureGround | None = None) -> SpeakerNetwork:
    """Make the network, started from the statistics of the footage."""
    sample = footage.sample()
    components = principal_components(sample.offsets.numpy(), max(config.model.code_size, config.model.geometry_units))
    network = build_network(config.model, footage.blendshapes.shape[1], components, ground)
    network.offset_mean.copy_(sample.offsets.flatten(1).mean(0))
    network.blendshapes.bias.data.copy_(sample.blendshapes.mean(0))
    if isinstance(network.encoder, TrackEncoder):
        network.encoder.band_mean.copy_(footage.features.mean(0))
        network.encoder.band_deviation.copy_(footage.features.std(0).clamp(min=1e-3))
    return network


def _sampler(footage: Footage, fps: float, network: SpeakerNetwork, config: TrainingConfig) -> PieceSampler:
    with torch.no_grad():
        heard = replace(footage, features=network.encoder.standardise(footage.features))
    stride = encoder_spec(config.model).code_stride
    return PieceSampler(heard, fps, stride, feature_spec(config.model).column_rate, config.data)


@dataclass(frozen=True)
class _Teacher:
    """Shows batches and says how wrong the answer is."""

    sampler: PieceSampler
    config: TrainingConfig
    anatomy: Anatomy
    texture: TextureLesson | None
    vary: Vary
    motion: MotionLesson | None

    def loss(self, network: SpeakerNetwork, generator: torch.Generator) -> Tensor:
        batch = self.sampler.draw(generator)
        features = batch.features
        if self.config.model.encoder == "track":
            features = self.vary(features, self.config.data, generator)
        if self.motion:
            return self.motion(network, features, batch)
        code, offsets, blendshapes = network(features, batch.columns)
        motion = total_loss(Face(offsets, blendshapes), batch.face, batch.known, self.anatomy, self.config.loss)
        if self.texture is None or network.texture is None:
            return motion
        return motion + self.texture.loss(network.texture, code, batch, generator)


def _loop(run: _Run, teacher: _Teacher, steps: int, run_folder: Path, subject: Subject, progress: Progress) -> None:
    run.network.train()
    started, losses = time.perf_counter(), []
    while run.step < steps:
        losses.append(run.advance(teacher.loss(run.network, run.generator)))
        progress(run.step / steps)
        if run.step % _REPORT_EVERY == 0:
            mean = float(torch.stack(losses).mean())
            losses.clear()
            _append_log(run_folder, step=run.step, loss=mean, seconds=time.perf_counter() - started)
        if run.step % _SAVE_EVERY == 0:
            write_checkpoint(run_folder, run.checkpoint(subject))


def _append_log(run_folder: Path, **values: Any) -> None:
    with (run_folder / LOG_NAME).open("a", encoding="utf-8") as file:
        file.write(json.dumps({key: round(value, 5) for key, value in values.items()}) + "\n")
    _LOG.info("step %(step)d, loss %(loss).3f, %(seconds).0f s", values)
