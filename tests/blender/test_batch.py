"""Without a window: one command line, three ways in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from lipsync_core.audio.waveform import write_wav
from lipsync_core.character.mapping import MappingRow, write_preset
from lipsync_core.model.model_file import SpeechModel, write_model
from tests.blender.conftest import curve_values, make_character, our_head
from tests.conftest import REPOSITORY, babble, tiny_model

bpy = pytest.importorskip("bpy")

Run = Callable[..., int]


@pytest.fixture
def run(part: Callable[[str], ModuleType], model_path: Path) -> Run:
    """Run a command line in this process, with the model given."""

    def run_with(*arguments: object, model: Path = model_path) -> int:
        return int(part("addon.commands").run(["--model", str(model), *map(str, arguments)]))

    return run_with


def test_the_script_renders_a_movie_with_sound(tmp_path: Path, model_path: Path) -> None:
    write_wav(tmp_path / "hi.wav", babble(0.2))
    movie, scene = tmp_path / "hi.mp4", tmp_path / "hi.blend"
    script = [sys.executable, str(REPOSITORY / "tools" / "batch.py")]
    outputs = ["--render", str(movie), "--save", str(scene), "--resolution", "64x64"]

    done = subprocess.run(
        [*script, "--", "--model", str(model_path), "--audio", str(tmp_path / "hi.wav"), *outputs],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    content = movie.read_bytes()
    assert content[4:8] == b"ftyp"
    assert b"avc1" in content
    assert (b"mp4a" in content) == bpy.app.build_options.audaspace
    assert "100% rendering hi.mp4" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "hi.blend",
        "hi.mp4",
        "hi.wav",
        model_path.name,
    ]


def test_the_scripts_faults_are_one_sentence_and_an_exit_code(tmp_path: Path, model_path: Path) -> None:
    script = [sys.executable, str(REPOSITORY / "tools" / "batch.py")]
    options = ["--model", str(model_path), "--audio", "nowhere.wav", "--save", str(tmp_path / "o.blend")]

    done = subprocess.run([*script, *options], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == ("lipsync3d: There is no sound file at nowhere.wav; check the path.")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "o.blend").exists()


def test_a_fresh_scene_has_the_models_rate_and_a_camera(run: Run, tmp_path: Path, sound_path: Path) -> None:
    write_model(tmp_path / "film.lipsync3d", tiny_model(fps=30000 / 1001))

    code = run("--audio", sound_path, "--save", tmp_path / "o.blend", model=tmp_path / "film.lipsync3d")

    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "o.blend"))
    scene = bpy.context.scene
    assert code == 0
    assert scene.render.fps / scene.render.fps_base == pytest.approx(30000 / 1001)
    assert scene.frame_end == 30
    assert scene.camera is not None
    assert our_head().data.shape_keys.animation_data.action is not None


def test_the_camera_looks_at_the_head_wherever_it_is(run: Run, tmp_path: Path, sound_path: Path) -> None:
    bpy.context.scene.cursor.location = (5, 6, 7)

    run("--audio", sound_path, "--save", tmp_path / "o.blend")

    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "o.blend"))
    camera = bpy.context.scene.camera
    assert tuple(our_head().location) == (5, 6, 7)
    assert (camera.location.x, camera.location.z) == pytest.approx((5, 7), abs=0.1)
    assert camera.location.y < 6


def test_every_sound_gets_outputs_of_its_own(run: Run, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_wav(tmp_path / f"{name}.wav", babble(0.2))

    code = run("--audio", tmp_path / "one.wav", "--audio", tmp_path / "two.wav", "--save", tmp_path / "o.blend")

    assert code == 0
    assert {path.name for path in tmp_path.glob("*.blend")} == {"o_one.blend", "o_two.blend"}
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "o_two.blend"))
    assert [action.name for action in bpy.data.actions] == ["LipSync two"]


def test_a_character_of_a_saved_scene_speaks(run: Run, tmp_path: Path, sound_path: Path) -> None:
    make_character("Hero", ["jawOpen"])
    bpy.context.scene.render.fps = 12
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)

    code = run(
        *("--scene", tmp_path / "scene.blend", "--character", "Hero", "--no-head"),
        *("--audio", sound_path, "--save", tmp_path / "out.blend"),
    )

    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    assert code == 0
    assert bpy.context.scene.frame_end == 12
    assert bpy.data.objects["Hero"].data.shape_keys.animation_data.action is not None
    assert not any(thing.get("lipsync3d") for thing in bpy.data.objects)


def test_the_command_line_shapes_a_character_as_the_panel_does(run: Run, tmp_path: Path, sound_path: Path) -> None:
    make_character("Hero", ["jawOpen", "Mund auf"])
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    write_preset(tmp_path / "hero.json", [MappingRow("jawOpen", "Mund auf", 0.5)])

    code = run(
        *("--scene", tmp_path / "scene.blend", "--character", "Hero", "--no-head", "--mapping", tmp_path / "hero.json"),
        *("--intensity", 0.5, "--largest-error", 0, "--audio", sound_path, "--save", tmp_path / "out.blend"),
    )

    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    assert code == 0
    (values,) = curve_values(bpy.data.objects["Hero"].data.shape_keys).values()
    assert values.max() <= 0.25
    (entry,) = bpy.context.scene.lipsync3d_characters
    assert (entry.intensity, entry.largest_error, len(entry.rows)) == (0.5, 0, 1)


def test_the_scenes_own_output_settings_survive_a_rendering(
    part: Callable[[str], ModuleType], ready: object, tmp_path: Path
) -> None:
    bpy.ops.lipsync3d.generate()
    scene = bpy.context.scene
    scene.frame_end = 1
    rendering = part("addon.scene.rendering")
    rendering.set_stage(scene, part("addon.scene.meshes").world_points(our_head()))
    rendering.set_resolution(scene, 33, 17)
    scene.render.filepath = "//frames/"
    before = (scene.render.filepath, scene.render.engine, scene.render.image_settings.file_format)

    rendering.render_movie(scene, tmp_path / "one.mp4", "workbench", lambda share: None)

    settings = scene.render.image_settings
    assert (tmp_path / "one.mp4").stat().st_size > 0
    assert (scene.render.filepath, scene.render.engine, settings.file_format) == before
    assert (scene.render.resolution_x, scene.render.resolution_y) == (33, 17)


REFUSALS = {
    "nothing to animate": (["--audio", "{sound}", "--save", "o.blend", "--no-head"], "nothing to animate"),
    "nothing to keep": (["--audio", "{sound}"], "Nothing would be kept"),
    "no sound": (["--save", "o.blend"], "required: --audio"),
    "another kind of movie": (["--audio", "{sound}", "--render", "o.avi"], "must end in .mp4"),
    "a strange size": (["--audio", "{sound}", "--render", "o.mp4", "--resolution", "big"], "not a size"),
    "a strange rate": (["--audio", "{sound}", "--save", "o.blend", "--fps", "-3"], "between 0 and 1000"),
    "two sounds of one name": (
        ["--audio", "{sound}", "--audio", "{sound}", "--save", "o.blend"],
        "same name",
    ),
    "an unknown option": (["--audio", "{sound}", "--save", "o.blend", "--loud"], "--loud"),
    "a missing scene": (["--audio", "{sound}", "--save", "o.blend", "--scene", "no.blend"], "no .blend file"),
    "a missing character": (
        ["--audio", "{sound}", "--save", "o.blend", "--character", "Bob"],
        "no object 'Bob'",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_wrong_command_line_is_refused_in_one_sentence(
    run: Run,
    sound_path: Path,
    case: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    arguments, sentence = REFUSALS[case]

    code = run(*(argument.format(sound=sound_path) for argument in arguments))

    errors = capsys.readouterr().err.splitlines()
    assert code == 2
    assert len(errors) == 1
    assert sentence in errors[0]
    assert set(tmp_path.iterdir()) == before


def test_a_failed_run_leaves_the_last_output_alone(
    run: Run, tmp_path: Path, sound_path: Path, model: SpeechModel
) -> None:
    output = tmp_path / "o.blend"
    output.write_bytes(b"precious")
    sound_path.write_bytes(b"broken")

    code = run("--audio", sound_path, "--save", output)

    assert code == 2
    assert output.read_bytes() == b"precious"


def test_the_text_beside_a_sound_is_followed_and_the_run_says_so(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wav(tmp_path / "line.wav", babble(1.0))
    (tmp_path / "line.lab").write_text("0.0 0.4 a\n0.4 0.6 m\n0.6 1.0 a\n", encoding="utf-8")
    (tmp_path / "line.txt").write_text("0.0 0.4 a\n0.4 0.6 m\n", encoding="utf-8")
    options = ("--audio", tmp_path / "line.wav", "--save", tmp_path / "o.blend")

    remarks = {
        "line.txt is followed: 2 phones.": (),
        "line.lab is followed: 3 phones.": ("--text", tmp_path / "line.lab"),
        "The text is not followed: this model hears no phones": ("--text", "mama"),
        "": ("--no-text",),
    }
    for remark, arguments in remarks.items():
        assert run(*options, *arguments) == 0
        said = capsys.readouterr().out
        assert remark in said
        assert "followed" in said or not remark
    assert "followed" not in said


def test_one_text_for_two_sounds_is_refused(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / name, babble(0.2))
    sounds = ("--audio", tmp_path / "a.wav", "--audio", tmp_path / "b.wav")
    assert run(*sounds, "--save", tmp_path / "o.blend", "--text", "mama") == 2
    assert "put each sound's text beside it" in capsys.readouterr().err
