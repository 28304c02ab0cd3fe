"""ARKit's 52 blendshapes: their names, in the order of Live Link Face, and which part of the face each moves."""

EYE_SHAPES = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft",
    "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight", "eyeSquintRight",
    "eyeWideRight",
)  # fmt: skip
JAW_SHAPES = ("jawForward", "jawRight", "jawLeft", "jawOpen")
MOUTH_SHAPES = (
    "mouthClose", "mouthFunnel", "mouthPucker", "mouthRight", "mouthLeft",
    "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight",
    "mouthUpperUpLeft", "mouthUpperUpRight",
)  # fmt: skip
BROW_SHAPES = ("browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight")
CHEEK_AND_NOSE_SHAPES = (
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "noseSneerLeft",
    "noseSneerRight",
)
TONGUE_SHAPES = ("tongueOut",)

ARKIT_NAMES: tuple[str, ...] = (
    EYE_SHAPES + JAW_SHAPES + MOUTH_SHAPES + BROW_SHAPES + CHEEK_AND_NOSE_SHAPES + TONGUE_SHAPES
)
SPEECH_SHAPES: tuple[str, ...] = JAW_SHAPES + MOUTH_SHAPES + ("cheekPuff",)
"""The shapes that speech moves: the jaw, the mouth, and the cheeks before a plosive."""


def arkit_index(name: str) -> int:
    """Return the place of a shape in `ARKIT_NAMES`.

    Raises:
        ValueError: If ARKit has no shape of that name.
    """
    return ARKIT_NAMES.index(name)


def mirrored_name(name: str) -> str:
    """Return the shape that does the same on the other side; a midline shape is its own."""
    if name.endswith("Left"):
        return name.removesuffix("Left") + "Right"
    if name.endswith("Right"):
        return name.removesuffix("Right") + "Left"
    return name
