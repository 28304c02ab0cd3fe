"""The worker process beside Blender."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lipsync_core.model.model_file import read_model
from lipsync_core.synthesis import synthesize

bpy = pytest.importorskip("bpy")

Part = Callable[[str], ModuleType]


def wait_for(job: object) -> None:
    """Poll as the timer does."""
    for _ in range(600):
        if job.poll():
            return
        time.sleep(0.05)
    raise TimeoutError


def test_the_worker_makes_the_same_animation(part: Part, model_path: Path, sound_path: Path) -> None:
    generation = part("addon.generation")
    order = generation.Order(model=model_path, sound=sound_path, face_unit=0.09)
    speech = generation.read_speech(bpy.context, order)

    job = generation.start_job(order, speech, 25.0)
    wait_for(job)
    animation, atlas = generation.finished_animation(job)
    job.close()

    here = synthesize(read_model(model_path), speech.waveform, 25.0)
    assert atlas is None
    assert job.progress > 0.9
    assert not job.scratch.exists()
    np.testing.assert_allclose(animation.codes, here.codes, atol=1e-6)
    np.testing.assert_allclose(animation.vertices(), here.vertices(), atol=1e-6)
    np.testing.assert_allclose(animation.blendshapes, here.blendshapes, atol=1e-6)


def test_the_worker_follows_the_script(part: Part, model_path: Path, sound_path: Path, tmp_path: Path) -> None:
    generation, script = part("addon.generation"), part("lipsync_core.phones.script")
    phones = tmp_path / "phones.lab"
    phones.write_text("0.05 0.15 m\n0.15 0.2 a\n", encoding="utf-8")
    order = generation.Order(
        model=model_path, sound=sound_path, face_unit=0.09, script=script.ScriptChoice(str(phones))
    )

    job = generation.start_job(order, generation.read_speech(bpy.context, order), 25.0)
    wait_for(job)
    animation, _ = generation.finished_animation(job)
    job.close()

    assert animation.remark == "phones.lab is followed: 2 phones."
    assert [gesture.kind for gesture in animation.gestures] == ["lips_closed"]


def test_what_the_worker_finds_wrong_is_told(part: Part, tmp_path: Path, sound_path: Path) -> None:
    generation = part("addon.generation")
    order = generation.Order(model=tmp_path / "gone.lipsync3d", sound=sound_path, face_unit=0.09)

    job = generation.start_job(order, generation.read_speech(bpy.context, order), 25.0)
    wait_for(job)

    with pytest.raises(part("lipsync_core.errors").LipSyncError, match=r"no model file at .*gone\.lipsync3d"):
        generation.finished_animation(job)
    job.close()


def test_a_crash_is_told_with_its_last_words(part: Part) -> None:
    job = part("addon.jobs").BackgroundJob()
    job.start("no_such_module", [], job.scratch)
    wait_for(job)

    with pytest.raises(part("lipsync_core.errors").WorkerError, match="No module named no_such_module"):
        job.result()
    job.close()


def test_a_cancelled_worker_is_gone_with_its_files(part: Part) -> None:
    job = part("addon.jobs").BackgroundJob()
    (job.scratch / "endless.py").write_text("import time\nprint('{\"progress\": 0.5}', flush=True)\ntime.sleep(60)")
    job.start("endless", [], job.scratch)
    while job.progress < 0.5:
        assert not job.poll()
        time.sleep(0.02)

    job.close()

    assert not job.scratch.exists()


def test_blenders_python_is_a_python(part: Part) -> None:
    assert part("addon.jobs").python_executable().name.startswith("python")
