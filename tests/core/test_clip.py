"""The clip file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lipsync_core.archive import read_archive, write_archive
from lipsync_core.capture.alignment import HeadMotion
from lipsync_core.capture.clip import CLIP_FORMAT, Clip, ReferenceAtlas, Take, join_clips, read_clip, write_clip
from lipsync_core.errors import ConfigError, FormatError, ShapeError
from lipsync_core.face.arkit import ARKIT_NAMES
from lipsync_core.face.cylinder import fit_cylinder
from lipsync_core.face.topology import generic_face
from lipsync_core.texture.layout import ATLAS_SIZE, CROP_SIZE, AtlasLayout, layout_of
from tests.conftest import babble


def take(frames: int = 50, seed: int = 0) -> Take:
    rng = np.random.default_rng(seed)
    return Take(
        name=f"take {seed}",
        seconds=(np.arange(frames) + 0.5) / 25,
        vertices=(generic_face() + rng.normal(0, 0.05, (frames, 468, 3))).astype(np.float32),
        blendshapes=rng.uniform(0, 1, (frames, 52)).astype(np.float32),
        detected=rng.uniform(size=frames) > 0.1,
        head=HeadMotion(
            np.full(frames, 0.01, np.float32),
            np.broadcast_to(np.eye(3, dtype=np.float32), (frames, 3, 3)),
            np.zeros((frames, 3), np.float32),
        ),
        waveform=babble(frames / 25, seed),
    )


def clip(*takes: Take) -> Clip:
    face = generic_face()
    return Clip("nobody", 25.0, face, fit_cylinder(face), ARKIT_NAMES, takes or (take(),))


def textured(plain: Clip, light: str = "normalised") -> Clip:
    """The same clip with soft pictures, each a little brighter than the one before."""
    y, x = np.mgrid[:ATLAS_SIZE, :ATLAS_SIZE]
    picture = np.stack([100 + x / 4, 90 + y / 4, 80 + 0 * x], axis=-1).astype(np.uint8)
    reference = ReferenceAtlas(layout_of(plain.neutral, plain.cylinder), picture, light)
    crop = picture[reference.layout.crop]
    takes = [
        replace(part, crops=np.stack([crop + np.uint8(frame) for frame in range(len(part.seconds))]))
        for part in plain.takes
    ]
    return replace(plain, takes=tuple(takes), reference=reference)


def test_a_clip_file_gives_back_the_clip(tmp_path: Path) -> None:
    written = clip(take(seed=1), take(30, seed=2))
    write_clip(tmp_path / "c.clip", written)

    read = read_clip(tmp_path / "c.clip")

    assert (read.speaker, read.fps, read.cylinder) == (written.speaker, written.fps, written.cylinder)
    for before, after in zip(written.takes, read.takes, strict=True):
        np.testing.assert_allclose(after.vertices, before.vertices, atol=2e-4)  # half floats about the neutral
        np.testing.assert_allclose(after.waveform.samples, before.waveform.samples, atol=1 / 32767)
        np.testing.assert_array_equal(after.detected, before.detected)
        np.testing.assert_array_equal(after.seconds, before.seconds)


def test_a_model_is_not_a_clip(model_path: Path) -> None:
    with pytest.raises(FormatError, match="is not a LipSync3D clip"):
        read_clip(model_path)


def test_the_tail_of_one_take_is_its_end() -> None:
    whole = clip(take(100))

    first, last = whole.split_tail(0.1)

    assert (first.frame_count, last.frame_count) == (90, 10)
    np.testing.assert_array_equal(last.takes[0].vertices, whole.takes[0].vertices[90:])
    assert last.takes[0].waveform is whole.takes[0].waveform  # times still count from its first sample


def test_the_tail_of_many_takes_is_the_last_takes() -> None:
    whole = clip(*(take(10, seed) for seed in range(20)))

    first, last = whole.split_tail(0.1)

    assert [part.name for part in last.takes] == ["take 18", "take 19"]
    assert len(first.takes) == 18


def test_joined_clips_share_the_first_neutral_face() -> None:
    first, second = clip(take(seed=1)), clip(take(seed=2))
    moved = Clip("nobody", 25.0, second.neutral + 0.1, second.cylinder, ARKIT_NAMES, second.takes)

    joined = join_clips([first, moved])

    assert len(joined.takes) == 2
    np.testing.assert_allclose(joined.takes[1].vertices, second.takes[0].vertices - 0.1, atol=1e-6)


@pytest.mark.parametrize("light", ["normalised", "as filmed"])
def test_a_clip_file_gives_back_the_texture(tmp_path: Path, light: str) -> None:
    written = textured(clip(take(12, seed=1), take(9, seed=2)), light)
    write_clip(tmp_path / "c.clip", written)

    read = read_clip(tmp_path / "c.clip")

    assert (read.reference.layout, read.reference.light) == (written.reference.layout, light)
    np.testing.assert_array_equal(read.reference.picture, written.reference.picture)
    for before, after in zip(written.takes, read.takes, strict=True):
        assert after.crops.shape == (len(before.seconds), CROP_SIZE, CROP_SIZE, 3)
        assert np.abs(after.crops.astype(int) - before.crops).mean() < 2
        levels = after.crops.mean(axis=(1, 2, 3))
        np.testing.assert_allclose(np.diff(levels), 1, atol=0.3)  # in their order


def test_a_clip_without_texture_stays_without(tmp_path: Path) -> None:
    write_clip(tmp_path / "c.clip", clip())

    read = read_clip(tmp_path / "c.clip")

    assert read.reference is None
    assert read.takes[0].crops is None
    assert read.takes[0].between(3, 5).crops is None


def test_a_clip_of_the_first_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.clip"
    write_clip(path, clip(take(10)))
    header, arrays = read_archive(path, CLIP_FORMAT)
    write_archive(path, replace(CLIP_FORMAT, version=1), {k: v for k, v in header.items() if k != "version"}, arrays)

    read = read_clip(path)

    assert read_archive(path, CLIP_FORMAT)[0]["version"] == 1
    assert read.frame_count == 10
    assert read.reference is None


def test_a_texture_in_part_is_no_clip_file(tmp_path: Path) -> None:
    path = tmp_path / "c.clip"
    write_clip(path, textured(clip(take(4))))
    header, arrays = read_archive(path, CLIP_FORMAT)

    for lost in ("reference", "takes/0/crops/red"):
        write_archive(path, CLIP_FORMAT, header, {name: array for name, array in arrays.items() if name != lost})
        with pytest.raises(FormatError, match="prepare the video again"):
            read_clip(path)


def test_a_clip_has_crops_in_every_take_or_in_none() -> None:
    whole = textured(clip(take(3, seed=1), take(3, seed=2)))

    for faulty in ({"reference": None}, {"takes": (whole.takes[0], replace(whole.takes[1], crops=None))}):
        with pytest.raises(ShapeError, match="or neither"):
            replace(whole, **faulty)


def test_a_take_has_a_crop_for_every_frame() -> None:
    whole = textured(clip(take(3)))

    with pytest.raises(ShapeError, match=r"Take\.crops"):
        replace(whole.takes[0], crops=whole.takes[0].crops[:2])


def test_a_part_of_a_take_has_the_crops_of_its_frames() -> None:
    whole = textured(clip(take(20)))

    part = whole.takes[0].between(5, 9)
    first, last = whole.split_tail(0.25)

    np.testing.assert_array_equal(part.crops, whole.takes[0].crops[5:9])
    np.testing.assert_array_equal(first.takes[0].crops, whole.takes[0].crops[:15])
    np.testing.assert_array_equal(last.takes[0].crops, whole.takes[0].crops[15:])
    assert last.reference is whole.reference


def test_joined_clips_of_one_atlas_keep_their_crops() -> None:
    first, second = textured(clip(take(4, seed=1))), textured(clip(take(6, seed=2)))

    joined = join_clips([first, second])

    assert joined.reference is first.reference
    np.testing.assert_array_equal(joined.takes[1].crops, second.takes[0].crops)


def test_clips_of_different_atlases_are_not_joined() -> None:
    first = textured(clip(take(4, seed=1)))
    layout = first.reference.layout
    elsewhere = AtlasLayout(layout.cylinder, layout.top - 1, layout.left)
    moved = replace(first, reference=replace(first.reference, layout=elsewhere))
    wider = replace(layout, cylinder=replace(layout.cylinder, half_angle=layout.cylinder.half_angle + 0.01))
    stretched = replace(first, reference=replace(first.reference, layout=wider))

    for other in (moved, stretched, clip(take(4))):
        with pytest.raises(ConfigError, match="prepare the others with --like the first"):
            join_clips([first, other])
