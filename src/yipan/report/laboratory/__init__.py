"""Specimens and results as events; capacity, turnaround, positivity and backlog counted from them."""
