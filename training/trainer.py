"""The training loop: a clip and a configuration in, a run folder with a checkpoint out."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lipsync_core.capture.clip import Clip
from lipsync_core.errors import ConfigError
from lipsync_core.progress import Progress, ignore_progress

from .building import feature_spec, untrained_network
from .checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from .config import OptimizerConfig, TrainingConfig
from .course import Course, Subject, Teacher
from .dataset import Footage, PieceSampler, load_footage
from .measures.cost import CostMeter
from .networks import SpeakerNetwork
from .processes import ALONE, Crew
from .run_folder import LOG_NAME, add_cost, open_run
from .texture_ground import TextureGround, texture_ground
from .texture_lessons import texture_lesson

Begin: TypeAlias = "Callable[[SpeakerNetwork, Footage], None]"

_LOG = logging.getLogger(__name__)
_SAVE_EVERY = 250  # steps between checkpoints
_REPORT_EVERY = 50  # steps between lines of the log
_LEAST_FOOTAGE_SECONDS = 2.0


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
    crew: Crew
    step: int = 0

    @classmethod
    def start(cls, course: Course, steps: int, alone: OptimizerConfig, crew: Crew) -> _Run:
        """Stand at the beginning of `steps` batches."""
        network, settings = course.network, crew.settings(alone)
        optimizer = torch.optim.AdamW(
            network.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True if course.footage.features.is_cuda else None,
        )
        if not crew.leads:
            torch.manual_seed(crew.seed(settings.seed))  # each drops others; the leader's follows the first weights
        return cls(
            network=network,
            average=AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(settings.averaging), use_buffers=True),
            optimizer=optimizer,
            schedule=torch.optim.lr_scheduler.OneCycleLR(
                optimizer, settings.learning_rate, total_steps=steps + 1, pct_start=0.2
            ),
            generator=torch.Generator().manual_seed(crew.seed(settings.seed)),
            largest_gradient=settings.largest_gradient,
            ground=course.ground,
            crew=crew,
        )

    def advance(self, loss: Tensor) -> Tensor:
        """Move the weights down one batch's gradient; returns the loss without its history."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.largest_gradient)
        self.optimizer.step()
        self.schedule.step()
        self.crew.settle(self.network)
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
        self.step = saved.step
        if self.crew.leads:
            self.generator.set_state(saved.random_state)
            torch.set_rng_state(saved.dropout_state)
        else:  # the leader's state alone is kept: draw what was not drawn yet
            self.generator.manual_seed(self.generator.initial_seed() + saved.step)
            torch.manual_seed(self.generator.initial_seed())


def train(
    clip: Clip,
    config: TrainingConfig,
    run_folder: Path,
    *,
    device: torch.device,
    begin: Begin | None = None,
    resume: bool = False,
    crew: Crew = ALONE,
    progress: Progress = ignore_progress,
) -> SpeakerNetwork:
    """Train a speaker's network on a clip.

    An interrupt writes a checkpoint first, so that `resume` goes on from there.

    Args:
        clip: The footage, without what is held out.
        config: All settings.
        run_folder: Where the settings, the checkpoint, the log and the cost go; made when all is well.
        device: Where to compute.
        begin: Changes the untrained network, on the CPU, to what training starts from (`starting_point.start_from`).
        resume: Go on from the checkpoint in the run folder.
        crew: The processes that train together; its leader alone reads and writes the run folder.
        progress: Told the share done.

    Returns:
        The averaged network, on the CPU, ready to predict.

    Raises:
        ConfigError: If there is too little footage, or the run was laid out for other settings or processes.
        FormatError: If there is nothing to resume.
    """
    if clip.duration < _LEAST_FOOTAGE_SECONDS:
        raise ConfigError(f"The clip holds only {clip.duration:.1f} s of footage; training needs some minutes.")
    meter = CostMeter(device)
    torch.manual_seed(config.optimizer.seed)
    footage = load_footage(clip, feature_spec(config.model))
    ground = crew.from_leader(lambda: texture_ground(clip, config.model))
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
    return follow(course, config, run_folder, resume=resume, crew=crew, meter=meter, progress=progress)


def follow(
    course: Course,
    config: TrainingConfig,
    run_folder: Path,
    *,
    resume: bool = False,
    crew: Crew = ALONE,
    meter: CostMeter | None = None,
    progress: Progress,
) -> SpeakerNetwork:
    """Train a course's network; `train` says what is written, returned and raised. `meter` began with the work."""
    device = course.footage.features.device
    meter = meter or CostMeter(device)
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    teacher = Teacher(course, config)
    steps = crew.steps(step_count(teacher.sampler, config))
    wrapped = crew.wrap(teacher)
    run = _Run.start(course, steps, config.optimizer, crew)
    if resume:
        saved = crew.from_leader(lambda: read_checkpoint(run_folder))
        _check_layout(saved, steps)
        run.restore(saved)
    begun = run.step
    if crew.leads:
        open_run(run_folder, config, resume=resume)
    meter.begin_showing()
    try:
        _loop(run, wrapped, steps, run_folder, course.subject, progress)
    finally:
        if crew.leads:
            write_checkpoint(run_folder, run.checkpoint(course.subject))
            shown = (run.step - begun) * teacher.sampler.frames_per_step * crew.count
            add_cost(run_folder, meter.cost(shown, crew.count))
    return cast(SpeakerNetwork, run.average.module.cpu().eval())


def step_count(sampler: PieceSampler, config: TrainingConfig) -> int:
    """Return the number of batches that the configured passes over the footage take one process."""
    settings = config.optimizer
    wanted = round(settings.passes * sampler.steps_per_pass)
    return max(settings.least_steps, min(settings.most_steps, wanted))


def _check_layout(saved: Checkpoint, steps: int) -> None:
    """Refuse to resume a run whose learning rate follows another number of steps."""
    laid_out = saved.schedule["total_steps"] - 1
    if laid_out != steps:
        raise ConfigError(
            f"The run takes {laid_out} steps in all, and would take {steps} as it is started now; "
            "resume it with its own settings, on the same footage and on as many processes."
        )


def _loop(run: _Run, teacher: nn.Module, steps: int, run_folder: Path, subject: Subject, progress: Progress) -> None:
    run.network.train()
    started, losses = time.perf_counter(), []
    while run.step < steps:
        run.crew.heed()
        losses.append(run.advance(teacher(run.generator)))
        progress(run.step / steps)
        if run.step % _REPORT_EVERY == 0:
            mean = float(run.crew.mean(torch.stack(losses).mean()))
            losses.clear()
            if run.crew.leads:
                _append_log(run_folder, step=run.step, loss=mean, seconds=time.perf_counter() - started)
        if run.step % _SAVE_EVERY == 0 and run.crew.leads:
            write_checkpoint(run_folder, run.checkpoint(subject))


def _append_log(run_folder: Path, **values: Any) -> None:
    with (run_folder / LOG_NAME).open("a", encoding="utf-8") as file:
        file.write(json.dumps({key: round(value, 5) for key, value in values.items()}) + "\n")
    _LOG.info("step %(step)d, loss %(loss).3f, %(seconds).0f s", values)
