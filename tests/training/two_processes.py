"""What each of two processes does that `test_processes` starts together: `two_processes STORY FOLDER`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

from lipsync_core.capture.clip import Clip
from lipsync_core.errors import ProcessesError
from tests.training.test_texture import speaking_clip
from tests.training.test_training import loud_mouthed_clip
from training import networks, texture_ground
from training.checkpoint import read_checkpoint
from training.config import TrainingConfig, read_config
from training.processes import Crew, joined
from training.trainer import train

STEPS = 6

# Nothing but the pieces of a batch is random, and no piece is judged by what else is in its batch.
CERTAIN = ["model.encoder=paper", "model.texture=none", "data.crop_seconds=0.4", "data.batch_size=2"]

# Channels of the paper's encoder, over frequency and over time: few, to be quick.
NARROW = ((4, 4, 8, 8, 8, 8), (8, 8, 8, 8, 8, 8))

# Everything that is random, batch norms, and a texture.
USUAL = ["model.width=16", "model.skin_components=3", "model.inside_components=2", "data.crop_seconds=1.0"]


def config(settings: list[str], steps: int) -> TrainingConfig:
    """A run of so many steps, were it one process's."""
    return read_config(None, [*settings, f"optimizer.least_steps={steps}", "optimizer.passes=0"])


def certain_clip() -> Clip:
    """A clip of which all pieces are equally long."""
    return loud_mouthed_clip(1, 3.0)


def learn(crew: Crew, folder: Path) -> None:
    """Train on a clip without a texture; then on one with, stopped half-way and resumed. Keep what has become."""
    device = torch.device("cpu")
    network = train(certain_clip(), config(CERTAIN, 2 * STEPS), folder / "certain", device=device, crew=crew)
    torch.save(network.state_dict(), folder / f"certain_{crew.rank}.pt")

    def stop_half_way(share: float) -> None:
        crew.wish.stop = share >= 0.5

    usual, clip = config(USUAL, 2 * STEPS), speaking_clip()
    with suppress(KeyboardInterrupt):
        train(clip, usual, folder / "usual", device=device, crew=crew, progress=stop_half_way)
    crew.wish.stop = False
    stopped_at = crew.from_leader(lambda: read_checkpoint(folder / "usual").step)  # who reads it when it is written
    (folder / f"stopped_{crew.rank}").write_text(str(stopped_at))
    network = train(clip, usual, folder / "usual", device=device, crew=crew, resume=True)
    torch.save(network.state_dict(), folder / f"usual_{crew.rank}.pt")


def fall(crew: Crew, folder: Path) -> None:
    """Let the second process die half-way of a fault of its own."""

    def die_half_way(share: float) -> None:
        if share >= 0.5 and not crew.leads:
            raise SystemExit(1)

    settings = config([*USUAL, "model.texture=none"], 2 * STEPS)
    train(certain_clip(), settings, folder / "run", device=torch.device("cpu"), crew=crew, progress=die_half_way)


STORIES: dict[str, Callable[[Crew, Path], None]] = {"learn": learn, "fall": fall}

if __name__ == "__main__":
    story, place = STORIES[sys.argv[1]], Path(sys.argv[2])
    networks.FREQUENCY_CHANNELS, networks.TIME_CHANNELS = NARROW
    texture_ground.sharpened = lambda appearance, *_: appearance  # slow, and tested elsewhere
    try:
        with joined(torch.device("cpu")) as (own, _):
            story(own, place)
    except ProcessesError as fault:
        print(f"told: {fault}", file=sys.stderr)
        sys.exit(2)
