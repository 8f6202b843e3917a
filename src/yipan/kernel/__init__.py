"""Time, units, identifiers, errors and settings: what every other room stands on."""
