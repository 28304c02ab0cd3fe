"""A wholly synthetic person: speech from text, its mouth, a head, a camera, and video with the truth beside it."""
