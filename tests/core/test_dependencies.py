"""Who may import whom: read from the sources, so that nothing needs to be installed."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PACKAGES = ("lipsync_core", "addon", "training")
BLENDER = {"bpy", "bpy_extras", "bl_math", "mathutils", "aud", "gpu", "bmesh"}
CAPTURE_ONLY = (
    "lipsync_core/capture/",
    "lipsync_core/dubbing/",
    "lipsync_core/audio/decoding.py",
)  # no path that Blender runs
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc"}
SOURCES = sorted(path.relative_to(REPOSITORY) for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py"))


def module_name(source: Path) -> str:
    """`addon/scene/__init__.py` is `addon.scene`."""
    return ".".join(part for part in source.with_suffix("").parts if part != "__init__")


MODULES = {module_name(source) for source in SOURCES}


def imports(source: Path) -> Iterator[tuple[str, ast.stmt]]:
    """All modules that a source file names in an import, with relative ones resolved."""
    tree = ast.parse((REPOSITORY / source).read_text(encoding="utf-8"))
    package = source.parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *(node.module or "").split("."))).strip(".")
            for alias in node.names:
                longer = f"{module}.{alias.name}"
                yield (longer if longer in MODULES else module), node


def of(*packages: str) -> list[Path]:
    """The sources of some packages."""
    return [source for source in SOURCES if source.parts[0] in packages]


def roots(source: Path) -> set[str]:
    """The top-level names that a source file imports."""
    return {name.split(".")[0] for name, _ in imports(source)}


@pytest.mark.parametrize("source", of("lipsync_core"), ids=str)
def test_the_core_needs_only_numpy_where_blender_runs_it(source: Path) -> None:
    allowed = {*sys.stdlib_module_names, "numpy", "lipsync_core"}
    if source.as_posix().startswith(CAPTURE_ONLY):
        allowed |= {"av", "mediapipe", "cv2", "scipy"}

    assert roots(source) <= allowed


@pytest.mark.parametrize("source", of("lipsync_core"), ids=str)
def test_the_core_imports_itself_relatively(source: Path) -> None:
    absolute = [name for name, node in imports(source) if name.startswith("lipsync_core") and is_absolute(node)]

    assert absolute == []


@pytest.mark.parametrize("source", of("addon"), ids=str)
def test_the_addon_needs_only_blender_and_the_core(source: Path) -> None:
    assert roots(source) <= {*sys.stdlib_module_names, *BLENDER, "numpy", "addon", "lipsync_core"}


@pytest.mark.parametrize("source", of("addon"), ids=str)
def test_the_addon_imports_the_core_relatively(source: Path) -> None:
    absolute = [
        name for name, node in imports(source) if name.split(".")[0] in ("lipsync_core", "addon") and is_absolute(node)
    ]

    assert absolute == []


def is_absolute(node: ast.stmt) -> bool:
    """Tell whether an import statement has no leading dots."""
    return not (isinstance(node, ast.ImportFrom) and node.level)


@pytest.mark.parametrize("source", of("addon"), ids=str)
def test_only_the_scene_package_touches_blenders_data(source: Path) -> None:
    text = (REPOSITORY / source).read_text(encoding="utf-8")
    writes = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node).startswith("bpy.data.")
        and ast.unparse(node) != "bpy.data.filepath"
    ]

    assert "scene" in source.parts or not writes


@pytest.mark.parametrize("source", of("addon"), ids=str)
def test_the_scene_package_knows_nothing_above_it(source: Path) -> None:
    if "scene" in source.parts:
        ours = [name for name, _ in imports(source) if name.startswith("addon")]
        assert all(name.startswith("addon.scene") for name in ours)


@pytest.mark.parametrize("source", of("training"), ids=str)
def test_training_knows_nothing_of_blender(source: Path) -> None:
    assert not roots(source) & (BLENDER | {"addon"})


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    assert [str(source) for source in SOURCES if source.stem in FORBIDDEN_NAMES] == []
    assert [name for name in MODULES if set(name.split(".")) & FORBIDDEN_NAMES] == []


def test_no_imports_run_in_circles() -> None:
    arrows = {module_name(source): {name for name, _ in imports(source) if name in MODULES} for source in SOURCES}
    for package in [name for name in MODULES if any(other.startswith(f"{name}.") for other in MODULES)]:
        arrows[package] -= {package}
    while leaves := [name for name, targets in arrows.items() if not targets & arrows.keys()]:
        for leaf in leaves:
            del arrows[leaf]

    assert arrows == {}
