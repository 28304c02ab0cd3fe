"""Do a character's lips touch at p, b and m? Measured on its evaluated mesh, in millimetres beyond rest.

python tools/lip_contact.py SCENE.blend SAID.TextGrid [--mesh HEAD] [--offset SECONDS]

The lips are found by what the head's own shape keys move. Millimetres are those of a head whose eyes are 63 mm apart,
where its eyes are found.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a file, by Blender or by Python

from lipsync_core.errors import LipSyncError
from lipsync_core.phones.classes import LIPS_CLOSED, class_starts
from lipsync_core.phones.phoneme import SILENCE, Phoneme
from lipsync_core.phones.textgrid import read_textgrid

Points = NDArray[np.float64]

TOUCHING = 1.0  # mm beyond rest
EYE_DISTANCE = 63.0  # mm between the eyes of a grown person
_METRE = 1000.0  # mm; a scene's unit where no eyes are found
_OPEN_VOWELS = frozenset("aæɑɔɛo")
_LONG_PAUSE = 0.5  # s; lips need not rest in a shorter one
_SETTLING = (0.16, 0.12)  # s after the beginning of a pause and before its end, in which the lips still move
_OPENERS = ("jawOpen", "viseme_aa", "viseme_O", "viseme_E")  # the first that a head has parts its lips
_LIFTERS, _DROPPERS = ("mouthUpperUpLeft", "mouthUpperUpRight"), ("mouthLowerDownLeft", "mouthLowerDownRight")
_BLINKS = ("eyeBlinkLeft", "eyeBlinkRight")
_KEYS = (*_OPENERS, *_LIFTERS, *_DROPPERS, *_BLINKS)
_MIDDLE = 0.06  # of the mouth's width to either side of its middle, where the pair is looked for
_FOLLOWS, _STAYS = 0.6, 0.35  # share of the largest opening that the lower lip makes at least, the upper at most
_LEADS = 0.5  # share of the largest lift, or drop, that a lip's own border makes


@dataclass(frozen=True)
class LipMotion:
    """How far a head's lips are apart in a scene.

    Attributes:
        millimetres: `(T,)` beyond rest, between the middles of the inner lips, for each frame from the scene's first.
        parting: `(T,)` the same along the way in which the mouth opens alone; below zero the lips are past each other.
        fps: Frames per second.
        pair: Numbers of the upper lip's vertex and the lower one's.
        scaled: Whether the eyes were found.
    """

    millimetres: Points
    parting: Points
    fps: float
    pair: tuple[int, int]
    scaled: bool

    def during(self, start: float, end: float) -> NDArray[np.intp]:
        """Return the frames that are shown from one time to another, s, and one to either side, counted from 0."""
        first, last = int(np.floor(start * self.fps)) - 1, int(np.ceil(end * self.fps)) + 1
        return np.arange(max(first, 0), min(max(last, 0), len(self.millimetres)))


@dataclass(frozen=True)
class Contact:
    """A p, b or m.

    Attributes:
        phoneme: The sound.
        millimetres: Least distance of the lips beyond rest while it lasts, or a frame before or after.
        parting: How much of it the mouth is open; below zero the lips are past each other.
        frame: When that is, counted from the scene's first frame.
    """

    phoneme: Phoneme
    millimetres: float
    parting: float
    frame: int

    @property
    def touches(self) -> bool:
        """Whether a viewer sees the lips touch."""
        return self.millimetres <= TOUCHING

    @property
    def fault(self) -> str:
        """What is wrong with it: nothing, or that the lips are open, or past each other."""
        if self.touches:
            return ""
        return "open" if self.parting > 0 else "past each other"


@dataclass(frozen=True)
class ContactFigures:
    """How well a character's lips follow what is said.

    Attributes:
        contacts: Every p, b and m within the scene.
        silence: Largest distance beyond rest in long pauses, mm; NaN without any.
        open_vowels: Median of the largest distance in each open vowel, mm; NaN without any.
    """

    contacts: tuple[Contact, ...]
    silence: float
    open_vowels: float

    @property
    def touching(self) -> int:
        """At how many p, b and m the lips touch."""
        return sum(contact.touches for contact in self.contacts)


def measure_lips(head: bpy.types.Object) -> LipMotion:
    """Play a scene and measure the lips of a mesh in each of its frames.

    Raises:
        LipSyncError: If its shape keys part no lips.
    """
    scene = bpy.context.scene
    shapes = _key_shapes(head)
    pair = lip_pair(shapes)
    opens = _opening(shapes)[pair[1]] - _opening(shapes)[pair[0]]
    eyes = eye_distance(head)
    scale = EYE_DISTANCE / eyes if eyes else _METRE
    rest = _way(head.matrix_world, [shapes[""][vertex] for vertex in pair])
    ways = []
    for frame in range(scene.frame_start, scene.frame_end + 1):
        scene.frame_set(frame)
        ways.append(_shown_way(head, pair))
    along = _way(head.matrix_world, [np.zeros(3), opens])
    return LipMotion(
        millimetres=scale * (np.linalg.norm(ways, axis=1) - np.linalg.norm(rest)),
        parting=scale * (np.array(ways) - rest) @ along / np.linalg.norm(along),
        fps=scene.render.fps / scene.render.fps_base,
        pair=pair,
        scaled=bool(eyes),
    )


def judge_contacts(motion: LipMotion, said: Sequence[Phoneme], offset: float = 0.0) -> ContactFigures:
    """Hold the motion of lips against what is said.

    Args:
        motion: Of the whole scene.
        said: The sounds, in order.
        offset: When the sound begins after the scene's first frame, s.
    """
    length = len(motion.millimetres) / motion.fps
    spans = [span for span in _spans(said, offset) if span.start_seconds < length]
    settled, left = _SETTLING
    pauses = [s for s in spans if s.symbol == SILENCE and s.end_seconds - s.start_seconds > _LONG_PAUSE]
    still = [motion.millimetres[_frames(s.start_seconds + settled, s.end_seconds - left, motion.fps)] for s in pauses]
    during = [(s, motion.during(s.start_seconds, s.end_seconds)) for s in spans]
    wide = [motion.millimetres[frames].max() for s, frames in during if s.symbol in _OPEN_VOWELS]
    return ContactFigures(
        contacts=tuple(_contact(motion, s, frames) for s, frames in during if s.symbol in LIPS_CLOSED),
        silence=float(np.concatenate(still).max(initial=-np.inf)) if still else float("nan"),
        open_vowels=float(np.median(wide)) if wide else float("nan"),
    )


def _contact(motion: LipMotion, said: Phoneme, frames: NDArray[np.intp]) -> Contact:
    nearest = int(frames[motion.millimetres[frames].argmin()])
    return Contact(said, float(motion.millimetres[nearest]), float(motion.parting[nearest]), nearest)


def lip_pair(shapes: Mapping[str, Points]) -> tuple[int, int]:
    """Find the vertices of the upper and the lower inner lip that face each other in the middle of the mouth.

    Args:
        shapes: `(V, 3)` at rest under "", and what each of the keys that move lips adds, by its ARKit or viseme name.

    Raises:
        LipSyncError: If no key parts any lips.
    """
    rest = shapes[""]
    upper, lower = _borders(shapes) or _parted(_opening(shapes))
    lips = rest[upper | lower, 0]
    middle = np.abs(rest[:, 0] - (lips.min() + lips.max()) / 2) <= _MIDDLE * np.ptp(lips)
    above, below = np.flatnonzero(upper & middle), np.flatnonzero(lower & middle)
    if not len(above) or not len(below):
        raise LipSyncError("The shape keys part no lips that face each other; name the head's own mesh with --mesh.")
    apart = np.linalg.norm(rest[above][:, None] - rest[below], axis=2)
    first, second = np.unravel_index(apart.argmin(), apart.shape)
    return int(above[first]), int(below[second])


def _opening(shapes: Mapping[str, Points]) -> Points:
    """Return what the key that opens the mouth adds, `(V, 3)`."""
    opening = next((shapes[name] for name in _OPENERS if name in shapes), None)
    if opening is None or not opening.any():
        raise LipSyncError("The mesh has no shape key that opens a mouth; name the head's own mesh with --mesh.")
    return opening


def _borders(shapes: Mapping[str, Points]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    """Tell the vertices of the upper and of the lower lip by the keys that lift the one and lower the other."""
    if not all(name in shapes for name in (*_LIFTERS, *_DROPPERS)):
        return None
    lift, drop = (sum(np.linalg.norm(shapes[name], axis=1) for name in names) for names in (_LIFTERS, _DROPPERS))
    return (lift > drop) & (lift > _LEADS * lift.max()), (drop > lift) & (drop > _LEADS * drop.max())


def _parted(opening: Points) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell the vertices that stay when the mouth opens, and those that go with the jaw."""
    moved = np.linalg.norm(opening, axis=1)
    return moved < _STAYS * moved.max(), moved > _FOLLOWS * moved.max()


