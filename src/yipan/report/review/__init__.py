"""Approval by exception: a value stands at once; what is out of the ordinary waits for the office above."""
