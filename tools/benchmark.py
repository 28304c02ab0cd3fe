"""Print how fast a model speaks and paints in this Blender, how fast keyframes are written, how exact the mesh is.

blender -b --factory-startup --python tools/benchmark.py -- MODEL.lipsync3d SPEECH.wav
python tools/benchmark.py MODEL.lipsync3d SPEECH.wav        (with the `bpy` module)
"""

from __future__ import annotations

import importlib
import os
import runpy
import tempfile
import time
from pathlib import Path
from typing import Any

import bpy
import numpy as np

SECONDS = 60
ROUNDS = 3
BATCH = runpy.run_path(str(Path(__file__).with_name("batch.py")), run_name="batch")


def main() -> None:
    """Measure, and print a line for each figure."""
    model_path, sound = (Path(argument).resolve() for argument in BATCH["arguments"]()[:2])
    print(f"Blender {bpy.app.version_string}, NumPy {np.__version__}")
    model = part("lipsync_core.model.model_file").read_model(model_path)
    animation = time_prediction(model)
    if model.texture is not None:
        time_painting(model, animation)
    time_keyframes(animation)
    compare_mesh(model, model_path, sound)


def part(name: str) -> Any:
    """Return a module of the extension: the installed one if it is enabled, else this checkout."""
    return importlib.import_module(f"{BATCH['extension']().__name__}.{name}")


def time_prediction(model: Any) -> Any:
    """Predict a minute of noise some times over; return the animation."""
    waveforms, synthesis = part("lipsync_core.audio.waveform"), part("lipsync_core.synthesis")
    noise = np.random.default_rng(0).normal(0, 0.05, SECONDS * waveforms.SPEECH_RATE).astype(np.float32)
    for _ in range(ROUNDS):
        started = time.perf_counter()
        animation = synthesis.synthesize(model, waveforms.Waveform(noise, waveforms.SPEECH_RATE), 25.0)
        taken = time.perf_counter() - started
        print(f"{SECONDS} s predicted in {taken:.2f} s: {SECONDS / taken:.0f} times real time")
    return animation


def time_painting(model: Any, animation: Any) -> None:
    """Paint the texture of a minute as a sheet, with every runtime that is here."""
    images = part("lipsync_core.texture.images")
    chosen = part("lipsync_core.model.runtimes").RUNTIME_VARIABLE
    for setting in ("numpy", "onnx"):
        os.environ[chosen] = setting
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            try:
                painted = images.paint_atlas(model, animation, "sheet", Path(folder))
            except part("lipsync_core.errors").LipSyncError as fault:
                print(f"not painted with {setting}: {fault}")
                continue
        taken = time.perf_counter() - started
        frames = animation.frame_count
        print(f"{frames} frames of texture painted by {painted.runtime}, and written: {frames / taken:.0f} a second")
    del os.environ[chosen]


def time_keyframes(animation: Any) -> None:
    """Write every blendshape of an animation onto a mesh with keys of those names."""
    mesh = bpy.data.meshes.new("benchmark")
    mesh.from_pydata([(0, 0, 0)], [], [])
    thing = bpy.data.objects.new("benchmark", mesh)
    for name in ("Basis", *animation.blendshape_names):
        thing.shape_key_add(name=name, from_mix=False)
    paths = map(part("addon.scene.shape_keys").value_path, animation.blendshape_names)
    curves = dict(zip(paths, animation.blendshapes.T, strict=True))
    started = time.perf_counter()
    part("addon.scene.actions").write_action(mesh.shape_keys, "benchmark", curves, 1)
    print(f"{SECONDS} s of {len(curves)} curves written in {time.perf_counter() - started:.3f} s")


def compare_mesh(model: Any, model_path: Path, sound: Path) -> None:
    """Generate a talking head, and hold its evaluated mesh against the prediction in every frame."""
    generation, scene = part("addon.generation"), bpy.context.scene
    order = generation.Order(model=model_path, sound=sound, face_unit=1.0)
    outcome = generation.generate(bpy.context, order)
    rate = part("addon.scene.timeline").frame_rate(scene)
    speech = part("addon.scene.sounds").speech_from_file(scene, sound)
    vertices = part("lipsync_core.synthesis").synthesize(model, speech.waveform, rate).vertices()
    wanted = part("addon.scene.meshes").face_to_object_space(vertices, 1.0)
    worst = 0.0
    for frame, points in enumerate(wanted.reshape(len(vertices), -1)):
        scene.frame_set(outcome.first_frame + frame)
        evaluated = scene.objects[outcome.head].evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
        found = np.empty_like(points)
        evaluated.vertices.foreach_get("co", found)
        worst = max(worst, float(np.abs(found - points).max()))
    print(f"evaluated mesh off by at most {worst:.1e} face units in {len(vertices)} frames")


if __name__ == "__main__":
    main()
