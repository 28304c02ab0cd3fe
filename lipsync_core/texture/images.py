"""The files of an animated atlas: a whole picture for every frame, or one sheet of tiles.

A sheet keeps what never changes once: the reference atlas fills the first two by two tiles of 128 x 128 px, and the
lip crops of all frames follow in reading order around and below it.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..animation import FaceAnimation
from ..archive import replacing
from ..errors import FormatError
from ..face.cylinder import ReferenceCylinder
from ..model.model_file import SpeechModel
from ..progress import Progress, ignore_progress
from ..texturing import paint_crops
from .layout import ATLAS_SIZE, CROP_SIZE, AtlasLayout
from .png import PngStream, write_png

LARGEST_SIDE = 16_384  # px: what graphics cards show
REFERENCE_TILES = ATLAS_SIZE // CROP_SIZE  # of a sheet, across and down
_MOST_TILES = LARGEST_SIDE // CROP_SIZE  # across and down
_PAINTED = "atlas"  # what the names of painted pictures begin with
MOST_FRAMES = _MOST_TILES**2 - REFERENCE_TILES**2  # of a sheet

Kind: TypeAlias = Literal["sequence", "sheet"]
Pictures: TypeAlias = Iterable[NDArray[np.uint8]]


@dataclass(frozen=True)
class AtlasImages:
    """Where the pictures of an animated atlas are.

    Attributes:
        kind: One picture per frame, or one sheet for all.
        first: The first picture, whose name ends in `_0001.png`, or the sheet.
        frame_count: Number of frames, at least 1.
        layout: Where things lie in the atlas.
        columns: Tiles across a sheet; 0 for a sequence.
        rest: Where each of the neutral face's 468 points lies in the atlas, px: there the reference shows it.
        runtime: What painted the pictures, as `"NumPy"`; "" if nobody said.
    """

    kind: Kind
    first: Path
    frame_count: int
    layout: AtlasLayout
    columns: int = 0
    rest: tuple[tuple[float, float], ...] = ()
    runtime: str = ""

    @property
    def stem(self) -> str:
        """What the names of a sequence's pictures begin with."""
        return self.first.name.removesuffix(_ending(1))

    @property
    def rows(self) -> int:
        """Tiles down a sheet."""
        return rows_of(self.frame_count, self.columns)

    def picture(self, frame: int) -> Path:
        """Return the path of one of a sequence's pictures; frames count from 0."""
        return self.first.with_name(self.stem + _ending(frame + 1))

    def write(self, path: Path) -> None:
        """Write where the pictures are as JSON, whole or not at all; the picture's path is kept relative to it."""
        values = asdict(self) | {"first": os.path.relpath(self.first, path.parent)}
        with replacing(path) as partial:
            partial.write_text(json.dumps(values, indent=1), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> AtlasImages:
        """Read what `write` wrote.

        Raises:
            FormatError: If it is missing or damaged.
        """
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            layout = values.pop("layout")
            cylinder = ReferenceCylinder(**layout.pop("cylinder"))
            first = path.parent / values.pop("first")
            values["rest"] = tuple((float(x), float(y)) for x, y in values["rest"])
            return cls(first=first, layout=AtlasLayout(cylinder, **layout), **values)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, FormatError) as fault:
            raise FormatError(f"{path} does not tell where an atlas's pictures are; generate them again.") from fault


def paint_atlas(
    model: SpeechModel, animation: FaceAnimation, kind: Kind, folder: Path, progress: Progress = ignore_progress
) -> AtlasImages:
    """Paint the texture of an animation that a model made, and write its pictures.

    Args:
        model: The speaker.
        animation: What the face does.
        kind: One picture per frame, or one sheet.
        folder: Where to; made if missing.
        progress: Told the share done. If it raises, everything is as before.

    Raises:
        FormatError: If the model has no texture, or a sheet cannot hold so many frames.
    """
    painting = paint_crops(model, animation)
    texture = model.texture
    assert texture is not None  # paint_crops has refused
    pictures = (texture.reference, texture.layout, painting.crops, painting.frame_count, progress)
    if kind == "sequence":
        images = write_sequence(folder, _PAINTED, *pictures)
    else:
        images = write_sheet(folder / f"{_PAINTED}.png", *pictures)
    rest = tuple((float(x), float(y)) for x, y in texture.layout.atlas_points(model.neutral))
    return replace(images, rest=rest, runtime=painting.runtime)


def write_sequence(
    folder: Path,
    stem: str,
    reference: NDArray[np.uint8],
    layout: AtlasLayout,
    crops: Pictures,
    frame_count: int,
    progress: Progress = ignore_progress,
) -> AtlasImages:
    """Write one whole atlas per frame, in place of the sequence of the same name that was written before.

    Args:
        folder: Where to; made if missing.
        stem: What the pictures' names begin with; `_0001.png` follows.
        reference: `(256, 256, 3)`, sRGB.
        layout: Where the lip crop lies.
        crops: Blocks `(n, 128, 128, 3)`, sRGB, which already pass into the reference at their border.
        frame_count: How many crops there are.
        progress: Told the share written. If it raises, everything is as before.

    Raises:
        FormatError: If other pictures of these names are in the way.
    """
    images = AtlasImages("sequence", folder / f"{stem}{_ending(1)}", frame_count, layout)
    atlas = reference.copy()
    with _partial_folder(folder) as partial:
        for number, crop in enumerate(_counted(crops, frame_count)):
            atlas[layout.crop] = crop
            write_png(partial / images.picture(number).name, atlas)
            progress((number + 1) / frame_count)
        _swap_in(partial, images)
    return images


