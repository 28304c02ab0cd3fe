"""How the judges learn: batches of lessons in random order, AdamW, and a rate that rises and falls once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lipsync_core.progress import Progress

_RISING = 0.15  # share of the steps
_STEEPEST = 5.0  # norm that gradients are cut to


@dataclass(frozen=True)
class Plan:
    """How long and how fast to learn.

    Attributes:
        passes: Over all lessons.
        batch_size: Lessons at a time.
        learning_rate: At its highest (Smith and Topin 2018).
        weight_decay: Of AdamW.
        seed: Of everything that is drawn.
    """

    passes: int
    batch_size: int = 10
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    seed: int = 0


def learn(
    network: nn.Module,
    loss: Callable[[Tensor, torch.Generator], Tensor],
    lessons: int,
    plan: Plan,
    progress: Progress,
) -> None:
    """Lower the loss of a network, and leave it ready to be asked.

    Args:
        network: What learns.
        loss: Says how wrong it is on the lessons of some numbers `(B,)`; draws with the generator.
        lessons: How many there are.
        plan: How long.
        progress: Told the share done; may stop it.
    """
    generator = torch.Generator().manual_seed(plan.seed)
    steps = plan.passes * math.ceil(lessons / plan.batch_size)
    optimizer = torch.optim.AdamW(network.parameters(), plan.learning_rate, weight_decay=plan.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, plan.learning_rate, steps, pct_start=_RISING)
    network.train()
    for step, picks in enumerate(_batches(lessons, plan, generator), start=1):
        optimizer.zero_grad(set_to_none=True)
        loss(picks, generator).backward()
        nn.utils.clip_grad_norm_(network.parameters(), _STEEPEST)
        optimizer.step()
        schedule.step()
        progress(step / steps)
    network.eval()


def _batches(lessons: int, plan: Plan, generator: torch.Generator) -> Iterator[Tensor]:
    for _ in range(plan.passes):
        yield from torch.randperm(lessons, generator=generator).split(plan.batch_size)
