"""Print how long each stage of a dub takes, and how many frames a second are placed, lit and blended.

python -m tools.dub_benchmark MODEL.lipsync3d TARGET.mp4 SPEECH.wav [--frames 100] [--anyway]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np

from lipsync_core.audio.decoding import decode_sound
from lipsync_core.audio.waveform import speech_waveform
from lipsync_core.capture.tracking import FaceMeshTracker, track_face
from lipsync_core.capture.video import VideoFrame
from lipsync_core.dubbing.composition import FaceInPicture, compose, lay_mouth, warp
from lipsync_core.dubbing.displacement import displacement, moved_region
from lipsync_core.dubbing.dub import SeenTarget, texture_of
from lipsync_core.dubbing.film import ShownPicture, read_form, write_film
from lipsync_core.dubbing.placement import fading_strength, lay_target, place
from lipsync_core.dubbing.reading import pictures_in_order
from lipsync_core.dubbing.relighting import LightMeter
from lipsync_core.model.model_file import SpeechModel, read_model
from lipsync_core.model.runtimes import best_runtime
from lipsync_core.synthesis import predict_codes
from training.terminal import quiet_native_code

OURS = ("measuring the light", "placing", "relighting", "moving the skin", "laying the mouth")


class Stages:
    """Seconds spent in each stage, by the clock and by all cores together."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.worked: dict[str, float] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Add what is done inside to a stage."""
        started, worked = time.perf_counter(), time.process_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
        self.worked[name] = self.worked.get(name, 0.0) + time.process_time() - worked

    def show(self, frames: int) -> None:
        """Print a line for each stage."""
        total = sum(self.seconds.values())
        for name, seconds in self.seconds.items():
            ours = "*" if name in OURS else " "
            of_cores = f"{1000 * self.worked[name] / frames:6.1f} ms of a core"
            print(f"{ours} {name:22} {1000 * seconds / frames:6.1f} ms a frame, {seconds / total:4.0%}, {of_cores}")
        own, worked = (sum(times[name] for name in OURS) for times in (self.seconds, self.worked))
        print(
            f"stages marked *, one after the other: {1000 * own / frames:.1f} ms a frame, {frames / own:.0f} a second"
        )
        print(f"and {1000 * worked / frames:.1f} ms of a core: {2 * frames / worked:.0f} frames a second on two")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    for name in ("model", "target", "sound"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--frames", type=int, default=100)
    options = parser.parse_args()
    import cv2  # noqa: F401  (not to be counted)
    import scipy.signal  # noqa: F401

    model, stages = read_model(options.model), Stages()
    frames, seen = look(model, options.target, options.frames, stages)
    height, width = frames[0].image.shape[:2]
    print(f"{len(frames)} frames of {width} x {height} px, {os.cpu_count()} cores, {best_runtime()}")
    jobs = blend(model, frames, seen, options.sound, stages)
    with stages.of("encoding"), tempfile.TemporaryDirectory() as folder:
        encode(Path(folder) / "out.mp4", frames, options.target, options.sound)
    stages.show(len(frames))
    together(frames, jobs)


def look(model: SpeechModel, path: Path, count: int, stages: Stages) -> tuple[list[VideoFrame], SeenTarget]:
    """Decode, track and measure the light."""
    with stages.of("decoding"):
        frames = list(islice(pictures_in_order(path, np.zeros(count), np.arange(count, dtype=np.int32)), count))
    with quiet_native_code(), stages.of("tracking"):
        track = track_face(frames, FaceMeshTracker(), str(path))

    class Told:
        def __init__(self) -> None:
            self.points = iter(track.points)

        def find(self, frame: VideoFrame) -> np.ndarray:
            return next(self.points)

        def restart(self) -> None:
            pass

    with stages.of("measuring the light"):
        meter = LightMeter(Told(), model.neutral, texture_of(model))
        for frame in frames:
            meter.find(frame)
        light = meter.light()
    with stages.of("placing"):
        face = lay_target(track, model, light.covered)
    return frames, SeenTarget(face, light, track.seconds)


def blend(
    model: SpeechModel, frames: list[VideoFrame], seen: SeenTarget, sound: Path, stages: Stages
) -> list[Callable[[], object]]:
    """Predict, paint, relight, move and lay; return the same work per frame for threads."""
    heard = decode_sound(sound)
    speech = speech_waveform(heard.channels, heard.sample_rate, str(sound))
    texture, order = texture_of(model), np.arange(len(frames), dtype=np.int32)
    with stages.of("hearing"):
        codes = predict_codes(model, speech, (order + 0.5) / model.description.fps)
        vertices = model.vertices(codes)
    with stages.of("painting"):
        painted = list(texture.unlaid(codes, vertices, best_runtime()))
    with stages.of("placing"):
        placed = place(seen.face, order, vertices - model.neutral, fading_strength(seen.face.usable))
    with stages.of("relighting"):
        light = seen.light.of_crops(order, texture)
        skin, inside = (
            light.restore(np.concatenate([getattr(block, part) for block in painted])) * np.float32(255)
            for part in ("skin", "inside")
        )
    skin_points = np.concatenate([block.skin_points for block in painted])
    at, jobs = texture.layout.crop_points(vertices), []
    for n, frame in enumerate(frames):
        unit = float(placed.unit[n])
        predicted = (skin[n], skin_points[n], inside[n], at[n])
        face = FaceInPicture(placed.filmed[n], placed.spoken[n], unit, *predicted, 1.0)
        height, width = frame.image.shape[:2]
        with stages.of("moving the skin"):
            region = moved_region(face.filmed, face.spoken, unit, width, height)
            moved = warp(frame.image, displacement(face.filmed, face.spoken, unit, region), region)
        with stages.of("laying the mouth"):
            lay_mouth(moved, region, face)
        jobs.append(lambda frame=frame, face=face: compose(frame.image.copy(), face))
    return jobs


def encode(path: Path, frames: list[VideoFrame], target: Path, sound: Path) -> None:
    """Write the frames as they are."""
    times = [frame.seconds for frame in frames]
    ends = [*times[1:], times[-1] + 0.04]
    shown = (ShownPicture(f.image, s, e, f.planes) for f, s, e in zip(frames, times, ends, strict=True))
    write_film(path, shown, decode_sound(sound), read_form(target), {})


def together(frames: list[VideoFrame], jobs: list[Callable[[], object]]) -> None:
    """Compose all frames in threads, as a dub does."""
    started = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(lambda job: job(), jobs))
    taken = time.perf_counter() - started
    print(f"moving and laying in {os.cpu_count()} threads: {len(frames) / taken:.0f} frames a second")


if __name__ == "__main__":
    main()
