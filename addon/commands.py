"""Generate without a window: the road of `tools/batch.py` and of `blender --command lipsync3d`."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import bpy

from ..lipsync_core.character.mapping import read_preset
from ..lipsync_core.errors import ConfigError, LipSyncError
from ..lipsync_core.model.model_file import SpeechModel, read_model
from ..lipsync_core.phones.script import ScriptChoice
from . import dubbing, generation
from .character_settings import plan_of
from .dubbing import DubOrder
from .generation import Order
from .preferences import dub_python
from .properties import DEFAULT_FACE_UNIT, TEXTURES
from .scene import files, rendering, textures, timeline
from .scene.plan import CharacterPlan

COMMAND = "lipsync3d"
FRESH_RESOLUTION = (720, 720)  # pixels, in a scene of our own making
_BAR_WIDTH = 30  # characters
_FAILED = 2  # exit code
_LIFE_PARTS = ("blinks", "eyes", "head")

_DESCRIPTION = """Make a face speak, without a window.

Works on the open .blend file, or on the one that --scene names. Without either, and without
--character, it begins with an empty scene at the model's own frame rate. Of several sounds, each is
written to outputs of its own: OUT.mp4 becomes OUT_hello.mp4 for hello.wav."""


class _Parser(argparse.ArgumentParser):
    """A parser that refuses in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message[:1].upper()}{message[1:]}; --help lists the options.")


def run(arguments: Sequence[str]) -> int:
    """Do what a command line asks; a fault is one sentence on stderr. Returns the exit code."""
    try:
        _run(_parser().parse_args(list(arguments)))
    except (LipSyncError, OSError) as fault:
        print(f"{COMMAND}: {fault}", file=sys.stderr, flush=True)
        return _FAILED
    except SystemExit as request:  # --help
        return int(request.code or 0)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=COMMAND, description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add(
        "--model",
        type=Path,
        default=generation.BUILT_IN_MODEL,
        metavar="M.lipsync3d",
        help="the speaker; the built-in model for any voice if not given",
    )
    add("--audio", type=Path, required=True, action="append", metavar="FILE", help="a sound; may be repeated")
    _add_script_options(parser)
    add("--scene", type=Path, metavar="SCENE.blend", help="open this file first")
    add("--character", default="", metavar="OBJECT", help="key this character's shape keys or jaw bone too")
    _add_character_options(parser)
    add("--no-head", action="store_true", help="make no talking head")
    _add_dub_options(parser)
    add(
        "--texture",
        choices=("packed", "files", "none"),
        default="packed",
        help="how the head wears the speaker's texture, if the model has one: packed into OUT.blend, or as files "
        "in a folder beside it",
    )
    add("--look", choices=("natural", "cartoon"), default="natural", help="how the talking head is drawn")
    add("--fps", type=_positive, metavar="F", help="frames per second of the scene")
    add("--render", type=Path, metavar="OUT.mp4", help="render a movie with sound")
    add(
        "--engine",
        choices=rendering.ENGINES,
        default=rendering.ENGINES[0],
        help="what renders it; cycles needs no graphics driver",
    )
    add("--resolution", type=_resolution, metavar="WxH", help="size of the movie, pixels")
    add("--save", type=Path, metavar="OUT.blend", help="save the scene")
    return parser


def _add_character_options(parser: argparse.ArgumentParser) -> None:
    """Let the command line say what the panel's sliders say; without any, what the scene remembers counts."""
    add = parser.add_argument
    add("--mapping", type=Path, metavar="F.json", help="preset of what drives which of the character's shape keys")
    add("--intensity", type=float, metavar="X", help="strength of the character's speech (1)")
    add("--smoothing", type=float, metavar="MS", help="smoothing of the character's curves (0 ms)")
    add("--delay", type=float, metavar="MS", help="how much later the character's face moves (0 ms)")
    add("--largest-error", type=float, metavar="E", help="of the reduced keyframes; 0 keys every frame (0.01)")
    add("--life", type=_life_parts, metavar="PARTS", help="blinks,eyes,head: signs of life in NLA tracks of their own")
    add("--seed", type=int, metavar="N", help="of the signs of life (0)")


