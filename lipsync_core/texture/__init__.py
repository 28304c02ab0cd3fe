"""The face's texture: pictures unrolled onto the reference cylinder, their light, and files of an animated atlas."""
