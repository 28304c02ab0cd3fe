"""Light comes off a face whose albedo is known, and goes on again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from lipsync_core.errors import ShapeError
from lipsync_core.face.cylinder import fit_cylinder
from lipsync_core.face.topology import LIPS, face_triangles, generic_face, mirror_pairs
from lipsync_core.texture.layout import ATLAS_SIZE, layout_of
from lipsync_core.texture.lighting import (
    Light,
    LightSettings,
    apply_gain,
    even_gain,
    fit_gain,
    fit_light,
    luma,
    remove_highlights,
    restore_highlights,
    skin_mask,
    surface_mask,
    symmetric_gain,
)
from lipsync_core.texture.warping import SurfaceMap, rasterise, sample

SETTINGS = LightSettings()
X, Y = np.meshgrid(*[(np.arange(ATLAS_SIZE, dtype=np.float32) + 0.5) / ATLAS_SIZE] * 2)


@dataclass(frozen=True)
class PaintedFace:
    """The generic face in one frame: skin with freckles and red lips, without any light."""

    surface: SurfaceMap
    points: np.ndarray
    atlas: np.ndarray

    @property
    def skin(self) -> np.ndarray:
        return skin_mask(self.surface.covering)

    @property
    def steady(self) -> np.ndarray:
        return surface_mask(self.surface.covering)

    def mirrored(self, atlas: np.ndarray) -> np.ndarray:
        return sample(atlas, self.surface.carry(self.points[mirror_pairs()]))[0]


@pytest.fixture(scope="module")
def face() -> PaintedFace:
    layout = layout_of(generic_face(), fit_cylinder(generic_face()))
    points = layout.atlas_points(generic_face())
    surface = rasterise(points[None], face_triangles(), ATLAS_SIZE, ATLAS_SIZE)
    rng = np.random.default_rng(0)
    freckles = rng.normal(0, 0.02, (ATLAS_SIZE, ATLAS_SIZE, 1)).astype(np.float32)
    atlas = np.array([0.72, 0.56, 0.47], np.float32) + freckles
    lips = np.isin(face_triangles(), LIPS).all(axis=1)[surface.covering[0]]
    atlas[lips] *= (0.9, 0.6, 0.6)
    return PaintedFace(surface, points, (atlas * surface.covered[0][..., None])[None])


def a_light() -> Light:
    """From one side, warm and weak."""
    gain = 1.0 + 0.6 * (X - 0.5) + 0.3 * (Y - 0.5)
    return Light(gain[None], np.float32([[0.9, 1.15, 1.4]]), np.float32([[0.03, -0.02, 0.05]]))


def with_open_mouth(atlas: np.ndarray, face: PaintedFace) -> np.ndarray:
    """Paint a dark mouth with a row of teeth over the lips and what is around them."""
    x, y = face.points[list(LIPS)].mean(axis=0) / ATLAS_SIZE
    width = np.ptp(face.points[list(LIPS), 0]) / ATLAS_SIZE
    mouth = ((X - x) / (0.45 * width)) ** 2 + ((Y - y) / (0.35 * width)) ** 2 < 1
    teeth = mouth & (Y - y < -0.1 * width)
    opened = atlas.copy()
    opened[:, mouth] = (0.2, 0.1, 0.09)
    opened[:, teeth] = (0.9, 0.86, 0.8)
    return opened


def asymmetry(atlas: np.ndarray, face: PaintedFace) -> float:
    """RMS difference in luma between the halves of the skin."""
    both = face.skin[0] & (np.abs(luma(face.mirrored(atlas))) > 0)
    return float(np.sqrt(np.mean((luma(atlas) - luma(face.mirrored(atlas)))[both] ** 2)))


def signal_to_noise(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((found - wanted) ** 2) + 1e-30))


# ---- From frame to frame


def test_a_known_light_is_found_although_the_mouth_is_another(face: PaintedFace) -> None:
    frame = with_open_mouth(a_light().restore(face.atlas), face)
    seen = face.skin & np.all(frame == a_light().restore(face.atlas), axis=-1)

    light = fit_light(frame, face.atlas, face.surface.covered, face.skin)

    off = np.abs(light.remove(frame) - face.atlas)[seen] / face.atlas[seen]
    assert np.percentile(off, 99) < 0.02
    assert np.mean(off) < 0.005


def test_the_gain_of_luma_has_the_shape_of_the_known_one(face: PaintedFace) -> None:
    known = replace(a_light(), slope=np.ones((1, 3), np.float32), bias=np.zeros((1, 3), np.float32))

    light = fit_light(known.restore(face.atlas), face.atlas, face.surface.covered, face.skin)

    np.testing.assert_allclose(light.gain[face.skin], known.gain[face.skin], rtol=0.02)
    np.testing.assert_allclose(light.slope, 1, atol=0.02)
    np.testing.assert_allclose(light.bias, 0, atol=0.02)


def test_what_no_light_explains_gets_little_weight(face: PaintedFace) -> None:
    frame = with_open_mouth(face.atlas, face)
    other = np.any(frame != face.atlas, axis=-1) & face.surface.covered

    gain = fit_gain(luma(frame), luma(face.atlas), face.surface.covered, SETTINGS)

    assert np.median(gain.weights[other]) < 0.1
    assert np.median(gain.weights[face.skin & ~other]) > 0.9


def test_where_nothing_is_trusted_the_gain_is_that_of_the_surroundings(face: PaintedFace) -> None:
    known = 1.2 + 1.2 * (X - 0.5)
    hole = (np.abs(X - 0.7) < 0.1) & (np.abs(Y - 0.5) < 0.1)  # three patches wide

    gain = fit_gain(luma(face.atlas) / known, luma(face.atlas), face.surface.covered & ~hole, SETTINGS)

    np.testing.assert_allclose(gain.values[0][hole], known[hole], rtol=0.08)


def test_without_any_surface_in_common_the_light_stays(face: PaintedFace) -> None:
    nowhere = np.zeros_like(face.skin)

    light = fit_light(face.atlas, 0.5 * face.atlas, nowhere, nowhere)

    np.testing.assert_allclose(light.remove(face.atlas), face.atlas, atol=1e-5)


def test_weights_settle_in_five_iterations(face: PaintedFace) -> None:
    frame = with_open_mouth(a_light().restore(face.atlas), face)

    def gain(iterations: int) -> np.ndarray:
        settings = replace(SETTINGS, iterations=iterations)
        return fit_gain(luma(frame), luma(face.atlas), face.surface.covered, settings).values[face.skin]

    assert np.abs(gain(5) - gain(12)).mean() < 1e-3


def test_the_weights_as_printed_never_settle(face: PaintedFace) -> None:
    frame = with_open_mouth(face.atlas, face)

    def weights(iterations: int) -> np.ndarray:
        settings = LightSettings(temperature=0.1, iterations=iterations, literal=True)
        return fit_gain(luma(frame), luma(face.atlas), face.surface.covered, settings).weights[face.surface.covered]

    assert np.abs(weights(20) - weights(21)).max() > 0.5


@pytest.mark.parametrize("brightness", [0.0, 0.05, 1.0])
def test_light_that_was_removed_comes_back(face: PaintedFace, brightness: float) -> None:
    frames = np.concatenate([brightness * with_open_mouth(a_light().restore(face.atlas), face), face.atlas])
    references = np.concatenate([face.atlas, face.atlas])
    covered, skin = (np.repeat(mask, 2, axis=0) for mask in (face.surface.covered, face.skin))

    light = fit_light(frames, references, covered, skin)

    back = light.restore(light.remove(frames))
    assert np.isfinite(light.gain).all()
    assert signal_to_noise(back, frames) > 100


def test_a_frame_does_not_see_its_neighbours(face: PaintedFace) -> None:
    frames = np.concatenate([face.atlas, a_light().restore(face.atlas)])
    references = np.concatenate([face.atlas, face.atlas])
    covered, skin = (np.repeat(mask, 2, axis=0) for mask in (face.surface.covered, face.skin))

    together = fit_light(frames, references, covered, skin)
    alone = fit_light(frames[1:], face.atlas, face.surface.covered, face.skin)

    np.testing.assert_allclose(together.gain[1:], alone.gain, rtol=1e-4)
    np.testing.assert_allclose(together.slope[1:], alone.slope, rtol=1e-3)


def test_a_light_holds_one_gain_for_each_frame() -> None:
    with pytest.raises(ShapeError, match=r"Light\.slope"):
        Light(np.ones((2, 8, 8), np.float32), np.ones((1, 3), np.float32), np.zeros((2, 3), np.float32))


# ---- The reference


def test_the_printed_symmetric_gain_cannot_make_a_face_even_and_ours_does(face: PaintedFace) -> None:
    one_sided = apply_gain(face.atlas, (0.7 + 0.6 * X)[None])
    mirrored = face.mirrored(one_sided)

    gain = symmetric_gain(one_sided[0], mirrored, face.surface.covered[0])
    one_way = fit_gain(luma(one_sided), luma(mirrored)[None], face.surface.covered, SETTINGS).values
    printed = np.maximum(one_way, face.mirrored(one_way[..., None])[..., 0])

    before = asymmetry(one_sided[0], face)
    assert asymmetry(apply_gain(one_sided, printed)[0], face) > before
    assert asymmetry(apply_gain(one_sided, gain[None])[0], face) < 1.2 * asymmetry(face.atlas[0], face) < 0.3 * before


def test_the_brighter_half_stays_as_it_is(face: PaintedFace) -> None:
    one_sided = apply_gain(face.atlas, (0.7 + 0.6 * X)[None])

    gain = symmetric_gain(one_sided[0], face.mirrored(one_sided), face.surface.covered[0])

    assert gain.min() == 1
    np.testing.assert_allclose(gain[face.skin[0] & (X > 0.55)], 1, atol=0.01)
    assert gain[face.skin[0] & (X < 0.45)].min() > 1.03


def test_shading_goes_from_the_skin_and_small_marks_stay(face: PaintedFace) -> None:
    from_above = apply_gain(face.atlas, (1.3 - 0.6 * Y)[None])
    mole = (np.abs(X - 0.3) < 0.01) & (np.abs(Y - 0.65) < 0.01)
    from_above[0][mole] *= 0.5

    even = apply_gain(from_above, even_gain(from_above[0], face.skin[0])[None])

    skin = face.skin[0] & ~mole
    freckles = luma(face.atlas)[0][skin].std()
    assert luma(from_above)[0][skin].std() > 2.5 * freckles
    assert luma(even)[0][skin].std() < 1.1 * freckles
    assert luma(even)[0][mole].mean() < 0.6 * luma(even)[0][skin].mean()


# ---- Highlights


def glint() -> np.ndarray:
    """A small highlight on the cheek, `(1, H, W)`, at most 0.4."""
    distance = np.hypot(X - 0.3, Y - 0.58) * ATLAS_SIZE
    return np.asarray(0.4 * np.exp(-0.5 * (distance / 6) ** 2), np.float32)[None]


def test_a_highlight_goes(face: PaintedFace) -> None:
    shiny = restore_highlights(face.atlas, glint())
    bright = (glint() > 0.1) & face.skin

    dull, alpha = remove_highlights(shiny, face.skin)

    assert np.abs(dull - face.atlas)[bright].mean() < 0.25 * np.abs(shiny - face.atlas)[bright].mean()
    assert alpha[(glint() < 0.001) & face.skin].mean() < 0.01


def test_highlights_are_looked_for_on_skin_alone(face: PaintedFace) -> None:
    opened = with_open_mouth(face.atlas, face)

    _, alpha = remove_highlights(opened, face.skin)

    far_from_skin = np.any(opened != face.atlas, axis=-1) & ~face.skin
    assert np.median(alpha[far_from_skin]) == 0


def test_a_highlight_fades_out_to_the_border_of_the_skin(face: PaintedFace) -> None:
    beside_the_lips = np.roll(glint(), (20, -15), axis=(1, 2))
    inner = face.skin.copy()
    for axis, step in ((1, 1), (1, -1), (2, 1), (2, -1)):
        inner &= np.roll(face.skin, step, axis)

    _, alpha = remove_highlights(restore_highlights(face.atlas, beside_the_lips), face.skin)

    assert beside_the_lips[face.skin & ~inner].max() > 0.25
    assert alpha[face.skin & ~inner].max() < 0.1 < alpha.max()


def test_highlights_that_were_removed_come_back(face: PaintedFace) -> None:
    shiny = restore_highlights(face.atlas, glint())

    dull, alpha = remove_highlights(shiny, face.skin)

    assert 0.2 < alpha.max() < 1
    assert signal_to_noise(restore_highlights(dull, alpha), shiny) > 100


# ---- Masks


def test_skin_is_neither_lips_nor_eyes_nor_the_rim(face: PaintedFace) -> None:
    skin = face.skin[0]
    column, row = face.points.astype(int).T
    lips_eyes_nostrils_and_chin = [*LIPS, 33, 159, 263, 386, 20, 250, 105, 334, 152]

    assert not skin[row[lips_eyes_nostrils_and_chin], column[lips_eyes_nostrils_and_chin]].any()
    assert skin[row[[50, 280, 6]], column[[50, 280, 6]]].all()  # cheeks and the bridge of the nose
    assert 0.2 < skin.mean() < face.steady.mean() < face.surface.covered.mean()
    assert not (skin & ~face.steady[0]).any()
