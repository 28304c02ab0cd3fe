"""Build the extension's zip, `dist/lipsync3d-VERSION.zip`, and validate what was built.

    python tools/build_extension.py [--output FOLDER] [--builder blender_ext.py]

Blender's own builder does both. It is found in the `bpy` package, or by `--builder` in a Blender installation
(`scripts/addons_core/bl_pkg/cli/blender_ext.py`); it needs no Blender to run.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
BUILDER_IN_BLENDER = "scripts/addons_core/bl_pkg/cli/blender_ext.py"
SHIPPED = {"__init__.py", "addon", "lipsync_core", "blender_manifest.toml", "LICENSE"}


def main() -> int:
    """Build and validate; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=CHECKOUT / "dist", help="folder for the zip")
    parser.add_argument("--builder", type=Path, help="Blender's blender_ext.py")
    options = parser.parse_args()
    builder = options.builder or find_builder()
    if builder is None:
        print(f"Blender's builder was not found; give --builder PATH/{BUILDER_IN_BLENDER}.", file=sys.stderr)
        return 2
    path = build(builder, options.output)
    print(f"Built {path} ({path.stat().st_size / 1e6:.2f} MB)")
    return 0


def find_builder() -> Path | None:
    """Return Blender's builder from the `bpy` package; None if that is not installed."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob(f"*/{BUILDER_IN_BLENDER}"), None)


def build(builder: Path, folder: Path) -> Path:
    """Build the zip into a folder and validate it.

    Raises:
        subprocess.CalledProcessError: If Blender's builder refuses the sources or the zip.
        ValueError: If the zip holds something that must not ship.
    """
    manifest = tomllib.loads((CHECKOUT / "blender_manifest.toml").read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{manifest['id']}-{manifest['version']}.zip"
    for arguments in (
        ["build", "--source-dir", str(CHECKOUT), "--output-filepath", str(path)],
        ["validate", str(path)],
    ):
        subprocess.run([sys.executable, str(builder), *arguments], check=True)
    if shipped(path) != SHIPPED:
        raise ValueError(f"{path} holds {sorted(shipped(path))}, not {sorted(SHIPPED)}: mend the manifest.")
    return path


def shipped(path: Path) -> set[str]:
    """Return the names at the top level of a zip."""
    with zipfile.ZipFile(path) as archive:
        return {name.split("/")[0] for name in archive.namelist()}


if __name__ == "__main__":
    sys.exit(main())
