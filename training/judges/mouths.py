"""What a judge sees of a face: small grey pictures of the mouth, the same of filmed crops and of painted ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipsync_core.arrays import check_shape
from lipsync_core.errors import MissingDependencyError
from lipsync_core.texture.layout import CROP_SIZE

Pictures = NDArray[np.float32]

MOUTH_HEIGHT, MOUTH_WIDTH = 32, 48  # px of a picture: half of those of the lip crop, which is finer than most footage
_ROWS = slice(34, 98)  # of the lip crop: from above the upper lip to below the lower one, at rest and wide open
_COLUMNS = slice(16, 112)
_LEAST_CONTRAST = 1e-3  # of white: pictures of less are taken as flat


def mouth_pictures(crops: NDArray[np.uint8]) -> Pictures:
    """Cut the mouth out of the lip crops of a take, as grey pictures of one brightness and contrast.

    The crops come from the unrolled atlas, so the mouth lies in the same place in all of them.

    Args:
        crops: `(T, 128, 128, 3)`, sRGB, black outside the face.

    Returns:
        `(T, 32, 48)`: of mean 0 and deviation 1 over the whole take.

    Raises:
        ShapeError: If the crops have another size.
        MissingDependencyError: If OpenCV is not installed.
    """
    try:
        import cv2
    except ImportError as fault:
        raise MissingDependencyError("Judging pictures needs OpenCV; run: pip install 'lipsync3d[track]'.") from fault
    check_shape("The lip crops", crops, f"T {CROP_SIZE} {CROP_SIZE} 3")
    size = (MOUTH_WIDTH, MOUTH_HEIGHT)
    mouths = (cv2.cvtColor(np.ascontiguousarray(crop[_ROWS, _COLUMNS]), cv2.COLOR_RGB2GRAY) for crop in crops)
    small = np.stack([cv2.resize(mouth.astype(np.float32), size, interpolation=cv2.INTER_AREA) for mouth in mouths])
    return (small - small.mean()) / max(float(small.std()), 255 * _LEAST_CONTRAST)
