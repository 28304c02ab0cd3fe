"""Networks that judge talking faces: a lip reader, a judge of synchrony, and SyncNet where its weights are given."""
