"""The duty room: who is on duty, where posts are reached, calls that were made, lines that are down."""
