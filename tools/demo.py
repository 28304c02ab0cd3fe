"""The whole road once, on a synthetic person: film, track, train, say a new sentence, render in Blender, report.

python -m tools.demo --output out/demo
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import torch

from lipsync_core.animation import write_animation
from lipsync_core.audio.waveform import write_wav
from lipsync_core.capture.clip import Clip, write_clip
from lipsync_core.capture.tracking import FaceMeshTracker
from lipsync_core.capture.video import read_frames
from lipsync_core.face.mouth import lip_gap
from lipsync_core.livelink import write_livelink
from lipsync_core.model.model_file import SpeechModel, write_model
from lipsync_core.phones.phoneme import Phoneme
from lipsync_core.progress import Progress
from lipsync_core.synthesis import synthesize
from training.config import TrainingConfig
from training.export import export_run
from training.measures.lip_crops import measure_texture
from training.measures.lips import measure
from training.measures.predictors import model_predictor
from training.preparation import PreparationOptions, prepare_clip
from training.run_folder import write_held_out
from training.terminal import progress_bar, quiet_native_code
from training.trainer import train
from training.virtual_speaker.comparison import compare_speech, compare_tracking
from training.virtual_speaker.sentences import HELD_OUT_SENTENCES, TRAINING_SENTENCES
from training.virtual_speaker.speaker import read_truth, record_virtual_speaker, truth_path

from .demo_report import Figures, telling_moments, write_report
from .demo_textures import light_picture, lips_picture, save_picture, views_picture

TOOLS = Path(__file__).resolve().parent
SEED = 7
_PERCENT = re.compile(r"(\d+)%")
_CONSENT = "a synthetic person; no consent is needed"
_LICENCE = "GPL-3.0-or-later"


@dataclass
class Demo:
    """Where everything goes, and how long each step took."""

    folder: Path
    minutes: dict[str, float] = field(default_factory=dict)

    def path(self, name: str) -> Path:
        """Return the path of one of the demo's files."""
        return self.folder / name

    @contextmanager
    def step(self, text: str) -> Iterator[Progress]:
        """Show a bar while a step goes on, and note its time."""
        started = time.perf_counter()
        with progress_bar(text) as report:
            yield report
            report(1.0)
        self.minutes[text] = (time.perf_counter() - started) / 60


