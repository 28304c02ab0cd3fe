"""From videos to clips, with a tracker that always knows where the face is; and videos that cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av")

from lipsync_core.audio.decoding import read_speech  # noqa: E402
from lipsync_core.capture.clip import Clip, join_clips, read_clip, write_clip  # noqa: E402
from lipsync_core.capture.normalisation import NormalisedFace, Smoothing  # noqa: E402
from lipsync_core.capture.video import VideoFrame, frame_middles, read_frames  # noqa: E402
from lipsync_core.errors import AudioError, TrackingError, VideoError  # noqa: E402
from lipsync_core.face.mouth import lip_gap  # noqa: E402
from lipsync_core.face.topology import LOWER_INNER_LIP, face_triangles, generic_face  # noqa: E402
from lipsync_core.texture.layout import layout_of  # noqa: E402
from lipsync_core.texture.warping import rasterise  # noqa: E402
from tests.conftest import babble  # noqa: E402
from tests.core.test_alignment import rotation  # noqa: E402
from training.cli import main  # noqa: E402
from training.preparation import PreparationOptions, blendshape_residual, prepare_clip  # noqa: E402
from training.unrolling import film_crops  # noqa: E402

MOTION = PreparationOptions(texture=False)


def write_video(
    path: Path,
    shown_at: Sequence[float],
    *,
    sound_seconds: float | None,
    sample_rate: int = 44_100,
    level: int | None = None,
) -> Path:
    """A video of grey pictures, all of one level or each as bright as its number, with speech-like sound."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=25, options={"qp": "10"})
        picture.width = picture.height = 64
        picture.time_base = picture.codec_context.time_base = Fraction(1, 1000)
        sound = container.add_stream("aac", rate=sample_rate) if sound_seconds is not None else None
        for number, seconds in enumerate(shown_at):
            grey = np.full((64, 64, 3), 10 + number if level is None else level, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = round(seconds * 1000), Fraction(1, 1000)
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        if sound is not None:
            samples = babble(sound_seconds, sample_rate=sample_rate).samples if sound_seconds else np.zeros(0)
            block = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="fltp", layout="mono")
            block.sample_rate = sample_rate
            container.mux(sound.encode(block))
            container.mux(sound.encode(None))
    return path


class KnowingTracker:
    """Finds a face that opens its mouth and turns its head, in every picture or in some."""

    def __init__(self, missing: Sequence[int] = ()) -> None:
        self.missing = missing
        self.number = 0

    def find(self, frame: VideoFrame) -> np.ndarray | None:
        number, self.number = self.number, self.number + 1
        if number in self.missing:
            return None
        face = generic_face().astype(np.float64)
        face[list(LOWER_INNER_LIP)[1:-1], 1] -= self.opening(number)
        turned = 20 * face @ rotation(15 * np.sin(number / 8), 0, 5).T
        return (turned + np.array((32, -32, 0))).astype(np.float32)

    @staticmethod
    def opening(number: int) -> float:
        return max(0.0, 0.15 * np.sin(number / 3))

    def restart(self) -> None:
        self.number = 0


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "talk.mp4", np.arange(50) / 25, sound_seconds=2.0)


def test_pictures_come_with_their_true_times(tmp_path: Path) -> None:
    shown_at = np.cumsum([0, 0.04, 0.02, 0.08, 0.04, 0.06, 0.04])
    path = write_video(tmp_path / "v.mp4", shown_at, sound_seconds=None)

    seconds = [frame.seconds for frame in read_frames(path)]

    np.testing.assert_allclose(seconds, shown_at, atol=2e-3)


def test_a_frame_stands_for_the_middle_of_its_time_on_screen() -> None:
    np.testing.assert_allclose(frame_middles(np.array([0, 0.04, 0.08, 0.16])), [0.02, 0.06, 0.12, 0.18])


def test_a_clip_holds_the_face_without_its_head_motion(video: Path) -> None:
    clip = prepare_clip([video], KnowingTracker(), PreparationOptions(texture=False, smoothing=Smoothing(0, 0)))

    take = clip.takes[0]
    opening = np.array([KnowingTracker.opening(number) for number in range(50)])
    np.testing.assert_allclose(lip_gap(take.vertices), opening, atol=5e-3)
    assert clip.fps == 25
    assert np.ptp(take.head.angles()[:, 0]) > 25


