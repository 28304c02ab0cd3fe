# mypy: disable-error-code="valid-type"
"""What a scene remembers, `scene.lipsync3d`, and what the session shows, `window_manager.lipsync3d`."""

from collections.abc import Mapping
from typing import Any, Literal

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, PointerProperty, StringProperty

from ..lipsync_core.errors import ConfigError
from ..lipsync_core.model.model_file import SpeechModel
from ..lipsync_core.phones.script import ScriptChoice
from .scene import casting, sequencer
from .scene.cartoon import set_cartoon
from .scene.meshes import is_head
from .scene.transfer import target_of

PROPERTY = "lipsync3d"
_FILE_OPTIONS = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5) else set()
DEFAULT_FACE_UNIT = 0.09  # m: the outer eye corners of an adult are about 90 mm apart
TEXTURES: Mapping[str, Literal["none", "sequence", "sheet"]] = {
    "PACKED": "sheet",
    "FILES": "sequence",
    "NONE": "none",
}  # what the choices of the panel mean


def _is_character(settings: bpy.types.PropertyGroup, candidate: bpy.types.Object) -> bool:
    return candidate.type in casting.CHARACTER_TYPES


def _change_look(settings: Any, context: bpy.types.Context) -> None:
    """Let the heads of the scene have the chosen look at once."""
    for head in filter(is_head, settings.id_data.objects):
        set_cartoon(head, settings.look == "cartoon", settings.face_unit)


def _strip_names(settings: bpy.types.PropertyGroup, context: bpy.types.Context, typed: str) -> list[str]:
    return sequencer.sound_strip_names(context.scene)


class LipSyncModelCard(bpy.types.PropertyGroup):
    """What the imported model says about itself, kept so that the panel need not read the file."""

    speaker: StringProperty(name="Speaker")
    fps: FloatProperty(name="Frames per Second")
    created: StringProperty(name="Made")
    training_seconds: FloatProperty(name="Learned from")
    held_out: StringProperty(name="Held-out Error")
    consent: StringProperty(name="Consent")
    licence: StringProperty(name="Licence")
    has_texture: BoolProperty(name="Texture")

    def show(self, model: SpeechModel) -> None:
        """Copy what a model says about itself."""
        description = model.description
        self.has_texture = model.texture is not None
        self.speaker = description.speaker
        self.fps = description.fps
        self.created = description.created
        self.training_seconds = description.training_seconds
        self.held_out = ", ".join(f"{name} {value:.3g}" for name, value in description.held_out.items())
        self.consent = description.consent
        self.licence = description.licence


class LipSyncDub(bpy.types.PropertyGroup):
    """The choices of the panel for dubbing, saved in the scene."""

    target: StringProperty(
        name="Video", description="A video of the model's speaker", subtype="FILE_PATH", options=_FILE_OPTIONS
    )
    output: StringProperty(
        name="Write to",
        description="The .mp4 file to write; beside the video if empty",
        subtype="FILE_PATH",
        options=_FILE_OPTIONS,
    )
    style: EnumProperty(
        name="Style",
        items=(
            ("natural", "Natural", "The face as it was filmed"),
            ("cartoon", "Cartoon", "Flat colours and drawn contours"),
        ),
    )
    length: EnumProperty(
        name="Length",
        description="What happens where video and speech differ in length",
        items=(
            ("loop", "Loop Video", "As long as the speech: a shorter video plays back and forth"),
            ("hold", "Hold Last Frame", "As long as the speech: the last frame of a shorter video stays"),
            ("keep", "Keep Video", "As long as the video"),
        ),
    )
    mark: BoolProperty(name="Visible Mark", description="Write a small mark into every picture", default=False)
    anyway: BoolProperty(
        name="Other Person Too", description="Even if the video seems to show another person", default=False
    )


