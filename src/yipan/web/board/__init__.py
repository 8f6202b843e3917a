"""The board: the whole province at a glance, on a wall, a desk and a phone."""
