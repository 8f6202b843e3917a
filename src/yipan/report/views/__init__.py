"""The pages of report."""