def test_removed_head_motion_can_be_put_back(video: Path) -> None:
    clip = prepare_clip([video], KnowingTracker(), PreparationOptions(texture=False, smoothing=Smoothing(0, 0)))

    restored = clip.takes[0].head.restore(clip.takes[0].vertices)

    tracker = KnowingTracker()
    seen = np.stack([tracker.find(VideoFrame(np.zeros((1, 1, 3), np.uint8), 0.0)) for _ in range(50)])
    np.testing.assert_allclose(restored, seen, atol=0.05)  # px


def test_several_videos_share_one_neutral_face(video: Path, tmp_path: Path) -> None:
    other = write_video(tmp_path / "more.mp4", np.arange(30) / 25, sound_seconds=1.2)

    clip = prepare_clip([video, other], KnowingTracker(), MOTION)

    assert [take.name for take in clip.takes] == ["talk", "more"]
    assert clip.frame_count == 80
    assert lip_gap(clip.neutral) < 0.02


def test_a_second_session_can_share_the_first_ones_face_space(video: Path) -> None:
    first = prepare_clip([video], KnowingTracker(), MOTION)

    second = prepare_clip([video], KnowingTracker(), PreparationOptions(like=first, texture=False))

    np.testing.assert_array_equal(second.neutral, first.neutral)


@pytest.fixture
def short_video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "short.mp4", np.arange(16) / 25, sound_seconds=0.7)


@pytest.fixture
def dim_video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "dim.mp4", np.arange(16) / 25, sound_seconds=0.7, level=80)


def brightness(clip: Clip, take: int = 0) -> np.ndarray:
    """The mean of each crop around the mouth's corners, grey levels."""
    return clip.takes[take].crops[:, 40:70, 30:98].mean(axis=(1, 2, 3))


def test_a_texture_has_a_reference_and_a_crop_for_every_frame(short_video: Path) -> None:
    told: list[float] = []

    clip = prepare_clip([short_video, short_video], KnowingTracker(), PreparationOptions(), told.append)

    assert clip.reference.layout == layout_of(clip.neutral, clip.cylinder)
    assert clip.reference.light == "normalised"
    assert [take.crops.shape for take in clip.takes] == [(16, 128, 128, 3)] * 2
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)


def test_crops_are_brought_to_the_light_of_the_reference(dim_video: Path) -> None:
    bright = write_video(dim_video.with_name("bright.mp4"), np.arange(16) / 25, sound_seconds=0.7, level=120)

    clip = prepare_clip([bright, dim_video], KnowingTracker(), PreparationOptions(reference_seconds=0.0))

    assert clip.reference.picture.mean() == pytest.approx(120, abs=3)
    for take in range(2):
        np.testing.assert_allclose(brightness(clip, take), clip.reference.picture.mean(), atol=2)


def test_the_light_can_be_kept_as_it_was_filmed(short_video: Path) -> None:
    clip = prepare_clip([short_video], KnowingTracker(), PreparationOptions(normalise_light=False))

    assert clip.reference.light == "as filmed"
    np.testing.assert_allclose(brightness(clip), 10 + np.arange(16), atol=2)  # each picture is as bright as its number


def test_outside_the_face_a_crop_is_the_references(short_video: Path) -> None:
    clip = prepare_clip([short_video], KnowingTracker(), PreparationOptions(normalise_light=False))

    take, layout = clip.takes[0], clip.reference.layout
    face = rasterise(layout.crop_points(take.vertices), face_triangles(), 128, 128).covered
    wanted = np.broadcast_to(clip.reference.picture[layout.crop], take.crops.shape)
    assert 100 < (~face).sum() < face.sum()
    np.testing.assert_array_equal(take.crops[~face], wanted[~face])


