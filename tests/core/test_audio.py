"""Sound: rates, levels, features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lipsync_core.audio.features import FeatureSpec, audio_features, hear, mel_filters, normalise_level
from lipsync_core.audio.mending import loudness, unclipped, without_rumble
from lipsync_core.audio.resampling import resample
from lipsync_core.audio.waveform import Waveform, read_wav, speech_waveform, write_wav
from lipsync_core.errors import AudioError
from tests.conftest import babble


def tone(hertz: float, seconds: float, rate: int) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_a_tone_keeps_its_pitch_and_place_at_any_rate(rate: int) -> None:
    heard = resample(tone(440, 1.0, rate), rate, 16_000)

    np.testing.assert_allclose(heard[300:-300], tone(440, 1.0, 16_000)[300:-300], atol=2e-3)


def test_what_16_khz_cannot_hold_is_removed() -> None:
    heard = resample(tone(12_000, 1.0, 48_000), 48_000, 16_000)

    assert np.abs(heard[300:-300]).max() < 1e-3


def test_stereo_becomes_the_mean_of_both() -> None:
    left, right = tone(300, 0.5, 16_000), tone(500, 0.5, 16_000)

    mono = speech_waveform(np.stack([left, right], axis=1), 16_000, "a test")

    np.testing.assert_allclose(mono.samples, (left + right) / 2, atol=1e-6)


def test_silence_is_refused() -> None:
    with pytest.raises(AudioError, match="silent"):
        speech_waveform(np.zeros((16_000, 1), np.float32), 16_000, "quiet.wav")


def test_an_empty_sound_is_refused() -> None:
    with pytest.raises(AudioError, match="holds no sound"):
        speech_waveform(np.zeros((0, 2), np.float32), 16_000, "empty.wav")


def test_a_wav_file_gives_back_the_sound(tmp_path: Path, speech: Waveform) -> None:
    write_wav(tmp_path / "speech.wav", speech)

    samples, rate = read_wav(tmp_path / "speech.wav")

    assert rate == speech.sample_rate
    np.testing.assert_allclose(samples[:, 0], speech.samples, atol=1 / 32767)


def test_a_text_file_is_no_wav(tmp_path: Path) -> None:
    (tmp_path / "letter.wav").write_text("Dear ears,")

    with pytest.raises(AudioError, match=r"letter\.wav cannot be read as a WAV file"):
        read_wav(tmp_path / "letter.wav")


@pytest.mark.parametrize("kind", ["log_mel", "complex_stft"])
def test_there_is_one_column_every_ten_milliseconds(kind: str) -> None:
    features = audio_features(babble(1.0), FeatureSpec(kind=kind))

    assert features.shape == (101, FeatureSpec(kind=kind).size)


def test_a_click_is_heard_in_the_column_of_its_time() -> None:
    samples = np.zeros(16_000, np.float32)
    samples[8_000] = 1.0

    loudness = audio_features(Waveform(samples, 16_000), FeatureSpec()).mean(1)

    assert loudness.argmax() == 50


def test_frames_point_at_the_columns_of_their_times() -> None:
    speech = babble(1.0)

    heard = hear(speech, np.array([0.0, 0.02, 0.5]), FeatureSpec())

    np.testing.assert_allclose(heard.columns, [50, 52, 100])  # after half a second of silence
    assert len(heard.features) == 201


def test_a_tone_excites_the_band_it_lies_in() -> None:
    spec = FeatureSpec()
    bands = audio_features(Waveform(tone(1000, 0.5, 16_000), 16_000), spec).mean(0)

    centre = (mel_filters(spec) @ (np.arange(1, 257) * 31.25))[bands.argmax()]

    assert centre == pytest.approx(1000, rel=0.05)


def test_every_mel_filter_weighs_one() -> None:
    np.testing.assert_allclose(mel_filters(FeatureSpec()).sum(1), 1, rtol=1e-5)


def test_a_complex_spectrum_has_the_real_parts_first() -> None:
    features = audio_features(Waveform(tone(1000, 0.5, 16_000), 16_000), FeatureSpec(kind="complex_stft"))

    column = features[25]
    magnitude = np.hypot(column[:256], column[256:])
    assert magnitude.argmax() == 31  # bin 32 of 512 at 16 kHz; the constant is dropped


def test_loud_and_quiet_recordings_are_heard_alike() -> None:
    speech = babble(1.0)
    quiet = Waveform(speech.samples * 0.05, 16_000)

    np.testing.assert_allclose(normalise_level(quiet).samples, normalise_level(speech).samples, atol=1e-5)


def test_room_noise_is_not_raised_to_speech() -> None:
    noise = Waveform(np.random.default_rng(0).normal(0, 1e-4, 16_000).astype(np.float32), 16_000)

    assert np.abs(normalise_level(noise).samples).max() < 0.02


def test_the_spectrum_is_the_one_that_the_field_computes() -> None:
    librosa = pytest.importorskip("librosa")
    speech = babble(1.0)

    ours = audio_features(speech, FeatureSpec(kind="complex_stft"))

    theirs = librosa.stft(speech.samples, n_fft=512, win_length=480, hop_length=160, pad_mode="constant")[1:].T
    magnitude = np.hypot(ours[:, :256], ours[:, 256:]) ** (1 / 0.3)  # undo the compression
    np.testing.assert_allclose(magnitude, np.abs(theirs), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_resampling_agrees_with_scipy_where_both_let_sound_pass(rate: int) -> None:
    signal = pytest.importorskip("scipy.signal")
    speech = babble(1.0, sample_rate=rate).samples

    ours = resample(speech, rate, 16_000)

    theirs = signal.resample_poly(speech, 16_000, rate)
    np.testing.assert_allclose(ours[200:-200], theirs[200 : len(ours) - 200], atol=0.01)


# ---- A recording's own colour


def through_a_dull_microphone(speech: Waveform) -> Waveform:
    """The same sound, 14 dB fainter at 8 kHz than at the bottom."""
    spectrum = np.fft.rfft(speech.samples)
    loss = 10 ** (-14 / 20 * np.linspace(0, 1, len(spectrum)))
    return Waveform(np.fft.irfft(spectrum * loss, len(speech.samples)).astype(np.float32), speech.sample_rate)


def colour_change(seconds: float, spec: FeatureSpec) -> float:
    """How much a dull microphone changes the features of speech, RMS."""
    speech = babble(seconds)
    times = np.array([0.0])
    heard = [hear(sound, times, spec).features for sound in (speech, through_a_dull_microphone(speech))]
    loud = heard[0].mean(1) > np.quantile(heard[0].mean(1), 0.6)
    return float(np.sqrt(np.square(heard[0] - heard[1])[loud].mean()))


def test_a_recordings_colour_is_taken_out_the_more_the_longer_it_is() -> None:
    kept, removed = FeatureSpec(), FeatureSpec(channel_seconds=1.0)

    assert colour_change(20.0, removed) < 0.5 * colour_change(20.0, kept)
    assert colour_change(20.0, removed) < colour_change(1.0, removed) < colour_change(1.0, kept)


@pytest.mark.parametrize("samples", [np.zeros(16_000, np.float32), np.zeros(1_000, np.float32)])
def test_silence_has_no_colour(samples: np.ndarray) -> None:
    silence, times = Waveform(samples, 16_000), np.array([0.0])

    heard = [hear(silence, times, FeatureSpec(channel_seconds=length)).features for length in (0.0, 1.0)]

    np.testing.assert_allclose(*heard, atol=1e-5)


def test_a_change_of_microphone_far_away_does_not_matter() -> None:
    speech, times = babble(70.0), np.array([0.0])
    spec = FeatureSpec(channel_seconds=1.0)
    later = through_a_dull_microphone(speech).samples
    changed = Waveform(np.where(np.arange(len(later)) < 50 * 16_000, speech.samples, later), 16_000)

    heard = [hear(sound, times, spec).features[: 15 * 100] for sound in (speech, changed)]

    np.testing.assert_allclose(*heard, atol=0.05)  # the level of the whole changes a little


def test_a_sound_begins_at_any_time_with_silence_before_its_own() -> None:
    sound = Waveform(np.arange(1, 16_001, dtype=np.float32), 16_000)

    later, earlier = sound.beginning_at(0.25), sound.beginning_at(-0.25)

    assert later.samples[0] == 4001
    assert earlier.samples[3999] == 0
    assert earlier.samples[4000] == 1


# ---- Any level, any wiring


def spoken(seconds: float = 2.0) -> Waveform:
    """Speech between two silences, its loud parts at -20 dBFS, without an offset."""
    speech = babble(seconds)
    pause = np.zeros(8_000, np.float32)
    samples = np.concatenate([pause, speech.samples, pause])
    samples = (samples - samples.mean()) * np.float32(0.1 / loudness(samples, 16_000).level)
    return Waveform(samples + np.random.default_rng(1).normal(0, 1e-4, len(samples)).astype(np.float32), 16_000)


def heard_of(channels: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    """The features of a recording, as every road to the networks computes them."""
    columns = channels.reshape(len(channels), -1).astype(np.float32)
    return hear(speech_waveform(columns, 16_000, "a test"), np.array([0.0]), spec).features


def likeness(channels: np.ndarray, spec: FeatureSpec) -> float:
    """The correlation of what is heard of a bad recording with what is heard of the good one."""
    good = heard_of(spoken().samples, spec)
    return float(np.corrcoef(good.ravel(), heard_of(channels, spec).ravel())[0, 1])


def in_sixteen_bits(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.round(samples * 32768), -32768, 32767) / 32768


SPEECH = spoken().samples.astype(np.float64)
NOISE = np.random.default_rng(2).normal(0, 0.02, len(SPEECH))
BAD_RECORDINGS = {
    "30 dB down": SPEECH * 10 ** (-30 / 20),
    "30 dB down in 16 bits": in_sixteen_bits(SPEECH * 10 ** (-30 / 20)),
    "40 dB down in 16 bits": in_sixteen_bits(SPEECH * 10 ** (-40 / 20)),
    "15 dB up, beyond full scale": SPEECH * 10 ** (15 / 20),
    "an offset": SPEECH + 0.3,
    "faint, with an offset": SPEECH * 0.03 - 0.2,
    "crossed wires": np.stack([SPEECH, -SPEECH], axis=1),
    "nearly crossed wires": np.stack([SPEECH, -0.9 * SPEECH + 0.01 * NOISE], axis=1),
    "a dead channel": np.stack([np.zeros_like(SPEECH), SPEECH], axis=1),
    "a channel of hiss": np.stack([SPEECH, NOISE], axis=1),
    "a channel of offset": np.stack([SPEECH, np.full_like(SPEECH, -0.4)], axis=1),
    "one of six channels": np.stack([SPEECH if channel == 2 else 0 * SPEECH for channel in range(6)], axis=1),
}


@pytest.mark.parametrize("rumble", [True, False])
@pytest.mark.parametrize("fault", BAD_RECORDINGS)
def test_a_bad_recording_is_heard_like_a_good_one(fault: str, rumble: bool) -> None:
    assert likeness(BAD_RECORDINGS[fault], FeatureSpec(rumble=rumble)) > 0.98


@pytest.mark.parametrize("ceiling", [0.6, 0.5, 0.3])
def test_flat_tops_are_rounded_towards_what_was_cut_off(ceiling: float) -> None:
    voice = sum(np.roll(tone(130 * k, 1.0, 16_000), 37 * k * k) / k**2 for k in range(1, 12))
    voice = (voice / np.abs(voice).max()).astype(np.float32)
    cut = np.clip(voice, -ceiling, ceiling)

    mended = unclipped(cut)

    assert np.abs(mended - voice).mean() < 0.7 * np.abs(cut - voice).mean()
    whole = np.abs(voice) < 0.99 * ceiling
    np.testing.assert_array_equal(mended[whole], voice[whole])


def test_a_good_recording_is_not_mended() -> None:
    channels = np.stack([SPEECH, 0.7 * SPEECH + 0.001 * NOISE], axis=1).astype(np.float32)

    heard = speech_waveform(channels, 16_000, "a test").samples

    np.testing.assert_array_equal(heard, channels.mean(axis=1, dtype=np.float32))


@pytest.mark.parametrize("gain", [0.05, 1.0, 3.0])
def test_at_any_ordinary_level_exactly_the_sound_itself_is_heard(gain: float) -> None:
    """What every model before these repairs heard: the loud parts at -20 dBFS, nothing else changed."""
    margin = np.zeros(8_000)
    plain = audio_features(Waveform(np.concatenate([margin, SPEECH, margin]).astype(np.float32), 16_000), FeatureSpec())

    np.testing.assert_allclose(heard_of(gain * SPEECH, FeatureSpec()), plain, atol=1e-4)


def test_ordinary_sounds_are_heard_the_same_without_rumble() -> None:
    """A model that was trained with rumble in its sound may be given one without."""
    heard = [heard_of(SPEECH, FeatureSpec(rumble=rumble)) for rumble in (True, False)]

    np.testing.assert_allclose(heard[1][:, 3:], heard[0][:, 3:], atol=0.1)


@pytest.mark.parametrize("hertz", [0.0, 2.0, 12.0])
def test_rumble_is_not_heard(hertz: float) -> None:
    spec = FeatureSpec(rumble=False)
    rumble = 0.3 * np.cos(2 * np.pi * hertz * np.arange(len(SPEECH)) / 16_000)

    with_rumble = heard_of(SPEECH + rumble, spec)

    inside = slice(60, -60)  # a filter needs a quarter of a second to see which way a slow wave goes
    np.testing.assert_allclose(with_rumble[inside], heard_of(SPEECH, spec)[inside], atol=0.15)


def test_the_deepest_voice_is_left_by_the_filter_of_rumble() -> None:
    voice = tone(50, 2.0, 16_000)

    heard = without_rumble(voice, 16_000)

    np.testing.assert_allclose(heard[8_000:-8_000], voice[8_000:-8_000], atol=2e-3)


@pytest.mark.parametrize("length", [1, 7, 400])
def test_the_shortest_sound_is_freed_of_rumble(length: int) -> None:
    heard = without_rumble(np.ones(length, np.float32), 16_000)

    np.testing.assert_allclose(heard, np.zeros(length), atol=1e-5)


def test_an_offset_alone_is_silence() -> None:
    with pytest.raises(AudioError, match="silent"):
        speech_waveform(np.full((16_000, 2), 0.3, np.float32), 16_000, "offset.wav")


def test_both_of_two_people_on_two_channels_are_heard() -> None:
    halves = np.arange(len(SPEECH)) < len(SPEECH) // 2
    channels = np.stack([SPEECH * halves, SPEECH * ~halves], axis=1).astype(np.float32)

    heard = speech_waveform(channels, 16_000, "a talk").samples

    np.testing.assert_allclose(heard, SPEECH / 2, atol=1e-6)
