"""New speech put into a video of its speaker: the normalisations run backwards (Lahiri et al. 2021, section 3.3)."""