def test_a_second_session_can_share_the_first_ones_atlas(dim_video: Path) -> None:
    first = prepare_clip([dim_video], KnowingTracker(), PreparationOptions())
    dimmer = write_video(dim_video.with_name("dimmer.mp4"), np.arange(16) / 25, sound_seconds=0.7, level=55)

    second = prepare_clip([dimmer], KnowingTracker(), PreparationOptions(like=first))

    assert second.reference is first.reference
    assert second.cylinder == first.cylinder
    np.testing.assert_array_equal(second.neutral, first.neutral)
    np.testing.assert_allclose(brightness(second), first.reference.picture.mean(), atol=2)
    assert join_clips([first, second]).frame_count == 32


def test_a_texture_can_be_made_like_a_clip_that_has_none(short_video: Path) -> None:
    first = prepare_clip([short_video], KnowingTracker(), MOTION)

    second = prepare_clip([short_video], KnowingTracker(), PreparationOptions(like=first, normalise_light=False))

    assert second.reference.layout == layout_of(first.neutral, first.cylinder)


def test_a_video_that_became_shorter_is_refused(short_video: Path, tmp_path: Path) -> None:
    clip = prepare_clip([short_video], KnowingTracker(), PreparationOptions(normalise_light=False))
    shorter = write_video(tmp_path / "shorter.mp4", np.arange(9) / 25, sound_seconds=None)
    face = NormalisedFace(clip.takes[0].vertices, clip.takes[0].head)

    with pytest.raises(VideoError, match=r"shorter\.mp4 became shorter while it was read; prepare it again"):
        film_crops(shorter, face, clip.neutral, clip.reference)


