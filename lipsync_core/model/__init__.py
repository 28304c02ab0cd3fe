"""A trained model: its file, and how it is run with NumPy alone."""
