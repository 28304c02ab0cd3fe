"""The only door to Blender's data. Frame numbers and object space live here and nowhere else."""
