"""Lip crops survive being made small."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lipsync_core.errors import FormatError, ShapeError
from lipsync_core.texture.crop_codec import decode_crops, encode_crops


def faces(frames: int) -> NDArray[np.uint8]:
    """Smooth pictures with edges that move, black below, as lip crops are."""
    y, x = np.mgrid[0:128, 0:128]
    crops = np.zeros((frames, 128, 128, 3), np.uint8)
    for frame in range(frames):
        skin = 150 + 40 * np.sin(x / 23 + frame / 9) + 20 * np.cos(y / 17)
        lips = np.hypot((x - 64) / 40, (y - 60) / (10 + 3 * np.sin(frame))) < 1
        crops[frame] = np.stack([skin, 0.7 * skin - 40 * lips, 0.6 * skin - 30 * lips], axis=2)
        crops[frame, 118:] = 0
    return crops


def decibels(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.mean((first.astype(float) - second) ** 2)))


@pytest.mark.parametrize("frames", [0, 1, 65])
def test_crops_come_back_in_their_order_and_nearly_as_they_were(frames: int) -> None:
    crops = faces(frames)

    back = decode_crops(encode_crops(crops))

    assert back.shape == crops.shape
    assert all(decibels(a, b) > 38 for a, b in zip(back, crops, strict=True))


def test_a_second_time_costs_next_to_nothing() -> None:
    once = decode_crops(encode_crops(faces(8)))

    twice = decode_crops(encode_crops(once))

    assert decibels(twice, once) > 45


def test_smooth_crops_take_a_twentieth_of_the_room() -> None:
    crops = faces(40)

    packed = encode_crops(crops)

    assert sum(array.nbytes for array in packed.values()) < crops.nbytes / 20


def test_even_noise_comes_back() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (2, 32, 48, 3), dtype=np.uint8)
    grey = np.repeat(crops[..., :1], 3, axis=3)  # chroma is kept at half the sides

    assert decibels(decode_crops(encode_crops(grey)), grey) > 38


def test_damaged_arrays_are_refused() -> None:
    packed = encode_crops(faces(2))

    for broken in ({}, {**packed, "red": packed["red"][:-9]}, {**packed, "size": np.array([3, 128, 128])}):
        with pytest.raises(FormatError, match="prepare the video again"):
            decode_crops(broken)


def test_odd_sides_are_refused() -> None:
    with pytest.raises(ShapeError, match="multiples of 16"):
        encode_crops(np.zeros((1, 120, 128, 3), np.uint8))
