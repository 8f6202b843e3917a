"""Tiers of counties by published rules held as data: packs, the facts they ask for, their words."""
