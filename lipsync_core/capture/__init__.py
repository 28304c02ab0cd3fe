"""From a video to a clip: frames, the tracked face, head motion taken out. Never imported inside Blender."""
