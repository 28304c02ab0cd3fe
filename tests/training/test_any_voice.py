"""The model for any voice: its corpus, the sounds in it, its making, and what starts from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("espeakng_loader")

from lipsync_core.audio.features import MARGIN_SECONDS, FeatureSpec  # noqa: E402
from lipsync_core.audio.waveform import SPEECH_RATE, Waveform, write_wav  # noqa: E402
from lipsync_core.capture.clip import write_clip  # noqa: E402
from lipsync_core.errors import ConfigError, FormatError  # noqa: E402
from lipsync_core.face.arkit import ARKIT_NAMES  # noqa: E402
from lipsync_core.face.mouth import CONTACT_GAP, NEARLY_CLOSED_GAP, closed_gap, lip_gap, mouth_width  # noqa: E402
from lipsync_core.face.topology import generic_face  # noqa: E402
from lipsync_core.model.model_file import SpeechModel, read_model  # noqa: E402
from lipsync_core.phones.classes import BREATH, PHONE_CLASSES, classes_of  # noqa: E402
from lipsync_core.phones.phoneme import Phoneme  # noqa: E402
from lipsync_core.synthesis import predict_codes, synthesize  # noqa: E402
from tests.conftest import babble, tiny_model  # noqa: E402
from tests.core.test_clip import take  # noqa: E402
from tests.training.test_training import QUICK, loud_mouthed_clip  # noqa: E402
from training import starting_point  # noqa: E402
from training.any_voice import acoustics  # noqa: E402
from training.any_voice.acoustics import Variation, vary_sound  # noqa: E402
from training.any_voice.corpus import CORPUS_FPS, SHAPES, CorpusOptions, SpokenTrack, make_corpus, retimed  # noqa: E402
from training.any_voice.lessons import corpus_footage, shape_deltas, vary_voice  # noqa: E402
from training.any_voice.measurement import ARPABET, Stretch, closures, robustness, sound_offset  # noqa: E402
from training.any_voice.real_motion import filmed_takes, real_tracks  # noqa: E402
from training.any_voice.recipe import Recipe, any_voice_course, default_training  # noqa: E402
from training.any_voice.recorded_voices import VOICES, installed_voices, speeches_of  # noqa: E402
from training.any_voice.rig_motion import arkit_weights, rig_takes  # noqa: E402
from training.any_voice.sets import read_alignment  # noqa: E402
from training.any_voice.texts import random_text, text_in  # noqa: E402
from training.building import untrained_network  # noqa: E402
from training.cli import main  # noqa: E402
from training.config import DataConfig, TrainingConfig, read_config  # noqa: E402
from training.dataset import Hearing, PieceSampler, load_footage  # noqa: E402
from training.losses import Face, anatomy_of, total_loss  # noqa: E402
from training.starting_point import default_model_path, fits, load_encoder, measure_norms, start_from  # noqa: E402
from training.virtual_speaker.articulation import BILABIALS  # noqa: E402
from training.virtual_speaker.speech import STOPS, Speech, Voice, speak  # noqa: E402

UNVARIED = Variation(room=0, microphone=0, band=0, noise=0, codec=0, overload=0)


@pytest.fixture(scope="module")
def tracks() -> list[SpokenTrack]:
    return list(make_corpus(CorpusOptions(seconds=60, seed=5, recorded=0)))


def gap_of(track: SpokenTrack) -> np.ndarray:
    face = generic_face()
    return lip_gap(face + np.tensordot(track.weights, shape_deltas(), 1)) / mouth_width(face)


# ---- Corpus


def test_the_lips_close_at_every_p_b_and_m_of_every_language(tracks: list[SpokenTrack]) -> None:
    closed = 0

    for track in tracks:
        gap = gap_of(track)
        for phoneme in track.phonemes:
            if set(phoneme.symbol) & BILABIALS and len(phoneme.symbol) == 1:
                middle = (phoneme.start_seconds + phoneme.end_seconds) / 2
                assert np.interp(middle, track.seconds, gap) < closed_gap(generic_face()) + CONTACT_GAP
                closed += 1

    assert closed > 20


def test_the_mouth_rests_where_nobody_speaks() -> None:
    quiet = list(make_corpus(CorpusOptions(seconds=5, without_speech=1.0)))

    assert all([phoneme.symbol for phoneme in track.phonemes] == [BREATH] for track in quiet)
    assert max(np.abs(track.weights).max() for track in quiet) == 0
    assert min(np.abs(track.waveform.samples).max() for track in quiet) > 0


def test_vowels_open_the_mouth(tracks: list[SpokenTrack]) -> None:
    spoken = [gap_of(track) for track in tracks if len(track.phonemes) > 1]

    assert min(np.quantile(gap, 0.95) for gap in spoken) > 1.5 * NEARLY_CLOSED_GAP


def test_a_seed_makes_the_same_corpus_on_any_number_of_processes(tracks: list[SpokenTrack]) -> None:
    again = list(make_corpus(CorpusOptions(seconds=60, seed=5, recorded=0), processes=2))

    assert [track.phonemes for track in again] == [track.phonemes for track in tracks]
    np.testing.assert_array_equal(
        np.concatenate([track.weights for track in again]), np.concatenate([track.weights for track in tracks])
    )


def test_another_seed_makes_another_corpus(tracks: list[SpokenTrack]) -> None:
    other = next(make_corpus(CorpusOptions(seconds=1, seed=6)))

    assert other.phonemes != tracks[0].phonemes


def test_many_languages_are_spoken() -> None:
    rng = np.random.default_rng(0)

    voices = {random_text(rng)[0] for _ in range(500)}

    assert len(voices) > 25


def test_motion_stays_with_a_sound_that_is_played_faster() -> None:
    slow = babble(2.0)

    fast, factor = retimed(slow, 1.25)

    assert factor == pytest.approx(1.25, rel=0.01)
    assert fast.duration == pytest.approx(slow.duration / factor, abs=0.002)


def test_real_motion_is_retold_in_time_with_its_voice() -> None:
    speaker = filmed_takes(loud_mouthed_clip(takes=2))

    retold = list(real_tracks([speaker], seconds=6 * speaker[0].waveform.duration, seed=0, variation=UNVARIED))

    jaw = SHAPES.index("jawOpen")
    assert len(retold) in (6, 7)
    for track in retold:
        envelope = np.interp(
            track.seconds,
            np.arange(len(track.waveform.samples)) / SPEECH_RATE,
            np.abs(track.waveform.samples),
        )
        smooth = np.convolve(envelope, np.ones(5) / 5, mode="same")
        assert np.corrcoef(smooth, track.weights[:, jaw])[0, 1] > 0.5


def test_every_speaker_is_told_for_equally_long() -> None:
    talkative, curt = (filmed_takes(loud_mouthed_clip(takes=count)) for count in (5, 1))

    alone = [list(real_tracks([takes], seconds=12.0, seed=0, variation=UNVARIED)) for takes in (talkative, curt)]

    longest = 1.2 * max(take.waveform.duration for take in talkative)
    for tracks in alone:
        assert 12.0 <= sum(track.waveform.duration for track in tracks) <= 12.0 + longest


def test_phones_stay_with_a_sound_that_is_played_faster() -> None:
    take = filmed_takes(loud_mouthed_clip(takes=1))[0]
    known = replace(take, phonemes=(Phoneme("m", 0.2, 0.4), Phoneme("a", 0.4, 0.9)))

    for track in real_tracks([[known]], seconds=3 * take.waveform.duration, seed=1, variation=UNVARIED):
        factor = take.waveform.duration / track.waveform.duration
        assert track.phonemes[0].end_seconds == pytest.approx(0.4 / factor, rel=0.02)


def test_a_rig_moves_the_jaw_and_both_corners(tmp_path: Path) -> None:
    names = ["mouth_stretch_c", "mouth_lipCornerPull_l", "mouth_lipCornerPull_r", "brow_raise_l"]
    weights = np.array([[0.5, 0, 0, 1], [0, 0.4, 0.2, 1]], np.float32)
    np.savez(tmp_path / "take.npz", weights=weights, names=names, fps=30.0)
    write_wav(tmp_path / "take.wav", babble(1.0))

    (take,) = rig_takes(tmp_path)

    assert take.seconds.tolist() == pytest.approx([0, 1 / 30])
    jaw, left, right = (take.weights[:, SHAPES.index(n)] for n in ("jawOpen", "mouthSmileLeft", "mouthSmileRight"))
    assert jaw[0] > 0.3
    assert jaw[1] == 0
    assert left[1] == pytest.approx(0.4)
    assert right[1] == pytest.approx(0.2)


def test_lips_that_a_rig_sucks_in_are_met_though_the_jaw_is_open() -> None:
    names = ["mouth_stretch_c", "mouth_oh_c", "mouth_suck_dl", "mouth_suck_dr", "mouth_suck_ul", "mouth_suck_ur"]
    open_, shut = arkit_weights(np.array([[0.2, 0.3, 0, 0, 0, 0], [0.2, 0.3, 0.2, 0.2, 0.2, 0.2]]), names)

    faces = generic_face() + np.tensordot(np.stack([open_, shut]), shape_deltas(), 1)

    gap = lip_gap(faces) / mouth_width(generic_face())
    assert gap[0] > 0.1
    assert gap[1] < 0.02


def test_a_rig_without_its_sound_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "take.npz", weights=np.zeros((2, 1)), names=["mouth_stretch_c"], fps=30.0)

    with pytest.raises(FormatError, match="no sound beside it"):
        list(rig_takes(tmp_path))


# ---- Phones


def test_the_silence_before_a_burst_belongs_to_its_stop() -> None:
    speech = speak("a paper cup, a pretty kitty", Voice("en-us+m3"))  # others breathe through their holds
    rate, samples = speech.waveform.sample_rate, np.abs(speech.waveform.samples)
    stops = [p for p in speech.phonemes[2:] if p.symbol[:1] in STOPS and p.symbol in ("p", "k", "t")]

    starts = [round(p.start_seconds * rate) for p in stops]
    shut = [min(samples[start + 40 * n :][:40].max() for n in range(20)) for start in starts]

    assert len(stops) >= 5
    assert np.median(shut) < 0.001 * samples.max()


def test_the_footage_knows_the_phone_at_each_column(tracks: list[SpokenTrack]) -> None:
    footage = corpus_footage(tracks[:1], FeatureSpec())
    middles = [(p.start_seconds + p.end_seconds) / 2 for p in tracks[0].phonemes if len(classes_of(p.symbol)) == 1]
    names = [classes_of(p.symbol)[0] for p in tracks[0].phonemes if len(classes_of(p.symbol)) == 1]

    said = footage.phones[[round((MARGIN_SECONDS + middle) * 100) for middle in middles]]

    assert [PHONE_CLASSES[index] for index in said] == names


# ---- Recorded voices


def test_every_voice_names_its_phones_in_ipa() -> None:
    for voice in VOICES:
        for symbol in voice.phones.values():
            assert classes_of(symbol) != ("ə",) or symbol.startswith("ə")


@pytest.mark.parametrize("language", ["hi", "mr", "te"])
def test_a_voice_that_reads_no_latin_letters_is_given_none(language: str) -> None:
    rng = np.random.default_rng(0)

    texts = {text_in(language, rng) for _ in range(20)}

    assert len(texts) > 10
    assert not any(letter.isascii() and letter.isalpha() for text in texts for letter in text)


def test_a_recorded_voice_closes_its_lips_where_its_sound_is_shut() -> None:
    spoken = [voice for voice in installed_voices() if voice.engine != "recordings"]
    if not spoken:
        pytest.skip("no recorded voice is installed: apt-get install flite")
    speeches = speeches_of(spoken[-1], np.random.default_rng(0))

    for symbols, quieter in (("ptk", True), ("aɑæoɔ", False)):
        shares = [
            _loudness(speech, phoneme)
            for speech in speeches
            for phoneme in speech.phonemes
            if phoneme.symbol and phoneme.symbol[0] in symbols
        ]
        assert (np.median(shares) < 0.6) == quieter


def _loudness(speech: Speech, phoneme: Phoneme) -> float:
    """The first half of a phone beside the whole speech, RMS."""
    rate, samples = speech.waveform.sample_rate, speech.waveform.samples
    middle = (phoneme.start_seconds + phoneme.end_seconds) / 2
    part = samples[int(phoneme.start_seconds * rate) : int(middle * rate) + 1]
    return float(np.sqrt(np.mean(part**2) / np.mean(samples**2)))


# ---- Sounds


@pytest.mark.parametrize("change", ["in_a_room", "in_a_band", "clipped", "coded"])
def test_a_changed_sound_is_as_long_and_in_time(change: str) -> None:
    samples = babble(1.0).samples

    changed = getattr(acoustics, change)(samples, np.random.default_rng(1))

    assert changed.shape == samples.shape
    assert np.isfinite(changed).all()
    lags = np.correlate(np.abs(changed), np.abs(samples[800:-800]), mode="valid")
    assert abs(int(np.argmax(lags)) - 800) < 0.02 * SPEECH_RATE


def test_noise_lies_as_far_below_speech_as_it_should() -> None:
    rng = np.random.default_rng(0)
    speech = babble(2.0).samples
    bed = acoustics.noise(len(speech), rng)

    added = acoustics.mix(speech, bed, snr=10.0) - speech

    loud = np.sort(np.square(speech.reshape(-1, 320)).mean(1))[-20:].mean()
    assert 10 * np.log10(loud / np.square(added).mean()) == pytest.approx(10, abs=0.5)


def test_silence_and_a_tenth_of_a_second_survive_every_change() -> None:
    every = Variation(room=1, microphone=1, band=1, noise=1, codec=1, overload=1)

    for samples in (np.zeros(8000, np.float32), babble(0.1).samples):
        for seed in range(5):
            changed = vary_sound(samples, [babble(1.0).samples], every, np.random.default_rng(seed))
            assert changed.shape == samples.shape
            assert np.isfinite(changed).all()


def test_features_change_but_keep_their_shape() -> None:
    features = torch.randn(3, 50, 80)

    varied = vary_voice(features, DataConfig(), torch.Generator().manual_seed(0))

    assert varied.shape == features.shape
    assert not torch.equal(varied, features)


# ---- Making


def test_the_loss_of_blendshapes_is_that_of_the_meshes_they_pose(tracks: list[SpokenTrack]) -> None:
    config = default_training(["model.width=8", "loss.blendshape=0.0", "loss.closure=0.0", "loss.opening=0.0"])
    config = replace(config, loss=replace(config.loss, phone=0.0))
    footage = corpus_footage(tracks[:2], FeatureSpec())
    course = any_voice_course(Recipe(CorpusOptions(), training=config), footage, torch.device("cpu"))
    batch = PieceSampler(footage, CORPUS_FPS, Hearing(), config.data).draw(torch.Generator().manual_seed(0))

    cheap = course.motion(course.network.eval(), batch)

    _, offsets, blendshapes = course.network(batch.features, batch.columns)
    meshes = torch.tensordot(batch.face.blendshapes, torch.from_numpy(shape_deltas()), dims=1)
    anatomy = anatomy_of(generic_face(), SHAPES, torch.device("cpu"))
    faces = Face(offsets, blendshapes), Face(meshes, batch.face.blendshapes)
    assert float(cheap) == pytest.approx(float(total_loss(*faces, batch.known, anatomy, config.loss)), rel=1e-3)


def test_open_lips_count_as_much_as_they_are_told_to(tracks: list[SpokenTrack]) -> None:
    footage = corpus_footage(tracks[:2], FeatureSpec())
    batch = PieceSampler(footage, CORPUS_FPS, Hearing(), DataConfig()).draw(torch.Generator().manual_seed(0))

    losses = []
    for weight in (0.0, 0.5, 1.0):
        recipe = Recipe(CorpusOptions(), training=default_training(["model.width=8", f"loss.opening={weight}"]))
        torch.manual_seed(0)
        course = any_voice_course(recipe, footage, torch.device("cpu"))
        losses.append(float(course.motion(course.network.eval(), batch)))

    assert losses[2] > losses[0]
    assert losses[1] == pytest.approx((losses[0] + losses[2]) / 2)


def as_options(settings: Sequence[str]) -> list[str]:
    return [part for setting in settings for part in ("--set", setting)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("any_voice")
    speaker = loud_mouthed_clip(takes=1)
    write_clip(folder / "speaker.clip", replace(speaker, speaker="somebody", licence="CC BY 4.0"))
    write_wav(folder / "clean.wav", babble(2.0))
    write_wav(folder / "noisy.wav", babble(2.0))
    (folder / "a.TextGrid").write_text('"IntervalTier"\n"phones"\n0\n2\n2\n0\n1\n"M"\n1\n2\n"AA1"\n', encoding="utf-8")
    (folder / "sets.toml").write_text(
        '[[speakers]]\nname = "somebody"\nclips = ["speaker.clip"]\nfind_offset = true\n'
        '[aligned]\nsound = "clean.wav"\nalignment = "a.TextGrid"\n'
        '[noise]\nclean = "clean.wav"\nnoisy = ["noisy.wav"]\n',
        encoding="utf-8",
    )
    quick = ["model.width=16", "optimizer.least_steps=5", "optimizer.most_steps=5", "data.batch_size=2"]
    settings = as_options(quick)
    inputs = ["--motion", str(folder / "speaker.clip"), "--measure", str(folder / "sets.toml"), "--without", "it"]
    outputs = ["-o", str(folder / "run"), "--card", str(folder / "card.md"), "--device", "cpu"]
    assert main(["train-default", *outputs, *inputs, "--hours", "0.01", *settings]) == 0
    return folder


def test_one_command_makes_a_model_of_the_generic_face(made: Path) -> None:
    model = read_model(made / "run" / "any_voice.lipsync3d")

    np.testing.assert_array_equal(model.neutral, generic_face())
    assert model.blendshape_names == SHAPES
    assert set(SHAPES) <= set(ARKIT_NAMES)


def test_the_file_says_what_went_into_it(made: Path) -> None:
    description = read_model(made / "run" / "any_voice.lipsync3d").description

    assert "espeak-ng" in description.notes
    assert "somebody" in description.notes
    assert "CC BY 4.0" in description.notes
    assert "Kept from it: it." in description.notes
    assert "gap_correlation, somebody" in description.held_out


def test_the_card_says_it_too(made: Path) -> None:
    card = (made / "card.md").read_text(encoding="utf-8")

    assert "somebody" in card
    assert "r of loudness" in card
    assert "Known failures" in card


def test_any_model_can_be_measured_again(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(made / "run" / "any_voice.lipsync3d")

    assert main(["measure", model, str(made / "sets.toml"), "--json", str(made / "figures.json")]) == 0

    assert "| somebody | 1 |" in capsys.readouterr().out
    assert (made / "figures.json").is_file()


# ---- Measuring


def test_a_model_whose_lips_never_part_closes_at_every_m_and_opens_at_no_vowel() -> None:
    still = replace(tiny_model(), shapes=np.zeros((32, 468, 3), np.float32), base=generic_face())
    phones = (Stretch("M", 0.2, 0.4), Stretch("AA1", 0.4, 0.8), Stretch("", 0.8, 2.0))

    found = closures(still, babble(2.0), phones, ARPABET)

    assert found.recall == 1
    assert found.vowel_opening < closed_gap(generic_face()) + CONTACT_GAP


def test_the_same_sound_gets_the_same_answer() -> None:
    assert robustness(tiny_model(), babble(1.0), babble(1.0)) == pytest.approx(1)


def test_a_sound_that_is_late_is_found_out() -> None:
    model, sound = tiny_model(), babble(4.0)
    frames = take(75)
    heard = synthesize(model, sound, 25.0).vertices()
    late = replace(frames, seconds=(np.arange(75) + 5.5) / 25 - 0.2, vertices=heard[5:80], waveform=sound)

    offset = sound_offset(model, replace(late, detected=np.ones(75, bool)))

    assert offset == pytest.approx(0.2, abs=0.021)


def test_both_forms_of_a_textgrid_are_read(tmp_path: Path) -> None:
    short = '"IntervalTier"\n"phones"\n0\n1.5\n2\n0\n0.5\n""\n0.5\n1.5\n"P"\n'
    long = (
        'class = "IntervalTier"\nname = "phones"\nxmin = 0\nxmax = 1.5\nintervals: size = 2\nintervals [1]:\n'
        'xmin = 0\nxmax = 0.5\ntext = ""\nintervals [2]:\nxmin = 0.5\nxmax = 1.5\ntext = "P"\n'
    )

    for name, text in (("short", short), ("long", long)):
        (tmp_path / name).write_text(text, encoding="utf-8")

    assert read_alignment(tmp_path / "short") == read_alignment(tmp_path / "long") != ()
    with pytest.raises(FormatError, match="no TextGrid"):
        read_alignment(tmp_path / "absent")


# ---- Starting from it


def test_a_network_that_starts_from_a_model_says_what_the_model_says() -> None:
    config = read_config(None, ["model.width=8", "model.channel_seconds=0.0"])
    model, footage = tiny_model(), load_footage(loud_mouthed_clip(), FeatureSpec())
    network = untrained_network(footage, config)

    load_encoder(network.encoder, model.encoder_weights)
    features = network.encoder.standardise(footage.features)[None]
    measure_norms(network.encoder, features)

    with torch.no_grad():
        codes = network.eval().encoder(features, footage.columns[None])[0]
    speech = loud_mouthed_clip().takes[0]
    wanted = predict_codes(model, speech.waveform, speech.seconds)
    np.testing.assert_allclose(codes[: len(wanted) - 30].numpy(), wanted[:-30], atol=2e-3)


def test_the_code_starts_as_the_main_motions_of_the_new_face() -> None:
    config = read_config(None, ["model.width=8", "model.channel_seconds=0.0"])
    footage = load_footage(loud_mouthed_clip(), FeatureSpec())
    network = untrained_network(footage, config)

    motions = network.geometry.weight.detach().clone()
    start_from(tiny_model(), network, footage, config.model)

    assert torch.equal(network.geometry.weight, motions)
    with torch.no_grad():
        heard = network.encoder.standardise(footage.features)[None]
        _, offsets, _ = network.eval()(heard, footage.columns[None])
    error = (offsets[0] - footage.offsets).square().mean()
    spread = (footage.offsets - footage.offsets.mean(0)).square().mean()
    assert error < 0.7 * spread


def test_only_an_encoder_of_the_same_shape_can_be_a_start() -> None:
    footage = load_footage(loud_mouthed_clip(), FeatureSpec())
    config = TrainingConfig()

    assert not fits(tiny_model(), config.model)
    with pytest.raises(ConfigError, match="another shape"):
        start_from(tiny_model(), untrained_network(footage, config), footage, config.model)


def test_train_starts_from_a_given_model(made: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "loud.clip", loud_mouthed_clip())
    start = ["--start", str(made / "run" / "any_voice.lipsync3d"), "--set", "model.width=16"]

    code = main(["train", str(tmp_path / "loud.clip"), "-o", str(tmp_path / "run"), *start, *as_options(QUICK[1:])])

    assert code == 0
    assert (tmp_path / "run" / "held_out.json").is_file()


@pytest.mark.parametrize("start", [[], ["--start", "built-in"]])
def test_train_starts_from_the_built_in_model_only_where_asked(
    start: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[SpeechModel] = []
    monkeypatch.setattr(starting_point, "start_from", lambda model, *_, **__: begun.append(model))
    write_clip(tmp_path / "loud.clip", loud_mouthed_clip())

    code = main(["train", str(tmp_path / "loud.clip"), "-o", str(tmp_path / "run"), *start, *as_options(QUICK[1:])])

    assert code == 0
    assert len(begun) == len(start) / 2


def test_a_missing_built_in_model_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(starting_point, "default_model_path", lambda: None)
    write_clip(tmp_path / "loud.clip", loud_mouthed_clip())

    code = main(["train", str(tmp_path / "loud.clip"), "-o", str(tmp_path / "run"), "--start", "built-in"])

    assert code == 2
    assert "install LipSync3D again" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


# ---- The shipped file


@pytest.fixture(scope="module")
def shipped() -> SpeechModel:
    path = default_model_path()
    assert path is not None
    assert path.stat().st_size < 5e6
    return read_model(path)


def test_the_shipped_model_fits_the_default_network(shipped: SpeechModel) -> None:
    assert fits(shipped, TrainingConfig().model)


def test_the_shipped_model_says_what_went_into_it(shipped: SpeechModel) -> None:
    assert "espeak-ng" in shipped.description.notes
    assert shipped.description.licence != "not stated"
    assert shipped.texture is None


def test_the_shipped_model_rests_in_silence(shipped: SpeechModel) -> None:
    silence = Waveform(np.full(SPEECH_RATE * 2, 1e-5, np.float32), SPEECH_RATE)

    animation = synthesize(shipped, silence, 25.0)

    assert (lip_gap(animation.vertices()) / mouth_width(shipped.neutral)).max() < NEARLY_CLOSED_GAP


def test_the_shipped_model_speaks_with_voices_of_every_kind(shipped: SpeechModel) -> None:
    spoken = make_corpus(CorpusOptions(seconds=60, seed=77, variation=UNVARIED, without_speech=0, recorded=0))

    agreements = []
    for track in spoken:
        codes = predict_codes(shipped, track.waveform, track.seconds)
        agreements.append(np.corrcoef(lip_gap(shipped.vertices(codes)), gap_of(track))[0, 1])

    assert np.mean(agreements) > 0.7


@pytest.mark.parametrize("seconds", [0.3, 20.0])
def test_the_shipped_model_hears_short_and_long_sounds(shipped: SpeechModel, seconds: float) -> None:
    gap = lip_gap(synthesize(shipped, babble(seconds), 25.0).vertices())

    assert np.isfinite(gap).all()
    assert gap.max() > 0.02


@pytest.mark.parametrize("gain", [0.02, 1.5])
def test_the_shipped_model_does_not_mind_the_level(shipped: SpeechModel, gain: float) -> None:
    speech = babble(3.0)
    louder = Waveform(speech.samples * np.float32(gain), speech.sample_rate)

    assert robustness(shipped, speech, louder) > 0.95
