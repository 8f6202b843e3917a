"""Who has not been heard from, and for how long: help, not blame."""
