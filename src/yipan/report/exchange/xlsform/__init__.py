"""XLSForm: the one page out, existing forms in as requests."""
