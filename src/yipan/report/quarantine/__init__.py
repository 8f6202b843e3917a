"""Quarantine sites, their places, and who came in and went out, as events."""