def main() -> int:
    """Run the demo; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=Path("out/demo"), help="folder for everything it makes")
    parser.add_argument("--sentences", type=int, default=24, help="sentences of footage to learn from")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    warnings.filterwarnings("ignore", category=UserWarning)
    demo = Demo(options.output)
    demo.folder.mkdir(parents=True, exist_ok=True)
    film(demo, TRAINING_SENTENCES[: options.sentences])
    clip, unseen = prepare(demo)
    model = learn(demo, clip, unseen)
    speak(demo, model, unseen)
    render(demo)
    show_texture(demo, clip, unseen, model)
    report(demo, clip, unseen, model)
    print(f"Look at {demo.path('report.html')}")
    return 0


def film(demo: Demo, sentences: Sequence[str]) -> None:
    """Film the footage, and one sentence that is kept from training."""
    with demo.step("filming the speaker") as progress:
        record_virtual_speaker(demo.path("footage.mp4"), sentences, seed=SEED, progress=progress)
    with demo.step("filming an unseen sentence") as progress:
        record_virtual_speaker(demo.path("unseen.mp4"), HELD_OUT_SENTENCES[:1], seed=SEED + 1, progress=progress)


def prepare(demo: Demo) -> tuple[Clip, Clip]:
    """Track both films in one face space."""
    with quiet_native_code(), demo.step("tracking the face") as progress:
        options = PreparationOptions(speaker="virtual speaker", consent=_CONSENT, licence=_LICENCE)
        clip = prepare_clip([demo.path("footage.mp4")], FaceMeshTracker(), options, progress)
    with quiet_native_code(), demo.step("tracking the unseen film") as progress:
        options = PreparationOptions(speaker="virtual speaker", like=clip)
        unseen = prepare_clip([demo.path("unseen.mp4")], FaceMeshTracker(), options, progress)
    write_clip(demo.path("footage.clip"), clip)
    return clip, unseen


def learn(demo: Demo, clip: Clip, unseen: Clip) -> SpeechModel:
    """Train on the footage, and export the model with its errors on the unseen film."""
    config, run_folder = TrainingConfig(), demo.path("run")
    with demo.step("training") as progress:
        train(clip, config, run_folder, device=torch.device("cpu"), progress=progress)
    untold = export_run(run_folder)
    write_held_out(run_folder, measure(model_predictor(untold, unseen), unseen).as_dict())
    model = export_run(run_folder, notes="made by `make demo`")
    write_model(demo.path("virtual_speaker.lipsync3d"), model)
    return model


def speak(demo: Demo, model: SpeechModel, unseen: Clip) -> None:
    """Let the model say the unseen sentence."""
    waveform = unseen.takes[0].waveform
    write_wav(demo.path("unseen.wav"), waveform)
    with demo.step("animating") as progress:
        animation = synthesize(model, waveform, progress=progress)
    write_animation(demo.path("unseen.npz"), animation)
    write_livelink(demo.path("unseen.csv"), animation)


def render(demo: Demo) -> None:
    """Write the talking head in Blender, and the character, which the built-in model moves; in a process each."""
    speech = ("--audio", demo.path("unseen.wav"))
    with demo.step("the talking head in Blender") as progress:
        head, movie = demo.path("talking_head.blend"), demo.path("talking_head.mp4")
        own = ("--model", demo.path("virtual_speaker.lipsync3d"), *speech)
        _blender(progress, "batch.py", *own, "--save", head, "--render", movie, "--resolution", "480x480")
    with demo.step("the character in Blender") as progress:
        scene, movie = demo.path("character.blend"), demo.path("character.mp4")
        _blender(progress, "demo_character.py", scene)
        character = ("--scene", scene, "--character", "Character", "--no-head", "--fps", "25")
        speaking = ("--save", demo.path("character_speaking.blend"), "--render", movie, "--resolution", "480x480")
        _blender(progress, "batch.py", *speech, *character, *speaking)
    with demo.step("the character's lips at every p, b and m") as progress:
        said = demo.path("unseen.TextGrid")
        said.write_text(textgrid_of(read_truth(truth_path(demo.path("unseen.mp4"))).phonemes), encoding="utf-8")
        _blender(progress, "contact_views.py", demo.path("character_speaking.blend"), said, demo.path("contact"))


def textgrid_of(phonemes: Sequence[Phoneme]) -> str:
    """Return what is said as a TextGrid of one tier, in Praat's short form; gaps between sounds are pauses."""
    cells, end = list[str](), 0.0
    for phoneme in phonemes:
        if phoneme.start_seconds > end:
            cells += [f"{end:.4f}", f"{phoneme.start_seconds:.4f}", '""']
        cells += [f"{phoneme.start_seconds:.4f}", f"{phoneme.end_seconds:.4f}", f'"{phoneme.symbol}"']
        end = phoneme.end_seconds
    heading = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "0", f"{end:.4f}", "<exists>", "1"]
    tier = ['"IntervalTier"', '"phones"', "0", f"{end:.4f}", str(len(cells) // 3)]
    return "\n".join([*heading, *tier, *cells]) + "\n"


def show_texture(demo: Demo, clip: Clip, unseen: Clip, model: SpeechModel) -> None:
    """Draw what became of the texture: of its light, of the lips, and on the head from all sides."""
    animation = synthesize(model, unseen.takes[0].waveform)
    moments = telling_moments(lip_gap(animation.vertices()))
    with demo.step("pictures of the texture") as progress:
        truth = read_truth(truth_path(demo.path("footage.mp4")))
        save_picture(demo.path("light.jpg"), light_picture(demo.path("footage.mp4"), clip, truth))
        save_picture(demo.path("lips.jpg"), lips_picture(model, animation, unseen.takes[0], moments))
        moment = int(lip_gap(animation.vertices()).argmax())
        views, frame = demo.path("view"), moment + 1  # Blender's first frame is 1
        _blender(progress, "head_views.py", demo.path("talking_head.blend"), frame, views)
        sides = [demo.path(f"view_{side}.png") for side in ("right", "front", "left")]
        source = next(islice(read_frames(demo.path("unseen.mp4")), moment, None)).image
        save_picture(demo.path("views.jpg"), views_picture(source, sides))


def _blender(progress: Progress, script: str, *arguments: object) -> None:
    """Run one of our scripts under the `bpy` module; its percentages move the bar."""
    command = [sys.executable, str(TOOLS / script), *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        lines = []
        for line in process.stdout or ():
            lines.append(line)
            if "rendering" in line and (share := _PERCENT.search(line)):
                progress(int(share[1]) / 100)
    if process.returncode:
        raise SystemExit(f"{script} failed:\n{''.join(lines[-15:])}")


def report(demo: Demo, clip: Clip, unseen: Clip, model: SpeechModel) -> None:
    """Measure against the truth, and write the page."""
    figures = Figures(
        tracking=compare_tracking(clip.takes[0], read_truth(truth_path(demo.path("footage.mp4")))),
        speech=compare_speech(model, unseen.takes[0], read_truth(truth_path(demo.path("unseen.mp4")))),
        errors=model.description.held_out,
        texture=measure_texture(model, unseen),
        footage_seconds=clip.duration,
        contacts=json.loads(demo.path("contact.json").read_text(encoding="utf-8")),
        sentence=HELD_OUT_SENTENCES[0],
        minutes=demo.minutes,
    )
    write_report(demo.folder, figures)


if __name__ == "__main__":
    sys.exit(main())