def move_sequence(images: AtlasImages, folder: Path, stem: str) -> AtlasImages:
    """Move a sequence, in place of the sequence of that name that was written there before.

    Raises:
        FormatError: If other pictures of these names are in the way.
    """
    moved = replace(images, first=folder / f"{stem}{_ending(1)}")
    with _partial_folder(folder) as partial:
        for frame in range(images.frame_count):
            shutil.move(images.picture(frame), partial / moved.picture(frame).name)
        _swap_in(partial, moved)
    _card(images).unlink(missing_ok=True)
    return moved


def remove_sequence(first: Path) -> None:
    """Remove a sequence that we wrote, named by its first picture; pictures of other origin stay."""
    if not first.name.endswith(_ending(1)):
        return
    card = first.with_name(f"{first.name.removesuffix(_ending(1))}.json")
    if card.is_file():
        images = AtlasImages.read(card)
        for frame in range(images.frame_count):
            images.picture(frame).unlink(missing_ok=True)
        card.unlink()


def write_sheet(
    path: Path,
    reference: NDArray[np.uint8],
    layout: AtlasLayout,
    crops: Pictures,
    frame_count: int,
    progress: Progress = ignore_progress,
) -> AtlasImages:
    """Write the reference atlas and the lip crops of all frames as one picture, whole or not at all.

    Holds one row of tiles in memory.

    Args:
        path: The picture.
        reference: `(256, 256, 3)`, sRGB.
        layout: Where the lip crop lies.
        crops: Blocks `(n, 128, 128, 3)`, sRGB, which already pass into the reference at their border.
        frame_count: How many crops there are.
        progress: Told the share written. If it raises, everything is as before.

    Raises:
        FormatError: If there are more frames than one picture can hold.
    """
    if frame_count > MOST_FRAMES:
        raise FormatError(
            f"A packed texture holds {MOST_FRAMES} frames and this speech has {frame_count}; choose texture files."
        )
    images = AtlasImages("sheet", path, frame_count, layout, _columns_for(frame_count))
    with replacing(path) as partial, partial.open("wb") as file:
        _write_tiles(file, images, reference, _reported(_counted(crops, frame_count), frame_count, progress))
    return images


def rows_of(frame_count: int, columns: int) -> int:
    """Return how many rows of tiles a sheet has."""
    return max(REFERENCE_TILES, math.ceil((frame_count + REFERENCE_TILES**2) / columns))


def tile_of(frame: int, columns: int) -> tuple[int, int]:
    """Return the row and column of a frame's tile on a sheet; frames count from 0."""
    beside = REFERENCE_TILES * (columns - REFERENCE_TILES)  # tiles to the right of the reference
    if frame < beside:
        row, column = divmod(frame, columns - REFERENCE_TILES)
        return row, column + REFERENCE_TILES
    row, column = divmod(frame - beside, columns)
    return row + REFERENCE_TILES, column


def _columns_for(frame_count: int) -> int:
    """Return the tiles across the sheet that is nearest to a square."""
    return max(REFERENCE_TILES, math.isqrt(frame_count + REFERENCE_TILES**2 - 1) + 1)


def _write_tiles(
    file: BinaryIO, images: AtlasImages, reference: NDArray[np.uint8], crops: Iterator[NDArray[np.uint8]]
) -> None:
    """Write a sheet, row of tiles by row of tiles."""
    stream = PngStream(file, images.columns * CROP_SIZE, images.rows * CROP_SIZE, 3)
    for row in range(images.rows):
        tiles = np.zeros((images.columns, CROP_SIZE, CROP_SIZE, 3), np.uint8)
        taken = REFERENCE_TILES if row < REFERENCE_TILES else 0
        if taken:
            band = reference[row * CROP_SIZE : (row + 1) * CROP_SIZE]
            tiles[:taken] = band.reshape(CROP_SIZE, taken, CROP_SIZE, 3).swapaxes(0, 1)
        for tile, crop in zip(tiles[taken:], crops, strict=False):
            tile[:] = crop
        stream.write_rows(tiles.swapaxes(0, 1).reshape(CROP_SIZE, -1, 3))
    stream.finish()


def _counted(crops: Pictures, frame_count: int) -> Iterator[NDArray[np.uint8]]:
    """Yield single crops, exactly so many."""
    single = (crop for block in crops for crop in block)
    for _, crop in zip(range(frame_count), single, strict=True):
        yield crop


def _reported(crops: Iterator[NDArray[np.uint8]], frame_count: int, progress: Progress) -> Iterator[NDArray[np.uint8]]:
    """Tell of each crop that is handed on."""
    for number, crop in enumerate(crops):
        progress((number + 1) / frame_count)
        yield crop


def _ending(number: int) -> str:
    return f"_{number:04d}.png"


def _card(images: AtlasImages) -> Path:
    """Return the path of the file that says which pictures of a folder are ours."""
    return images.first.with_name(f"{images.stem}.json")


@contextmanager
def _partial_folder(folder: Path) -> Iterator[Path]:
    """Give a folder inside another one to write to, and take it away afterwards."""
    existed = folder.is_dir()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
            yield Path(partial)
    except BaseException:
        if not existed:
            folder.rmdir()
        raise


def _swap_in(partial: Path, images: AtlasImages) -> None:
    """Put finished pictures in the place of an earlier sequence of ours."""
    card = _card(images)
    earlier = AtlasImages.read(card) if card.is_file() else replace(images, frame_count=0)
    ours = {earlier.picture(frame) for frame in range(earlier.frame_count)}
    wanted = [images.picture(frame) for frame in range(images.frame_count)]
    for picture in wanted:
        if picture.exists() and picture not in ours:
            raise FormatError(f"The picture {picture} is in the way of the texture; move it elsewhere.")
    images.write(card)
    for picture in wanted:
        (partial / picture.name).replace(picture)
    for picture in ours.difference(wanted):
        picture.unlink(missing_ok=True)
