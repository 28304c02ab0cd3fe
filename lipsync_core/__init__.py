"""LipSync3D's engine: speech in, facial animation out. Pure Python and NumPy on every path that Blender runs."""

__version__ = "0.1.0"
