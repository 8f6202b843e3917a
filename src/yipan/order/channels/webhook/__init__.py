"""Signed JSON to a machine of the unit."""
