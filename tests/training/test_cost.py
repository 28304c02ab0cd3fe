"""What training and speaking cost, and what mixed precision leaves as it was."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from lipsync_core.errors import ConfigError  # noqa: E402
from tests.conftest import babble, tiny_model  # noqa: E402
from tests.training.test_texture import SHORT, exported, speaking_clip  # noqa: E402
from tests.training.test_training import loud_mouthed_clip  # noqa: E402
from training.config import read_config  # noqa: E402
from training.measures.cost import InferenceCost, TrainingCost, inference_cost  # noqa: E402
from training.measures.described import descriptions_of  # noqa: E402
from training.run_folder import add_cost, read_cost  # noqa: E402
from training.trainer import train  # noqa: E402

CPU = torch.device("cpu")
STEPS = 6
SMALL = ["model.width=16", "model.texture=none", "data.crop_seconds=1.0", f"optimizer.least_steps={STEPS}"]
COST = TrainingCost("cpu, 2 threads", 1, seconds=90.0, frames=9000, frames_per_second=100.0, peak_memory=500.0)


def test_a_run_keeps_what_it_cost(tmp_path: Path) -> None:
    train(loud_mouthed_clip(1), read_config(None, [*SMALL, "optimizer.passes=0"]), tmp_path, device=CPU)

    cost = read_cost(tmp_path)

    assert cost.device.startswith("cpu, ")
    assert cost.frames == STEPS * 4 * 25  # pieces in a batch, frames of a piece
    assert cost.seconds >= cost.frames / cost.frames_per_second > 0
    assert cost.peak_memory > 50


def test_the_sittings_of_a_resumed_run_add_up(tmp_path: Path) -> None:
    add_cost(tmp_path, COST)
    add_cost(tmp_path, replace(COST, seconds=10.0, frames=2000, frames_per_second=200.0, peak_memory=400.0))

    cost = read_cost(tmp_path)

    assert (cost.seconds, cost.frames, cost.frames_per_second, cost.peak_memory) == (100.0, 11000, 200.0, 500.0)


def test_a_new_run_in_an_old_folder_begins_to_count_anew(tmp_path: Path) -> None:
    add_cost(tmp_path, replace(COST, frames=10**9))

    train(loud_mouthed_clip(1), read_config(None, [*SMALL, "optimizer.passes=0"]), tmp_path, device=CPU)

    assert read_cost(tmp_path).frames < 10**9


def test_unknown_memory_is_null_in_the_file_and_left_out_of_the_sentence(tmp_path: Path) -> None:
    add_cost(tmp_path, replace(COST, peak_memory=math.nan))

    assert json.loads((tmp_path / "cost.json").read_text())["peak_memory"] is None
    assert math.isnan(read_cost(tmp_path).peak_memory)
    assert read_cost(tmp_path).sentence() == "90 s (cpu, 2 threads): 100 frames a second"


def test_the_cost_is_one_line() -> None:
    together = replace(COST, processes=2)

    assert together.sentence() == (
        "90 s on 2 processes (cpu, 2 threads): 100 frames a second, at most 500 MB of memory"
    )


def test_every_figure_is_described() -> None:
    for figures in (TrainingCost, InferenceCost):
        assert set(descriptions_of(figures)) == set(figures.__dataclass_fields__)


def test_a_model_of_motion_alone_paints_nothing() -> None:
    cost = inference_cost(tiny_model(), babble(1.0))

    assert cost.animated_per_second > 0
    assert cost.as_dict()["painted_per_second"] is None


def test_a_model_with_a_texture_is_timed_at_both() -> None:
    cost = inference_cost(exported("sheet", 0).model, babble(1.0), runtime="NumPy")

    assert cost.runtime == "NumPy"
    assert cost.animated_per_second > 0
    assert cost.painted_per_second > 0


def test_bfloat16_stays_near_full_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.texture_ground.sharpened", lambda appearance, *_: appearance)
    settings = [*SHORT, "optimizer.least_steps=20", "optimizer.averaging=0.0"]

    def learnt(*changes: str) -> torch.Tensor:
        network = train(speaking_clip(), read_config(None, [*settings, *changes]), tmp_path, device=CPU)
        assert all(weights.dtype == torch.float32 for weights in network.parameters())
        return torch.nn.utils.parameters_to_vector(network.parameters())

    start, full, half = learnt("optimizer.learning_rate=0"), learnt(), learnt("optimizer.precision=bf16")

    assert 0 < (half - full).norm() < 0.4 * (full - start).norm()  # other arithmetic, but the same way


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"optimizer\.precision must be one of full, bf16, not 'fp16'"):
        read_config(None, ["optimizer.precision=fp16"])
