"""Scenarios: from an assessment and stated assumptions to options with their price and risk."""
