"""Training: from videos of a speaker to a model file. Needs torch; never runs inside Blender."""
