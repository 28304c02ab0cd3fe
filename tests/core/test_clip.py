"""The clip file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lipsync_core.capture.alignment import HeadMotion
from lipsync_core.capture.clip import Clip, Take, join_clips, read_clip, write_clip
from lipsync_core.errors import FormatError
from lipsync_core.face.arkit import ARKIT_NAMES
from lipsync_core.face.cylinder import fit_cylinder
from lipsync_core.face.topology import generic_face
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
