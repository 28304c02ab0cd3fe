"""One network trained by two processes, each started as `torchrun` starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from math import sqrt
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from lipsync_core.errors import ConfigError  # noqa: E402
from tests.conftest import REPOSITORY  # noqa: E402
from tests.training.two_processes import CERTAIN, NARROW, STEPS, USUAL, certain_clip, config  # noqa: E402
from training import networks  # noqa: E402
from training.checkpoint import read_checkpoint  # noqa: E402
from training.cli import main  # noqa: E402
from training.config import OptimizerConfig  # noqa: E402
from training.dataset import Batch, Face, PieceSampler  # noqa: E402
from training.processes import Crew  # noqa: E402
from training.run_folder import read_cost  # noqa: E402
from training.trainer import train  # noqa: E402

CPU = torch.device("cpu")
TOGETHER = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def together(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m ...` in two processes at once."""
    return subprocess.run(
        [sys.executable, *TOGETHER, "-m", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def played(story: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Let two processes play a story of `two_processes`."""
    return together("tests.training.two_processes", story, str(folder))


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("together")
    done = played("learn", folder)
    assert done.returncode == 0, done.stderr
    return folder


def weights(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)


@pytest.mark.parametrize("name", ["certain", "usual"])
def test_both_processes_hold_the_same_network(learnt: Path, name: str) -> None:
    one, other = weights(learnt / f"{name}_0.pt"), weights(learnt / f"{name}_1.pt")

    for key, value in one.items():
        torch.testing.assert_close(other[key], value, atol=0, rtol=0)


def test_there_is_one_checkpoint_of_half_as_many_steps(learnt: Path) -> None:
    files = sorted(path.name for path in (learnt / "usual").iterdir())

    assert files == ["checkpoint.pt", "config.toml", "cost.json"]
    assert read_checkpoint(learnt / "usual").step == STEPS


def test_the_footage_shown_is_what_one_process_shows(learnt: Path) -> None:
    cost = read_cost(learnt / "usual")

    assert cost.processes == 2
    assert cost.frames == 2 * STEPS * 4 * 25  # steps of one process, pieces in a batch, frames of a piece


def both_halves(draw: object, seed: int) -> object:
    """A sampler's `draw` that also draws what the second process drew, and makes one batch of both."""
    second = torch.Generator().manual_seed(Crew(1, 2).seed(seed))

    def drawn(sampler: PieceSampler, generator: torch.Generator) -> Batch:
        halves = [draw(sampler, one) for one in (generator, second)]
        face = Face(*(torch.cat([getattr(half.face, n) for half in halves]) for n in ("offsets", "blendshapes")))
        rest = {n: torch.cat([getattr(half, n) for half in halves]) for n in ("features", "columns", "known", "frames")}
        return Batch(face=face, **rest)

    return drawn


def test_two_halves_of_a_batch_teach_what_the_whole_batch_does(
    learnt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = OptimizerConfig()
    for name, channels in zip(("FREQUENCY_CHANNELS", "TIME_CHANNELS"), NARROW, strict=True):
        monkeypatch.setattr(networks, name, channels)
    monkeypatch.setattr(PieceSampler, "draw", both_halves(PieceSampler.draw, usual.seed))
    alone = [f"optimizer.learning_rate={usual.learning_rate * sqrt(2)}", f"optimizer.averaging={usual.averaging**2}"]

    network = train(certain_clip(), config([*CERTAIN, *alone], STEPS), tmp_path, device=CPU)

    shared = weights(learnt / "certain_0.pt")
    for key, value in network.state_dict().items():
        torch.testing.assert_close(shared[key], value, atol=1e-4, rtol=1e-4)
    begun = torch.load(learnt / "certain" / "checkpoint.pt", weights_only=True)["network"]
    assert any((begun[key] - value).abs().max() > 1e-3 for key, value in shared.items())  # the average lags behind


def test_a_run_stopped_half_way_on_two_processes_goes_on(learnt: Path) -> None:
    assert [(learnt / f"stopped_{rank}").read_text() for rank in (0, 1)] == [str(STEPS // 2)] * 2
    assert read_checkpoint(learnt / "usual").step == STEPS


def test_a_run_is_not_resumed_on_another_number_of_processes(learnt: Path) -> None:
    settings = config([*USUAL, "model.texture=none"], 2 * STEPS)

    with pytest.raises(ConfigError, match="on as many processes"):
        train(certain_clip(), settings, learnt / "usual", device=CPU, resume=True)


def test_the_death_of_one_process_ends_all_and_leaves_a_checkpoint(tmp_path: Path) -> None:
    done = played("fall", tmp_path)

    assert done.returncode != 0
    assert done.stderr.count("told: Another process of this training stopped") == 1
    assert read_checkpoint(tmp_path / "run").step == STEPS // 2


def test_a_mistake_is_told_once(tmp_path: Path) -> None:
    done = together("training", "train", "nowhere.clip", "-o", str(tmp_path / "run"), "--device", "cpu")

    assert done.returncode != 0
    assert done.stderr.count("lipsync3d: There is no clip file at nowhere.clip") == 1
    assert not (tmp_path / "run").exists()


def test_the_model_for_any_voice_is_made_by_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")

    assert main(["train-default", "-o", str(tmp_path / "run")]) == 2

    assert "start it without torchrun" in capsys.readouterr().err


def test_larger_batches_move_further_and_forget_faster() -> None:
    alone, shared = OptimizerConfig(), Crew(0, 4).settings(OptimizerConfig())

    assert shared.learning_rate == pytest.approx(2 * alone.learning_rate)
    assert shared.averaging == pytest.approx(alone.averaging**4)
    assert Crew().settings(alone) == alone
    assert [Crew(0, count).steps(400) for count in (1, 2, 3)] == [400, 200, 134]
