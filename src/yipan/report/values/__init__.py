"""Counts: one value is (unit, element, day) → number, in versions."""
