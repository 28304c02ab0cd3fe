"""Where a face lies in the atlas, and triangle warps from one place to another."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_core.errors import FormatError
from lipsync_core.face.basis import arkit_basis
from lipsync_core.face.cylinder import fit_cylinder
from lipsync_core.face.topology import (
    CHIN,
    FACE_OVAL,
    LIPS,
    LOWER_INNER_LIP,
    UPPER_INNER_LIP,
    face_triangles,
    generic_face,
    mouth_triangles,
    skin_triangles,
)
from lipsync_core.texture.layout import ATLAS_SIZE, CROP_SIZE, AtlasLayout, layout_of
from lipsync_core.texture.warping import OUTSIDE, SurfaceMap, rasterise, sample

FACE = generic_face()
LAYOUT = layout_of(FACE, fit_cylinder(FACE))
SQUARE = np.array([[10, 10], [50, 10], [50, 50], [10, 50]], np.float32)
FRONT, BACK = (0, 2, 1), (0, 1, 2)  # of the square's upper half, on a picture whose y points down


@pytest.fixture(scope="module")
def faces() -> dict[str, np.ndarray]:
    """Faces that are hard to draw without a crack."""
    basis = arkit_basis(FACE)
    noise = np.random.default_rng(0).normal(0, 0.004, FACE.shape).astype(np.float32)
    return {
        "at rest": FACE,
        "open": FACE + 0.7 * basis.delta("jawOpen"),
        "pressed": FACE + sum(basis.delta(name) for name in ("mouthPressLeft", "mouthPressRight", "mouthRollLower")),
        "exchanged lips": exchanged_lips(FACE + 0.1 * basis.delta("jawOpen")),
        "noisy": FACE + noise,
    }


POSES = ("at rest", "open", "pressed", "exchanged lips", "noisy")


def exchanged_lips(face: np.ndarray) -> np.ndarray:
    """The upper inner lip where the lower one is, and the other way round, as a tracker sometimes says."""
    upper, lower = list(UPPER_INNER_LIP), list(LOWER_INNER_LIP)
    exchanged = face.copy()
    exchanged[upper], exchanged[lower] = face[lower], face[upper]
    return exchanged


def drawn(face: np.ndarray, size: int = ATLAS_SIZE) -> SurfaceMap:
    points = LAYOUT.atlas_points(face) if size == ATLAS_SIZE else LAYOUT.crop_points(face)
    return rasterise(points[None], face_triangles(), size, size)


def pixel_middles(size: int) -> np.ndarray:
    """`(size, size, 2)`, x then y."""
    at = np.arange(size) + 0.5
    return np.stack(np.meshgrid(at, at), axis=-1)


def inside_outline(outline: np.ndarray, size: int) -> np.ndarray:
    """Pixels whose middle a polygon `(n, 2)` goes around, `(size, size)`: a ray to the right crosses it oddly."""
    x, y = np.moveaxis(pixel_middles(size), -1, 0)
    crossed = np.zeros((size, size), int)
    for (x1, y1), (x2, y2) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if y1 != y2:
            crossed += ((y1 > y) != (y2 > y)) & (x < x1 + (y - y1) * (x2 - x1) / (y2 - y1))
    return crossed % 2 == 1


def corner_shares(surface: SurfaceMap) -> np.ndarray:
    """Each covered pixel's shares in the corners of the triangle that is said to cover it, `(pixels, 3)`."""
    frames, rows, columns = np.nonzero(surface.covered)
    triangles = surface.triangles[surface.covering[frames, rows, columns]]
    corners = surface.points[frames[:, None], triangles].astype(np.float64)
    homogeneous = np.concatenate([corners, np.ones((*corners.shape[:2], 1))], axis=2)
    pixel = np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))], axis=1)
    return np.linalg.solve(homogeneous.transpose(0, 2, 1), pixel[..., None])[..., 0]


@pytest.mark.parametrize("pose", POSES)
def test_a_face_carried_onto_itself_stays_where_it_is(faces: dict[str, np.ndarray], pose: str) -> None:
    surface = drawn(faces[pose])

    carried = surface.carry(surface.points)

    assert surface.covered.sum() > 20_000
    np.testing.assert_allclose(carried[0][surface.covered[0]], pixel_middles(ATLAS_SIZE)[surface.covered[0]], atol=1e-3)


