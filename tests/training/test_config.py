"""Settings: files, overrides, mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lipsync_core.errors import ConfigError
from training.config import TrainingConfig, read_config, write_config


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    config = read_config(None, ["optimizer.least_steps=7", "model.encoder=paper", "model.slow_dilations=[1, 3]"])

    write_config(tmp_path / "c.toml", config)

    assert read_config(tmp_path / "c.toml") == config


def test_a_setting_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[optimizer]\nleast_steps = 5\nseed = 3\n")

    config = read_config(tmp_path / "c.toml", ["optimizer.least_steps=9"])

    assert (config.optimizer.least_steps, config.optimizer.seed) == (9, 3)


def test_a_mistyped_key_names_the_right_one() -> None:
    with pytest.raises(ConfigError, match=r"did you mean optimizer\.learning_rate"):
        read_config(None, ["optimizer.learnin_rate=1e-4"])


def test_a_value_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"optimizer\.least_steps must be a int"):
        read_config(None, ["optimizer.least_steps=many"])


def test_a_whole_number_is_a_number() -> None:
    assert read_config(None, ["loss.vertex=3"]).loss.vertex == 3.0


def test_every_shipped_configuration_can_be_read() -> None:
    configurations = list((Path(__file__).parents[2] / "configs").glob("*.toml"))

    assert {path.name for path in configurations} == {"default.toml", "paper.toml", "benchmark.toml"}
    assert read_config(Path(configurations[0].parent, "default.toml")) == TrainingConfig()
    assert read_config(Path(configurations[0].parent, "paper.toml")).model.encoder == "paper"
