"""One file of a header and named arrays: what the clip file and the model file are both made of.

A zip of `header.json` and one `.npy` per array, so that `numpy.load` alone can read it. No pickle.
docs/FORMATS.md is the specification.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import FormatError

HEADER_NAME = "header.json"


@dataclass(frozen=True)
class ArchiveFormat:
    """What kind of archive a file is.

    Attributes:
        name: Written into every header, as `"lipsync3d-model"`.
        version: The newest version that this code reads, and the one it writes.
        noun: What a user calls it, as `"model"`.
        remedy: What a user does about a file that is newer than this code.
    """

    name: str
    version: int
    noun: str
    remedy: str


def write_archive(
    path: Path, kind: ArchiveFormat, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Write `header` (JSON values) and `arrays` to `path`, whole or not at all."""
    text = json.dumps({"format": kind.name, "version": kind.version, **header}, indent=1, ensure_ascii=False)
    with (
        replacing(path) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        archive.writestr(HEADER_NAME, text)
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(f"{name}.npy", buffer.getvalue())


def read_archive(path: Path, kind: ArchiveFormat) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read what `write_archive` wrote.

    Returns:
        The header, and the arrays by name.

    Raises:
        FormatError: If the file is missing, of another kind, damaged, or newer than this code.
    """
    if not path.is_file():
        raise FormatError(f"There is no {kind.noun} file at {path}; check the path.")
    if not zipfile.is_zipfile(path):
        raise FormatError(f"{path} is not a LipSync3D {kind.noun} file; choose one that `lipsync3d` wrote.")
    try:
        with zipfile.ZipFile(path) as archive:
            header = _read_header(path, archive, kind)
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            arrays = {name.removesuffix(".npy"): _read_array(archive, name) for name in names}
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError) as fault:
        raise FormatError(f"The {kind.noun} file {path} is damaged ({fault}); copy or make it again.") from fault
    return header, arrays


def _read_header(path: Path, archive: zipfile.ZipFile, kind: ArchiveFormat) -> dict[str, Any]:
    header = json.loads(archive.read(HEADER_NAME)) if HEADER_NAME in archive.namelist() else {}
    if header.get("format") != kind.name:
        raise FormatError(f"{path} is not a LipSync3D {kind.noun} file; choose one that `lipsync3d` wrote.")
    if header["version"] > kind.version:
        raise FormatError(
            f"{path} has version {header['version']} and this LipSync3D reads up to {kind.version}; {kind.remedy}."
        )
    return dict(header)


def _read_array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    return np.asarray(np.load(io.BytesIO(archive.read(name)), allow_pickle=False))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; put it in place of `path` if all went well, else remove it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
