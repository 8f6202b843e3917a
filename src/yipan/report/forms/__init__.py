"""Pages a unit fills in: the daily page."""
