"""Film the virtual speaker once more, larger and in another light, dub that film, and draw what became of it.

python -m tools.dub_pictures MODEL.lipsync3d --output out/dub

The model is the demo's. Writes `dub.jpg` (filmed, dubbed, dubbed as a cartoon) and `dub_light.jpg` (filmed, dubbed
without relighting, dubbed) for docs/DUBBING.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from lipsync_core.audio.waveform import write_wav
from lipsync_core.capture.tracking import FaceMeshTracker
from lipsync_core.capture.video import read_frames
from lipsync_core.dubbing.dub import DubOptions, dub
from lipsync_core.model.model_file import read_model
from training.terminal import progress_bar, quiet_native_code
from training.virtual_speaker.sentences import HELD_OUT_SENTENCES
from training.virtual_speaker.speaker import Filming, record_virtual_speaker
from training.virtual_speaker.speech import speak

from .demo_textures import beside, save_picture

SEED = 11
HD = Filming(width=1920, height=1080, yaw_degrees=18.0, light_swing_degrees=70.0, light_flicker=0.5)
_SHOWN = (0.2, 0.45, 0.7, 0.95)  # of the film
_SIDE = 300  # px of each picture
_DUBS = {
    "dub": DubOptions(),
    "dub_unlit": DubOptions(relight=False),
    "dub_cartoon": DubOptions(style="cartoon", mark=True),
}


def main() -> None:
    """Film, dub and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path)
    parser.add_argument("--output", type=Path, default=Path("out/dub"))
    options = parser.parse_args()
    folder: Path = options.output
    folder.mkdir(parents=True, exist_ok=True)
    target, sound = folder / "target.mp4", folder / "speech.wav"
    if not target.exists():
        with progress_bar("filming the target") as report:
            record_virtual_speaker(target, HELD_OUT_SENTENCES[1:2], seed=SEED, filming=HD, progress=report)
    write_wav(sound, speak(HELD_OUT_SENTENCES[0]).waveform)
    model = read_model(options.model)
    for name, wanted in _DUBS.items():
        with quiet_native_code(), progress_bar(name) as report:
            print(dub(model, target, sound, folder / f"{name}.mp4", FaceMeshTracker(), wanted, report))
    draw(folder)


def draw(folder: Path) -> None:
    """Lay frames of the films below each other."""
    rows = {name: strip(folder / f"{name}.mp4") for name in ("target", *_DUBS)}
    save_picture(folder / "dub.jpg", np.concatenate([rows["target"], rows["dub"], rows["dub_cartoon"]]))
    save_picture(folder / "dub_light.jpg", np.concatenate([rows["target"], rows["dub_unlit"], rows["dub"]]))


def strip(path: Path) -> np.ndarray:
    """Return some frames of a film side by side, cut to the face."""
    frames = [frame.image for frame in read_frames(path)]
    chosen: Sequence[np.ndarray] = [frames[round(share * (min(len(frames), _count(path)) - 1))] for share in _SHOWN]
    height, width = chosen[0].shape[:2]
    side = int(0.78 * height)
    left, top = (width - side) // 2, int(0.16 * height)
    cut = [picture[top : top + side, left : left + side] for picture in chosen]
    return beside([np.asarray(Image.fromarray(p).resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)) for p in cut])


def _count(path: Path) -> int:
    """Return how many frames all films of the folder have."""
    return min(sum(1 for _ in read_frames(film)) for film in path.parent.glob("*.mp4"))


if __name__ == "__main__":
    main()