class LipSyncSettings(bpy.types.PropertyGroup):
    """The choices of the panel, saved in the scene."""

    model_path: StringProperty(
        name="Model",
        description="A speaker's .lipsync3d file; the built-in model for any voice if empty",
        subtype="FILE_PATH",
        options=_FILE_OPTIONS,
    )
    model_card: PointerProperty(type=LipSyncModelCard)
    sound_source: EnumProperty(
        name="Sound",
        description="Where the speech comes from",
        items=(
            ("FILE", "File", "A sound file; it is laid into the sequencer at the scene's first frame"),
            ("STRIP", "Strip", "A sound strip that lies in the sequencer, with its trim"),
        ),
    )
    sound_path: StringProperty(
        name="Sound File",
        description="A recording of speech: WAV, MP3, FLAC, OGG or M4A",
        subtype="FILE_PATH",
        options=_FILE_OPTIONS,
    )
    text_source: EnumProperty(
        name="Text",
        description="What is said: with it, lips close where the words ask for it",
        items=(
            ("BESIDE", "Beside Sound", "A .TextGrid or .txt file of the sound's name, if there is one"),
            ("WORDS", "Words", "The words that are said"),
            ("FILE", "File", "A file of words or of phones: .txt, .TextGrid, Rhubarb and others"),
            ("NONE", "None", "The sound alone"),
        ),
    )
    text: StringProperty(name="Words", description="The words that are said in the sound")
    text_path: StringProperty(
        name="Text File",
        description="The words that are said, or the phones and when each is said",
        subtype="FILE_PATH",
        options=_FILE_OPTIONS,
    )
    text_language: StringProperty(
        name="Language", description="Of the words, as espeak-ng calls it: en-us, de, fr, cmn; guessed if empty"
    )
    sound_strip: StringProperty(name="Sound Strip", description="A sound strip of the sequencer", search=_strip_names)
    make_head: BoolProperty(
        name="Talking Head", description="Make the speaker's own head as a new object", default=False
    )
    texture: EnumProperty(
        name="Texture",
        description="How the talking head wears the speaker's moving texture",
        items=(
            ("PACKED", "Packed", "One picture with all frames, inside the .blend file"),
            ("FILES", "Files", "One picture file per frame, in a folder beside the saved .blend file"),
            ("NONE", "None", "Plain colours"),
        ),
    )
    look: EnumProperty(
        name="Look",
        description="How the talking head is drawn",
        items=(
            ("natural", "Natural", "As it was filmed"),
            ("cartoon", "Cartoon", "Flat tones, and contours drawn in ink"),
        ),
        update=_change_look,
    )
    animate_character: BoolProperty(
        name="Character",
        description="Key the shape keys and the jaw of a character",
        default=True,
    )
    character: PointerProperty(
        name="Character",
        description="The character to animate: its mesh, or its armature. The active object if empty",
        type=bpy.types.Object,
        poll=_is_character,
    )
    dub: PointerProperty(type=LipSyncDub)
    face_unit: FloatProperty(
        name="Eye Distance",
        description="Size of the talking head: the distance of the outer corners of its eyes",
        default=DEFAULT_FACE_UNIT,
        min=0.001,
        soft_max=10.0,
        precision=3,
        subtype="DISTANCE",
    )


class LipSyncSession(bpy.types.PropertyGroup):
    """How far the running work is, and how the last one ended; never saved."""

    is_running: BoolProperty()
    cancel_requested: BoolProperty()
    progress: FloatProperty(min=0, max=1, subtype="FACTOR")
    message: StringProperty()
    is_error: BoolProperty()


CLASSES = (LipSyncModelCard, LipSyncDub, LipSyncSettings, LipSyncSession)


def attach() -> None:
    """Give every scene its settings, and the session its state."""
    setattr(bpy.types.Scene, PROPERTY, PointerProperty(type=LipSyncSettings))
    setattr(bpy.types.WindowManager, PROPERTY, PointerProperty(type=LipSyncSession))


def detach() -> None:
    """Undo `attach`."""
    delattr(bpy.types.WindowManager, PROPERTY)
    delattr(bpy.types.Scene, PROPERTY)


def settings_of(scene: bpy.types.Scene) -> LipSyncSettings:
    """Return what is chosen in a scene."""
    settings: LipSyncSettings = getattr(scene, PROPERTY)
    return settings


def chosen_script(scene: bpy.types.Scene) -> ScriptChoice:
    """Return what the panel says of the text.

    Raises:
        ConfigError: If a text is wanted and none is there.
    """
    settings = settings_of(scene)
    source = settings.text_source
    given = {"WORDS": settings.text, "FILE": bpy.path.abspath(settings.text_path)}.get(source, "")
    if source in ("WORDS", "FILE") and not given.strip():
        raise ConfigError("There is no text; write the words, choose a file, or set Text to None.")
    return ScriptChoice(given, settings.text_language.strip(), look_beside=source == "BESIDE")


def chosen_character(context: bpy.types.Context) -> bpy.types.Object | None:
    """Return the character to animate: the chosen one, or the active object; what a guide lies on, for the guide."""
    settings = settings_of(context.scene)
    if settings.character is not None:
        chosen: bpy.types.Object = settings.character
        return chosen
    active = context.view_layer.objects.active
    if active is None or is_head(active):
        return None
    return target_of(active) or active


def session_of(context: bpy.types.Context) -> LipSyncSession:
    """Return the state of the running session."""
    session: LipSyncSession = getattr(context.window_manager, PROPERTY)
    return session
