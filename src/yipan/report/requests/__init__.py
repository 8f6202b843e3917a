"""What departments ask for: fields with their confirmed meaning, matched against the dictionary."""
