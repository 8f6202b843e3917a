"""A sheet of paper with a code that leads back to the order."""
