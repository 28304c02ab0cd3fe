"""When each phone of a take is heard: what a lip reader is taught, since sounds are easier to read than lips.

A network learns with connectionist temporal classification which phones sound when, from the words alone; its answers
then teach the lip reader frame by frame (Afouras et al. 2020, cross-modal distillation).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from lipsync_core.audio.features import FeatureSpec, hear
from lipsync_core.model.encoders import EncoderSpec
from lipsync_core.progress import Progress, ignore_progress

from ..config import DataConfig
from ..networks import TrackEncoder
from ..variation import vary
from .grid_grammar import phones_of
from .grid_search import BLANK, SYMBOLS, symbols_of
from .learning import Plan, learn
from .spoken import Spoken

TEACHER_PLAN = Plan(passes=20, learning_rate=3e-3)

_WIDTH = 96
_DROPOUT = 0.1
_VARIED = DataConfig(band_noise=0.2, level=0.3, voice=0.03, masked_columns=8)
_STRIDE = 4  # columns per step: the frame rate of the corpus


def phones_heard(
    takes: Sequence[Spoken], plan: Plan = TEACHER_PLAN, progress: Progress = ignore_progress
) -> list[Tensor]:
    """Learn to hear the phones of GRID recordings, and say when they are heard.

    Args:
        takes: Recordings by their names.
        plan: How to learn.
        progress: Told the share done.

    Returns:
        For each take `(T, 33)` probabilities of nothing and of every phone in each frame.

    Raises:
        ConfigError: If a take is no GRID recording.
    """
    spec = FeatureSpec()
    heard = [hear(take.waveform, take.seconds, spec) for take in takes]
    features = held([torch.from_numpy(sound.features) for sound in heard])
    columns = held([torch.from_numpy(sound.columns) for sound in heard])
    targets = [phone_numbers(take) for take in takes]
    torch.manual_seed(plan.seed)
    network = _untaught(features)

    def loss(picks: Tensor, generator: torch.Generator) -> Tensor:
        varied = vary(network.standardise(features[picks]), _VARIED, generator)
        return spelling_loss(network(varied, columns[picks]).log_softmax(-1), [targets[pick] for pick in picks])

    learn(network, loss, len(takes), plan, progress)
    with torch.no_grad():
        known = [network(network.standardise(features[[n]]), columns[[n]])[0] for n in range(len(takes))]
    return [logits[: len(take.seconds)].softmax(-1) for logits, take in zip(known, takes, strict=True)]


def phone_numbers(take: Spoken) -> Tensor:
    """Return the symbols of a take's phones, `(P,)`."""
    return torch.tensor(symbols_of(phones_of(take.sentence)))


def spelling_loss(log_shares: Tensor, targets: Sequence[Tensor]) -> Tensor:
    """Return how improbable the right phones are, in any timing, per phone (Graves et al. 2006).

    Args:
        log_shares: `(B, T, 33)` logarithms of probabilities.
        targets: `B` times `(P,)` symbols.
    """
    lengths = torch.tensor([len(target) for target in targets])
    frames = torch.full((len(targets),), log_shares.shape[1])
    padded = pad_sequence(list(targets), batch_first=True).to(log_shares.device)
    shares = log_shares.transpose(0, 1)
    return functional.ctc_loss(shares, padded, frames, lengths, blank=BLANK, zero_infinity=True)


def held(takes: Sequence[Tensor]) -> Tensor:
    """Stack `(T, ...)` tensors; the last frame of the shorter ones is held, and nothing is said in it."""
    longest = max(map(len, takes))
    return torch.stack([torch.cat([take, take[-1:].expand(longest - len(take), *take.shape[1:])]) for take in takes])


def _untaught(features: Tensor) -> TrackEncoder:
    spec = EncoderSpec(code_size=SYMBOLS, code_stride=_STRIDE)
    network = TrackEncoder(spec, features.shape[-1], _WIDTH, _DROPOUT)
    network.band_mean.copy_(features.mean(dim=(0, 1)))
    network.band_deviation.copy_(features.std(dim=(0, 1)))
    return network
