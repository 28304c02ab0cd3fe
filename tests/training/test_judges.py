"""The judges: what they read and hear in made-up speech, where the truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")
pytest.importorskip("cv2")

from lipsync_core.audio.waveform import Waveform  # noqa: E402
from lipsync_core.errors import ConfigError, FormatError, ShapeError  # noqa: E402
from tests.core.test_clip import clip, take  # noqa: E402
from training.judges.grid_grammar import PHONES, PHONES_OF, SLOTS, phones_of, sentence_of  # noqa: E402
from training.judges.grid_search import BLANK, SYMBOLS, best_sentence, symbols_of  # noqa: E402
from training.judges.learning import Plan  # noqa: E402
from training.judges.lip_reader import LipReader, LipReaderSettings, train_lip_reader  # noqa: E402
from training.judges.mouths import MOUTH_HEIGHT, MOUTH_WIDTH, mouth_pictures  # noqa: E402
from training.judges.picture_changes import PictureChanges, changed  # noqa: E402
from training.judges.spoken import Spoken, filmed  # noqa: E402
from training.judges.sync_errors import offset_accuracy, sync_figures  # noqa: E402
from training.judges.sync_judge import SyncJudge, SyncJudgeSettings, train_sync_judge  # noqa: E402
from training.judges.word_errors import count_errors, word_error_rates, word_errors  # noqa: E402
from training.measures.bootstrap import figures_of, total  # noqa: E402

FPS = 25
RATE = 16_000
NAMES = ("bbaf2n", "lgix7a", "prwjzs", "swbo4p")
STILL = PictureChanges(shift=0, turn=0, zoom=0, brightness=0, blur=0, noise=0, tempo=0, erasures=0)


def phones_in_time(name: str, seed: int) -> list[int]:
    """Symbols of a sentence frame by frame: a pause, each phone for one frame or two, a pause."""
    rng = np.random.default_rng(seed)
    frames = [BLANK] * int(rng.integers(4, 8))
    for symbol in symbols_of(phones_of(sentence_of(name))):
        frames += [BLANK] * (frames[-1] == symbol) + [symbol] * int(rng.integers(1, 3))
    return frames + [BLANK] * 5


def as_shares(frames: list[int], noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """Logarithms of probabilities that favour some symbols."""
    logits = np.random.default_rng(seed).normal(0, noise or 1e-3, (len(frames), SYMBOLS))
    logits[np.arange(len(frames)), frames] += 4
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def made_up_sentence(name: str, seed: int) -> Spoken:
    """Each phone is a picture of its own and a tone of its own."""
    frames = phones_in_time(name, seed)
    looks = np.random.default_rng(7).normal(size=(SYMBOLS, MOUTH_HEIGHT // 4, MOUTH_WIDTH // 4))
    pictures = np.kron(looks[frames], np.ones((4, 4))).astype(np.float32)
    pitch = np.repeat(200.0 * 1.1 ** np.array(frames), RATE // FPS)
    loud = np.repeat(np.array(frames) != BLANK, RATE // FPS)
    samples = 0.3 * loud * np.sin(2 * np.pi * np.cumsum(pitch) / RATE)
    seconds = (np.arange(len(frames)) + 0.5) / FPS
    return Spoken(name, pictures, seconds, Waveform(samples.astype(np.float32), RATE))


def loud_mouth(seed: int, frames: int = 90) -> Spoken:
    """A mouth that opens as far as its voice is loud."""
    rng = np.random.default_rng(seed)
    opening = np.clip(np.convolve(rng.normal(size=frames + 8), np.hanning(7), mode="same")[4:-4], 0, 2) / 2
    rows = np.abs(np.arange(MOUTH_HEIGHT) - MOUTH_HEIGHT / 2) / (MOUTH_HEIGHT / 2)
    pictures = np.repeat((rows[None] > opening[:, None])[..., None], MOUTH_WIDTH, axis=2).astype(np.float32)
    loudness = np.interp(np.arange(frames * RATE // FPS) / RATE * FPS - 0.5, np.arange(frames), opening)
    samples = 0.3 * loudness * rng.normal(size=len(loudness))
    return Spoken(str(seed), pictures, (np.arange(frames) + 0.5) / FPS, Waveform(samples.astype(np.float32), RATE))


@pytest.fixture(scope="module")
def reader() -> LipReader:
    plan = Plan(passes=24, batch_size=3, learning_rate=4e-3)
    settings = LipReaderSettings(width=48, dilations=(1, 2), dropout=0.0, plan=plan, teacher=plan, changes=STILL)
    lessons = [made_up_sentence(name, seed) for name in NAMES[:3] for seed in range(4)]
    return train_lip_reader(lessons, settings=settings)


@pytest.fixture(scope="module")
def sync_judge() -> SyncJudge:
    settings = SyncJudgeSettings(size=16, piece=30, plan=Plan(passes=8, batch_size=6), changes=STILL)
    return train_sync_judge([loud_mouth(seed) for seed in range(8)], settings=settings)


def test_a_recordings_name_tells_its_words() -> None:
    assert sentence_of("bbaf2n") == ("bin", "blue", "at", "f", "two", "now")
    assert sentence_of("swwzzs") == ("set", "white", "with", "z", "zero", "soon")


@pytest.mark.parametrize("name", ["", "bbaf2", "bbaf2nn", "bbaw2n", "news_anchor"])
def test_a_name_of_another_corpus_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="GRID"):
        sentence_of(name)


def test_no_word_fits_in_two_places_and_none_sounds_like_another() -> None:
    words = [word for slot in SLOTS for word in slot.words.values()]

    assert len(words) == len(set(words)) == 51
    assert set(words) == set(PHONES_OF)
    assert len(set(PHONES_OF.values())) == 51
    assert {phone for phones in PHONES_OF.values() for phone in phones} == set(PHONES)


@pytest.mark.parametrize("name", NAMES)
def test_the_search_finds_the_sentence_in_what_a_network_saw(name: str) -> None:
    shares = as_shares(phones_in_time(name, seed=1), noise=1.0)

    assert best_sentence(shares) == sentence_of(name)


def test_the_search_weighs_what_each_frame_says() -> None:
    shares = as_shares(phones_in_time("bbaf2n", seed=1))
    letter = np.exp(shares[:, symbols_of(("F",))]).sum(1) > 0.5

    shares[np.ix_(np.flatnonzero(letter)[:3], symbols_of(("S",)))] += 6

    assert best_sentence(shares) == sentence_of("bbas2n")


def path_score(shares: np.ndarray, name: str) -> float:
    """The best path through one sentence, by the rules of connectionist temporal classification."""
    symbols = [BLANK]
    for symbol in symbols_of(phones_of(sentence_of(name))):
        symbols += [symbol, BLANK]
    score = np.full(len(symbols), -np.inf)
    score[:2] = shares[0, symbols[:2]]
    for frame in shares[1:]:
        before = score.copy()
        for place, symbol in enumerate(symbols):
            jumps = 3 if place > 1 and symbol not in (BLANK, symbols[place - 2]) else 2
            score[place] = before[max(0, place - jumps + 1) : place + 1].max() + frame[symbol]
    return float(score[-2:].max())


def test_no_sentence_fits_better_than_the_one_that_is_found() -> None:
    rng = np.random.default_rng(3)
    signs = [list(slot.words) for slot in SLOTS]
    sign_of = [{word: sign for sign, word in slot.words.items()} for slot in SLOTS]
    shares = as_shares(phones_in_time("prat2n", seed=2), noise=2.5, seed=4)

    found = "".join(signs[word] for signs, word in zip(sign_of, best_sentence(shares), strict=True))
    others = ["".join(rng.choice(choice) for choice in signs) for _ in range(25)]
    others += [found[:place] + sign + found[place + 1 :] for place in range(6) for sign in signs[place]]

    best = path_score(shares, found)
    assert all(path_score(shares, other) <= best + 1e-9 for other in others)


def test_too_few_frames_for_a_sentence_are_refused() -> None:
    with pytest.raises(ConfigError, match="too few"):
        best_sentence(as_shares([BLANK] * 8))


def test_words_are_counted_in_every_place() -> None:
    spoken = [sentence_of("bbaf2n")] * 6
    read = [sentence_of("bbaf2n")] * 3 + [sentence_of("bbas2n")] * 2 + [sentence_of("lbas2p")]

    counted = count_errors(read, spoken)
    rates = word_error_rates(total(counted))
    figure = figures_of(counted, word_error_rates)["word_error_rate"]

    assert counted.errors.sum(1).tolist() == [0, 0, 0, 1, 1, 3]
    assert float(rates.word_error_rate) == pytest.approx(5 / 36)
    assert float(rates.letter_error_rate) == pytest.approx(3 / 6)
    assert float(rates.other_error_rate) == pytest.approx(2 / 30)
    assert figure.low < figure.value < figure.high


def test_the_lip_reader_reads_sentences_whose_timing_it_never_saw(reader: LipReader) -> None:
    unseen = [made_up_sentence(name, seed) for name in NAMES[:3] for seed in (20, 21)]

    counted = word_errors(reader, unseen)
    assert counted.errors.sum() <= 0.1 * counted.words.sum()  # of guesses, .81 are wrong


def test_a_lip_reader_cannot_learn_from_one_sentence() -> None:
    with pytest.raises(ConfigError, match="several sentences"):
        train_lip_reader([made_up_sentence(NAMES[0], seed=0)])


@pytest.mark.parametrize("shift", [-6, -2, 0, 3, 7])
def test_the_sync_judge_tells_by_how_much_a_mouth_is_late(sync_judge: SyncJudge, shift: int) -> None:
    unseen = [loud_mouth(seed) for seed in (50, 51, 52)]

    figures = sync_figures(total(offset_accuracy(sync_judge, unseen, (shift,))))

    assert figures.near == 1.0
    assert abs(figures.lateness) < 20  # ms: half a frame


def test_the_sync_judge_is_less_confident_where_mouth_and_sound_are_strangers(sync_judge: SyncJudge) -> None:
    one, other = loud_mouth(50), loud_mouth(51)

    own = sync_judge.offset(one.pictures, one.waveform, one.seconds)
    strange = sync_judge.offset(one.pictures, other.waveform, one.seconds)

    assert own.confidence > strange.confidence


def test_takes_too_short_for_a_lesson_are_refused() -> None:
    with pytest.raises(ConfigError, match="longer clip"):
        train_sync_judge([loud_mouth(0, frames=20)])


def test_judges_come_back_from_their_files(tmp_path: Path, reader: LipReader, sync_judge: SyncJudge) -> None:
    sentence, mouth = made_up_sentence(NAMES[2], seed=40), loud_mouth(60)
    reader.save(tmp_path / "reader.pt")
    sync_judge.save(tmp_path / "judge.pt")

    again = LipReader.load(tmp_path / "reader.pt").read(sentence.pictures)
    judged = SyncJudge.load(tmp_path / "judge.pt").offset(mouth.pictures, mouth.waveform, mouth.seconds)

    assert again == reader.read(sentence.pictures)
    assert judged == sync_judge.offset(mouth.pictures, mouth.waveform, mouth.seconds)


def test_a_file_of_another_kind_is_refused_in_a_sentence(tmp_path: Path, sync_judge: SyncJudge) -> None:
    sync_judge.save(tmp_path / "judge.pt")
    (tmp_path / "text.pt").write_text("nothing of the kind")

    for name in ("judge.pt", "text.pt", "missing.pt"):
        with pytest.raises(FormatError, match="lip reader"):
            LipReader.load(tmp_path / name)


def test_brightness_and_contrast_do_not_change_what_a_judge_sees() -> None:
    crops = np.random.default_rng(0).integers(40, 120, (4, 128, 128, 3)).astype(np.uint8)

    pictures = mouth_pictures(crops)

    assert pictures.shape == (4, MOUTH_HEIGHT, MOUTH_WIDTH)
    np.testing.assert_allclose(mouth_pictures(2 * crops - 30), pictures, atol=0.1)
    with pytest.raises(ShapeError):
        mouth_pictures(crops[:, :64])


def test_a_clip_without_pictures_cannot_be_judged() -> None:
    with pytest.raises(ConfigError, match="no pictures"):
        filmed(clip(take(5)))


def test_without_changes_a_picture_is_at_most_mirrored() -> None:
    pictures = torch.randn(6, 5, MOUTH_HEIGHT, MOUTH_WIDTH)

    shown = changed(pictures, STILL, torch.Generator().manual_seed(0))

    same = (shown - pictures).abs().amax((1, 2, 3)) < 1e-3
    mirrored = (shown - pictures.flip(3)).abs().amax((1, 2, 3)) < 1e-3
    assert (same | mirrored).all()
    assert same.any()
    assert mirrored.any()


def test_changes_leave_every_frame_in_its_place() -> None:
    brightness = torch.linspace(-3, 3, 60)
    pictures = brightness[None, :, None, None] + torch.zeros(2, 60, MOUTH_HEIGHT, MOUTH_WIDTH)

    shown = changed(pictures, PictureChanges(erasures=0), torch.Generator().manual_seed(0)).mean((2, 3))

    assert 51 <= shown.shape[1] <= 70
    assert (shown.diff(dim=1) > 0).all()
