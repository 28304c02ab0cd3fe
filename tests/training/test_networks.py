"""torch in training, NumPy in Blender: one model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lipsync_core.animation import animation_from_codes  # noqa: E402
from lipsync_core.audio.features import hear  # noqa: E402
from lipsync_core.model.model_file import SpeechModel  # noqa: E402
from lipsync_core.synthesis import predict_codes  # noqa: E402
from tests.conftest import babble  # noqa: E402
from tests.core.test_clip import clip, take  # noqa: E402
from training.building import build_network, encoder_spec, feature_spec, principal_components  # noqa: E402
from training.checkpoint import Checkpoint  # noqa: E402
from training.config import DataConfig, TrainingConfig, read_config  # noqa: E402
from training.dataset import Hearing, PieceSampler, _piece_starts, load_footage  # noqa: E402
from training.export import model_from_network  # noqa: E402
from training.losses import closure_loss, inner_lip_gaps, opening_loss, vertex_importance  # noqa: E402
from training.networks import PaperEncoder, SpeakerNetwork, interpolate  # noqa: E402
from training.variation import at_other_tempos, vary  # noqa: E402

PAPER = ("model.encoder=paper", "model.geometry=paper")


def untrained(config: TrainingConfig) -> SpeakerNetwork:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = build_network(config.model, 52, rng.normal(0, 0.02, (150, 1404)).astype(np.float32))
    for parameter in network.parameters():  # far from the start, where much is zero
        parameter.data += 0.05 * torch.randn_like(parameter)
    if config.model.encoder == "track":
        network.encoder.band_mean += 0.3
        network.encoder.band_deviation *= 1.7
    return network.eval()


def exported(network: SpeakerNetwork, config: TrainingConfig) -> SpeechModel:
    about = {"blendshapes": [f"shape{i}" for i in range(52)]}
    saved = Checkpoint(0, {}, {}, {}, {}, torch.zeros(1), torch.zeros(1), torch.zeros(468, 3), None, about)
    from lipsync_core.model.model_file import ModelDescription

    neutral = np.zeros((468, 3), np.float32)
    return model_from_network(network, config, neutral, ModelDescription("nobody", 25.0), saved)


@pytest.mark.parametrize(
    "settings", [(), ("model.code_stride=4", "model.width=64"), PAPER], ids=["track", "stride 4", "paper"]
)
@pytest.mark.parametrize("fps", [25, 29.97, 60])
def test_numpy_computes_what_torch_computes(settings: tuple[str, ...], fps: float) -> None:
    config = read_config(None, settings)
    network = untrained(config)
    speech, seconds = babble(1.5), (np.arange(30) + 0.5) / fps
    heard = hear(speech, seconds, feature_spec(config.model))

    with torch.no_grad():
        features = network.encoder.standardise(torch.from_numpy(heard.features))
        _, offsets, blendshapes = network(features[None], torch.from_numpy(heard.columns)[None])

    model = exported(network, config)
    animation = animation_from_codes(predict_codes(model, speech, seconds), fps, model)
    scale = float(offsets.abs().max())
    np.testing.assert_allclose(animation.vertices(), offsets[0].numpy(), atol=1e-4 * max(scale, 1))
    np.testing.assert_allclose(animation.blendshapes, blendshapes[0].clamp(0, 1).numpy(), atol=1e-3)


def test_sharing_the_frequency_layers_is_exact() -> None:
    config = read_config(None, PAPER)
    torch.manual_seed(0)
    encoder = PaperEncoder(encoder_spec(config.model)).eval()
    heard = hear(babble(1.0), np.array([0.3, 0.5]), feature_spec(config.model))
    features = torch.from_numpy(heard.features)

    with torch.no_grad():
        shared = encoder(features[None], torch.from_numpy(heard.columns)[None])[0]
        one_by_one = []
        for column in heard.columns.astype(int):  # the twelve layers on the window alone, as the paper draws them
            window = features[column - 12 : column + 12]
            one_by_one.append(encoder(window[None], torch.tensor([[12.0]]))[0, 0])

    torch.testing.assert_close(shared, torch.stack(one_by_one), atol=1e-5, rtol=0)


def test_the_paper_encoder_hears_240_ms_and_no_more() -> None:
    config = read_config(None, PAPER)
    encoder = PaperEncoder(encoder_spec(config.model)).eval()
    features = torch.randn(1, 100, 512)
    changed = features.clone()
    changed[:, :38] = 0
    changed[:, 62:] = 0

    with torch.no_grad():
        frame = torch.tensor([[50.0]])
        torch.testing.assert_close(encoder(features, frame), encoder(changed, frame))


def test_components_give_back_the_motion_they_were_made_from() -> None:
    rng = np.random.default_rng(0)
    motion = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 1404))

    components = principal_components(motion.reshape(200, 468, 3).astype(np.float32), 10)

    unit = components[:3] / np.linalg.norm(components[:3], axis=1, keepdims=True)
    centred = motion - motion.mean(0)
    np.testing.assert_allclose(centred @ unit.T @ unit, centred, atol=1e-3)


def test_pieces_keep_sound_and_face_together() -> None:
    footage = load_footage(clip(take(100, 1), take(40, 2)), feature_spec(TrainingConfig().model))
    config = TrainingConfig().data
    sampler = PieceSampler(footage, 25.0, Hearing(), config)

    batch = sampler.draw(torch.Generator().manual_seed(0))

    for piece in range(config.batch_size):
        known = torch.nonzero(batch.known[piece]).flatten()
        for frame in known[:: max(1, len(known) // 5)]:
            matches = (footage.offsets == batch.face.offsets[piece, frame]).all(-1).all(-1)
            where = int(torch.nonzero(matches)[0])
            heard = batch.features[piece, batch.columns[piece, frame].round().long()]
            torch.testing.assert_close(heard, footage.features[footage.columns[where].round().long()])


def test_what_lies_behind_the_end_of_a_take_does_not_count() -> None:
    footage = load_footage(clip(take(40, 2)), feature_spec(TrainingConfig().model))
    sampler = PieceSampler(footage, 25.0, Hearing(), TrainingConfig().data)  # pieces of 75 frames

    batch = sampler.draw(torch.Generator().manual_seed(0))

    assert batch.known[:, 40:].sum() == 0


def speechlike(pieces: int, columns: int) -> torch.Tensor:
    """Features whose neighbouring bands are alike."""
    knots = torch.randn(pieces, columns, 8, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.interpolate(knots, 80, mode="linear", align_corners=True)


def test_variation_leaves_the_size_and_most_of_the_sound() -> None:
    features = speechlike(4, 300)

    varied = vary(features, TrainingConfig().data, torch.Generator().manual_seed(0))

    assert varied.shape == features.shape
    assert float(torch.corrcoef(torch.stack([varied.flatten(), features.flatten()]))[0, 1]) > 0.8


def test_another_voice_moves_every_formant_by_its_share() -> None:
    features = torch.zeros(16, 5, 80)
    features[..., 60] = 1.0
    settings = DataConfig(voice=0.1, level=0.0, band_noise=0.0, masked_columns=0)

    formants = vary(features, settings, torch.Generator().manual_seed(0)).argmax(-1)

    assert (formants == formants[:, :1]).all()
    assert len(formants[:, 0].unique()) > 4
    assert ((formants - 60).abs() <= 7).all()


def test_at_another_tempo_every_frame_hears_what_it_heard() -> None:
    footage = load_footage(clip(take(100, 1)), feature_spec(TrainingConfig().model))
    batch = PieceSampler(footage, 25.0, Hearing(), DataConfig()).draw(torch.Generator().manual_seed(0))
    clock = torch.arange(batch.features.shape[1], dtype=torch.float32)[None, :, None].expand_as(batch.features)

    retimed = at_other_tempos(replace(batch, features=clock), DataConfig(tempo=0.1), torch.Generator().manual_seed(2))

    heard = interpolate(retimed.features, retimed.columns)[..., 0]
    torch.testing.assert_close(heard, batch.columns.to(heard.dtype), atol=0.01, rtol=0)
    lengths = (retimed.columns[:, -1] - retimed.columns[:, 0]) / (batch.columns[:, -1] - batch.columns[:, 0])
    assert len(lengths.unique()) == len(lengths)
    assert ((lengths > 0.9) & (lengths < 1.11)).all()


def test_a_wrong_opening_costs_the_same_however_open_the_mouth_is() -> None:
    shut, wide, known = torch.zeros(1, 1, 11), torch.full((1, 1, 11), 0.3), torch.ones(1, 1)

    torch.testing.assert_close(opening_loss(shut + 0.05, shut, known), opening_loss(wide - 0.05, wide, known))


def test_an_open_mouth_that_should_be_shut_costs_more_than_a_shut_one_that_should_be_open() -> None:
    shut, ajar = torch.zeros(1, 1, 11), torch.full((1, 1, 11), 0.1)
    known = torch.ones(1, 1)

    assert closure_loss(ajar, shut, known) > 5 * closure_loss(shut, ajar, known)


def test_lips_that_pass_through_each_other_have_a_negative_gap() -> None:
    from lipsync_core.face.topology import UPPER_INNER_LIP, generic_face

    offsets = torch.zeros(1, 1, 468, 3)
    offsets[..., list(UPPER_INNER_LIP)[1:-1], 1] = -0.05

    gaps = inner_lip_gaps(offsets, torch.from_numpy(generic_face()))

    assert (gaps[..., 1:-1] < 0).all()


def test_a_lip_vertex_counts_ten_others() -> None:
    importance = vertex_importance(0.1, torch.device("cpu"))

    assert float(importance[13] / importance[10]) == pytest.approx(10)
    assert float(importance.sum()) == pytest.approx(1)


def test_a_take_is_drawn_as_often_as_it_is_long() -> None:
    short, long = 80, 400  # frames: the short one holds a single piece
    last = np.repeat([short - 1, short + long - 1], [short, long])
    starts = _piece_starts(last, 75)

    assert np.mean(starts < short) == pytest.approx(short / (short + long))
    assert (starts + 75 <= last[starts] + 1).all()
