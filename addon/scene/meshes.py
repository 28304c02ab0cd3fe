"""The talking head as a mesh object: its surface, its colours, and the turn into Blender's space."""

from itertools import chain, count
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...lipsync_core.arrays import FloatArray
from ...lipsync_core.face import topology
from .cartoon import contour_edges, mark_contours
from .materials import fresh_slots, kept_slots, remove_unused
from .ownership import claim, is_ours

HEAD_ROLE = "head"
_SPEAKER = "lipsync3d_speaker"  # custom property of a head: whose it is


def face_to_object_space(points: FloatArray, face_unit: float) -> NDArray[np.float32]:
    """Turn points from face space into a Blender object's.

    Face space: x to the speaker's left, y up, z out of the face, in face units. Object space: the face looks
    along -Y, Z is up.

    Args:
        points: `(..., 3)`, face units.
        face_unit: Length of one face unit, m.

    Returns:
        `(..., 3)`, m.
    """
    x, y, z = np.moveaxis(points, -1, 0)
    return np.stack([x, -z, y], axis=-1).astype(np.float32) * np.float32(face_unit)


def object_to_face_space(points: FloatArray) -> NDArray[np.float64]:
    """Turn `(..., 3)` points from Blender's axes into face space's, without a change of unit."""
    x, y, z = np.moveaxis(np.asarray(points, np.float64), -1, 0)
    return np.stack([x, z, -y], axis=-1)


def find_head(scene: bpy.types.Scene, speaker: str) -> bpy.types.Object | None:
    """Return the talking head of a speaker that we made in a scene before."""
    heads = (thing for thing in scene.objects if is_head(thing))
    return next((head for head in heads if head.get(_SPEAKER) == speaker), None)


def head_name(scene: bpy.types.Scene, speaker: str) -> str:
    """Return what a speaker's talking head in a scene is called, or would be if there were one."""
    head = find_head(scene, speaker)
    if head is not None:
        return str(head.name)
    name = f"{speaker} head"
    numbered = (f"{name}.{number:03d}" for number in count(1))
    return next(free for free in chain([name], numbered) if free not in bpy.data.objects)


def is_head(thing: bpy.types.Object | None) -> bool:
    """Tell whether an object is a talking head of ours."""
    return is_ours(thing, HEAD_ROLE)


def make_head(scene: bpy.types.Scene, speaker: str) -> bpy.types.Object:
    """Add an object for a speaker's talking head, without a shape yet, where the 3D cursor is."""
    name = head_name(scene, speaker)
    head = bpy.data.objects.new(name, bpy.data.meshes.new(name))
    claim(head, HEAD_ROLE)
    head[_SPEAKER] = speaker
    head.location = scene.cursor.location
    scene.collection.objects.link(head)
    return head


def replace_head_mesh(head: bpy.types.Object, points: NDArray[np.float32], is_textured: bool) -> None:
    """Give a head a fresh surface without shape keys; its place, its modifiers and the artist's materials stay.

    Args:
        head: The object.
        points: `(468, 3)`, m, object space.
        is_textured: Whether the head wears an atlas, or plain colours.
    """
    old: Any = head.data
    triangles = topology.face_triangles()
    mesh = bpy.data.meshes.new(head.name)
    mesh.from_pydata(points.tolist(), contour_edges().tolist(), triangles.tolist())
    _take_materials(mesh, old, is_textured, f"{head.name} atlas")
    mesh.polygons.foreach_set("use_smooth", np.ones(len(triangles), bool))
    mesh.update(calc_edges=True)
    mesh.edges.foreach_set("use_edge_sharp", _rims(mesh))
    mark_contours(mesh)
    worn = list(old.materials)
    head.data = mesh
    if old.users == 0:
        bpy.data.meshes.remove(old)
    remove_unused(worn)
    mesh.name = head.name


def world_points(thing: bpy.types.Object) -> NDArray[np.float32]:
    """Return a mesh object's vertices, `(V, 3)`, m, world space."""
    points = np.empty(3 * len(thing.data.vertices), np.float32)
    thing.data.vertices.foreach_get("co", points)
    return to_world(thing, points.reshape(-1, 3))


def to_world(thing: bpy.types.Object, points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn points `(N, 3)` from an object's space into the world's."""
    world = np.array(thing.matrix_world, np.float32)
    return points @ world[:3, :3].T + world[:3, 3]


def _take_materials(mesh: bpy.types.Mesh, old: bpy.types.Mesh, is_textured: bool, name: str) -> None:
    """Give a head's new surface its materials: those of the old one if the artist chose any of them."""
    numbers = np.zeros(len(mesh.polygons), np.int32)
    slots = kept_slots(list(old.materials), is_textured, name) if len(old.polygons) == len(numbers) else []
    if slots:
        old.polygons.foreach_get("material_index", numbers)
    else:
        slots = fresh_slots(list(old.materials), is_textured, name)
        numbers = numbers if is_textured else _parts(topology.face_triangles())
    for material in slots:
        mesh.materials.append(material)
    mesh.polygons.foreach_set("material_index", numbers)


def _parts(triangles: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return for each triangle the number of its part in `materials.PARTS`."""
    skin, mouth = len(topology.skin_triangles()), len(topology.mouth_triangles())
    parts = np.zeros(len(triangles), np.int32)
    parts[np.isin(triangles, topology.LIPS).all(axis=1)] = 1
    parts[skin : skin + mouth] = 2
    parts[skin + mouth :] = 3
    return parts


def _rims(mesh: bpy.types.Mesh) -> NDArray[np.bool_]:
    """Tell which edges of a head lie around its mouth and eyes, whose fillings must not round the skin."""
    edges = np.empty(2 * len(mesh.edges), np.int32)
    mesh.edges.foreach_get("vertices", edges)
    numbers = np.sort(edges.reshape(-1, 2)) @ (topology.POINT_COUNT, 1)
    fillings = np.concatenate([topology.mouth_triangles(), topology.eye_triangles()])
    return np.isin(numbers, _edge_numbers(topology.skin_triangles())) & np.isin(numbers, _edge_numbers(fillings))


def _edge_numbers(triangles: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return one number for each pair of points that an edge joins, `(3 * M,)`."""
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return np.sort(pairs) @ (topology.POINT_COUNT, 1)
