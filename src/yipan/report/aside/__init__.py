"""Rows that could not be taken: kept whole, corrected later or dismissed with a reason."""
