"""The frame round every page: addresses, errors, search, the way from page to page."""
