"""The face's texture: pictures unrolled onto the reference cylinder, their light, and the files of an animated atlas."""
