"""What the rows of a file mean: counts of units and days, or cases."""
