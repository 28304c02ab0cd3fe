"""Textures on moving skin: lifted off the crops, laid back onto another pose."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from lipsync_core.errors import ShapeError
from lipsync_core.face.basis import arkit_basis
from lipsync_core.face.cylinder import fit_cylinder
from lipsync_core.face.topology import face_triangles, generic_face
from lipsync_core.texture.layout import CROP_SIZE, layout_of
from lipsync_core.texture.sheet import SheetLayout, mouth_mask, nearest_pixel, sheet_layout
from lipsync_core.texture.warping import SurfaceMap, rasterise
from tests.core.test_texture_warping import exchanged_lips

FACE = generic_face()
LAYOUT = layout_of(FACE, fit_cylinder(FACE))
_MOTIONS = ("jawOpen", "mouthPucker", "mouthSmileLeft", "mouthSmileRight")


@cache
def _motions() -> np.ndarray:
    basis = arkit_basis(FACE)
    return np.stack([basis.delta(name) for name in _MOTIONS])


def speaking_faces(frames: int, seed: int = 0) -> np.ndarray:
    """A face whose jaw opens and shuts twice a second and whose lips pucker and smile, `(T, 468, 3)`."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / 25
    slow = [np.clip(np.sin(2 * np.pi * (rate * t + rng.uniform())), 0, 1) for rate in (0.7, 1.1, 0.9)]
    jaw = 0.7 * np.clip(np.sin(2 * np.pi * (2 * t + rng.uniform())), 0, 1)
    weights = np.stack([jaw, *(0.4 * weight for weight in slow)], axis=1)
    return (FACE + np.tensordot(weights, _motions(), axes=1)).astype(np.float32)


def drawn(faces: np.ndarray) -> SurfaceMap:
    return rasterise(LAYOUT.crop_points(faces), face_triangles(), CROP_SIZE, CROP_SIZE)


def smooth_crops(faces: np.ndarray, tint: np.ndarray | float = 0.0) -> np.ndarray:
    """Crops `(T, 128, 128, 3)` of skin whose colour is a smooth function of the place on the resting face.

    The inside of the mouth is dark with a row of teeth; outside the face all is grey. `tint` `(T,)`, 0 to 1, reddens
    the skin and brings teeth and the dark behind them nearer to each other.
    """
    surface = drawn(faces)
    tint = np.broadcast_to(tint, len(faces))[:, None, None]
    x, y = np.moveaxis(surface.carry(LAYOUT.crop_points(FACE)), -1, 0) / 20
    wave = np.sin(x) * np.cos(y)
    skin = np.stack([150 + 40 * wave + 60 * tint, 120 + 30 * np.sin(x + y), 100 + 20 * np.cos(y)], axis=-1)
    rows = np.broadcast_to(np.arange(CROP_SIZE)[:, None], (CROP_SIZE, CROP_SIZE))
    inside = np.where(rows < 62, 190 - 60 * tint, 40 + 60 * tint)[..., None] * np.array((1, 0.9, 0.85))
    crops = np.where(mouth_mask(surface)[..., None], inside, skin)
    return np.rint(np.where(surface.covered[..., None], crops, 128)).astype(np.uint8)


def decibels(difference: np.ndarray) -> float:
    """PSNR of differences of values from 0 to 1."""
    return float(-10 * np.log10(np.mean(np.square(difference, dtype=np.float64))))


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return speaking_faces(40)


@pytest.fixture(scope="module")
def sheet(faces: np.ndarray) -> SheetLayout:
    return sheet_layout(faces, LAYOUT)


def test_a_crop_comes_back_from_its_sheet(faces: np.ndarray, sheet: SheetLayout) -> None:
    crops, points = smooth_crops(faces), LAYOUT.crop_points(faces)
    skin = drawn(faces).covered & ~mouth_mask(drawn(faces))

    values, _ = sheet.lift(crops, points)
    laid, covered = sheet.lay(values, points)

    difference = laid - crops / 255
    assert decibels(difference[skin]) > 35
    assert min(decibels(one[where]) for one, where in zip(difference, skin, strict=True)) > 35
    np.testing.assert_array_equal(covered, drawn(faces).covered)


