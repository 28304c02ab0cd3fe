"""LipSync3D as a Blender extension. Blender imports this package and calls `register`.

`addon` is imported late, so that tools which merely see this file do not need `bpy`.
"""


def register() -> None:
    """Add the extension's panel, operators, properties and command to Blender."""
    from . import addon

    addon.register()


def unregister() -> None:
    """Take them out again."""
    from . import addon

    addon.unregister()
