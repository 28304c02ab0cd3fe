"""Make faces speak without a window; the options are those of `--help`.

    blender -b [S.blend] --python-exit-code 1 --python tools/batch.py -- --model M --audio A --render OUT.mp4
    python tools/batch.py --model M --audio A --render OUT.mp4        (with the `bpy` module)

Runs the installed extension if it is enabled, else this checkout.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import bpy

CHECKOUT = Path(__file__).resolve().parents[1]
EXTENSION_ID = "lipsync3d"


def main() -> int:
    """Run the command line; return the exit code."""
    module = extension()
    try:
        commands = importlib.import_module(f"{module.__name__}.addon.commands")
        return int(commands.run(arguments()))
    finally:
        if module.__name__ == EXTENSION_ID:  # the `bpy` module crashes at its end over registered classes
            module.unregister()


def arguments() -> list[str]:
    """Return the arguments that are ours: those after `--`, or all of them outside Blender's binary."""
    if "--" in sys.argv:
        return sys.argv[sys.argv.index("--") + 1 :]
    return [] if bpy.app.binary_path else sys.argv[1:]


def extension() -> ModuleType:
    """Return the enabled extension, or load and register this checkout under the extension's name."""
    if EXTENSION_ID in sys.modules:
        return sys.modules[EXTENSION_ID]
    for name in bpy.context.preferences.addons.keys():  # noqa: SIM118  (no dict)
        if name.rpartition(".")[2] == EXTENSION_ID and name in sys.modules:
            return sys.modules[name]
    spec = importlib.util.spec_from_file_location(
        EXTENSION_ID, CHECKOUT / "__init__.py", submodule_search_locations=[str(CHECKOUT)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{CHECKOUT} is not a checkout of LipSync3D.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[EXTENSION_ID] = module
    spec.loader.exec_module(module)
    module.register()
    return module


if __name__ == "__main__":
    exit_code = main()
    if exit_code:
        sys.exit(exit_code)
