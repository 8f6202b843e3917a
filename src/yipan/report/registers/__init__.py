"""Registers of persons, places and stock: logs of events, counted at any cut-off."""
