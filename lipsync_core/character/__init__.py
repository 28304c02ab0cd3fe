"""What a character's shape keys and bones do while a face speaks: names, mapping, shaping, keys, life."""
