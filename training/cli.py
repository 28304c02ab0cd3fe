"""`lipsync3d VERB ...`, also `python -m training VERB ...`: the road from videos to animations, verb by verb."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from lipsync_core import __version__
from lipsync_core.errors import LipSyncError
from lipsync_core.model.model_file import NOT_STATED

from .verbs import judging, making, using

_EXIT_FAULT = 2
_EXIT_STOPPED = 130  # as a shell reports Ctrl-C


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code: 0, 2 for a fault that the user can mend, 130 when stopped."""
    options = build_parser().parse_args(arguments)
    _configure_messages(options.verbose)
    run: Callable[[argparse.Namespace], None] = options.run
    try:
        run(options)
    except LipSyncError as fault:
        if options.verbose:
            logging.getLogger(__name__).exception("the fault, in full")
        print(f"lipsync3d: {fault}", file=sys.stderr)
        return _EXIT_FAULT
    except KeyboardInterrupt:
        print("lipsync3d: stopped.", file=sys.stderr)
        return _EXIT_STOPPED
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs."""
    parser = argparse.ArgumentParser(prog="lipsync3d", description="Audio-driven 3D faces, trained on a short video.")
    parser.add_argument("--version", action="version", version=f"lipsync3d {__version__}")
    verb = parser.add_subparsers(required=True, metavar="VERB")
    makers = (_prepare, _train, _train_default, _export)
    judges = (_evaluate, _measure, _compare, _benchmark)
    users = (_animate, _head, _dub, _virtual_speaker)
    for add in (*makers, *judges, *users):
        add(verb)
    return parser


_Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # the type has no public name


def _add(verb: _Verbs, name: str, run: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verb.add_parser(name, help=text, description=text)
    parser.add_argument("-v", "--verbose", action="store_true", help="say more, and show a fault's full trace")
    parser.set_defaults(run=run)
    return parser


def _prepare(verb: _Verbs) -> None:
    parser = _add(verb, "prepare", making.prepare, "Track a speaker in videos and write one clip.")
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO", help="videos of one speaker, with sound")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="CLIP", help="the clip to write")
    parser.add_argument("--speaker", default="", help="who speaks (the first video's name)")
    parser.add_argument("--audio", type=Path, help="sound file that replaces the sound of a single video")
    parser.add_argument("--audio-offset", type=float, default=0.0, help="how much later the sound starts, s")
    parser.add_argument("--reference", type=float, help="time in the first video of a neutral, frontal frame, s")
    parser.add_argument(
        "--like", type=Path, metavar="CLIP", help="use the neutral face and the reference atlas of an earlier clip"
    )
    parser.add_argument("--no-texture", action="store_true", help="motion only, without the pictures of the face")
    parser.add_argument("--keep-light", action="store_true", help="leave the texture in the light it was filmed in")
    parser.add_argument("--landmarker", type=Path, help="track with this face_landmarker.task instead")
    parser.add_argument("--smoothing", type=int, default=5, help="frames that faces are smoothed over; 0: none")
    parser.add_argument("--skip-bad", action="store_true", help="leave out videos that cannot be used")
    parser.add_argument("--consent", default=NOT_STATED, metavar='"WHO, HOW"', help="who agreed to this, and how")
    parser.add_argument("--licence", default="not stated", help="on what terms the footage may be used")


def _train(verb: _Verbs) -> None:
    parser = _add(verb, "train", making.train, "Train a speaker's network on clips.")
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIP", help="clips of one speaker")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="RUN", help="folder of the run")
    parser.add_argument("--config", type=Path, metavar="F.toml", help="settings; see configs/")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="optimizer.passes=100, say")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--resume", action="store_true", help="go on where the run in the folder stopped")
    parser.add_argument(
        "--start", default="", metavar="MODEL", help="start from this model; built-in: from the one for any voice"
    )


def _train_default(verb: _Verbs) -> None:
    parser = _add(verb, "train-default", making.train_default, "Make the model for any voice, from synthetic voices.")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="RUN", help="folder of the run")
    parser.add_argument(
        "--model", type=Path, metavar="MODEL.lipsync3d", help="the model to write (RUN/any_voice.lipsync3d)"
    )
    parser.add_argument("--hours", type=float, default=0.5, help="length of the corpus, h")
    parser.add_argument("--seed", type=int, default=6, help="of everything random")
    parser.add_argument(
        "--motion",
        action="extend",
        nargs="+",
        default=[],
        type=Path,
        metavar="CLIP",
        help="clips of real motion to add",
    )
    parser.add_argument(
        "--rig-motion",
        action="extend",
        nargs="+",
        default=[],
        type=Path,
        metavar="FOLDER",
        help="folders of a rig's motion to add",
    )
    parser.add_argument("--speaker-seconds", type=float, default=400.0, help="how long each speaker is told, s")
    parser.add_argument("--recorded", type=float, default=0.6, help="share of the corpus spoken by recorded voices")
    parser.add_argument("--hearing", type=Path, metavar="MODEL", help="model that hears the phones of GRID's sentences")
    parser.add_argument(
        "--words", action="extend", nargs="+", default=[], type=Path, metavar="FOLDER", help="folders of GRID's .align"
    )
    parser.add_argument(
        "--without",
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME",
        help="keep these from it: speakers of clips, folders of rigs, recorded voices, languages (de)",
    )
    parser.add_argument("--measure", type=Path, metavar="SETS.toml", help="footage to measure it on")
    parser.add_argument("--card", type=Path, metavar="CARD.md", help="the model card to write")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="optimizer.most_steps=500, say")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--processes", type=int, default=2, help="processor cores that make the corpus")


def _measure(verb: _Verbs) -> None:
    parser = _add(verb, "measure", judging.measure, "Measure a model for any voice on footage it never heard.")
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("sets", type=Path, metavar="SETS.toml", help="what to measure on; see docs/DEFAULT_MODEL.md")
    parser.add_argument("--json", type=Path, metavar="F", help="also write the figures to this file")


def _export(verb: _Verbs) -> None:
    parser = _add(verb, "export", making.export, "Write the model of a run as one file for Blender.")
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder that `train` wrote")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="MODEL.lipsync3d")
    parser.add_argument("--notes", default="", help="a remark for the model's description")


def _evaluate(verb: _Verbs) -> None:
    parser = _add(verb, "evaluate", judging.evaluate, "Compare a model with tracked footage.")
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("clip", type=Path, metavar="CLIP", help="footage of the same speaker")
    parser.add_argument("--tail", type=float, default=1.0, help="use only this last share of the clip")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="CLIP",
        help="training clip: also fit a ridge regression on it (of the same clip, on what --tail leaves)",
    )
    parser.add_argument("--json", type=Path, metavar="F", help="also write the figures to this file")
    parser.add_argument("--html", type=Path, metavar="PAGE.html", help="also write a page with curves and pictures")
    _add_syncnet(parser, "also LSE-D and LSE-C of the model's head, and of the filmed one drawn the same way")


def _add_script(parser: argparse.ArgumentParser) -> None:
    """Let the user say what is said; see docs/TEXT.md."""
    script = parser.add_mutually_exclusive_group()
    script.add_argument(
        "--text",
        metavar="FILE|WORDS",
        help="what is said: words, or a file of words or phones (.txt, .TextGrid, Rhubarb); "
        "the one beside AUDIO under the same name if not given",
    )
    script.add_argument("--no-text", action="store_true", help="follow the sound alone, whatever lies beside it")
    parser.add_argument(
        "--language", default="", metavar="CODE", help="of the text, for espeak-ng: en-us, de, fr, cmn (guessed)"
    )


def _animate(verb: _Verbs) -> None:
    parser = _add(verb, "animate", using.animate, "Make a model speak a sound file.")
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("audio", type=Path, metavar="AUDIO", help="speech: WAV, MP3, FLAC, OGG, M4A")
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        metavar="OUT",
        help=".csv (Live Link Face), .json (times and weights) or .npz",
    )
    parser.add_argument("--fps", type=float, help="frames per second (the footage's own)")
    parser.add_argument("--intensity", type=float, default=1.0, metavar="X", help="strength of the blendshapes")
    parser.add_argument("--smoothing", type=float, default=0.0, metavar="MS", help="smoothing that keeps closures, ms")
    parser.add_argument("--delay", type=float, default=0.0, metavar="MS", help="how much later the face moves, ms")
    parser.add_argument("--life", nargs="+", choices=("blinks", "eyes"), default=(), help="signs of life to add")
    parser.add_argument("--seed", type=int, default=0, help="of the signs of life")
    _add_script(parser)


def _head(verb: _Verbs) -> None:
    parser = _add(verb, "head", using.head, "Film a model's head alone, saying a sound file.")
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("audio", type=Path, metavar="AUDIO", help="speech, or a video with speech")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="OUT.mp4")
    parser.add_argument("--style", choices=("natural", "cartoon"), default="natural")
    parser.add_argument("--side", type=int, default=512, help="width and height, px")
    parser.add_argument("--fps", type=float, help="frames per second (the footage's own)")
    parser.add_argument("--mark", action="store_true", help="write a small visible mark into every picture")
    _add_script(parser)


def _dub(verb: _Verbs) -> None:
    parser = _add(verb, "dub", using.dub, "Put new speech into a video of a model's speaker.")
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("target", type=Path, metavar="TARGET", help="video of the same speaker")
    parser.add_argument("audio", type=Path, metavar="AUDIO", help="speech, or a video with speech")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="OUT.mp4")
    parser.add_argument("--style", choices=("natural", "cartoon"), default="natural")
    length = parser.add_mutually_exclusive_group()
    for flag, value, text in (
        ("--loop-target", "loop", "as long as the speech: play a shorter target back and forth, cut a longer one"),
        ("--hold-last", "hold", "as long as the speech: hold the last frame of a shorter target"),
        ("--keep-length", "keep", "as long as the target: cut a longer speech, rest after a shorter one"),
    ):
        length.add_argument(flag, dest="length", action="store_const", const=value, default="loop", help=text)
    parser.add_argument("--no-relight", action="store_true", help="leave the predicted mouth in the light it learned")
    parser.add_argument("--mark", action="store_true", help="write a small visible mark into every picture")
    parser.add_argument("--anyway", action="store_true", help="even if the target seems to show another person")
    parser.add_argument("--landmarker", type=Path, help="track with this face_landmarker.task instead")
    parser.add_argument("--json-progress", action="store_true", help="print progress and result as lines of JSON")
    _add_script(parser)


def _compare(verb: _Verbs) -> None:
    parser = _add(verb, "compare", judging.compare, "Hold a dub against the film whose own sound it was given.")
    parser.add_argument("filmed", type=Path, metavar="TARGET")
    parser.add_argument("dubbed", type=Path, metavar="DUB.mp4")
    parser.add_argument("--every", type=int, default=1, help="compare one in so many pictures")
    parser.add_argument("--json", type=Path, metavar="F", help="also write the figures to this file")
    _add_syncnet(parser, "also LSE-D, LSE-C and the offset of both films")


def _add_syncnet(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--syncnet", type=Path, metavar="syncnet_v2.model", help=f"SyncNet's weights: {text}")


def _benchmark(verb: _Verbs) -> None:
    parser = _add(verb, "benchmark", judging.benchmark, "Run a whole published protocol and write its report.")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="WORK", help="folder of all that it makes")
    parser.add_argument("--protocol", type=Path, metavar="F.toml", help="what to run (configs/benchmark.toml)")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="the footage (LIPSYNC3D_DATA, ../shared/data)")
    parser.add_argument("--report", type=Path, default=Path("docs/RESULTS.md"), metavar="F.md", help="docs/RESULTS.md")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="run these systems or footages alone")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def _virtual_speaker(verb: _Verbs) -> None:
    parser = _add(verb, "virtual-speaker", making.virtual_speaker, "Film a synthetic person speaking.")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="VIDEO.mp4")
    parser.add_argument("--sentences", type=int, default=20, help="how many sentences")
    parser.add_argument("--text", action="append", help="say this instead; may be given several times")
    parser.add_argument("--seed", type=int, default=0)


def _configure_messages(verbose: bool) -> None:
    """Show what the user asked for, and keep the libraries' chatter away."""
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(message)s")
    logging.getLogger("absl").setLevel(logging.ERROR)
    if not verbose:
        warnings.filterwarnings("ignore", category=UserWarning)
        os.environ.setdefault("GLOG_minloglevel", "3")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


if __name__ == "__main__":
    sys.exit(main())
