"""From the words of a meeting to orders: rules read, a person confirms."""
