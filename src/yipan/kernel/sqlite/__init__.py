"""Django's SQLite backend with writers in a fair queue."""
