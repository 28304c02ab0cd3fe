"""What ships, under which name and version, and that a bare Blender can install it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import lipsync_core
from tests.conftest import REPOSITORY

MANIFEST = tomllib.loads((REPOSITORY / "blender_manifest.toml").read_text(encoding="utf-8"))

INSTALL = """
import bpy, json, os, sys
bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
module = sys.modules["bl_ext.user_default.lipsync3d"]
bpy.ops.lipsync3d.import_model(filepath=sys.argv[2])
bpy.context.scene.lipsync3d.sound_path = sys.argv[3]
bpy.ops.lipsync3d.generate()
print("RESULT", json.dumps({
    "heads": [thing.name for thing in bpy.data.objects if thing.get("lipsync3d") == "head"],
    "leaks": [name for name in sys.modules if name.split(".")[0] in ("lipsync_core", "addon", "training")],
    "path": [entry for entry in sys.path if "lipsync3d" in entry],
}), flush=True)
os._exit(0)  # as a module, Blender 4.2 crashes on leaving when any command is registered
"""


@pytest.fixture(scope="session")
def extension_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip, built by Blender's own builder."""
    pytest.importorskip("bpy")
    spec = importlib.util.spec_from_file_location("builder", REPOSITORY / "tools" / "build_extension.py")
    assert spec is not None
    assert spec.loader is not None
    builder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(builder)
    blenders_own = builder.find_builder()
    assert blenders_own is not None
    built: Path = builder.build(blenders_own, tmp_path_factory.mktemp("dist"))
    return built


def test_one_version_everywhere() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))

    assert MANIFEST["version"] == lipsync_core.__version__
    assert project["tool"]["hatch"]["version"]["path"] == "lipsync_core/__init__.py"
    assert MANIFEST["id"] == project["project"]["name"]
    assert MANIFEST["license"] == [f"SPDX:{project['project']['license']}"]


def test_exactly_the_extension_ships(extension_zip: Path) -> None:
    with zipfile.ZipFile(extension_zip) as archive:
        names = archive.namelist()

    assert extension_zip.name == f"lipsync3d-{MANIFEST['version']}.zip"
    assert {name.split("/")[0] for name in names} == {
        "__init__.py",
        "addon",
        "lipsync_core",
        "blender_manifest.toml",
        "LICENSE",
    }
    assert {Path(name).suffix for name in names} <= {".py", ".npz", ".toml", ".lipsync3d", ""}
    assert not any("__pycache__" in name for name in names)


def test_a_bare_blender_installs_it_and_speaks(extension_zip: Path, tmp_path: Path, model_path: Path) -> None:
    from lipsync_core.audio.waveform import write_wav
    from tests.conftest import babble

    write_wav(tmp_path / "hello.wav", babble(0.4))
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path / "user")}
    script = tmp_path / "install.py"
    script.write_text(INSTALL, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-I", str(script), str(extension_zip), str(model_path), str(tmp_path / "hello.wav")],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    result = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    assert result == 'RESULT {"heads": ["nobody head"], "leaks": [], "path": []}'
