"""The face found in every frame: what a tracker gives, and the two trackers there are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..arrays import BoolArray, check_shape
from ..errors import MissingDependencyError, TrackingError
from ..face.topology import POINT_COUNT
from .video import VideoFrame

_LEAST_FOUND = 0.5  # share of the frames that must show the face


@dataclass(frozen=True)
class LandmarkTrack:
    """The face found in each frame of one video.

    Attributes:
        points: `(T, 468, 3)` float32, px. x right, y up from the top edge (so negative inside the picture), z towards
            the camera. Where the face was not found, interpolated in time.
        detected: `(T,)` bool.
        seconds: `(T,)` float64, when each frame is first shown, on the file's clock.
    """

    points: NDArray[np.float32]
    detected: BoolArray
    seconds: NDArray[np.float64]

    def __post_init__(self) -> None:
        sizes = check_shape("LandmarkTrack.points", self.points, "T 468 3")
        check_shape("LandmarkTrack.detected", self.detected, f"{sizes['T']}")
        check_shape("LandmarkTrack.seconds", self.seconds, f"{sizes['T']}")


class FaceTracker(Protocol):
    """Finds the 468 points of one face."""

    def find(self, frame: VideoFrame) -> NDArray[np.float32] | None:
        """Return the `(468, 3)` points in the axes of `LandmarkTrack`, or None if there is no face."""

    def restart(self) -> None:
        """Forget the face: the next frame belongs to another video."""


class FaceMeshTracker:
    """MediaPipe's Face Mesh with refined lips and eyes; its models come with the package."""

    def __init__(self) -> None:
        self._mediapipe = _import_mediapipe()
        self._mesh: Any = None
        self.restart()

    def find(self, frame: VideoFrame) -> NDArray[np.float32] | None:
        """Find the face in one picture."""
        found = self._mesh.process(frame.image).multi_face_landmarks
        return _in_pixels(found[0].landmark, frame.image) if found else None

    def restart(self) -> None:
        """Start with a fresh detection."""
        if self._mesh is not None:
            self._mesh.close()
        self._mesh = self._mediapipe.solutions.face_mesh.FaceMesh(max_num_faces=1, refine_landmarks=True)


class FaceLandmarkerTracker:
    """MediaPipe's Face Landmarker with a `face_landmarker.task` that the user supplies.

    Args:
        task: The file.
        on_scores: Told the network's own score, 0 to 1, of each shape of ARKit for every picture; None without a face.
    """

    def __init__(self, task: Path, on_scores: Callable[[Mapping[str, float] | None], None] | None = None) -> None:
        if not task.is_file():
            raise TrackingError(f"There is no landmarker file at {task}; check the path.")
        self._mediapipe = _import_mediapipe()
        self._task = task
        self._on_scores = on_scores
        self._landmarker: Any = None
        self.restart()

    def find(self, frame: VideoFrame) -> NDArray[np.float32] | None:
        """Find the face in one picture."""
        image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=frame.image)
        result = self._landmarker.detect_for_video(image, round(frame.seconds * 1000))
        if self._on_scores:
            shapes = result.face_blendshapes
            self._on_scores({shape.category_name: shape.score for shape in shapes[0]} if shapes else None)
        return _in_pixels(result.face_landmarks[0], frame.image) if result.face_landmarks else None

    def restart(self) -> None:
        """Start with a fresh detection and a fresh clock."""
        if self._landmarker is not None:
            self._landmarker.close()
        vision = self._mediapipe.tasks.vision
        options = vision.FaceLandmarkerOptions(
            base_options=self._mediapipe.tasks.BaseOptions(model_asset_path=str(self._task)),
            running_mode=vision.RunningMode.VIDEO,
            output_face_blendshapes=self._on_scores is not None,
        )
        self._landmarker = vision.FaceLandmarker.create_from_options(options)


def track_face(frames: Iterable[VideoFrame], tracker: FaceTracker, source: str) -> LandmarkTrack:
    """Find one face in every frame of a video.

    Args:
        frames: The pictures in order.
        tracker: What finds it; restarted first.
        source: The video's name, for messages.

    Raises:
        TrackingError: If the face is missing in half of the frames or more.
    """
    tracker.restart()
    found, seconds = [], []
    for frame in frames:
        found.append(tracker.find(frame))
        seconds.append(frame.seconds)
    detected = np.array([points is not None for points in found], bool)
    if not detected.any():
        raise TrackingError(f"No face was found in {source}; choose a video that shows one face from the front.")
    if detected.mean() < _LEAST_FOUND:
        raise TrackingError(
            f"The face was found in only {detected.mean():.0%} of the frames of {source}; "
            "cut the video to where the speaker is in view."
        )
    known = np.stack([points for points in found if points is not None])
    return LandmarkTrack(_fill_gaps(known, detected), detected, np.array(seconds))


def _fill_gaps(known: NDArray[np.float32], detected: BoolArray) -> NDArray[np.float32]:
    """Interpolate in time where nothing was found: `(D, 468, 3)` of the found frames to `(T, 468, 3)`."""
    positions = np.interp(np.arange(len(detected)), np.flatnonzero(detected), np.arange(len(known)))
    lower = np.floor(positions).astype(int)
    upper = np.minimum(lower + 1, len(known) - 1)
    share = (positions - lower).astype(np.float32)[:, None, None]
    return known[lower] * (1 - share) + known[upper] * share


def _in_pixels(landmarks: Any, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn MediaPipe's shares of the picture into px; its z has the scale of x."""
    height, width = image.shape[:2]
    shares = np.array([(p.x, p.y, p.z) for p in landmarks[:POINT_COUNT]], np.float32)
    return shares * np.array([width, -height, -width], np.float32)


def _import_mediapipe() -> Any:
    os.environ.setdefault("GLOG_minloglevel", "3")  # its C++ chatter is of no use to a user
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import mediapipe
    except ImportError as fault:
        raise MissingDependencyError(
            "Tracking a face needs MediaPipe; run `pip install mediapipe==0.10.21`."
        ) from fault
    return mediapipe
