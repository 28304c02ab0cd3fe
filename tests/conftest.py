"""Made, not stored: a tiny speaker, speech-like sounds, and the folder of real footage where there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lipsync_core.audio.features import FeatureSpec
from lipsync_core.audio.waveform import Waveform
from lipsync_core.face.arkit import ARKIT_NAMES
from lipsync_core.face.topology import generic_face
from lipsync_core.model.encoders import EncoderSpec
from lipsync_core.model.model_file import ModelDescription, SpeechModel, write_model

REPOSITORY = Path(__file__).parents[1]


def tiny_encoder(spec: EncoderSpec, bands: int, width: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Random weights of a `track` encoder of the given width."""

    def matrix(*shape: int) -> np.ndarray:
        return (rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))).astype(np.float32)

    weights = {
        "band_mean": np.zeros(bands, np.float32),
        "band_deviation": np.ones(bands, np.float32),
        "entry.weight": matrix(5, bands, width),
        "slow_down.weight": matrix(7, width, width),
        "exit.weight": matrix(width, spec.code_size),
        "exit.bias": np.zeros(spec.code_size, np.float32),
    }
    for stage, dilations in (("fast", spec.fast_dilations), ("slow", spec.slow_dilations)):
        for index in range(len(dilations)):
            weights[f"{stage}.{index}.conv.weight"] = matrix(3, width, width)
            weights |= _unit_norm(f"{stage}.{index}.norm", width)
    weights |= _unit_norm("exit_norm", width)
    for name in [name for name in weights if name.endswith(("entry.weight", "down.weight", "conv.weight"))]:
        weights[name.replace("weight", "bias")] = np.zeros(width, np.float32)
    return weights


def _unit_norm(name: str, width: int) -> dict[str, np.ndarray]:
    return {f"{name}.weight": np.ones(width, np.float32), f"{name}.bias": np.zeros(width, np.float32)}


def tiny_model(seed: int = 0, fps: float = 25.0) -> SpeechModel:
    """A speaker of random weights: everything a real model has, in a few kilobytes."""
    rng = np.random.default_rng(seed)
    encoder = EncoderSpec()
    features = FeatureSpec()
    return SpeechModel(
        description=ModelDescription(speaker="nobody", fps=fps, created="2026-01-01"),
        features=features,
        encoder=encoder,
        encoder_weights=tiny_encoder(encoder, features.mel_bands, 8, rng),
        neutral=generic_face(),
        base=generic_face(),
        shapes=rng.normal(0, 0.01, (encoder.code_size, 468, 3)).astype(np.float32),
        blendshape_names=ARKIT_NAMES,
        blendshape_weights=rng.normal(0, 0.1, (encoder.code_size, 52)).astype(np.float32),
        blendshape_bias=np.full(52, 0.2, np.float32),
    )


def babble(seconds: float = 2.0, seed: int = 0, sample_rate: int = 16_000) -> Waveform:
    """A buzz with three formants that comes and goes like syllables: speech enough for an encoder."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * sample_rate)) / sample_rate
    buzz = sum(np.sin(2 * np.pi * 120 * k * t + rng.uniform(0, 6)) / k for k in range(1, 30))
    syllables = np.clip(np.sin(2 * np.pi * 3.5 * t), 0, None)
    noise = rng.normal(0, 0.02, len(t))
    return Waveform((0.2 * buzz * syllables + noise * syllables).astype(np.float32), sample_rate)


@pytest.fixture
def model() -> SpeechModel:
    return tiny_model()


@pytest.fixture
def model_path(tmp_path: Path, model: SpeechModel) -> Path:
    path = tmp_path / "nobody.lipsync3d"
    write_model(path, model)
    return path


@pytest.fixture
def speech() -> Waveform:
    return babble()


@pytest.fixture(scope="session")
def footage() -> Path:
    """The folder of real footage; tests on it are skipped where there is none."""
    folder = Path(os.environ.get("LIPSYNC3D_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real footage: set LIPSYNC3D_DATA to a folder that holds it")
    return folder


@pytest.fixture(scope="module")
def one_core() -> Iterator[None]:
    """Small networks are quickest on one core, and most of all where others work beside them."""
    import torch

    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(usual)