def eye_distance(head: bpy.types.Object) -> float:
    """Return how far the middles of the eyes are apart, in the scene's units; 0 if none are found.

    Eyes are meshes that are called so, left and right, or where the head's own keys for blinking move it.
    """
    eyes = [_middle_of(thing) for thing in bpy.context.scene.objects if _is_eye(thing)]
    if len(eyes) == 2:
        return float(np.linalg.norm(eyes[0] - eyes[1]))
    shapes = _key_shapes(head)
    lids = [shapes.get(name) for name in _BLINKS]
    if any(lid is None or not lid.any() for lid in lids):
        return 0.0
    weights = [np.linalg.norm(lid, axis=1) for lid in lids if lid is not None]
    lids_apart = _way(head.matrix_world, [weight @ shapes[""] / weight.sum() for weight in weights])
    return float(np.linalg.norm(lids_apart))


def _is_eye(thing: bpy.types.Object) -> bool:
    name = thing.name.lower()
    return thing.type == "MESH" and "eye" in name and not any(part in name for part in ("lash", "brow", "lid", "wet"))


def _middle_of(thing: bpy.types.Object) -> Points:
    corners = np.array([thing.matrix_world @ vertex.co for vertex in thing.data.vertices])
    return np.asarray((corners.min(axis=0) + corners.max(axis=0)) / 2, np.float64)