def test_linear_functions_of_the_place_are_carried_exactly() -> None:
    rng = np.random.default_rng(0)
    matrix, offset = rng.normal(size=(2, 3)), rng.normal(size=3)
    surface = drawn(FACE)

    carried = surface.carry(surface.points @ matrix + offset)

    wanted = pixel_middles(ATLAS_SIZE) @ matrix + offset
    np.testing.assert_allclose(carried[0][surface.covered[0]], wanted[surface.covered[0]], atol=1e-3)


def test_values_at_the_points_are_met_at_the_points() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(4, 2)).astype(np.float32)
    grid = np.floor(SQUARE) + 0.5  # the corners are pixel middles
    surface = rasterise(grid[None], np.array([FRONT, (0, 3, 2)]), 64, 64)

    carried = surface.carry(values)[0]

    columns, rows = grid.astype(int).T
    np.testing.assert_allclose(carried[rows, columns], values, atol=1e-5)
    np.testing.assert_allclose(carried[rows[0], 30], values[0] + 0.5 * (values[1] - values[0]), atol=1e-5)


@pytest.mark.parametrize("pose", POSES)
def test_every_pixel_lies_in_the_triangle_that_covers_it(faces: dict[str, np.ndarray], pose: str) -> None:
    shares = corner_shares(drawn(faces[pose]))

    assert shares.min() > -2e-3
    assert shares.max() < 1 + 4e-3


@pytest.mark.parametrize("pose", POSES)
def test_no_pixel_inside_the_outline_is_left_out(faces: dict[str, np.ndarray], pose: str) -> None:
    surface = drawn(faces[pose])
    outline = surface.points[0, list(FACE_OVAL)].astype(np.float64)

    inside = inside_outline(outline, ATLAS_SIZE)

    assert inside.sum() > 20_000
    assert not (inside & ~surface.covered[0]).any()


def test_lips_that_have_passed_each_other_hide_the_mouth(faces: dict[str, np.ndarray]) -> None:
    first = len(skin_triangles())
    mouth = np.arange(first, first + len(mouth_triangles()))

    parted, crossed = (drawn(faces[pose]) for pose in ("open", "exchanged lips"))

    assert np.isin(parted.covering, mouth).sum() > 500
    assert not np.isin(crossed.covering, mouth).any()


@pytest.mark.parametrize("order", [(BACK, FRONT), (FRONT, BACK)])
def test_a_triangle_that_is_turned_over_gives_way(order: tuple[tuple[int, ...], ...]) -> None:
    surface = rasterise(SQUARE[None], np.array(order), 64, 64)

    shown = np.unique(surface.covering[surface.covered])

    assert list(shown) == [order.index(FRONT)]


def test_a_turned_over_triangle_is_shown_where_nothing_else_is() -> None:
    surface = rasterise(SQUARE[None], np.array([BACK]), 64, 64)

    assert surface.covered[0, 20, 40]
    assert surface.covered.sum() == pytest.approx(40 * 40 / 2, abs=40)


def test_a_triangle_without_area_covers_nothing_and_spoils_nothing() -> None:
    points = np.array([[10, 10], [30, 10], [50, 10], [50, 50], [10, 10]], np.float32)
    triangles = np.array([(0, 1, 2), (0, 3, 2), (0, 4, 0)])

    surface = rasterise(points[None], triangles, 64, 64)

    assert set(np.unique(surface.covering)) == {OUTSIDE, 1}
    assert np.isfinite(surface.carry(points)).all()


def test_many_frames_are_drawn_as_each_one_alone(faces: dict[str, np.ndarray]) -> None:
    points = LAYOUT.atlas_points(np.stack(list(faces.values())))
    values = np.random.default_rng(0).normal(size=(len(points), 468, 3)).astype(np.float32)

    together = rasterise(points, face_triangles(), ATLAS_SIZE, ATLAS_SIZE)

    carried = together.carry(values)
    for frame in range(len(points)):
        alone = rasterise(points[frame : frame + 1], face_triangles(), ATLAS_SIZE, ATLAS_SIZE)
        np.testing.assert_array_equal(together.covering[frame], alone.covering[0])
        np.testing.assert_array_equal(carried[frame], alone.carry(values[frame])[0])


def test_no_frames_are_no_pictures() -> None:
    surface = rasterise(np.zeros((0, 468, 2), np.float32), face_triangles(), 16, 16)

    assert surface.covering.shape == (0, 16, 16)


def test_the_crop_is_drawn_as_that_part_of_the_atlas_is(faces: dict[str, np.ndarray]) -> None:
    whole, crop = drawn(faces["open"]), drawn(faces["open"], CROP_SIZE)

    part = whole.covering[0][LAYOUT.crop]

    np.testing.assert_array_equal(crop.covered[0], part != OUTSIDE)
    assert (crop.covering[0] == part).mean() > 0.999  # on a seam either triangle will do


