"""A whole published protocol in one run: clips, training, figures, and a report that compares them."""
