"""Work in a process beside Blender, and the operator that waits for it without freezing the window.

Knows nothing of faces. The process prints one JSON object a line: `{"progress": 0.4}`, then `{"done": value}`
or `{"error": message}`.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from ..lipsync_core.errors import LipSyncError, WorkerError
from .properties import session_of
from .reports import OperatorResult, faults_reported, tell

POLL_SECONDS = 0.1
_ERROR_TAIL = 400  # characters of a crashed process's last words


class BackgroundJob:
    """A process that tells how far it is.

    Its output goes to files rather than pipes, so that it never waits for us to read, on any system.

    Attributes:
        progress: Share done, 0 to 1, as of the last `poll`.
        scratch: A folder for the process's files; gone after `close`.
    """

    def __init__(self) -> None:
        self.progress = 0.0
        self._temporary = tempfile.TemporaryDirectory(prefix="lipsync3d-")
        self.scratch = Path(self._temporary.name)
        self._process: subprocess.Popen[bytes] | None = None
        self._answer: dict[str, Any] = {}

    def start(self, module: str, arguments: Sequence[str], folder: Path, python: Path | None = None) -> None:
        """Run a module of `folder` with Blender's own Python, or with another one that has it installed.

        Raises:
            WorkerError: If no process can be started.
        """
        command = [str(python or python_executable()), "-E", "-s", "-m", module, *arguments]
        try:
            with self._answers.open("wb") as answers, self._complaints.open("wb") as complaints:
                self._process = subprocess.Popen(
                    command,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=answers,
                    stderr=complaints,
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # Windows: no console pops up
                )
        except OSError as fault:
            raise WorkerError(
                f"The worker process cannot be started ({fault}); restart Blender, or choose another Python."
            ) from fault

    def poll(self) -> bool:
        """Hear what the process has said since; true once it has ended."""
        ended = self._process is None or self._process.poll() is not None
        lines = self._answers.read_text(encoding="utf-8", errors="replace").split("\n")
        for line in lines[:-1]:  # the last one is still being written
            self._hear(line)
        return ended

    def result(self) -> str:
        """Return what the ended process made.

        Raises:
            LipSyncError: What the process said is wrong with its input.
            WorkerError: If it ended without an answer.
        """
        if "error" in self._answer:
            raise LipSyncError(str(self._answer["error"]))
        if "done" not in self._answer:
            raise WorkerError(f"The worker process ended without an answer: {self._last_words()}")
        return str(self._answer["done"])

    @property
    def report(self) -> dict[str, Any]:
        """What the process said of its result, by name; empty if nothing."""
        report = self._answer.get("report", {})
        return report if isinstance(report, dict) else {}

    def close(self) -> None:
        """End the process if it still runs, and take its files away."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._temporary.cleanup()

    @property
    def _answers(self) -> Path:
        return self.scratch / "answers.jsonl"

    @property
    def _complaints(self) -> Path:
        return self.scratch / "complaints.txt"

    def _hear(self, line: str) -> None:
        try:
            answer = json.loads(line)
        except ValueError:
            return  # a library's chatter
        if isinstance(answer, dict):
            self.progress = float(answer.get("progress", self.progress))
            self._answer.update(answer)

    def _last_words(self) -> str:
        words = self._complaints.read_text(encoding="utf-8", errors="replace").strip()
        return words[-_ERROR_TAIL:] or f"exit code {self._process and self._process.returncode}."


def python_executable() -> Path:
    """Return the Python that Blender runs.

    Raises:
        WorkerError: If it cannot be found.
    """
    folder = Path(sys.prefix) / ("" if sys.platform == "win32" else "bin")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    names = (f"python{version}", "python3", "python", "python.exe")
    for candidate in (Path(sys.executable), *(folder / name for name in names)):
        if candidate.stem.startswith("python") and candidate.is_file():
            return candidate
    raise WorkerError(
        f"Blender's Python was not found in {folder}; switch off 'Work Beside Blender' in the preferences."
    )


class ModalJobOperator(bpy.types.Operator):
    """An operator that starts a `BackgroundJob`, shows its progress, and finishes in one undo step.

    A subclass gives `start` and `finish`; neither is called again after the user has pressed Esc.
    """

    _job: BackgroundJob | None = None
    _timer: bpy.types.Timer | None = None

    def start(self, context: bpy.types.Context) -> BackgroundJob:
        """Start the work; the only place that reads the user's choices."""
        raise NotImplementedError

    def finish(self, context: bpy.types.Context, job: BackgroundJob) -> str:
        """Write what the job made into the scene, and say in one sentence what was made."""
        raise NotImplementedError

    def run_modal(self, context: bpy.types.Context) -> OperatorResult:
        """Start the job and wait for it; what `invoke` returns."""
        with faults_reported(self, context):
            self._job = self.start(context)
            self._timer = context.window_manager.event_timer_add(POLL_SECONDS, window=context.window)
            context.window_manager.modal_handler_add(self)
            self._show(context, is_running=True)
            return {"RUNNING_MODAL"}
        return {"CANCELLED"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Let the user work on, until the job has ended or is not wanted any more."""
        if session_of(context).cancel_requested or (event.type == "ESC" and event.value == "PRESS"):
            self.cancel(context)
            tell(self, context, "Cancelled; nothing was changed.")
            return {"CANCELLED"}
        if event.type == "Z" and (event.ctrl or event.oskey):
            return {"RUNNING_MODAL"}  # an undo under a running operator would pull the scene from under it
        if event.type != "TIMER" or self._job is None:
            return {"PASS_THROUGH"}
        if self._job.poll():
            return self._conclude(context, self._job)
        self._show(context, is_running=True)
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Stop; Blender calls this too, when another file is opened."""
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
        if self._job is not None:
            self._job.close()
        self._timer = self._job = None
        self._show(context, is_running=False)

    def _conclude(self, context: bpy.types.Context, job: BackgroundJob) -> OperatorResult:
        try:
            with faults_reported(self, context):
                tell(self, context, self.finish(context, job))
                return {"FINISHED"}
            return {"CANCELLED"}
        finally:
            self.cancel(context)

    def _show(self, context: bpy.types.Context, is_running: bool) -> None:
        session = session_of(context)
        session.is_running = is_running
        session.cancel_requested = False
        session.progress = self._job.progress if self._job else 0.0
        if context.workspace:
            text = f"LipSync3D: {session.progress:.0%}   (Esc cancels)" if is_running else None
            context.workspace.status_text_set(text)
        for window in context.window_manager.windows:
            for area in window.screen.areas:
                if area.type == "VIEW_3D":
                    area.tag_redraw()
