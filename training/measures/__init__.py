"""How good a model is: its lips and its pictures against filmed ones, with intervals, as a table and as a page."""
