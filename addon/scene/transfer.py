"""Shape keys for a character that has none: a guide that shows how the generic face lies on it, and the keys."""

from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ...lipsync_core.errors import CharacterError
from ...lipsync_core.face.basis import arkit_basis
from ...lipsync_core.face.topology import generic_face, skin_triangles
from ...lipsync_core.progress import Progress
from ...lipsync_core.transfer.binding import bind
from ...lipsync_core.transfer.registration import FaceFit, Similarity, fit_face
from .meshes import face_to_object_space, object_to_face_space, to_world
from .ownership import claim, is_ours

GUIDE_ROLE = "guide"
_TARGET = "lipsync3d_target"  # custom property of a guide: the mesh that it lies on
_AXES = face_to_object_space(np.eye(3), 1.0).astype(np.float64).T  # from face space's axes to Blender's
_COLOURS = (
    ("LipSync fits", (0.1, 0.7, 0.2), 0.02),
    ("LipSync nearly fits", (0.95, 0.75, 0.1), 0.05),
    ("LipSync does not fit", (0.9, 0.1, 0.1), np.inf),
)  # name, colour, and the distance in face units up to which a triangle has it


def find_guide(scene: bpy.types.Scene, target: bpy.types.Object) -> bpy.types.Object | None:
    """Return the guide that lies on a mesh."""
    guides = (thing for thing in scene.objects if is_ours(thing, GUIDE_ROLE))
    return next((guide for guide in guides if guide.get(_TARGET) == target.name), None)


def target_of(guide: bpy.types.Object) -> bpy.types.Object | None:
    """Return the mesh that a guide lies on; None if it is gone, or if the object is no guide."""
    return bpy.data.objects.get(guide.get(_TARGET, "")) if is_ours(guide, GUIDE_ROLE) else None


def fit_guide(scene: bpy.types.Scene, target: bpy.types.Object, progress: Progress) -> FaceFit:
    """Lay the generic face onto a mesh that looks along -Y, and show it as a guide coloured by how well it fits.

    A guide that the artist has moved, turned or scaled says where to begin.

    Raises:
        CharacterError: If the mesh is too coarse to hold a face.
    """
    guide = find_guide(scene, target)
    start = _pose_of(guide) if guide is not None else None
    points, triangles = _world_mesh(target)
    fit = fit_face(points, triangles, start, progress)
    _show(guide or _new_guide(scene, target), fit)
    return fit


def add_shape_keys(scene: bpy.types.Scene, target: bpy.types.Object, progress: Progress) -> int:
    """Give a mesh the ARKit shapes of the guide that was fitted to it; those of an earlier run are replaced.

    Returns:
        The number of shape keys.

    Raises:
        CharacterError: If nothing was fitted yet, or the mesh cannot have shape keys.
    """
    guide = find_guide(scene, target)
    if guide is None:
        raise CharacterError(f"No face was fitted to {target.name} yet; press Fit Face first.")
    if not target.data.is_editable or target.data.library is not None or target.data.override_library is not None:
        raise CharacterError(f"The mesh of {target.name} is linked from another file; make it local first.")
    points, triangles = _world_mesh(target)
    binding = bind(_fit_of(guide), points, triangles)
    basis = arkit_basis(binding.neutral)
    shown = [name for name in basis.names if np.any(basis.delta(name))]
    if target.data.shape_keys is None:
        target.shape_key_add(name="Basis", from_mix=False)
    for number, name in enumerate(shown):
        _write_key(target, name, binding.transfer(basis.delta(name)))
        progress((number + 1) / len(shown))
    return len(shown)


def _write_key(target: bpy.types.Object, name: str, offsets: NDArray[np.float32]) -> None:
    """Write one shape from `(V, 3)` offsets in face space's axes, m."""
    keys = target.data.shape_keys
    key = keys.key_blocks.get(name) or target.shape_key_add(name=name, from_mix=False)
    key.value = 0.0
    rest = np.empty(3 * len(offsets), np.float32)
    keys.reference_key.points.foreach_get("co", rest)
    turn = np.linalg.inv(np.array(target.matrix_world, np.float64)[:3, :3])
    moved = face_to_object_space(offsets, 1.0) @ turn.T
    key.points.foreach_set("co", (rest + moved.ravel()).astype(np.float32))


def _world_mesh(target: bpy.types.Object) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return the vertices of a mesh at rest, `(V, 3)`, in face space's axes and metres of the world, and triangles."""
    mesh: Any = target.data
    rest = mesh.shape_keys.reference_key.points if mesh.shape_keys else mesh.vertices
    points = np.empty(3 * len(rest), np.float32)
    rest.foreach_get("co", points)
    mesh.calc_loop_triangles()
    triangles = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    return object_to_face_space(to_world(target, points.reshape(-1, 3))), triangles.reshape(-1, 3)


def _new_guide(scene: bpy.types.Scene, target: bpy.types.Object) -> bpy.types.Object:
    name = f"{target.name} face guide"
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(face_to_object_space(generic_face(), 1.0).tolist(), [], skin_triangles().tolist())
    for colour_name, colour, _ in _COLOURS:
        mesh.materials.append(_coloured(colour_name, colour))
    guide = bpy.data.objects.new(name, mesh)
    claim(guide, GUIDE_ROLE)
    guide[_TARGET] = target.name
    guide.show_in_front = guide.show_wire = True
    guide.hide_render = True
    scene.collection.objects.link(guide)
    return guide


def _coloured(name: str, colour: tuple[float, float, float]) -> bpy.types.Material:
    existing = (material for material in bpy.data.materials if is_ours(material, name))
    material = next(existing, None) or bpy.data.materials.new(name)
    claim(material, name)
    material.diffuse_color = (*colour, 1.0)
    return material


def _show(guide: bpy.types.Object, fit: FaceFit) -> None:
    """Put a guide where the face was fitted."""
    guide.matrix_world = _matrix_of(fit.pose)
    local = face_to_object_space(fit.pose.undo(fit.points), 1.0)
    guide.data.vertices.foreach_set("co", local.ravel())
    worst = fit.distances[skin_triangles()].max(axis=1)
    bounds = [bound for _, _, bound in _COLOURS[:-1]]
    guide.data.polygons.foreach_set("material_index", np.digitize(worst, bounds).astype(np.int32))
    guide.data.update()


def _fit_of(guide: bpy.types.Object) -> FaceFit:
    """Read a guide back as it stands now: what the artist has moved of it counts."""
    local = np.empty(3 * len(guide.data.vertices), np.float32)
    guide.data.vertices.foreach_get("co", local)
    points = object_to_face_space(to_world(guide, local.reshape(-1, 3)))
    return FaceFit(points, _pose_of(guide), np.zeros(len(points)))


def _pose_of(guide: bpy.types.Object) -> Similarity:
    """Return where a guide stands, in face space's axes."""
    matrix = np.array(guide.matrix_world, np.float64)
    scale = float(np.abs(np.linalg.det(matrix[:3, :3])) ** (1 / 3))
    return Similarity(scale, _AXES.T @ (matrix[:3, :3] / scale) @ _AXES, _AXES.T @ matrix[:3, 3])


def _matrix_of(pose: Similarity) -> Matrix:
    """Return the matrix of a guide that stands as a pose says."""
    matrix = np.eye(4)
    matrix[:3, :3] = pose.scale * _AXES @ pose.rotation @ _AXES.T
    matrix[:3, 3] = _AXES @ pose.offset
    return Matrix(matrix.tolist())
