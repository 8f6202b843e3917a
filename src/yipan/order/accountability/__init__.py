"""How fast units answer and how much is asked of them; units, never persons."""
