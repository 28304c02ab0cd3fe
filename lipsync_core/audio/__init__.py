"""Sound: what it is, how it is read, and what the networks hear of it."""
