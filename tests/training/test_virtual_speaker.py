"""The synthetic person says what it is told, its mouth obeys, and a tracker finds its face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("scipy")
pytest.importorskip("espeakng_loader")

from lipsync_core.errors import AudioError, FormatError
from lipsync_core.face.arkit import ARKIT_NAMES, arkit_index
from lipsync_core.face.basis import arkit_basis
from lipsync_core.face.topology import LIP_GAP, POINT_COUNT, RIGID_POINTS, generic_face
from lipsync_core.phones.phoneme import SILENCE
from training.virtual_speaker.articulation import BILABIALS, Articulation, articulate
from training.virtual_speaker.head import CHARACTER, VIRTUAL_SPEAKER, Head, HeadStyle, build_head
from training.virtual_speaker.rendering import Light, Material, render
from training.virtual_speaker.sentences import HELD_OUT_SENTENCES, TRAINING_SENTENCES
from training.virtual_speaker.speaker import (
    VirtualSpeakerTruth,
    read_truth,
    record_virtual_speaker,
    truth_path,
)
from training.virtual_speaker.speech import Speech, Voice, speak

SENTENCE = "Bob may mop up."
MET = 1e-5  # face units


@pytest.fixture(scope="module")
def speech() -> Speech:
    return speak(SENTENCE)


@pytest.fixture(scope="module", params=[VIRTUAL_SPEAKER, CHARACTER], ids=lambda style: style.name)
def head(request) -> Head:
    style: HeadStyle = request.param
    return build_head(style)


def gaps(faces: np.ndarray) -> np.ndarray:
    upper, lower = LIP_GAP
    return faces[:, upper, 1] - faces[:, lower, 1]


def posed(head: Head, part: str, name: str) -> np.ndarray:
    surface = head.part(part)
    return surface.vertices + surface.deltas[arkit_index(name)]


# ---- Speech


def test_phonemes_fill_the_sound_without_gaps(speech):
    starts = [phoneme.start_seconds for phoneme in speech.phonemes]
    ends = [phoneme.end_seconds for phoneme in speech.phonemes]

    assert starts[0] == 0
    assert starts[1:] == ends[:-1]
    assert ends[-1] == pytest.approx(speech.waveform.duration)
    assert speech.phonemes[0].symbol == speech.phonemes[-1].symbol == SILENCE


def test_pauses_are_quiet_and_vowels_are_loud(speech):
    def loudness(symbols: str) -> float:
        parts = [
            speech.waveform.between(p.start_seconds, p.end_seconds).samples
            for p in speech.phonemes
            if (p.symbol in symbols if p.symbol else symbols == SILENCE)
        ]
        return float(np.sqrt(np.mean(np.concatenate(parts) ** 2)))

    assert loudness(SILENCE) < 0.1 * loudness("ɑʌaɪeɪ")


def test_a_faster_voice_takes_less_time(speech):
    assert speak(SENTENCE, Voice(rate=220)).waveform.duration < speech.waveform.duration


@pytest.mark.parametrize(("text", "voice"), [(" ", Voice()), (SENTENCE, Voice(name="no-such-voice"))])
def test_what_cannot_be_said_is_refused(text, voice):
    with pytest.raises(AudioError, match=r"espeak-ng has no voice|nothing to say"):
        speak(text, voice)


def test_held_out_sentences_are_not_trained_on():
    assert len(set(TRAINING_SENTENCES)) == len(TRAINING_SENTENCES) >= 40
    assert not set(TRAINING_SENTENCES) & set(HELD_OUT_SENTENCES)


# ---- Articulation


@pytest.mark.parametrize("strength", [0.5, 1.0, 1.5])
def test_lips_meet_at_every_bilabial(speech, strength):
    times = np.arange(0, speech.waveform.duration, 0.005)
    weights = articulate(speech.phonemes, times, Articulation(strength), np.random.default_rng(0))

    gap = gaps(arkit_basis(generic_face()).apply(weights))

    for phoneme in speech.phonemes:
        if phoneme.symbol in BILABIALS:
            during = (times >= phoneme.start_seconds) & (times <= phoneme.end_seconds)
            assert np.abs(gap[during]).max() < MET
    assert gap.max() > 0.1


def test_silence_closes_the_mouth(speech):
    rest = np.array([0.0, 0.05, speech.waveform.duration - 0.05])

    gap = gaps(arkit_basis(generic_face()).apply(articulate(speech.phonemes, rest)))

    np.testing.assert_allclose(gap, 0, atol=MET)


def test_weights_do_not_depend_on_the_frame_rate(speech):
    slow, fast = (np.arange(0, 1, 1 / rate) for rate in (25, 50))

    np.testing.assert_array_equal(articulate(speech.phonemes, slow), articulate(speech.phonemes, fast)[::2])


def test_rounded_vowels_bring_the_corners_in():
    rounded, spread = (speak(word) for word in ("who", "he"))

    def most(speech: Speech, name: str) -> float:
        times = np.arange(0, speech.waveform.duration, 0.01)
        return float(articulate(speech.phonemes, times)[:, arkit_index(name)].max())

    assert most(rounded, "mouthPucker") > 0.4 > most(spread, "mouthPucker")
    assert most(spread, "mouthStretchLeft") > 0.2 > most(rounded, "mouthStretchLeft")


# ---- Head


def test_the_skin_passes_through_the_face_and_its_shapes(head):
    skin = head.part("skin")

    np.testing.assert_allclose(skin.vertices[:POINT_COUNT], head.basis.neutral, atol=MET)
    np.testing.assert_allclose(skin.deltas[:, :POINT_COUNT], head.basis.deltas, atol=MET)


def test_lower_teeth_go_with_the_jaw_and_upper_teeth_stay(head):
    lower, upper = head.part("lower teeth"), head.part("upper teeth")

    assert (posed(head, "lower teeth", "jawOpen") - lower.vertices)[:, 1].max() < -0.1
    assert not upper.deltas.any()


def test_closed_lips_hide_the_teeth(head):
    front = head.basis.neutral[LIP_GAP[0], 2]

    for name in ("upper teeth", "lower teeth"):
        assert head.part(name).vertices[:, 2].max() < front


def test_eyes_look_where_the_shapes_say(head):
    eye = head.part("left eyeball")
    pupil = eye.vertices[:, 2].argmax()

    assert posed(head, "left eyeball", "eyeLookOutLeft")[pupil, 0] > eye.vertices[pupil, 0] + 0.05
    assert posed(head, "left eyeball", "eyeLookUpLeft")[pupil, 1] > eye.vertices[pupil, 1] + 0.05
    assert not eye.deltas[arkit_index("eyeLookUpRight")].any()


def test_every_part_is_drawable(head):
    for part in head.parts:
        assert np.isfinite(part.vertices).all()
        assert 0 <= part.triangles.min() <= part.triangles.max() < len(part.vertices)
        assert 0 <= part.openness.min() <= part.openness.max() <= 1 + MET


# ---- Rendering


def test_the_nearer_surface_hides_the_farther_one():
    square = np.array([(2, 2), (14, 2), (14, 14), (2, 14)], float)
    points = np.concatenate([np.column_stack([square, np.full(4, depth)]) for depth in (5.0, 1.0)])
    triangles = np.array([(0, 2, 1), (0, 3, 2), (4, 6, 5), (4, 7, 6)], np.int32)
    colours = np.repeat(np.float32([(1, 0, 0), (0, 1, 0)]), 4, axis=0)
    dull = np.zeros(8, np.float32)
    material = Material(colours, dull, dull + 1, dull, dull + 1)
    light = Light(np.float32((0, 0, 1)), 1.0, np.float32((1, 1, 1)), np.zeros(3, np.float32))

    image = render(points, triangles, material, light, np.zeros((16, 16, 3), np.float32))

    assert image[8, 8, 0] > 200
    assert image[8, 8, 1] == 0
    assert not image[0, 0].any()


# ---- Film


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> tuple[Path, VirtualSpeakerTruth]:
    pytest.importorskip("av")
    path = tmp_path_factory.mktemp("film") / "nobody.mp4"
    return path, record_virtual_speaker(path, [SENTENCE], seed=3)


def frames_and_sound(path: Path) -> tuple[list[np.ndarray], list[float], float]:
    import av

    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    with av.open(str(path)) as container:
        sound = list(container.decode(audio=0))
    end = max(float(piece.time) + piece.samples / piece.sample_rate for piece in sound)
    return [frame.to_ndarray(format="rgb24") for frame in frames], [float(f.time) for f in frames], end


def test_picture_and_sound_last_equally_long_and_truth_knows_each_frame(film):
    path, truth = film

    pictures, shown, sound_end = frames_and_sound(path)

    assert len(pictures) == len(truth.seconds)
    np.testing.assert_allclose(np.array(shown) + 0.5 / truth.fps, truth.seconds, atol=1e-6)
    assert sound_end == pytest.approx(len(pictures) / truth.fps, abs=0.06)  # AAC ends on whole packets


def test_truth_is_read_as_it_was_written(film):
    path, truth = film

    found = read_truth(truth_path(path))

    np.testing.assert_array_equal(found.vertices, truth.vertices)
    np.testing.assert_array_equal(found.rotation, truth.rotation)
    assert found.phonemes == truth.phonemes
    assert found.fps == truth.fps


def test_a_missing_truth_is_reported(tmp_path):
    with pytest.raises(FormatError, match="no truth file"):
        read_truth(tmp_path / "nothing.truth.npz")


def test_the_same_seed_gives_the_same_performance(film, tmp_path):
    _, truth = film

    again = record_virtual_speaker(tmp_path / "again.mp4", [SENTENCE], seed=3)

    np.testing.assert_array_equal(again.translation, truth.translation)
    np.testing.assert_allclose(again.weights, truth.weights, atol=0.02)  # espeak-ng's times vary by 0.3 ms


def test_the_skull_keeps_still_but_for_the_brows(film):
    _, truth = film
    still = truth.vertices[:, list(RIGID_POINTS)]

    assert np.linalg.norm(still - still.mean(axis=0), axis=2).max() < 0.02
    assert truth.weights.shape[1] == len(ARKIT_NAMES)


def test_the_tracker_finds_the_face_and_the_mouth(film):
    pytest.importorskip("mediapipe")
    from lipsync_core.capture.alignment import fit_head_motion
    from lipsync_core.capture.tracking import FaceMeshTracker, track_face
    from lipsync_core.capture.video import read_frames

    path, truth = film

    track = track_face(read_frames(path), FaceMeshTracker(), path.name)
    aligned = fit_head_motion(track.points, truth.vertices.mean(axis=0)).remove(track.points)

    assert track.detected.all()
    off = np.linalg.norm(track.points[..., :2] * (1, -1) - truth.image_points()[..., :2], axis=2)
    assert off.mean() < 0.04 * truth.scale.mean()
    assert np.corrcoef(gaps(aligned), gaps(truth.vertices))[0, 1] > 0.95
