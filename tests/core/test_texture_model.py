"""A model's texture: its file, its painters, and the crops that come of an animation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from lipsync_core.animation import FaceAnimation, animation_from_codes
from lipsync_core.archive import read_archive, write_archive
from lipsync_core.errors import FormatError, ShapeError
from lipsync_core.model import texture
from lipsync_core.model.feedforward import (
    Convolution,
    FeedForward,
    Flatten,
    Layer,
    LeakyRelu,
    Linear,
    Relu,
    Reshape,
    Tanh,
    Upsample,
)
from lipsync_core.model.model_file import MODEL_FORMAT, SpeechModel, read_model, write_model
from lipsync_core.model.runtimes import Runtime, best_runtime
from lipsync_core.model.texture import PicturePainter, SheetPainter, TextureModel
from lipsync_core.texture.layout import ATLAS_SIZE
from lipsync_core.texture.sheet import SheetLayout, mouth_mask, sheet_layout
from lipsync_core.texture.warping import sample
from lipsync_core.texturing import paint_crops
from tests.conftest import tiny_model
from tests.core.test_sheet import FACE, LAYOUT, deep, drawn, smooth_crops, speaking_faces

CODE_SIZE = 32
COMPONENTS = 4
KINDS = ["sheet", "picture"]


def layer(rng: np.random.Generator, *shape: int, gain: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Random weights and bias."""
    weight = rng.normal(0, gain / np.sqrt(np.prod(shape[:-1])), shape)
    return weight.astype(np.float32), rng.normal(0, 0.1, shape[-1]).astype(np.float32)


@cache
def _mean_sheet() -> tuple[SheetLayout, np.ndarray]:
    faces = speaking_faces(20)
    layout = sheet_layout(faces, LAYOUT)
    return layout, layout.lift(smooth_crops(faces), LAYOUT.crop_points(faces))[0].mean(axis=0)


def sheet_painter(memory_size: int, seed: int = 0) -> SheetPainter:
    """Random sheets, mixed by random networks."""
    rng, (layout, mean) = np.random.default_rng(seed), _mean_sheet()
    hidden = Linear(*layer(rng, CODE_SIZE + memory_size, 8, gain=2))
    decoder = FeedForward((hidden, LeakyRelu(), Linear(*layer(rng, 8, COMPONENTS))))
    memory = FeedForward((Linear(*layer(rng, COMPONENTS, memory_size, gain=2)), Tanh())) if memory_size else None
    components = rng.normal(0, 0.03, (COMPONENTS, layout.size)).astype(np.float32)
    return SheetPainter(layout, mean, components, decoder, memory)


def picture_painter(memory_size: int, seed: int = 0) -> PicturePainter:
    """The networks of Lahiri et al. 2021 with three channels or so."""
    rng = np.random.default_rng(seed)
    layers: list[Layer] = [Linear(*layer(rng, CODE_SIZE + memory_size, 4 * 4 * 6, gain=3)), Reshape((4, 4, 6)), Relu()]
    for _ in range(4):
        layers += [Upsample(), Convolution(*layer(rng, 3, 3, 6, 6, gain=1.4)), Relu()]
    decoder = FeedForward((*layers, Upsample(), Convolution(*layer(rng, 5, 5, 6, 3)), Tanh()))
    down: list[Layer] = []
    for inputs in (3, 6, 6, 6, 6):
        down += [Convolution(*layer(rng, 5, 5, inputs, 6, gain=2), 2), Relu()]
    memory = FeedForward((*down, Flatten(), Linear(*layer(rng, 4 * 4 * 6, memory_size, gain=4)), Tanh()))
    return PicturePainter(decoder, memory if memory_size else None)


