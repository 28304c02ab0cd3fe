"""Make the chosen faces speak."""

from pathlib import Path

import bpy

from .. import generation
from ..character_settings import plan_of
from ..generation import BUILT_IN_MODEL, Order
from ..jobs import BackgroundJob, ModalJobOperator
from ..preferences import uses_worker
from ..properties import TEXTURES, chosen_character, chosen_script, session_of, settings_of
from ..reports import OperatorResult, explain, faults_reported, tell
from ..scene.sounds import Speech
from ..scene.timeline import frame_rate


class LIPSYNC_OT_generate(ModalJobOperator):
    """Animate the chosen faces with the chosen speech"""  # noqa: D415  (Blender adds the full stop)

    bl_idname = "lipsync3d.generate"
    bl_label = "Generate"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  (Blender reads a plain set)

    _order: Order
    _speech: Speech

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when there is everything that it takes."""
        return explain(cls, missing_for_generation(context))

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Work beside Blender, where there is a window to keep alive."""
        return self.run_modal(context) if uses_worker(context) else self.execute(context)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Do all the work here and now."""
        with faults_reported(self, context):
            tell(self, context, str(generation.generate(context, ordered(context))))
            return {"FINISHED"}
        return {"CANCELLED"}

    def start(self, context: bpy.types.Context) -> BackgroundJob:
        """Check the order, decode the sound, and start the worker."""
        self._order = ordered(context)
        generation.check(context, self._order)
        self._speech = generation.read_speech(context, self._order)
        return generation.start_job(self._order, self._speech, frame_rate(context.scene))

    def finish(self, context: bpy.types.Context, job: BackgroundJob) -> str:
        """Write what the worker made."""
        animation, atlas = generation.finished_animation(job)
        return str(generation.write(context, self._order, self._speech, animation, atlas))


def ordered(context: bpy.types.Context) -> Order:
    """Return what is chosen in the panel, in plain values.

    Raises:
        ConfigError: If a text is wanted and none is there.
    """
    settings = settings_of(context.scene)
    is_file = settings.sound_source == "FILE"
    character = chosen_character(context) if settings.animate_character else None
    return Order(
        model=Path(bpy.path.abspath(settings.model_path)) if settings.model_path else BUILT_IN_MODEL,
        sound=Path(bpy.path.abspath(settings.sound_path)) if is_file else None,
        strip="" if is_file else settings.sound_strip,
        face_unit=settings.face_unit if settings.make_head else None,
        character=character.name if character else "",
        plan=plan_of(context.scene, character),
        texture=TEXTURES[settings.texture],
        is_cartoon=settings.look == "cartoon",
        script=chosen_script(context.scene),
    )


def missing_for_generation(context: bpy.types.Context) -> str:
    """Say what the user must do before anything can be generated; "" if nothing."""
    settings = settings_of(context.scene)
    has_character = settings.animate_character and chosen_character(context) is not None
    demands = (
        (not session_of(context).is_running, "Wait until the running work is done, or cancel it"),
        (context.mode in ("OBJECT", "POSE"), "Go to Object Mode first"),
        (settings.model_path or BUILT_IN_MODEL.is_file(), "Import a model first"),
        (settings.sound_source == "STRIP" or settings.sound_path, "Choose a sound file first"),
        (
            settings.sound_source == "FILE" or settings.sound_strip,
            "Choose a sound strip of the sequencer first",
        ),
        (
            settings.make_head or settings.animate_character,
            "Switch on the talking head, the character, or both",
        ),
        (has_character or not settings.animate_character, "Select the character to animate first"),
    )
    return next((demand for is_met, demand in demands if not is_met), "")
