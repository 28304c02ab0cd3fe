"""Put new speech into a video of the model's speaker."""

from pathlib import Path

import bpy

from .. import dubbing
from ..dubbing import DubOrder
from ..jobs import BackgroundJob, ModalJobOperator
from ..preferences import dub_python
from ..properties import chosen_script, session_of, settings_of
from ..reports import OperatorResult, explain, faults_reported, tell


class LIPSYNC_OT_dub(ModalJobOperator):
    """Put the chosen speech into a video of the model's speaker, and lay the result into the sequencer"""  # noqa: D415  (Blender adds the full stop)

    bl_idname = "lipsync3d.dub"
    bl_label = "Dub Video"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012  (Blender reads a plain set)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when there is everything that it takes."""
        return explain(cls, missing_for_dub(context))

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Work beside Blender, where there is a window to keep alive."""
        return self.execute(context) if bpy.app.background else self.run_modal(context)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Wait for the work here and now."""
        with faults_reported(self, context):
            tell(self, context, dubbing.dub(context.scene, ordered_dub(context)))
            return {"FINISHED"}
        return {"CANCELLED"}

    def start(self, context: bpy.types.Context) -> BackgroundJob:
        """Start the process that dubs."""
        return dubbing.start_dub(ordered_dub(context))

    def finish(self, context: bpy.types.Context, job: BackgroundJob) -> str:
        """Lay the film into the sequencer."""
        return dubbing.finish_dub(context.scene, job)


CLASSES: tuple[type, ...] = (LIPSYNC_OT_dub,)


def ordered_dub(context: bpy.types.Context) -> DubOrder:
    """Return what is chosen in the panel, in plain values.

    Raises:
        ConfigError: If a text is wanted and none is there.
    """
    settings = settings_of(context.scene)
    dub = settings.dub
    model, target, sound = (
        Path(bpy.path.abspath(path)) for path in (settings.model_path, dub.target, settings.sound_path)
    )
    output = Path(bpy.path.abspath(dub.output)) if dub.output else target.with_name(f"{target.stem}_{sound.stem}.mp4")
    python, script = dub_python(context), chosen_script(context.scene)
    return DubOrder(model, target, sound, output, dub.style, dub.length, dub.mark, dub.anyway, python, script)


def missing_for_dub(context: bpy.types.Context) -> str:
    """Say what the user must do before anything can be dubbed; "" if nothing."""
    settings = settings_of(context.scene)
    demands = (
        (not session_of(context).is_running, "Wait until the running work is done, or cancel it"),
        (settings.model_path, "Import the model of the video's speaker first"),
        (settings.model_card.has_texture, "This model has no texture; train one with pictures"),
        (settings.sound_source == "FILE" and settings.sound_path, "Choose a sound file first"),
        (settings.dub.target, "Choose the video first"),
    )
    return next((demand for is_met, demand in demands if not is_met), "")
