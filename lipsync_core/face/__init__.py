"""The 468-point face: its surface, its landmarks, its blendshapes."""