def test_a_picture_is_read_as_it_is_at_the_middles_of_its_pixels() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    x, y = np.meshgrid(np.arange(56) + 0.5, np.arange(40) + 0.5)

    read = sample(picture, np.stack([x, y], axis=-1)[None])

    np.testing.assert_array_equal(read[0], picture)


def test_between_four_pixels_a_picture_is_read_linearly_both_ways() -> None:
    def ramp(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 3 + 2 * x - y + 0.25 * x * y

    columns, rows = np.meshgrid(np.arange(20) + 0.5, np.arange(12) + 0.5)
    at = np.random.default_rng(0).uniform((0.5, 0.5), (19.5, 11.5), (1, 200, 1, 2)).astype(np.float32)

    read = sample(ramp(columns, rows)[..., None], at)

    np.testing.assert_allclose(read[..., 0], ramp(at[..., 0], at[..., 1]), atol=1e-3)


def test_beyond_its_border_a_picture_goes_on() -> None:
    picture = np.random.default_rng(0).normal(size=(8, 9, 1)).astype(np.float32)
    at = np.array([[-50, 3.5], [0.1, 3.5], [8.9, 3.5], [400, 3.5], [4.5, -3], [4.5, 99], [-9, -9], [99, 99]])

    read = sample(picture, at[None, :, None].astype(np.float32))

    left, right, top, bottom = picture[3, 0], picture[3, 8], picture[0, 4], picture[7, 4]
    wanted = np.stack([left, left, right, right, top, bottom, picture[0, 0], picture[7, 8]])
    np.testing.assert_allclose(read[0, :, 0], wanted, atol=1e-6)


def test_each_frame_is_read_from_its_own_picture() -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (3, 20, 24, 3), dtype=np.uint8)
    at = rng.uniform(-2, 26, (3, 5, 7, 2)).astype(np.float32)

    together = sample(pictures, at)

    for frame in range(3):
        np.testing.assert_array_equal(together[frame], sample(pictures[frame], at[frame : frame + 1])[0])


def test_the_crop_holds_the_lips_and_the_chin_of_a_wide_open_mouth(faces: dict[str, np.ndarray]) -> None:
    points = LAYOUT.crop_points(faces["open"])[[*LIPS, CHIN]]

    assert points.min() > 0
    assert points.max() < CROP_SIZE
    assert points[:-1].min() > 16  # the lips have room to every side
    assert points[:-1].max() < CROP_SIZE - 16


def test_the_atlas_is_the_cylinders_texture_with_its_first_row_on_top() -> None:
    u, v = LAYOUT.cylinder.texture_coordinates(FACE).T

    points = LAYOUT.atlas_points(FACE)

    np.testing.assert_allclose(points[:, 0], u * ATLAS_SIZE, atol=1e-3)
    np.testing.assert_allclose(points[:, 1], (1 - v) * ATLAS_SIZE, atol=1e-3)
    assert points[10, 1] < points[CHIN, 1]  # the forehead is above the chin
    assert points[33, 0] < points[263, 0]  # and the speaker's right eye on the left


def test_a_point_in_the_crop_is_where_the_atlas_says() -> None:
    numbered = np.arange(ATLAS_SIZE**2).reshape(ATLAS_SIZE, ATLAS_SIZE, 1)[:, :, [0, 0, 0]].astype(np.float32)
    lips = FACE[None, list(LIPS)]

    from_crop = sample(numbered[LAYOUT.crop], LAYOUT.crop_points(lips)[:, :, None])

    np.testing.assert_allclose(from_crop, sample(numbered, LAYOUT.atlas_points(lips)[:, :, None]), atol=0.1)


def test_a_crop_never_reaches_over_the_atlas() -> None:
    low_mouth = FACE.copy()
    low_mouth[list(LIPS), 1] -= 0.6

    layout = layout_of(low_mouth, LAYOUT.cylinder)

    assert layout.top == ATLAS_SIZE - CROP_SIZE
    assert np.zeros((ATLAS_SIZE, ATLAS_SIZE))[layout.crop].shape == (CROP_SIZE, CROP_SIZE)


@pytest.mark.parametrize(("top", "left"), [(-1, 0), (0, -1), (129, 0), (0, 200)])
def test_a_layout_that_does_not_fit_the_atlas_is_refused(top: int, left: int) -> None:
    with pytest.raises(FormatError, match="not inside the atlas"):
        AtlasLayout(LAYOUT.cylinder, top, left)
