"""Text messages through a gateway that speaks HTTP."""
