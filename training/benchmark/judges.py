"""Who judges in a benchmark."""

from __future__ import annotations

from .judgement import JudgeKind

JUDGES: tuple[JudgeKind, ...] = ()
