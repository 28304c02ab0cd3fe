"""Frames and seconds of a scene."""

from fractions import Fraction

import bpy

LARGEST_BASE = 1001  # of the broadcast rates, as 30000 / 1001


def frame_rate(scene: bpy.types.Scene) -> float:
    """Return the frames per second that a scene plays."""
    return scene.render.fps / scene.render.fps_base


def set_frame_rate(scene: bpy.types.Scene, fps: float) -> None:
    """Make a scene play `fps` frames per second, broadcast rates such as 29.97 included."""
    ratio = Fraction(fps).limit_denominator(LARGEST_BASE)
    whole = max(1, round(ratio))
    scene.render.fps = whole
    scene.render.fps_base = whole / float(ratio)


def set_frame_range(scene: bpy.types.Scene, first: int, last: int) -> None:
    """Make a scene play from one frame to another, both included."""
    scene.frame_start, scene.frame_end = first, last


def widen_frame_range(scene: bpy.types.Scene, first: int, last: int) -> None:
    """Make sure that a scene plays these frames among others."""
    set_frame_range(scene, min(first, scene.frame_start), max(last, scene.frame_end))
