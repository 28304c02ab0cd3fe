"""One recording as many: what is heard of a piece of footage, changed as tempo, voice, room and microphone may."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import torch
from torch import Tensor

from .config import DataConfig
from .dataset import Batch

Vary: TypeAlias = "Callable[[Tensor, DataConfig, torch.Generator], Tensor]"


def at_other_tempos(batch: Batch, config: DataConfig, generator: torch.Generator) -> Batch:
    """Let every piece be spoken faster or slower, by its own factor: features and times of frames are drawn apart."""
    features = batch.features
    pieces, count, _ = features.shape
    factor = torch.exp(config.tempo * _between(-1, 1, pieces, generator)).to(features.device)[:, None]
    middle = count / 2
    wanted = (torch.arange(count, device=features.device) - middle) * factor + middle
    return replace(
        batch,
        features=_read(features, wanted, dim=1),
        phones=None if batch.phones is None else _nearest(batch.phones, wanted),
        columns=(batch.columns - middle) / factor.to(batch.columns.dtype) + middle,
    )


def vary(features: Tensor, config: DataConfig, generator: torch.Generator) -> Tensor:
    """Change standardised log-mel features `(B, C, F)` as throats, rooms, microphones and gaps do."""
    batch, count, bands = features.shape

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(features.device)

    slope = torch.linspace(-1, 1, bands, device=features.device)
    varied = _in_other_voices(features, config, generator) if config.voice else features
    varied = varied + config.level * (normal(batch, 1, 1) + normal(batch, 1, 1) * slope)
    varied = varied + config.band_noise * normal(batch, count, bands)
    if config.masked_columns:
        masked = _stretches(batch, count, config.masked_columns, generator)
        varied = varied.masked_fill(masked[:, :, None].to(features.device), 0.0)
    if config.masked_bands:
        masked = _stretches(batch, bands, config.masked_bands, generator)
        varied = varied.masked_fill(masked[:, None, :].to(features.device), 0.0)
    return varied


def _stretches(batch: int, count: int, longest: int, generator: torch.Generator) -> Tensor:
    """Mark one stretch of each row, `(B, n)` bool."""
    start = torch.randint(count, (batch, 1), generator=generator)
    length = torch.randint(longest + 1, (batch, 1), generator=generator)
    place = torch.arange(count)
    return (place >= start) & (place < start + length)


def _in_other_voices(features: Tensor, config: DataConfig, generator: torch.Generator) -> Tensor:
    """Stretch the band axis of each piece by its own factor, as a longer or shorter throat would."""
    batch, _, bands = features.shape
    factor = 1 + config.voice * _between(-1, 1, batch, generator)
    return _read(features, (torch.arange(bands) * factor[:, None]).to(features.device), dim=2)


def _nearest(values: Tensor, positions: Tensor) -> Tensor:
    """Read `(B, C)` values at the steps nearest to positions `(B, n)`; the ends are held."""
    return values.gather(1, positions.round().long().clamp(0, values.shape[1] - 1))


def _between(low: float, high: float, count: int, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=generator)


def _read(features: Tensor, positions: Tensor, dim: int) -> Tensor:
    """Read features `(B, C, F)` along one axis at positions `(B, n)` between its steps; the ends are held."""
    last = features.shape[dim] - 1
    positions = positions.clamp(0, last)
    lower = positions.floor().long().clamp(max=max(last - 1, 0))
    rows, share = (x.unsqueeze(3 - dim).expand_as(features) for x in (lower, positions - lower))
    upper = (rows + 1).clamp(max=last)
    return features.gather(dim, rows) * (1 - share) + features.gather(dim, upper) * share