def test_a_crop_in_the_pose_of_the_sheet_is_the_sheet(sheet: SheetLayout) -> None:
    crop = np.random.default_rng(0).integers(0, 256, (1, CROP_SIZE, CROP_SIZE, 3), dtype=np.uint8)

    values, _ = sheet.lift(crop, sheet.points[None])
    laid, _ = sheet.lay(values, sheet.points[None])

    np.testing.assert_allclose(values[0, : sheet.skin_size], crop[0, sheet.skin].ravel() / 255, atol=1e-3)
    np.testing.assert_allclose(laid[0, sheet.skin], crop[0, sheet.skin] / 255, atol=2e-3)


def deep(mask: np.ndarray) -> np.ndarray:
    """Return the pixels of a mask `(T, H, W)` whose neighbours are all in it: what no soft edge reaches."""
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    height, width = mask.shape[1:]
    shifts = [padded[:, y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.asarray(np.logical_and.reduce(shifts))


def test_the_edge_of_the_lips_is_soft(sheet: SheetLayout, faces: np.ndarray) -> None:
    white_inside = np.concatenate([np.zeros(sheet.skin_size), np.ones(sheet.size - sheet.skin_size)])

    laid, _ = sheet.lay(np.repeat(white_inside[None], len(faces), axis=0), LAYOUT.crop_points(faces))

    between = (laid > 0.1) & (laid < 0.9)
    assert between.sum() > 0.1 * (laid > 0.1).sum()
    assert laid.max() == 1
    np.testing.assert_allclose(
        laid[..., 0].sum(axis=(1, 2)), mouth_mask(drawn(faces)).sum(axis=(1, 2)), rtol=0.1, atol=15
    )


def test_the_inside_of_the_mouth_comes_back_to_the_last_bit(faces: np.ndarray, sheet: SheetLayout) -> None:
    crops, points = smooth_crops(faces), LAYOUT.crop_points(faces)
    inside = deep(mouth_mask(drawn(faces))) & sheet.inside

    values, _ = sheet.lift(crops, points)
    laid, _ = sheet.lay(values, points)

    assert inside.sum() > 1000
    np.testing.assert_allclose(laid[inside], crops[inside] / 255, atol=1e-6)


def test_sheets_of_one_skin_are_alike_in_every_pose(faces: np.ndarray, sheet: SheetLayout) -> None:
    crops = smooth_crops(faces)

    values, _ = sheet.lift(crops, LAYOUT.crop_points(faces))

    skin = values[:, : sheet.skin_size]
    moved = crops[:, sheet.skin].reshape(len(crops), -1) / 255
    middle = np.median(skin, axis=0)
    assert np.abs(skin - middle).mean() < 0.2 * np.abs(moved - np.median(moved, axis=0)).mean()


@pytest.mark.parametrize("point", [17, 57, 287, 199])
def test_a_spot_on_the_skin_moves_with_its_vertex(sheet: SheetLayout, faces: np.ndarray, point: int) -> None:
    y, x = np.mgrid[:CROP_SIZE, :CROP_SIZE] + 0.5
    spot = np.exp(-np.square(np.stack([x, y], axis=-1) - sheet.points[point]).sum(axis=-1) / (2 * 1.5**2))
    values = np.zeros((len(faces), sheet.size), np.float32)
    values[:, : sheet.skin_size] = np.repeat(spot[sheet.skin], 3)
    points = LAYOUT.crop_points(faces)

    laid, covered = sheet.lay(values, points)

    seen = laid[..., 0] * covered
    centre = np.stack([(seen * axis).sum(axis=(1, 2)) for axis in (x, y)], axis=1) / seen.sum(axis=(1, 2))[:, None]
    assert np.abs(centre - points[:, point]).max() < 1.0
    assert np.ptp(points[:, point], axis=0).max() > 2  # it did move


def test_what_lies_in_the_mouth_stays_where_it_is(sheet: SheetLayout, faces: np.ndarray) -> None:
    values = np.random.default_rng(0).uniform(0, 1, sheet.size).astype(np.float32)
    _, inside = sheet.pictures(values[None])

    laid, _ = sheet.lay(np.repeat(values[None], len(faces), axis=0), LAYOUT.crop_points(faces))

    mouth = deep(mouth_mask(drawn(faces)))
    np.testing.assert_allclose(laid[mouth], np.repeat(inside, len(faces), axis=0)[mouth], atol=1e-6)


def test_a_sheet_tells_which_pixels_of_the_inside_are_seen(sheet: SheetLayout, faces: np.ndarray) -> None:
    _, seen = sheet.lift(smooth_crops(faces), LAYOUT.crop_points(faces))

    np.testing.assert_array_equal(seen, mouth_mask(drawn(faces))[:, sheet.inside])
    assert seen.sum(axis=1).max() > 300
    assert seen.any(axis=0).mean() > 0.99  # next to nothing is kept that is never seen


def test_nothing_is_seen_of_the_inside_of_a_shut_mouth(sheet: SheetLayout) -> None:
    shut = np.repeat(FACE[None], 2, axis=0)

    _, seen = sheet.lift(smooth_crops(shut), LAYOUT.crop_points(shut))

    assert not seen.any()


def test_nothing_is_seen_between_lips_that_have_passed_each_other(sheet: SheetLayout) -> None:
    crossed = exchanged_lips(FACE + 0.15 * _motions()[0])[None]

    _, seen = sheet.lift(smooth_crops(crossed), LAYOUT.crop_points(crossed))

    assert not seen.any()


def test_a_sheet_has_its_values_where_it_says(sheet: SheetLayout) -> None:
    values = np.random.default_rng(0).uniform(0, 1, (2, sheet.size)).astype(np.float32)

    skin, inside = sheet.pictures(values)

    kept = [skin[:, sheet.skin].reshape(2, -1), inside[:, sheet.inside].reshape(2, -1)]
    np.testing.assert_array_equal(np.concatenate(kept, axis=1), values)
    assert sheet.size == 3 * (sheet.skin.sum() + sheet.inside.sum())


def test_a_sheet_is_laid_out_with_an_open_mouth(sheet: SheetLayout) -> None:
    resting = LAYOUT.crop_points(FACE)

    assert sheet.points[14, 1] - sheet.points[13, 1] > 10  # px between the inner lips
    assert not (sheet.skin & mouth_mask(rasterise(sheet.points[None], face_triangles(), CROP_SIZE, CROP_SIZE))[0]).any()
    assert np.abs(sheet.points[4] - resting[4]).max() < 2  # the nose is where it was


def test_frames_are_laid_and_lifted_each_for_itself(sheet: SheetLayout, faces: np.ndarray) -> None:
    crops, points = smooth_crops(faces[:3]), LAYOUT.crop_points(faces[:3])
    values, seen = sheet.lift(crops, points)
    laid, covered = sheet.lay(values, points)

    for frame in range(3):
        alone = slice(frame, frame + 1)
        lifted = sheet.lift(crops[alone], points[alone])
        np.testing.assert_allclose(lifted[0][0], values[frame], atol=1e-6)
        np.testing.assert_array_equal(lifted[1][0], seen[frame])
        again = sheet.lay(values[alone], points[alone])
        np.testing.assert_allclose(again[0][0][covered[frame]], laid[frame][covered[frame]], atol=1e-6)


def test_a_mouth_that_never_opens_has_a_sheet_all_the_same() -> None:
    shut = np.repeat(FACE[None], 5, axis=0)

    sheet = sheet_layout(shut, LAYOUT)

    assert sheet.inside.sum() == 1
    laid, _ = sheet.lay(np.full((5, sheet.size), 0.5, np.float32), LAYOUT.crop_points(shut))
    np.testing.assert_array_equal(laid, np.float32(0.5))


def test_a_sheet_of_other_axes_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"SheetLayout\.points"):
        SheetLayout(np.zeros((467, 2), np.float32), np.zeros((CROP_SIZE, CROP_SIZE), bool))


@pytest.mark.parametrize("share", [0.5, 0.05, 0.003])
def test_the_nearest_pixel_is_as_near_as_any(share: float) -> None:
    mask = np.random.default_rng(0).uniform(size=(23, 31)) < share
    mask[11, 4] = True
    places = np.argwhere(mask)

    nearest = nearest_pixel(mask)

    steps = np.abs(np.indices(mask.shape)[:, None] - places.T[:, :, None, None]).sum(axis=0)  # (pixels of mask, H, W)
    chosen = np.take_along_axis(steps, nearest[None], axis=0)[0]
    np.testing.assert_array_equal(chosen, steps.min(axis=0))
    np.testing.assert_array_equal(nearest[mask], np.arange(len(places)))  # each of its own pixels is its own


def test_an_empty_mask_has_no_nearest_pixel() -> None:
    assert (nearest_pixel(np.zeros((4, 5), bool)) == -1).all()