def _add_script_options(parser: argparse.ArgumentParser) -> None:
    """Let the command line say what is said; see docs/TEXT.md."""
    script = parser.add_mutually_exclusive_group()
    script.add_argument(
        "--text",
        default="",
        metavar="FILE|WORDS",
        help="what is said in the sound: words, or a file of words or phones; the .TextGrid or .txt beside the sound "
        "under the same name if not given",
    )
    script.add_argument("--no-text", action="store_true", help="follow the sound alone, whatever lies beside it")
    parser.add_argument("--language", default="", metavar="CODE", help="of the text, for espeak-ng (guessed)")


def _script(options: argparse.Namespace) -> ScriptChoice:
    return ScriptChoice(options.text, options.language, look_beside=not options.no_text)


def _add_dub_options(parser: argparse.ArgumentParser) -> None:
    """Let the command line dub a video in place of animating a face."""
    add = parser.add_argument
    add("--dub", type=Path, metavar="VIDEO", help="put the speech into this video of the model's speaker instead")
    add("--dub-output", type=Path, metavar="OUT.mp4", help="where the dubbed video goes")
    add("--dub-style", choices=("natural", "cartoon"), default="natural", help="how the face is drawn")
    add(
        "--dub-length", choices=("loop", "hold", "keep"), default="loop", help="where video and speech differ in length"
    )
    add("--mark", action="store_true", help="write a small visible mark into every picture of the dubbed video")
    add("--anyway", action="store_true", help="dub even if the video seems to show another person")
    add("--python", type=Path, metavar="PYTHON", help="a Python that has LipSync3D installed with tracking, for --dub")


def _life_parts(text: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = set(parts) - set(_LIFE_PARTS)
    if unknown:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(_LIFE_PARTS)}")
    return parts


def _plan(options: argparse.Namespace) -> CharacterPlan:
    """Return what the scene remembers of the character, with what the command line says otherwise."""
    scene = bpy.context.scene
    plan = plan_of(scene, scene.objects.get(options.character))
    shaping = {
        name: getattr(options, name) * unit
        for name, unit in (("intensity", 1.0), ("smoothing", 1e-3), ("delay", 1e-3))
        if getattr(options, name) is not None
    }
    life = {} if options.life is None else {part: float(part in options.life) for part in _LIFE_PARTS}
    if options.seed is not None:
        life["seed"] = options.seed
    return replace(
        plan,
        mapping=plan.mapping if options.mapping is None else read_preset(options.mapping),
        shaping=replace(plan.shaping, **shaping),
        life=replace(plan.life, **life),
        largest_error=plan.largest_error if options.largest_error is None else options.largest_error,
    )


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1000:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1000")
    return value


def _resolution(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) >= 4 and int(height) >= 4):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 1280x720")
    return int(width), int(height)


def _run(options: argparse.Namespace) -> None:
    _check_outputs(options)
    model = read_model(options.model)
    _open(options, model)
    for audio in options.audio:
        if options.dub:
            _dub(options, audio)
        else:
            _speak(options, audio)


def _check_outputs(options: argparse.Namespace) -> None:
    """Refuse what would only fail after minutes of work."""
    if options.dub and not options.dub_output:
        raise ConfigError("The dubbed video goes nowhere; give --dub-output OUT.mp4.")
    if options.no_head and not (options.character or options.dub):
        raise ConfigError("There is nothing to animate; give --character, or leave --no-head out.")
    if not (options.render or options.save or options.dub):
        raise ConfigError("Nothing would be kept; give --render OUT.mp4, --save OUT.blend, or both.")
    if options.texture == "files" and not options.save:
        raise ConfigError("Texture files lie beside the saved scene; give --save OUT.blend, or --texture packed.")
    for option, suffix in (("render", ".mp4"), ("dub_output", ".mp4"), ("save", ".blend")):
        path = getattr(options, option)
        if path and path.suffix.lower() != suffix:
            raise ConfigError(f"--{option.replace('_', '-')} {path} must end in {suffix}.")
    _check_sounds(options)


