"""Geometry Nodes that lay the moving face onto its atlas.

In the lip crop, the texture coordinates of every frame follow from where the shape keys have brought the face's
points: the angle about the axis of the reference cylinder, and the height (docs/CONVENTIONS.md); on a sheet they go to
the frame's tile. All other triangles show what the reference shows there on the neutral face.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import bpy

from ...lipsync_core.texture.images import REFERENCE_TILES, AtlasImages
from ...lipsync_core.texture.layout import ATLAS_SIZE, CROP_SIZE

UV_MAP = "LipSync atlas"
MOVING_TRIANGLES = "lipsync3d_moving"  # attribute of a head's triangles: those of the lip crop
REST_POINTS = "lipsync3d_rest"  # attribute of a head's points: where they lie in the reference, px of the atlas
_INSET = 0.5  # px: how far from a tile's border coordinates stay, so that no neighbour shows
_COLUMN, _ROW = 180, 170  # distance of nodes on the screen

Socket: TypeAlias = Any
Value: TypeAlias = Socket | float
Point: TypeAlias = tuple[Socket, Socket]  # across and down


def make_atlas_group(name: str, atlas: AtlasImages, face_unit: float, first_frame: int) -> bpy.types.NodeTree:
    """Make a node group that writes a head's texture coordinates into its UV map.

    Args:
        name: Of the group.
        atlas: What the head wears.
        face_unit: Length of one face unit, m.
        first_frame: The scene's frame of the atlas's first one.
    """
    tree: Any = bpy.data.node_groups.new(name, "GeometryNodeTree")
    tree.is_modifier = True
    for in_out in ("INPUT", "OUTPUT"):
        tree.interface.new_socket("Geometry", in_out=in_out, socket_type="NodeSocketGeometry")
    graph = _Graph(tree)
    moved, rest = _atlas_point(graph, atlas, face_unit), _rest_point(graph)
    width = height = ATLAS_SIZE
    if atlas.kind == "sheet":
        moved = _on_tiles(graph, atlas, first_frame, moved)
        width, height = atlas.columns * CROP_SIZE, atlas.rows * CROP_SIZE
    across, down = _chosen(graph, moved, rest)
    u = graph.math("DIVIDE", across, width)
    v = graph.math("SUBTRACT", 1.0, graph.math("DIVIDE", down, height))
    _store(graph, u, v)
    return tree


class _Graph:
    """A node tree under construction: nodes fall into columns by how much lies before them."""

    def __init__(self, tree: bpy.types.NodeTree) -> None:
        self.tree = tree
        self._columns: dict[str, int] = {}

    def node(self, kind: str, inputs: Mapping[Any, Value], **settings: Any) -> Any:
        """Add a node with values or links at its inputs."""
        node: Any = self.tree.nodes.new(kind)
        for name, value in settings.items():
            setattr(node, name, value)
        sources = [value.node for value in inputs.values() if isinstance(value, bpy.types.NodeSocket)]
        column = 1 + max((self._columns[source.name] for source in sources), default=-1)
        node.location = (column * _COLUMN, -_ROW * list(self._columns.values()).count(column))
        self._columns[node.name] = column
        for place, value in inputs.items():
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, node.inputs[place])
            else:
                node.inputs[place].default_value = value
        return node

    def math(self, operation: str, *values: Value) -> Socket:
        """Compute one number from up to three."""
        return self.node("ShaderNodeMath", dict(enumerate(values)), operation=operation).outputs[0]

    def clamp(self, value: Socket, low: float, high: float) -> Socket:
        """Hold a number between two others."""
        return self.math("MINIMUM", self.math("MAXIMUM", value, low), high)


def _atlas_point(graph: _Graph, atlas: AtlasImages, face_unit: float) -> Point:
    """Return where the points lie in the atlas, px: x right, y down; as `AtlasLayout.atlas_points`."""
    cylinder = atlas.layout.cylinder
    position = graph.node("GeometryNodeInputPosition", {}).outputs[0]
    x, y, z = graph.node("ShaderNodeSeparateXYZ", {0: position}).outputs
    before_axis = graph.math("SUBTRACT", -cylinder.axis_depth * face_unit, y)  # the face looks along -Y
    angle = graph.math("ARCTAN2", x, before_axis)
    across = graph.math("MULTIPLY_ADD", angle, ATLAS_SIZE / (2 * cylinder.half_angle), ATLAS_SIZE / 2)
    per_metre = ATLAS_SIZE / ((cylinder.top - cylinder.bottom) * face_unit)
    down = graph.math("MULTIPLY", graph.math("SUBTRACT", cylinder.top * face_unit, z), per_metre)
    return across, down


def _rest_point(graph: _Graph) -> Point:
    """Return where the points of the neutral face lie in the atlas, px."""
    rest = graph.node("GeometryNodeInputNamedAttribute", {"Name": REST_POINTS}, data_type="FLOAT_VECTOR")
    x, y, _ = graph.node("ShaderNodeSeparateXYZ", {0: rest.outputs["Attribute"]}).outputs
    across, down = (graph.clamp(place, _INSET, ATLAS_SIZE - _INSET) for place in (x, y))
    return across, down


def _on_tiles(graph: _Graph, atlas: AtlasImages, first_frame: int, point: Point) -> Point:
    """Return where points of the lip crop lie on the sheet in the current frame, px."""
    row, column = _tile(graph, atlas, first_frame)
    starts = ((atlas.layout.left, column), (atlas.layout.top, row))
    across, down = (_on_tile(graph, place, *start) for place, start in zip(point, starts, strict=True))
    return across, down


def _on_tile(graph: _Graph, place: Socket, crop_start: int, tile: Socket) -> Socket:
    """Turn a place in the atlas into one on a tile of the sheet, along one axis, px."""
    in_crop = graph.clamp(graph.math("SUBTRACT", place, crop_start), _INSET, CROP_SIZE - _INSET)
    return graph.math("MULTIPLY_ADD", tile, CROP_SIZE, in_crop)


def _chosen(graph: _Graph, moved: Point, rest: Point) -> Point:
    """Return the first of two places in the triangles of the lip crop, the second in all others."""
    is_moving = graph.node("GeometryNodeInputNamedAttribute", {"Name": MOVING_TRIANGLES}, data_type="BOOLEAN")
    across, down = (
        graph.node(
            "GeometryNodeSwitch",
            {"Switch": is_moving.outputs["Attribute"], "False": still, "True": place},
            input_type="FLOAT",
        ).outputs[0]
        for place, still in zip(moved, rest, strict=True)
    )
    return across, down


def _tile(graph: _Graph, atlas: AtlasImages, first_frame: int) -> tuple[Socket, Socket]:
    """Return the row and the column of the current frame's tile; as `lipsync_core.texture.images.tile_of`."""
    frame = graph.node("GeometryNodeInputSceneTime", {}).outputs["Frame"]
    first = graph.node("FunctionNodeInputInt", {}, integer=first_frame, label="First Frame").outputs[0]
    index = graph.math("FLOOR", graph.math("SUBTRACT", frame, first))
    index = graph.clamp(index, 0, atlas.frame_count - 1)
    beside_first_row = atlas.columns - REFERENCE_TILES
    rows_begun = graph.math("GREATER_THAN", index, beside_first_row - 0.5)
    index = graph.math("ADD", index, graph.math("MULTIPLY_ADD", rows_begun, REFERENCE_TILES, REFERENCE_TILES))
    row = graph.math("FLOOR", graph.math("DIVIDE", index, atlas.columns))
    return row, graph.math("MULTIPLY_ADD", row, -atlas.columns, index)


def _store(graph: _Graph, u: Socket, v: Socket) -> None:
    """Write texture coordinates into the UV map of the group's geometry."""
    geometry = graph.node("NodeGroupInput", {}).outputs[0]
    coordinates = graph.node("ShaderNodeCombineXYZ", {"X": u, "Y": v}).outputs[0]
    stored = graph.node(
        "GeometryNodeStoreNamedAttribute",
        {"Geometry": geometry, "Name": UV_MAP, "Value": coordinates},
        data_type="FLOAT2",
        domain="CORNER",
    )
    graph.node("NodeGroupOutput", {0: stored.outputs[0]})
