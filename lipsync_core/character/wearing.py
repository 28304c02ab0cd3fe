"""An animation with an artist's choices and signs of life in it, for everything that is not Blender."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..animation import FaceAnimation
from .life import LifeConfig, draw_life
from .shaping import Shaping, shape_weights


def worn(animation: FaceAnimation, shaping: Shaping, life: LifeConfig | None = None) -> FaceAnimation:
    """Return an animation whose blendshapes, 0 to 1, are shaped; lids and eyes join them if they live.

    The mesh stays as predicted. A shape that the model itself moves is not drawn at random.
    """
    weights = np.clip(shape_weights(animation, shaping), 0, 1)
    drawn = draw_life(animation.frame_count, animation.fps, life or LifeConfig())
    added = [index for index, name in enumerate(drawn.names) if name not in animation.blendshape_names]
    return replace(
        animation,
        blendshape_names=(*animation.blendshape_names, *(drawn.names[index] for index in added)),
        blendshapes=np.concatenate([weights, drawn.weights[:, added]], axis=1),
    )