def _check_sounds(options: argparse.Namespace) -> None:
    for audio in options.audio:
        if not audio.is_file():
            raise ConfigError(f"There is no sound file at {audio}; check the path.")
    if options.text and len(options.audio) > 1:
        raise ConfigError("--text is for one sound; put each sound's text beside it as NAME.txt instead.")
    if len({audio.stem for audio in options.audio}) < len(options.audio):
        raise ConfigError("Two of the sounds have the same name, so would their outputs; rename one.")


def _open(options: argparse.Namespace, model: SpeechModel) -> None:
    """Bring the scene into the state that the options ask for."""
    if options.scene:
        files.open_scene(options.scene)
    scene = bpy.context.scene
    if not files.is_saved_scene() and not options.character:
        files.empty_scene(scene)
        timeline.set_frame_rate(scene, model.description.fps)
        rendering.set_resolution(scene, *FRESH_RESOLUTION)
    if options.fps:
        timeline.set_frame_rate(scene, options.fps)
    if options.resolution:
        rendering.set_resolution(scene, *options.resolution)


def _speak(options: argparse.Namespace, audio: Path) -> None:
    """Make, save and render one sound."""
    order = Order(
        model=options.model,
        sound=audio.absolute(),
        face_unit=None if options.no_head else DEFAULT_FACE_UNIT,
        character=options.character,
        plan=_plan(options),
        texture=TEXTURES[options.texture.upper()],
        texture_folder=_texture_folder(options, audio),
        is_cartoon=options.look == "cartoon",
        script=_script(options),
    )
    context = bpy.context
    outcome = generation.generate(context, order, _bar(f"animating {audio.name}"))
    print(outcome, flush=True)
    rendering.set_stage(context.scene, generation.faces(context, order, outcome))
    if options.save:
        path = _output(options.save, audio, options.audio)
        files.save_copy(path)
        print(f"Saved {path}", flush=True)
    if options.render:
        path = _output(options.render, audio, options.audio)
        rendering.render_movie(context.scene, path, options.engine, _bar(f"rendering {path.name}"))
        print(f"Rendered {path}", flush=True)


def _dub(options: argparse.Namespace, audio: Path) -> None:
    """Dub one sound, and save the scene with the film in its sequencer if that is wanted."""
    order = DubOrder(
        options.model,
        options.dub,
        audio.absolute(),
        _output(options.dub_output, audio, options.audio),
        options.dub_style,
        options.dub_length,
        options.mark,
        options.anyway,
        options.python or dub_python(bpy.context),
        _script(options),
    )
    print(dubbing.dub(bpy.context.scene, order, _bar(f"dubbing {audio.name}")), flush=True)
    if options.save:
        path = _output(options.save, audio, options.audio)
        files.save_copy(path)
        print(f"Saved {path}", flush=True)


def _texture_folder(options: argparse.Namespace, audio: Path) -> Path | None:
    """Return where the texture files of one of the sounds go; None if nothing is saved."""
    return textures.textures_folder_of(_output(options.save, audio, options.audio)) if options.save else None


def _output(path: Path, audio: Path, audios: list[Path]) -> Path:
    """Return where the output for one of the sounds goes."""
    single = len(audios) == 1
    return (path if single else path.with_stem(f"{path.stem}_{audio.stem}")).absolute()


def _bar(label: str) -> Callable[[float], None]:
    """Return a progress hook that prints a line whenever the bar grows."""
    shown = -1

    def show(share: float) -> None:
        nonlocal shown
        filled = int(share * _BAR_WIDTH + 1e-6)
        if filled > shown:
            shown = filled
            print(f"[{'#' * filled}{'.' * (_BAR_WIDTH - filled)}] {share:4.0%} {label}", flush=True)

    return show
