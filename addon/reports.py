"""How the user hears of things: why a button is grey, what went wrong, and what was made."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

import bpy

from ..lipsync_core.errors import LipSyncError
from .properties import session_of

OperatorResult: TypeAlias = set[Literal["RUNNING_MODAL", "CANCELLED", "FINISHED", "PASS_THROUGH", "INTERFACE"]]


def explain(operator: type[bpy.types.Operator], reason: str) -> bool:
    """Answer a `poll`: true if there is no reason against it; a reason becomes the button's tooltip."""
    if reason:
        operator.poll_message_set(reason)
    return not reason


def tell(operator: bpy.types.Operator, context: bpy.types.Context, message: str) -> None:
    """Say in the panel and the status bar what was done."""
    _keep(context, message, is_error=False)
    operator.report({"INFO"}, message)


@contextmanager
def faults_reported(operator: bpy.types.Operator, context: bpy.types.Context) -> Iterator[None]:
    """Turn a `LipSyncError` into one sentence in the panel and in the report; a bug stays a bug.

    After a fault the body is left: what follows the `with` block then answers `{"CANCELLED"}`.
    """
    try:
        yield
    except LipSyncError as fault:
        _keep(context, str(fault), is_error=True)
        operator.report({"ERROR"}, str(fault))


def _keep(context: bpy.types.Context, message: str, is_error: bool) -> None:
    session = session_of(context)
    session.message = message
    session.is_error = is_error
