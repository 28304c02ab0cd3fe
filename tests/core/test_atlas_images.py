"""PNG files, and the animated atlas that is written as a sequence of them or as one sheet."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipsync_core.errors import FormatError, ShapeError
from lipsync_core.texture.images import (
    LARGEST_SIDE,
    MOST_FRAMES,
    AtlasImages,
    move_sequence,
    paint_atlas,
    remove_sequence,
    rows_of,
    tile_of,
    write_sequence,
    write_sheet,
)
from lipsync_core.texture.layout import ATLAS_SIZE, CROP_SIZE
from lipsync_core.texture.png import PngStream, write_png
from tests.conftest import tiny_model
from tests.core.test_sheet import LAYOUT
from tests.core.test_texture_model import animation, textured_model

REFERENCE = np.random.default_rng(0).integers(0, 256, (ATLAS_SIZE, ATLAS_SIZE, 3), np.uint8)
COUNTS = [1, 4, 5, 12, 13, 60, 61, 250]


class StopError(Exception):
    """The user has had enough."""


def chunks_of(content: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG file, their checksums checked."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, place = [], 8
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        kind, body = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        assert struct.unpack_from(">I", content, place + 8 + length) == (zlib.crc32(kind + body),)
        chunks.append((kind, body))
        place += 12 + length
    return chunks


def decoded(content: bytes) -> np.ndarray:
    """The pixels of a PNG file whose rows are differences from the left."""
    chunks = chunks_of(content)
    width, height, depth, colours, *rest = struct.unpack(">IIBBBBB", chunks[0][1])
    channels = {2: 3, 6: 4}[colours]
    assert (depth, rest) == (8, [0, 0, 0])
    data = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    rows = np.frombuffer(data, np.uint8).reshape(height, 1 + width * channels)
    assert (rows[:, 0] == 1).all()
    return np.cumsum(rows[:, 1:].reshape(height, width, channels), axis=1, dtype=np.uint8)


def read_picture(path: Path) -> np.ndarray:
    return decoded(path.read_bytes())


def grey_crops(count: int, first: int = 1) -> Iterator[np.ndarray]:
    """Crops in blocks of three, each of one grey of its own."""
    greys = np.arange(first, first + count, dtype=np.uint8)
    for begin in range(0, count, 3):
        yield np.broadcast_to(greys[begin : begin + 3, None, None, None], (len(greys[begin : begin + 3]), 128, 128, 3))


def sequence(folder: Path, count: int, first: int = 1, stem: str = "atlas") -> AtlasImages:
    return write_sequence(folder, stem, REFERENCE, LAYOUT, grey_crops(count, first), count)


def write_as(kind: str, folder: Path, crops: Iterator[np.ndarray], *rest: Any) -> AtlasImages:
    """Write a sequence or a sheet."""
    if kind == "sheet":
        return write_sheet(folder / "s.png", REFERENCE, LAYOUT, crops, *rest)
    return write_sequence(folder, "atlas", REFERENCE, LAYOUT, crops, *rest)


def greys_of(images: AtlasImages) -> list[int]:
    """The grey in the crop of each picture of a sequence."""
    pictures = [read_picture(images.picture(frame)) for frame in range(images.frame_count)]
    return [int(np.unique(picture[LAYOUT.crop]).item()) for picture in pictures]


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("shape", [(5, 7, 3), (3, 9, 4), (1, 1, 3), (200, 300, 3)])
def test_a_png_holds_every_pixel(tmp_path: Path, shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, shape, np.uint8)

    write_png(tmp_path / "p.png", picture)

    chunks = chunks_of((tmp_path / "p.png").read_bytes())
    np.testing.assert_array_equal(read_picture(tmp_path / "p.png"), picture)
    assert (chunks[0][0], chunks[-1]) == (b"IHDR", (b"IEND", b""))


def test_a_png_can_be_written_band_by_band() -> None:
    picture, file = REFERENCE[:, :30], io.BytesIO()
    stream = PngStream(file, 30, ATLAS_SIZE, 3)

    for band in np.split(picture, [1, 10, 200]):
        stream.write_rows(band)
    stream.finish()

    np.testing.assert_array_equal(decoded(file.getvalue()), picture)


WRONG = {
    "two axes": np.zeros((4, 4), np.uint8),
    "two channels": np.zeros((4, 4, 2), np.uint8),
    "floats": np.zeros((4, 4, 3), np.float32),
    "no rows": np.zeros((0, 4, 3), np.uint8),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_picture_is_refused_and_no_file_made(tmp_path: Path, case: str) -> None:
    with pytest.raises(ShapeError, match=r"A picture must be \(H, W, 3 or 4\) uint8"):
        write_png(tmp_path / "p.png", WRONG[case])

    assert not list(tmp_path.iterdir())


def test_a_sequence_is_the_reference_with_each_frames_crop(tmp_path: Path) -> None:
    images = sequence(tmp_path / "deep" / "folder", 7)

    assert [images.picture(frame).name for frame in (0, 6)] == ["atlas_0001.png", "atlas_0007.png"]
    assert (images.first, images.kind, images.frame_count) == (images.picture(0), "sequence", 7)
    assert greys_of(images) == [1, 2, 3, 4, 5, 6, 7]
    around = read_picture(images.picture(3))
    around[LAYOUT.crop] = REFERENCE[LAYOUT.crop]
    np.testing.assert_array_equal(around, REFERENCE)


@pytest.mark.parametrize("frame_count", COUNTS)
def test_no_two_frames_share_a_tile_and_all_lie_on_the_sheet(tmp_path: Path, frame_count: int) -> None:
    images = write_sheet(tmp_path / "s.png", REFERENCE, LAYOUT, grey_crops(frame_count), frame_count)

    tiles = [tile_of(frame, images.columns) for frame in range(frame_count)]
    assert len(set(tiles)) == frame_count
    assert not {(0, 0), (0, 1), (1, 0), (1, 1)} & set(tiles)
    assert tiles == sorted(tiles)
    assert all(0 <= row < images.rows and 0 <= column < images.columns for row, column in tiles)


@pytest.mark.parametrize("frame_count", COUNTS)
def test_a_sheet_is_the_reference_and_the_crops_in_their_tiles(tmp_path: Path, frame_count: int) -> None:
    images = write_sheet(tmp_path / "s.png", REFERENCE, LAYOUT, grey_crops(frame_count), frame_count)

    picture = read_picture(images.first)
    assert picture.shape == (images.rows * CROP_SIZE, images.columns * CROP_SIZE, 3)
    assert abs(images.rows - images.columns) <= 1
    np.testing.assert_array_equal(picture[:ATLAS_SIZE, :ATLAS_SIZE], REFERENCE)
    for frame in range(frame_count):
        row, column = (CROP_SIZE * place for place in tile_of(frame, images.columns))
        assert (picture[row : row + CROP_SIZE, column : column + CROP_SIZE] == (1 + frame) % 256).all()
    assert names_in(tmp_path) == {"s.png"}


def test_the_largest_sheet_is_what_a_graphics_card_shows() -> None:
    columns = LARGEST_SIDE // CROP_SIZE

    assert rows_of(MOST_FRAMES, columns) * CROP_SIZE == LARGEST_SIDE
    assert tile_of(MOST_FRAMES - 1, columns) == (columns - 1, columns - 1)
    assert rows_of(MOST_FRAMES + 1, columns) > columns


def test_a_sheet_for_too_long_a_speech_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"holds 16380 frames and this speech has 16381; choose texture files\."):
        write_sheet(tmp_path / "s.png", REFERENCE, LAYOUT, iter(()), MOST_FRAMES + 1)

    assert not list(tmp_path.iterdir())


def stop_at_half(share: float) -> None:
    if share >= 0.5:
        raise StopError


def test_a_stopped_sequence_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StopError):
        write_sequence(tmp_path / "new", "atlas", REFERENCE, LAYOUT, grey_crops(8), 8, stop_at_half)

    assert not list(tmp_path.iterdir())


def test_a_stopped_sequence_leaves_the_earlier_one(tmp_path: Path) -> None:
    earlier = sequence(tmp_path, 3)
    before = names_in(tmp_path)

    with pytest.raises(StopError):
        write_sequence(tmp_path, "atlas", REFERENCE, LAYOUT, grey_crops(8, 100), 8, stop_at_half)

    assert names_in(tmp_path) == before
    assert greys_of(earlier) == [1, 2, 3]


def test_a_stopped_sheet_leaves_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "s.png"
    path.write_bytes(b"precious")

    with pytest.raises(StopError):
        write_sheet(path, REFERENCE, LAYOUT, grey_crops(8), 8, stop_at_half)

    assert path.read_bytes() == b"precious"
    assert names_in(tmp_path) == {"s.png"}


@pytest.mark.parametrize("promised", [4, 6])
@pytest.mark.parametrize("kind", ["sequence", "sheet"])
def test_another_number_of_crops_than_promised_is_a_fault(tmp_path: Path, kind: str, promised: int) -> None:
    with pytest.raises(ValueError, match="zip"):
        write_as(kind, tmp_path, grey_crops(5), promised)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["sequence", "sheet"])
def test_writing_tells_how_far_it_is(tmp_path: Path, kind: str) -> None:
    heard: list[float] = []

    write_as(kind, tmp_path, grey_crops(5), 5, heard.append)

    assert heard == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_a_shorter_sequence_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    sequence(tmp_path, 9)

    images = sequence(tmp_path, 2, first=50)

    assert names_in(tmp_path) == {"atlas_0001.png", "atlas_0002.png", "atlas.json"}
    assert greys_of(images) == [50, 51]


def test_pictures_of_others_are_left_alone(tmp_path: Path) -> None:
    theirs = {"atlas_0003.png": b"theirs", "other_0001.png": b"other", "atlas.png": b"still"}
    for name, content in theirs.items():
        (tmp_path / name).write_bytes(content)

    sequence(tmp_path, 2)
    with pytest.raises(FormatError, match=r"atlas_0003\.png is in the way of the texture; move it elsewhere\."):
        sequence(tmp_path, 3, first=70)
    remove_sequence(tmp_path / "atlas_0001.png")

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == theirs


def test_pictures_that_nobody_claims_are_not_removed(tmp_path: Path) -> None:
    for name in ("atlas_0001.png", "photo.png"):
        (tmp_path / name).write_bytes(b"theirs")
        remove_sequence(tmp_path / name)

    assert names_in(tmp_path) == {"atlas_0001.png", "photo.png"}


def test_a_sequence_can_be_moved_in_place_of_another(tmp_path: Path) -> None:
    made, there = tmp_path / "made", tmp_path / "there"
    sequence(there, 5, first=200, stem="Anna")
    sequence(there, 1, first=250, stem="Bob")

    moved = move_sequence(replace(sequence(made, 3), rest=((1.0, 2.0),), runtime="NumPy"), there, "Anna")

    assert names_in(made) == set()
    assert names_in(there) == {*(f"Anna_000{n}.png" for n in (1, 2, 3)), "Anna.json", "Bob_0001.png", "Bob.json"}
    assert greys_of(moved) == [1, 2, 3]
    assert (moved.rest, moved.runtime) == (((1.0, 2.0),), "NumPy")
    assert AtlasImages.read(there / "Anna.json") == moved


def test_a_move_that_is_refused_leaves_what_is_there(tmp_path: Path) -> None:
    made, there = tmp_path / "made", tmp_path / "there"
    there.mkdir()
    (there / "Anna_0002.png").write_bytes(b"theirs")

    with pytest.raises(FormatError, match=r"Anna_0002\.png is in the way"):
        move_sequence(sequence(made, 3), there, "Anna")

    assert names_in(there) == {"Anna_0002.png"}
    assert (there / "Anna_0002.png").read_bytes() == b"theirs"


def test_the_card_gives_back_where_the_pictures_are(tmp_path: Path) -> None:
    rest = tuple((float(x), float(y)) for x, y in np.float32([[1.1, 2.2], [3, 255.9]]))
    images = AtlasImages("sheet", tmp_path / "a" / "s.png", 9, LAYOUT, 4, rest, "ONNX Runtime")

    images.write(tmp_path / "a" / "card.json")
    (tmp_path / "a").rename(tmp_path / "b")

    assert AtlasImages.read(tmp_path / "b" / "card.json") == replace(images, first=tmp_path / "b" / "s.png")


DAMAGES = {
    "no JSON": "Dear atlas,",
    "a list": "[]",
    "an empty object": "{}",
    "no layout": '{"first": "s.png", "rest": []}',
    "null": "null",
}


@pytest.mark.parametrize("case", [*DAMAGES, "missing", "crop outside", "bad rest", "unknown", "no bytes"])
def test_a_damaged_card_is_refused_with_the_remedy(tmp_path: Path, case: str) -> None:
    path = tmp_path / "card.json"
    AtlasImages("sheet", tmp_path / "s.png", 9, LAYOUT, 4, ((1.0, 2.0),)).write(path)
    values = json.loads(path.read_text(encoding="utf-8"))
    changes = {
        "crop outside": {"layout": values["layout"] | {"top": 200}},
        "bad rest": {"rest": [[1, 2, 3]]},
        "unknown": {"colour": "red"},
    }
    if case == "missing":
        path.unlink()
    elif case == "no bytes":
        path.write_bytes(b"\xff\xfe\x00")
    else:
        path.write_text(DAMAGES[case] if case in DAMAGES else json.dumps(values | changes[case]), encoding="utf-8")

    with pytest.raises(FormatError, match=r"card\.json does not tell where .* are; generate them again\."):
        AtlasImages.read(path)


@pytest.mark.parametrize("kind", ["sequence", "sheet"])
def test_painting_a_model_writes_its_pictures_and_the_neutral_faces_place(tmp_path: Path, kind: str) -> None:
    model = textured_model(memory_size=0)

    images = paint_atlas(model, animation(model, 3), kind, tmp_path)

    assert (images.kind, images.frame_count, images.layout) == (kind, 3, LAYOUT)
    assert images.runtime in ("NumPy", "ONNX Runtime")
    np.testing.assert_allclose(images.rest, LAYOUT.atlas_points(model.neutral), atol=1e-4)
    picture = read_picture(images.first)
    shown = picture[:ATLAS_SIZE, :ATLAS_SIZE]
    rim = np.ones((ATLAS_SIZE, ATLAS_SIZE), bool)
    if kind == "sequence":
        rim[LAYOUT.crop] = False
    np.testing.assert_array_equal(shown[rim], model.texture.reference[rim])


def test_a_stopped_painting_leaves_nothing(tmp_path: Path) -> None:
    model = textured_model(memory_size=0)

    for kind in ("sequence", "sheet"):
        with pytest.raises(StopError):
            paint_atlas(model, animation(model, 4), kind, tmp_path / kind, stop_at_half)

    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_model_without_texture_is_not_painted(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="has no texture"):
        paint_atlas(tiny_model(), animation(tiny_model(), 2), "sheet", tmp_path)

    assert not list(tmp_path.iterdir())
