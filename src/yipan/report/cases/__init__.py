"""The line list: one pseudonymous row a case, in versions."""
