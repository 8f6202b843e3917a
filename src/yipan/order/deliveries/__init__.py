"""One order at one accountable unit: the inbox, the acts, the watch."""