def _key_shapes(head: bpy.types.Object) -> dict[str, Points]:
    """Return a mesh at rest, and what its keys of known names add."""
    rest, shapes = _rest(head), {}
    for block in head.data.shape_keys.key_blocks if head.data.shape_keys else ():
        wanted = next((name for name in _KEYS if _plain(block.name).endswith(_plain(name))), None)
        if wanted and wanted not in shapes:
            shapes[wanted] = _coordinates(block) - rest
    return {"": rest, **shapes}


def _plain(name: str) -> str:
    """Return a key's name without capitals and separators, its side spelled out."""
    spelled = re.sub(r"[._ -](l|r)$", lambda side: {"l": "left", "r": "right"}[side[1]], name.lower())
    return "".join(letter for letter in spelled if letter.isalnum())


def _rest(head: bpy.types.Object) -> Points:
    keys = head.data.shape_keys
    return _coordinates(keys.reference_key) if keys else np.array([vertex.co for vertex in head.data.vertices])


def _coordinates(key: bpy.types.ShapeKey) -> Points:
    flat = np.empty(3 * len(key.data), np.float32)
    key.points.foreach_get("co", flat)
    return flat.reshape(-1, 3).astype(np.float64)


def _shown_way(head: bpy.types.Object, pair: tuple[int, int]) -> Points:
    shown = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = shown.to_mesh()
    way = _way(shown.matrix_world, [mesh.vertices[vertex].co for vertex in pair])
    shown.to_mesh_clear()
    return way


def _way(matrix: Any, ends: Sequence[Any]) -> Points:
    """Return the way from one point of an object to another, `(3,)`, in the scene's units."""
    first, second = (np.array(matrix.to_3x3(), np.float64) @ np.array(end, np.float64) for end in ends)
    return np.asarray(second - first, np.float64)


def _spans(said: Sequence[Phoneme], offset: float) -> list[Phoneme]:
    """Return what is said as one class after another; a diphthong is its two vowels."""
    spans = []
    for phoneme in said:
        starts = list(class_starts(phoneme))
        ends = [start for _, start in starts[1:]] + [phoneme.end_seconds]
        spans += [Phoneme(n, s + offset, e + offset) for (n, s), e in zip(starts, ends, strict=True)]
    return spans


def _frames(start: float, end: float, fps: float) -> slice:
    return slice(max(0, round(start * fps)), max(0, round(end * fps)))


def report(figures: ContactFigures) -> str:
    """Return the figures as lines to read."""
    lines = [
        f"{contact.phoneme.symbol} at {contact.phoneme.start_seconds:6.2f} s: {contact.millimetres:5.1f} mm"
        f"{'' if contact.touches else '  ' + contact.fault}"
        for contact in figures.contacts
    ]
    touching = f"the lips touch (at most {TOUCHING:.1f} mm) at {figures.touching} of {len(figures.contacts)} p, b and m"
    for name, value in (("silence, at most", figures.silence), ("open vowels", figures.open_vowels)):
        touching += f"; {name}: {'none heard' if np.isnan(value) else f'{value:.1f} mm'}"
    lines.append(touching)
    return "\n".join(lines)


def speaking_head(name: str = "") -> bpy.types.Object:
    """Return the mesh of a name, or the one whose shape keys move most vertices.

    Raises:
        LipSyncError: If there is none.
    """
    keyed = [thing for thing in bpy.context.scene.objects if thing.type == "MESH" and thing.data.shape_keys]
    found = [thing for thing in keyed if name in ("", thing.name)]
    if not found:
        raise LipSyncError(f"The scene has no mesh {name!r} with shape keys; name one with --mesh.")
    return max(found, key=lambda thing: len(thing.data.vertices))


def main(arguments: Sequence[str]) -> int:
    """Measure a scene; returns 0 if nine of ten p, b and m touch."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("scene", type=Path, help="the .blend file")
    parser.add_argument("said", type=Path, help="TextGrid with the phones of its sound")
    parser.add_argument("--mesh", default="", help="the head; else the mesh with shape keys that has most vertices")
    parser.add_argument("--offset", type=float, default=0.0, help="when the sound begins after the first frame, s")
    options = parser.parse_args(arguments)
    try:
        bpy.ops.wm.open_mainfile(filepath=str(options.scene.resolve()))
        motion = measure_lips(speaking_head(options.mesh))
        figures = judge_contacts(motion, read_textgrid(options.said), options.offset)
    except LipSyncError as fault:
        print(f"lip_contact: {fault}", file=sys.stderr)
        return 2
    print(report(figures))
    return 0 if figures.contacts and figures.touching >= 0.9 * len(figures.contacts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[sys.argv.index("--") + 1 if "--" in sys.argv else 1 :]))
