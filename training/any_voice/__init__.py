"""A model for any voice, made from voices that are nobody's: synthetic speech with known phonemes, and its motion."""
