"""What counts as wrong in a texture: the lessons that a texture network is taught beside the face's motion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from lipsync_core.capture.clip import Clip

from .appearance import Appearance, measure_amounts
from .config import DataConfig, LossConfig
from .dataset import Batch, Footage
from .measures.image_quality import structural_similarity
from .texture_ground import TextureGround

Painter: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""A `TextureNetwork`, or what runs one: `(B, N)` codes and the states before to `(B, ...)` states."""

_PERCENT = 100.0  # errors are counted in percent of white


class TextureLesson(Protocol):
    """Says how wrong a texture network's answers are."""

    def loss(self, painter: Painter, code: Tensor, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return the weighted loss for `(B, T, N)` codes of a batch, of what a texture network makes of them."""


def texture_lesson(
    clip: Clip, ground: TextureGround, footage: Footage, loss: LossConfig, data: DataConfig
) -> TextureLesson:
    """Make the lesson of a clip that has a texture; its tensors lie where the footage's do."""
    previous = _previous(footage.last_frame)
    if ground.appearance is not None:
        return _sheet_lesson(clip, ground, ground.appearance, previous, loss, data)
    return _picture_lesson(clip, ground, previous, loss, data)


@dataclass(frozen=True)
class SheetLesson:
    """The squared error of the pixels that are seen, and of its change from frame to frame.

    Computed from the amounts alone: the components are orthonormal, and `visible` says what an error of the inner
    amounts does to the pixels between the lips.

    Attributes:
        amounts: `(F + 1, K)` of every frame; the last row, zero, stands before the first frame of each take.
        visible: `(F, I, I)`, see `appearance.SheetAmounts`.
        previous: `(F,)` number of the frame before, -1 where a take begins.
        skin_count: Amounts of the skin.
        size: Values of a sheet.
        weights: Of the losses.
        data: How it is shown.
    """

    amounts: Tensor
    visible: Tensor
    previous: Tensor
    skin_count: int
    size: int
    weights: LossConfig
    data: DataConfig

    def loss(self, painter: Painter, code: Tensor, batch: Batch, generator: torch.Generator) -> Tensor:
        """See `TextureLesson`."""
        before = _forgotten(self.previous[batch.frames], self.data.forgetting, generator)
        answer = painter(code.flatten(0, 1), self.amounts[before].flatten(0, 1)).unflatten(0, batch.frames.shape)
        error = answer - self.amounts[batch.frames]
        visible = self.visible[batch.frames]
        both = batch.known[:, 1:] * batch.known[:, :-1]
        return self.weights.texture * _mean(self._squared(error, visible), batch.known) + (
            self.weights.texture_motion * _mean(self._squared(error.diff(dim=1), visible[:, 1:]), both)
        )

    def _squared(self, error: Tensor, visible: Tensor) -> Tensor:
        skin, inside = error.split([self.skin_count, error.shape[-1] - self.skin_count], dim=-1)
        shown = torch.einsum("...i,...ij,...j->...", inside, visible, inside)
        return (skin.square().sum(-1) + shown) * (_PERCENT**2 / self.size)


@dataclass(frozen=True)
class PictureLesson:
    """One less the structural similarity of painted and filmed crops (R_tex of Lahiri et al. 2021, section 3.2).

    Attributes:
        crops: `(F + 1, 3, 128, 128)` uint8 of every frame; the last one is black.
        previous: `(F,)` number of the frame before, -1 where a take begins.
        reference: `(3, 128, 128)`, 0 to 1.
        weights: Of the losses.
        data: How it is shown.
    """

    crops: Tensor
    previous: Tensor
    reference: Tensor
    weights: LossConfig
    data: DataConfig

    def loss(self, painter: Painter, code: Tensor, batch: Batch, generator: torch.Generator) -> Tensor:
        """See `TextureLesson`; only some frames of the batch are painted."""
        picks = torch.randperm(batch.frames.numel(), generator=generator)[: self.data.pictures].to(code.device)
        frames = batch.frames.flatten()[picks]
        before = _forgotten(self.previous[frames], self.data.forgetting, generator)
        painted = self.reference + painter(code.flatten(0, 1)[picks], self._picture(before))
        similarity = structural_similarity(painted, self._picture(frames))
        return self.weights.texture * _mean(1 - similarity, batch.known.flatten()[picks])

    def _picture(self, frames: Tensor) -> Tensor:
        return self.crops[frames].float() / 255


def _sheet_lesson(
    clip: Clip, ground: TextureGround, appearance: Appearance, previous: Tensor, loss: LossConfig, data: DataConfig
) -> SheetLesson:
    takes = [(take.crops, take.vertices) for take in clip.takes if take.crops is not None]
    measured = measure_amounts(takes, ground.reference.layout, appearance)
    blank = np.zeros_like(measured.amounts[:1])
    amounts = torch.from_numpy(np.concatenate([measured.amounts, blank])).to(previous.device)
    visible = torch.from_numpy(measured.visible).to(previous.device)
    return SheetLesson(amounts, visible, previous, appearance.skin_count, appearance.layout.size, loss, data)


def _picture_lesson(
    clip: Clip, ground: TextureGround, previous: Tensor, loss: LossConfig, data: DataConfig
) -> PictureLesson:
    reference = ground.reference.picture[ground.reference.layout.crop]
    crops = [take.crops for take in clip.takes if take.crops is not None]
    filmed = torch.from_numpy(np.concatenate([*crops, np.zeros_like(reference[None])]))
    return PictureLesson(
        crops=filmed.permute(0, 3, 1, 2).contiguous().to(previous.device),
        previous=previous,
        reference=torch.from_numpy(reference).permute(2, 0, 1).to(previous.device) / 255,
        weights=loss,
        data=data,
    )


def _previous(last_frame: Tensor) -> Tensor:
    """Return the number of each frame's predecessor, -1 where a take begins, from the last frame of its take."""
    frames = torch.arange(len(last_frame), device=last_frame.device)
    begins = torch.ones_like(last_frame, dtype=torch.bool)
    begins[1:] = last_frame[1:] != last_frame[:-1]
    return torch.where(begins, -1, frames - 1)


def _forgotten(previous: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Replace a share of the numbers by -1: the network must not lean on the frame before (section 3.2.1)."""
    lost = torch.rand(previous.shape, generator=generator).to(previous.device) < share
    return previous.masked_fill(lost, -1)


def _mean(values: Tensor, known: Tensor) -> Tensor:
    return (values * known).sum() / known.sum().clamp(min=1)
