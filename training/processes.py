"""Several processes that train one network together, on one machine or more, as `torchrun` starts them.

Every process draws its own pieces of the footage, so a batch of all is as many times larger as there are processes.
DistributedDataParallel averages the gradients, so all hold the same weights after every step; the leader alone, rank 0,
writes and shows anything. Batch norms take the statistics of their own process's pieces, and their running statistics
are averaged over the processes after every step.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import sqrt
from types import FrameType
from typing import Any, Protocol, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous

from lipsync_core.errors import ConfigError, LipSyncError, ProcessesError

from .config import OptimizerConfig

T = TypeVar("T")

_SEED_STEP = 10_007  # between the seeds of two processes
_EXIT_FAULT, _EXIT_STOPPED = 2, 130  # of a process that leaves what happened to another to tell
_LOST = "Another process of this training stopped; see what it said, and go on with --resume."


class _Store(Protocol):
    """Numbers by name that all processes see."""

    def add(self, key: str, amount: int) -> int:
        """Add to a number, which begins at 0, and return it."""


@dataclass
class _Wish:
    """Whether somebody wants the training to stop."""

    stop: bool = False


@dataclass(frozen=True)
class Crew:
    """The processes that train one network together, as one of them sees them.

    Attributes:
        rank: Number of this process, from 0.
        count: How many there are.
    """

    rank: int = 0
    count: int = 1
    wish: _Wish = field(default_factory=_Wish, repr=False)

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes and shows."""
        return self.rank == 0

    def seed(self, seed: int) -> int:
        """Return the seed of what this process draws; the leader's is the given one."""
        return seed + _SEED_STEP * self.rank

    def steps(self, alone: int) -> int:
        """Return in how many batches the crew shows what one process shows in `alone`."""
        return -(-alone // self.count)

    def settings(self, alone: OptimizerConfig) -> OptimizerConfig:
        """Return how the weights move with batches of the whole crew, to arrive where they do `alone`.

        The learning rate grows with the root of the batch (Malladi et al. 2022), and a step takes as much off the
        running average as `count` steps of one process do (Busbridge et al. 2023).
        """
        return replace(
            alone, learning_rate=alone.learning_rate * sqrt(self.count), averaging=alone.averaging**self.count
        )

    def from_leader(self, work: Callable[[], T]) -> T:
        """Let the leader do some work, and return its result, or raise its fault, in all processes."""
        if self.count == 1:
            return work()
        answer: list[Any] = [None, None]
        if self.leads:
            try:
                answer[0] = work()
            except LipSyncError as fault:
                answer[1] = fault
        dist.broadcast_object_list(answer, src=0)
        if answer[1] is not None:
            raise answer[1]
        return cast(T, answer[0])

    def wrap(self, teacher: nn.Module) -> nn.Module:
        """Return `teacher` such that its loss has the mean gradient of all processes; all start from the leader's."""
        return teacher if self.count == 1 else nn.parallel.DistributedDataParallel(teacher)

    def settle(self, network: nn.Module) -> None:
        """Average the running statistics of all batch norms."""
        norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm1d)]
        if self.count > 1 and norms:
            kept = [norm.get_buffer(name) for norm in norms for name in ("running_mean", "running_var")]
            mean = self.mean(torch.cat(kept))
            torch._foreach_copy_(kept, list(mean.split([len(buffer) for buffer in kept])))

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean of all processes' values."""
        if self.count == 1:
            return values
        mean = values.clone()
        dist.all_reduce(mean)
        return mean / self.count

    def heed(self) -> None:
        """Raise KeyboardInterrupt if this process was asked to stop."""
        if self.wish.stop:
            raise KeyboardInterrupt


ALONE = Crew()


@contextmanager
def joined(device: torch.device) -> Iterator[tuple[Crew, torch.device]]:
    """Join the other processes that `torchrun` started, if it did.

    A fault or an interrupt of one ends all, and one of them tells it; the others leave by SystemExit.

    Args:
        device: Where to compute; of several GPUs, each process takes the one of its local rank.

    Raises:
        ConfigError: If there are fewer GPUs than processes on this machine.
        ProcessesError: If another process is gone.
    """
    if not _in_company():
        yield ALONE, device
        return
    device = _own_device(device)
    store, rank, count = next(rendezvous("env://"))
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=count)
    crew = Crew(rank, count)
    with _telling_once(store, crew), _heeding_signals(crew.wish):
        yield crew, device
        dist.destroy_process_group()  # after a fault the process ends, and does not wait for others


def refuse_company(verb: str) -> None:
    """Raise ConfigError if `torchrun` started several processes for a verb that is the work of one."""
    if _in_company():
        raise ConfigError(f"{verb} is the work of one process; start it without torchrun.")


def _in_company() -> bool:
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def _own_device(device: torch.device) -> torch.device:
    if device.type != "cuda":
        return device
    local, here = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if local >= here:
        raise ConfigError(f"This machine has {here} GPUs; start at most as many processes on it, or use --device cpu.")
    torch.cuda.set_device(local)
    return torch.device("cuda", local)


@contextmanager
def _telling_once(store: _Store, crew: Crew) -> Iterator[None]:
    """Let what ends all processes be told by the first of them that says it."""
    try:
        yield
    except KeyboardInterrupt:
        _leave_unless_first(store, "stopped", _EXIT_STOPPED)
        raise
    except LipSyncError as fault:
        _leave_unless_first(store, str(fault), _EXIT_FAULT)
        raise
    except RuntimeError as fault:
        if not _is_loss_of_another(fault):
            raise
        if crew.wish.stop:
            _leave_unless_first(store, "stopped", _EXIT_STOPPED)
            raise KeyboardInterrupt from fault
        _leave_unless_first(store, _LOST, _EXIT_FAULT)
        raise ProcessesError(_LOST) from fault


def _leave_unless_first(store: _Store, saying: str, code: int) -> None:
    try:
        first = store.add(f"said {saying}", 1) == 1
    except RuntimeError:  # whoever kept the store is gone
        return
    if not first:
        raise SystemExit(code)


def _is_loss_of_another(fault: RuntimeError) -> bool:
    return isinstance(fault, dist.DistError) or "gloo" in str(fault)


@contextmanager
def _heeding_signals(wish: _Wish) -> Iterator[None]:
    """Take Ctrl-C, and what `torchrun` sends when another process ended, as a wish: a step is finished first."""

    def wanted(number: int, frame: FrameType | None) -> None:
        wish.stop = True

    before = {number: signal.signal(number, wanted) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
