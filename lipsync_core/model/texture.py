"""The texture of a trained speaker: what paints the lip crop of each frame from its code and its mesh.

Two painters exist. `SheetPainter`, the default, mixes a few main sheets (`texture/sheet.py`) and lays the mixture on
the moving mesh. `PicturePainter` draws what is added to the reference with the networks of Lahiri et al. 2021, section
3.2. Both may be autoregressive: a small encoder, the *memory*, hands what was painted on to the next frame (section
3.2.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..arrays import FloatArray, check_shape
from ..errors import FormatError
from ..face.cylinder import ReferenceCylinder
from ..face.topology import face_triangles
from ..texture.layout import ATLAS_SIZE, CROP_SIZE, AtlasLayout
from ..texture.sheet import SheetLayout
from ..texture.warping import rasterise
from .feedforward import FeedForward
from .runtimes import Runtime, compile_network

Array = NDArray[np.float32]
Painted: TypeAlias = tuple[Array, NDArray[np.bool_]]
"""Crops `(n, 128, 128, 3)`, 0 to 1, and where the face is in them `(n, 128, 128)`."""

_BLOCK = 16  # frames painted at a time
_CROP_SHAPE = (CROP_SIZE, CROP_SIZE, 3)


@dataclass(frozen=True)
class Unlaid:
    """Some frames as a painter holds them before the mesh lays them, so that they can be laid at any size.

    Attributes:
        skin: `(n, 128, 128, 3)` float32, 0 to 1.
        inside: `(n, 128, 128, 3)` float32, the inside of the mouth in the coordinates of the lip crop.
        skin_points: `(n, 468, 2)` float32, where the face's points lie in `skin`, px.
    """

    skin: Array
    inside: Array
    skin_points: Array


class Painter(Protocol):
    """Paints lip crops."""

    def paint(self, codes: Array, points: FloatArray, reference: Array, runtime: Runtime) -> Iterator[Painted]:
        """Paint frames in order, block by block.

        Args:
            codes: `(T, N)`.
            points: `(T, 468, 2)` where the face's points lie in the crop, px.
            reference: `(128, 128, 3)` the reference's lip crop, 0 to 1.
            runtime: What computes the networks.
        """

    def unlaid(self, codes: Array, points: FloatArray, reference: Array, runtime: Runtime) -> Iterator[Unlaid]:
        """Give the same frames before they are laid on the mesh, block by block."""


@dataclass(frozen=True)
class SheetPainter:
    """Mixes sheets: `sheet = mean + amounts @ components`, with the amounts from the code and the last amounts.

    Attributes:
        sheet: Where things lie on a sheet of `P` values.
        mean: `(P,)`, 0 to 1.
        components: `(K, P)`.
        decoder: `(N + N_a)` to `(K)`.
        memory: `(K)` to `(N_a)`; None without autoregression.
    """

    sheet: SheetLayout
    mean: Array
    components: Array
    decoder: FeedForward
    memory: FeedForward | None
    kind: ClassVar[str] = "sheet"

    def __post_init__(self) -> None:
        check_shape("SheetPainter.components", self.components, f"K {self.sheet.size}")
        check_shape("SheetPainter.mean", self.mean, f"{self.sheet.size}")

    def paint(self, codes: Array, points: FloatArray, reference: Array, runtime: Runtime) -> Iterator[Painted]:
        """Paint frames; see `Painter`."""
        for first, amounts in zip(range(0, len(codes), _BLOCK), self._amounts(codes, runtime), strict=True):
            yield self.sheet.lay(self.mean + amounts @ self.components, points[first : first + _BLOCK])

    def unlaid(self, codes: Array, points: FloatArray, reference: Array, runtime: Runtime) -> Iterator[Unlaid]:
        """Give the mixed sheets themselves; see `Painter`."""
        for amounts in self._amounts(codes, runtime):
            skin, inside = self.sheet.pictures(self.mean + amounts @ self.components)
            yield Unlaid(skin, inside, np.broadcast_to(self.sheet.points, (len(skin), *self.sheet.points.shape)))

    def _amounts(self, codes: Array, runtime: Runtime) -> Iterator[Array]:
        return _states(codes, self.decoder, self.memory, (len(self.components),), runtime)

    def to_header(self) -> dict[str, Any]:
        """Return what is no array, as JSON values."""
        return {"kind": self.kind, **_networks_header(self.decoder, self.memory)}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name; the components as half floats."""
        return {
            "sheet_points": self.sheet.points,
            "sheet_inside": self.sheet.inside,
            "sheet_mean": self.mean,
            "sheet_components": self.components.astype(np.float16),
            **_network_arrays(self.decoder, self.memory),
        }

    @classmethod
    def read(cls, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> SheetPainter:
        """Read what `to_header` and `to_arrays` gave."""
        return cls(
            SheetLayout(arrays["sheet_points"], arrays["sheet_inside"]),
            arrays["sheet_mean"].astype(np.float32),
            arrays["sheet_components"].astype(np.float32),
            *_read_networks(header, arrays),
        )


@dataclass(frozen=True)
class PicturePainter:
    """Draws the difference from the reference's lip crop (Lahiri et al. 2021, tables 4 and 5).

    Attributes:
        decoder: `(N + N_a)` to `(128, 128, 3)`, -1 to 1.
        memory: `(128, 128, 3)`, 0 to 1, to `(N_a)`; None without autoregression.
    """

    decoder: FeedForward
    memory: FeedForward | None
    kind: ClassVar[str] = "picture"

    def paint(self, codes: Array, points: FloatArray, reference: Array, runtime: Runtime) -> Iterator[Painted]:
        """Paint frames; see `Painter`."""

        def finished(difference: Array) -> Array:
            return np.clip(reference + difference, 0, 1)

        states = _states(codes, self.decoder, self.memory, _CROP_SHAPE, runtime, finished)
        for first, crops in zip(range(0, len(codes), _BLOCK), states, strict=True):
            surface = rasterise(points[first : first + _BLOCK], face_triangles(), CROP_SIZE, CROP_SIZE)
            yield crops, surface.covered

    def unlaid(self, codes: Array, points: FloatArray, reference: Array, runtime: Runtime) -> Iterator[Unlaid]:
        """Give the drawn crops, whose skin lies where the mesh has it; see `Painter`."""
        for first, (crops, _) in zip(
            range(0, len(codes), _BLOCK), self.paint(codes, points, reference, runtime), strict=True
        ):
            yield Unlaid(crops, crops, np.asarray(points[first : first + _BLOCK], np.float32))

    def to_header(self) -> dict[str, Any]:
        """Return what is no array, as JSON values."""
        return {"kind": self.kind, **_networks_header(self.decoder, self.memory)}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name."""
        return _network_arrays(self.decoder, self.memory)

    @classmethod
    def read(cls, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> PicturePainter:
        """Read what `to_header` and `to_arrays` gave."""
        return cls(*_read_networks(header, arrays))


@dataclass(frozen=True)
class TextureModel:
    """The texture of a speaker.

    Attributes:
        layout: Where things lie in the atlas.
        reference: `(256, 256, 3)` uint8, sRGB: the atlas of the neutral face, from which all but the lip crop is taken.
        painter: What paints the lip crop.
        light: `normalised`, or `as filmed`.
    """

    layout: AtlasLayout
    reference: NDArray[np.uint8]
    painter: SheetPainter | PicturePainter
    light: str = "normalised"

    def __post_init__(self) -> None:
        check_shape("TextureModel.reference", self.reference, f"{ATLAS_SIZE} {ATLAS_SIZE} 3")

    def paint(self, codes: Array, vertices: FloatArray, runtime: Runtime) -> Iterator[Painted]:
        """Paint the lip crops of `(T, N)` codes on `(T, 468, 3)` faces, face units, block by block."""
        return self.painter.paint(codes, self.layout.crop_points(vertices), self._reference_crop, runtime)

    def unlaid(self, codes: Array, vertices: FloatArray, runtime: Runtime) -> Iterator[Unlaid]:
        """Give what `paint` would lay on the faces, block by block."""
        return self.painter.unlaid(codes, self.layout.crop_points(vertices), self._reference_crop, runtime)

    @property
    def _reference_crop(self) -> Array:
        return self.reference[self.layout.crop].astype(np.float32) / np.float32(255)

    def to_header(self) -> dict[str, Any]:
        """Return what is no array, as JSON values."""
        layout = {"cylinder": asdict(self.layout.cylinder), "top": self.layout.top, "left": self.layout.left}
        return {**layout, "light": self.light, "painter": self.painter.to_header()}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name."""
        return {"reference": self.reference, **self.painter.to_arrays()}

    @classmethod
    def read(cls, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> TextureModel:
        """Read what `to_header` and `to_arrays` gave.

        Raises:
            FormatError: If the painter is unknown.
        """
        kinds: dict[str, type[SheetPainter] | type[PicturePainter]] = {
            kind.kind: kind for kind in (SheetPainter, PicturePainter)
        }
        painter = header["painter"]
        if painter["kind"] not in kinds:
            raise FormatError(f"The model's texture is of kind {painter['kind']!r}, unknown here; update LipSync3D.")
        return cls(
            AtlasLayout(ReferenceCylinder(**header["cylinder"]), header["top"], header["left"]),
            arrays["reference"],
            kinds[painter["kind"]].read(painter, arrays),
            header["light"],
        )


class _Finish(Protocol):
    def __call__(self, state: Array, /) -> Array: ...


def _states(
    codes: Array,
    decoder: FeedForward,
    memory: FeedForward | None,
    shape: tuple[int, ...],
    runtime: Runtime,
    finished: _Finish = lambda state: state,
) -> Iterator[Array]:
    """Decode codes in order, `(n, *shape)` at a time; with a memory each frame reads the one before it."""
    if memory is None:
        decode = compile_network(decoder, codes.shape[1:], runtime)
        for first in range(0, len(codes), _BLOCK):
            yield finished(decode(codes[first : first + _BLOCK]))
        return
    remember = compile_network(memory, shape, runtime)
    previous = np.zeros((1, *shape), np.float32)
    decode = compile_network(decoder, (codes.shape[1] + remember(previous).shape[1],), runtime)
    for first in range(0, len(codes), _BLOCK):
        block = []
        for code in codes[first : first + _BLOCK, None]:
            previous = finished(decode(np.concatenate([code, remember(previous)], axis=1)))
            block.append(previous)
        yield np.concatenate(block)


def _networks_header(decoder: FeedForward, memory: FeedForward | None) -> dict[str, Any]:
    return {"decoder": decoder.to_header(), "memory": memory.to_header() if memory else None}


def _network_arrays(decoder: FeedForward, memory: FeedForward | None) -> dict[str, NDArray[Any]]:
    return {**decoder.to_arrays("decoder/"), **(memory.to_arrays("memory/") if memory else {})}


def _read_networks(
    header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> tuple[FeedForward, FeedForward | None]:
    memory = header["memory"]
    return (
        FeedForward.from_header(header["decoder"], arrays, "decoder/"),
        FeedForward.from_header(memory, arrays, "memory/") if memory else None,
    )
