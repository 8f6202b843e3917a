"""The best openings under stated limits: linear programmes over an envelope of infections, with prices."""