def textured_model(kind: str = "sheet", memory_size: int = 2) -> SpeechModel:
    """A speaker of random weights who has a texture, too."""
    painter = sheet_painter(memory_size) if kind == "sheet" else picture_painter(memory_size)
    y, x = np.mgrid[:ATLAS_SIZE, :ATLAS_SIZE]
    reference = np.stack([120 + 60 * np.sin(x / 30), 110 + 50 * np.cos(y / 25), 90 + 0 * x], axis=-1)
    model = tiny_model()
    shapes = 0.2 * model.shapes  # a face that stays one
    return replace(model, shapes=shapes, texture=TextureModel(LAYOUT, reference.astype(np.uint8), painter))


def animation(model: SpeechModel, frames: int, seed: int = 1) -> FaceAnimation:
    codes = np.random.default_rng(seed).normal(0, 1, (frames, CODE_SIZE)).astype(np.float32)
    return animation_from_codes(codes, 25.0, model)


def painted(model: SpeechModel, codes: np.ndarray, runtime: Runtime = "NumPy") -> np.ndarray:
    """The painted crops of some codes, 0 to 1, black outside the face."""
    assert model.texture is not None
    parts = list(model.texture.paint(codes, model.vertices(codes), runtime))
    return np.concatenate([crops * face[..., None] for crops, face in parts])


