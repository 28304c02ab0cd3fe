"""The verbs that make a model speak."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import nullcontext
from dataclasses import asdict

from lipsync_core.animation import write_animation
from lipsync_core.character.life import LifeConfig
from lipsync_core.character.shaping import Shaping
from lipsync_core.character.wearing import worn
from lipsync_core.errors import FormatError
from lipsync_core.livelink import write_livelink
from lipsync_core.model.model_file import read_model
from lipsync_core.synthesis import synthesize
from lipsync_core.weights_json import write_weights_json

from ..terminal import json_lines, progress_bar, quiet_native_code
from . import given


def animate(options: argparse.Namespace) -> None:
    """`animate MODEL AUDIO -o OUT.csv|.json|.npz`."""
    from lipsync_core.audio.decoding import read_speech

    writers = {".csv": write_livelink, ".json": write_weights_json, ".npz": write_animation}
    if options.output.suffix not in writers:
        raise FormatError(f"{options.output} should end in .csv (Live Link Face), .json or .npz.")
    shaping = Shaping(options.intensity, smoothing=options.smoothing / 1000, delay=options.delay / 1000)
    life = LifeConfig(float("blinks" in options.life), float("eyes" in options.life), seed=options.seed)
    model = read_model(options.model)
    speech, script = read_speech(options.audio), given.script(options)
    with progress_bar("animating") as report:
        animation = worn(synthesize(model, speech, options.fps, report, script), shaping, life)
    writers[options.output.suffix](options.output, animation)
    print(f"{options.output}: {animation.frame_count} frames at {animation.fps:g} frames a second")
    given.say_remark(animation.remark)


def head(options: argparse.Namespace) -> None:
    """`head MODEL AUDIO -o OUT.mp4`."""
    from lipsync_core.dubbing.portrait import PortraitOptions, film_head

    given.check_film_name(options.output)
    wanted = PortraitOptions(options.style, options.side, options.fps, options.mark)
    script = given.script(options)
    model = read_model(options.model)
    given.warn_of_no_consent(model.description.consent, f"the model of {model.description.speaker}")
    with progress_bar("filming the head") as report:
        animation = film_head(model, options.audio, options.output, wanted, report, script)
    print(f"{options.output}: {animation.frame_count} frames at {animation.fps:g} frames a second")
    given.say_remark(animation.remark)


def dub(options: argparse.Namespace) -> None:
    """`dub MODEL TARGET AUDIO -o OUT.mp4`."""
    from lipsync_core.dubbing.dub import DubOptions
    from lipsync_core.dubbing.dub import dub as dub_video

    given.check_film_name(options.output)
    model = read_model(options.model)
    wanted = DubOptions(
        style=options.style,
        length=options.length,
        relight=not options.no_relight,
        mark=options.mark,
        anyway=options.anyway,
        script=given.script(options),
    )
    given.warn_of_no_consent(model.description.consent, f"the model of {model.description.speaker}")
    quiet = nullcontext() if options.verbose else quiet_native_code()
    shown = json_lines(sys.stdout) if options.json_progress else progress_bar("dubbing")
    with quiet, shown as report:
        tracker = given.tracker(options.landmarker)
        result = dub_video(model, options.target, options.audio, options.output, tracker, wanted, report)
    if options.json_progress:
        print(json.dumps({"done": str(options.output), "report": asdict(result)}), flush=True)
        return
    print(f"{options.output}: {result.frames} frames, {result.seconds:.1f} s")
    given.say_remark(result.remark)
    if result.repeated:
        print("the target is shorter than the speech; --keep-length, --loop-target and --hold-last say what to do")
    for start, end in result.lost:
        print(f"unchanged from {start:.2f} s to {end:.2f} s of the target: the face was lost or covered")
