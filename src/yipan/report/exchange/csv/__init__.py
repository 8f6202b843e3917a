"""Text files of separated values, in the encodings that offices save them in."""
