"""The buttons: each a short story of what the user wants."""

from . import dub, mapping, transfer
from .cancel import LIPSYNC_OT_cancel
from .generate import LIPSYNC_OT_generate
from .import_model import LIPSYNC_OT_import_model, LIPSYNC_OT_use_built_in_model

__all__ = [
    "CLASSES",
    "LIPSYNC_OT_cancel",
    "LIPSYNC_OT_generate",
    "LIPSYNC_OT_import_model",
    "LIPSYNC_OT_use_built_in_model",
]

CLASSES: tuple[type, ...] = (
    LIPSYNC_OT_import_model,
    LIPSYNC_OT_use_built_in_model,
    LIPSYNC_OT_generate,
    LIPSYNC_OT_cancel,
    *mapping.CLASSES,
    *transfer.CLASSES,
    *dub.CLASSES,
)