@pytest.mark.parametrize("memory_size", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_file_gives_back_the_texture(tmp_path: Path, kind: str, memory_size: int) -> None:
    model = textured_model(kind, memory_size)
    write_model(tmp_path / "m.lipsync3d", model)

    read = read_model(tmp_path / "m.lipsync3d")

    assert read.texture is not None
    assert (read.texture.layout, read.texture.light) == (LAYOUT, "normalised")
    np.testing.assert_array_equal(read.texture.reference, model.texture.reference)
    codes = animation(model, 3).codes
    np.testing.assert_allclose(painted(read, codes), painted(model, codes), atol=2e-3)  # sheets are half floats


def test_a_model_of_motion_alone_stays_one(tmp_path: Path) -> None:
    write_model(tmp_path / "m.lipsync3d", tiny_model())

    assert read_model(tmp_path / "m.lipsync3d").texture is None


def test_a_model_of_the_first_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.lipsync3d"
    write_model(path, tiny_model())
    header, arrays = read_archive(path, MODEL_FORMAT)
    write_archive(path, replace(MODEL_FORMAT, version=1), {k: v for k, v in header.items() if k != "version"}, arrays)

    model = read_model(path)

    assert read_archive(path, MODEL_FORMAT)[0]["version"] == 1
    assert model.texture is None
    np.testing.assert_array_equal(model.shapes, tiny_model().shapes)


def test_a_painter_of_the_future_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "m.lipsync3d"
    write_model(path, textured_model())
    header, arrays = read_archive(path, MODEL_FORMAT)
    header["texture"]["painter"]["kind"] = "hologram"
    write_archive(path, MODEL_FORMAT, header, arrays)

    with pytest.raises(FormatError, match="'hologram', unknown here; update LipSync3D"):
        read_model(path)


@pytest.mark.parametrize("lost", ["reference", "sheet_mean", "sheet_points", "decoder/0.weight", "memory/0.bias"])
def test_a_texture_that_lacks_an_array_is_refused(tmp_path: Path, lost: str) -> None:
    path = tmp_path / "m.lipsync3d"
    write_model(path, textured_model())
    header, arrays = read_archive(path, MODEL_FORMAT)
    del arrays[f"texture/{lost}"]
    write_archive(path, MODEL_FORMAT, header, arrays)

    with pytest.raises(FormatError, match="export the model again"):
        read_model(path)


def test_sheets_of_another_size_are_refused() -> None:
    painter = sheet_painter(0)

    with pytest.raises(ShapeError, match=r"SheetPainter\.mean"):
        replace(painter, mean=painter.mean[:-1])
    with pytest.raises(ShapeError, match=r"SheetPainter\.components"):
        replace(painter, components=painter.components[:, 1:])


@pytest.mark.parametrize("block", [7, 40])
@pytest.mark.parametrize(("kind", "memory_size"), [("sheet", 0), ("sheet", 2), ("picture", 2)])
def test_blocks_make_no_difference(kind: str, memory_size: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = textured_model(kind, memory_size)
    frames = 40 if memory_size and kind == "sheet" else 18
    codes = animation(model, frames).codes
    usual = painted(model, codes)

    monkeypatch.setattr(texture, "_BLOCK", block)
    other = painted(model, codes)

    assert len(usual) == frames
    np.testing.assert_allclose(other, usual, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_memory_hands_what_was_painted_on_to_the_next_frame(kind: str) -> None:
    codes = np.random.default_rng(0).normal(0, 1, (3, CODE_SIZE)).astype(np.float32)
    for memory_size in (0, 2):
        model = textured_model(kind, memory_size)
        shared = painted(model, codes)[1:]
        alone = painted(model, codes[1:])

        assert (np.abs(shared[0] - alone[0]).max() > 1e-3) == (memory_size > 0)


def test_before_the_first_frame_there_is_a_blank_one() -> None:
    painter, codes = sheet_painter(2), np.random.default_rng(0).normal(0, 1, (2, CODE_SIZE)).astype(np.float32)
    points, reference = LAYOUT.crop_points(speaking_faces(2)), np.zeros((128, 128, 3), np.float32)
    amounts = [np.zeros((1, COMPONENTS), np.float32)]
    for code in codes[:, None]:
        amounts.append(painter.decoder.run(np.concatenate([code, painter.memory.run(amounts[-1])], axis=1)))
    sheets = painter.mean + np.concatenate(amounts[1:]) @ painter.components

    ((crops, face),) = painter.paint(codes, points, reference, "NumPy")

    wanted, covered = painter.sheet.lay(sheets, points)
    np.testing.assert_allclose(crops[covered], wanted[covered], atol=1e-5)
    np.testing.assert_array_equal(face, covered)


@pytest.mark.parametrize("memory_size", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_onnx_runtime_paints_what_numpy_paints(kind: str, memory_size: int) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    model = textured_model(kind, memory_size)
    codes = animation(model, 3).codes

    by_numpy, by_onnx = (painted(model, codes, runtime) for runtime in ("NumPy", "ONNX Runtime"))

    assert by_numpy.std() > 0.1
    np.testing.assert_allclose(by_onnx, by_numpy, atol=1e-5)


def test_pictures_stay_between_black_and_white() -> None:
    model = textured_model("picture", 2)
    model = replace(model, texture=replace(model.texture, reference=np.full((256, 256, 3), 250, np.uint8)))

    crops = painted(model, animation(model, 3).codes)

    assert crops.max() == 1
    assert crops.min() >= 0


@pytest.mark.parametrize("kind", KINDS)
def test_finished_crops_are_the_carried_reference_at_their_border_and_the_still_one_outside_the_face(kind: str) -> None:
    model = textured_model(kind)
    told = animation(model, 6)
    reference = model.texture.reference[LAYOUT.crop]

    painting = paint_crops(model, told, runtime="NumPy")
    crops = np.concatenate(list(painting.crops))

    assert crops.shape == (6, 128, 128, 3)
    surface = drawn(told.vertices())
    carried = sample(model.texture.reference, surface.carry(LAYOUT.atlas_points(model.neutral)))
    for edge in (np.s_[:, 0], np.s_[:, -1], np.s_[:, :, 0], np.s_[:, :, -1]):
        face = surface.covered[edge]
        np.testing.assert_allclose(crops[edge][face], carried[edge][face], atol=0.5 + 1e-3)
    outside = ~surface.covered
    assert outside.sum() > 100
    np.testing.assert_array_equal(crops[outside], np.broadcast_to(reference, crops.shape)[outside])


def test_finished_crops_are_the_painted_ones_further_in() -> None:
    model = textured_model()
    told = animation(model, 6)

    crops = np.concatenate(list(paint_crops(model, told, runtime="NumPy").crops))

    inner = np.s_[:, 12:-12, 12:-12]
    face = drawn(told.vertices()).covered[inner]
    wanted = np.clip(painted(model, told.codes)[inner] * 255, 0, 255)
    assert np.abs(crops[inner].astype(float) - wanted)[face].max() <= 0.5 + 1e-3


def test_the_seam_of_a_crop_is_not_seen() -> None:
    model = textured_model()
    atlas = model.texture.reference.astype(int)
    steps = max(np.abs(np.diff(atlas, axis=axis)).max() for axis in (0, 1))
    flat = replace(model.texture.painter, mean=np.ones_like(model.texture.painter.mean), memory=None)
    flat = replace(flat, components=np.zeros_like(flat.components), decoder=sheet_painter(0).decoder)
    white = replace(model, texture=replace(model.texture, painter=flat))
    still = replace(animation(white, 1), base=FACE, shapes=np.zeros_like(white.shapes))

    ((crop,),) = paint_crops(white, still, runtime="NumPy").crops

    atlas[LAYOUT.crop] = crop  # the worst that can be painted: all white
    column = atlas[LAYOUT.top + 40, LAYOUT.left - 1 : LAYOUT.left + 20]
    assert column.max() == 255
    assert np.abs(np.diff(column, axis=0)).max() < 0.25 * (255 - column[0].min()) + steps


def test_painting_tells_how_far_it_is_and_can_be_stopped() -> None:
    model = textured_model()
    heard: list[float] = []

    def stop_after_two(share: float) -> None:
        heard.append(share)
        if len(heard) == 2:
            raise KeyboardInterrupt

    painting = paint_crops(model, animation(model, 20), heard.append, "NumPy")
    assert heard == []  # nothing is painted before it is asked for
    assert sum(len(block) for block in painting.crops) == painting.frame_count == 20
    assert heard == sorted(heard)
    assert heard[-1] == 1

    heard.clear()
    with pytest.raises(KeyboardInterrupt):
        list(paint_crops(model, animation(model, 40), stop_after_two, "NumPy").crops)
    assert heard[-1] < 1


def test_an_animation_without_frames_has_no_crops() -> None:
    model = textured_model()

    painting = paint_crops(model, animation(model, 0), runtime="NumPy")

    assert painting.frame_count == 0
    assert list(painting.crops) == []


def test_painting_says_what_computes_it() -> None:
    model = textured_model()

    assert paint_crops(model, animation(model, 1)).runtime == best_runtime()
    assert paint_crops(model, animation(model, 1), runtime="NumPy").runtime == "NumPy"


def test_a_model_of_motion_alone_cannot_be_painted() -> None:
    with pytest.raises(FormatError, match="The model of nobody has no texture; train it with one"):
        paint_crops(tiny_model(), animation(tiny_model(), 2))


def test_what_is_painted_in_the_mouth_is_the_inside() -> None:
    painter = sheet_painter(0)
    white_inside = painter.mean.copy()
    white_inside[: painter.sheet.skin_size], white_inside[painter.sheet.skin_size :] = 0, 1
    faces = speaking_faces(6)
    still = np.zeros((6, CODE_SIZE), np.float32)
    painter = replace(painter, mean=white_inside, components=np.zeros_like(painter.components))

    crops, _ = _only(painter.paint(still, LAYOUT.crop_points(faces), np.zeros((128, 128, 3), np.float32), "NumPy"))

    mouth, face = mouth_mask(drawn(faces)), drawn(faces).covered
    np.testing.assert_allclose(crops[deep(mouth)], 1, atol=1e-6)
    assert (crops[face & deep(~mouth)] > 0).mean() < 1e-3


def _only(blocks: Iterator[texture.Painted]) -> texture.Painted:
    (block,) = blocks
    return block