@pytest.mark.parametrize(
    ("flags", "light"), [([], "normalised"), (["--keep-light"], "as filmed"), (["--no-texture"], None)]
)
def test_the_command_line_says_what_becomes_of_the_texture(
    short_video: Path, tmp_path: Path, flags: list[str], light: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lipsync_core.capture.tracking.FaceMeshTracker", KnowingTracker)
    output = tmp_path / "c.clip"

    assert main(["prepare", str(short_video), "-o", str(output), *flags]) == 0

    clip = read_clip(output)
    assert (clip.reference and clip.reference.light) == light
    assert (clip.takes[0].crops is None) == (light is None)


def test_the_command_line_takes_the_atlas_of_an_earlier_clip(
    short_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lipsync_core.capture.tracking.FaceMeshTracker", KnowingTracker)
    first = prepare_clip([short_video], KnowingTracker(), PreparationOptions(normalise_light=False))
    bright = replace(first.reference, picture=np.full_like(first.reference.picture, 77))
    write_clip(tmp_path / "first.clip", replace(first, neutral=1.01 * first.neutral, reference=bright))

    arguments = ["prepare", str(short_video), "-o", str(tmp_path / "c.clip"), "--like", str(tmp_path / "first.clip")]
    assert main(arguments) == 0

    clip = read_clip(tmp_path / "c.clip")
    np.testing.assert_array_equal(clip.neutral, 1.01 * first.neutral)
    assert (clip.reference.picture == 77).all()


def test_the_user_is_told_how_well_the_blendshapes_follow(
    short_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lipsync_core.capture.tracking.FaceMeshTracker", KnowingTracker)
    output = tmp_path / "c.clip"

    assert main(["prepare", str(short_video), "-o", str(output), "--no-texture"]) == 0

    residual = blendshape_residual(read_clip(output))
    assert 0 < residual < 0.1
    assert f"the blendshapes follow the lips to {100 * residual:.1f} % of the eye distance" in capsys.readouterr().out


def test_the_residual_of_a_clip_is_that_of_all_its_frames(video: Path, short_video: Path) -> None:
    one, other, both = (
        prepare_clip(list(videos), KnowingTracker(), replace(MOTION, smoothing=Smoothing(0, 0, 0), like=like))
        for like in [prepare_clip([video], KnowingTracker(), MOTION)]
        for videos in ((video,), (short_video,), (video, short_video))
    )

    residuals = sorted(blendshape_residual(clip) for clip in (one, other))
    assert residuals[0] <= blendshape_residual(both) <= residuals[1]


def test_a_texture_can_be_left_out(short_video: Path) -> None:
    clip = prepare_clip([short_video], KnowingTracker(), MOTION)

    assert clip.reference is None
    assert clip.takes[0].crops is None


def test_a_missed_frame_is_filled_and_marked(video: Path) -> None:
    clip = prepare_clip([video], KnowingTracker(missing=[20, 21]), MOTION)

    take = clip.takes[0]
    assert list(np.flatnonzero(~take.detected)) == [20, 21]
    assert np.isfinite(take.vertices).all()


def test_the_reference_can_be_chosen(video: Path) -> None:
    wide_open = 5  # sin(5 / 3) is near its top

    clip = prepare_clip([video], KnowingTracker(), PreparationOptions(texture=False, reference_seconds=wide_open / 25))

    assert lip_gap(clip.neutral) > 0.1


def test_a_video_without_a_face_is_refused(video: Path) -> None:
    with pytest.raises(TrackingError, match=r"No face was found in .*talk\.mp4"):
        prepare_clip([video], KnowingTracker(missing=range(50)), MOTION)


def test_a_video_that_rarely_shows_the_face_is_refused(video: Path) -> None:
    with pytest.raises(TrackingError, match="only 40%"):
        prepare_clip([video], KnowingTracker(missing=range(30)), MOTION)


def test_a_video_without_sound_is_refused(tmp_path: Path) -> None:
    mute = write_video(tmp_path / "mute.mp4", np.arange(50) / 25, sound_seconds=None)

    with pytest.raises(AudioError, match=r"mute\.mp4 has no audio stream"):
        prepare_clip([mute], KnowingTracker(), MOTION)


def test_a_video_whose_sound_is_another_one_is_refused(tmp_path: Path) -> None:
    odd = write_video(tmp_path / "odd.mp4", np.arange(100) / 25, sound_seconds=1.0)

    with pytest.raises(VideoError, match=r"picture of .*odd\.mp4 lasts 4\.0 s and its sound 1\.0 s"):
        prepare_clip([odd], KnowingTracker(), MOTION)


def test_a_text_file_is_no_video(tmp_path: Path) -> None:
    letter = tmp_path / "letter.mp4"
    letter.write_text("Dear eyes,")

    with pytest.raises((VideoError, AudioError), match=r"letter\.mp4 cannot be read"):
        prepare_clip([letter], KnowingTracker(), MOTION)


def test_one_bad_video_among_many_can_be_left_out(video: Path, tmp_path: Path) -> None:
    mute = write_video(tmp_path / "mute.mp4", np.arange(50) / 25, sound_seconds=None)

    clip = prepare_clip([mute, video], KnowingTracker(), PreparationOptions(texture=False, skip_bad=True))

    assert [take.name for take in clip.takes] == ["talk"]


@pytest.mark.parametrize(
    ("suffix", "codec", "rate", "layout"),
    [
        (".wav", "pcm_s16le", 48_000, "stereo"),
        (".mp3", "libmp3lame", 44_100, "stereo"),
        (".flac", "flac", 22_050, "mono"),
        (".ogg", "libopus", 48_000, "stereo"),
        (".m4a", "aac", 44_100, "mono"),
    ],
)
def test_every_kind_of_sound_file_is_heard_alike(
    tmp_path: Path, suffix: str, codec: str, rate: int, layout: str
) -> None:
    path = tmp_path / f"speech{suffix}"
    speech = babble(1.5, sample_rate=rate)
    _encode(path, speech.samples, codec, rate, layout)

    heard = read_speech(path)

    assert heard.sample_rate == 16_000
    assert heard.duration == pytest.approx(1.5, abs=0.06)  # codecs pad to whole blocks
    wanted = speech.at_rate(16_000).samples
    priming = 372 if suffix == ".m4a" else 0  # the test's own muxing leaves the encoder's first 1024 samples in
    shared = min(len(wanted), len(heard.samples) - priming)
    assert np.corrcoef(wanted[:shared], heard.samples[priming : priming + shared])[0, 1] > 0.9


def _encode(path: Path, samples: np.ndarray, codec: str, rate: int, layout: str) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        channels = np.repeat(samples[None], 1 if layout == "mono" else 2, axis=0)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
        fifo = av.AudioFifo()
        for part in resampler.resample(frame):
            fifo.write(part)
        size = stream.codec_context.frame_size or 1024
        while (part := fifo.read(size) or fifo.read(0, True)) is not None:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
