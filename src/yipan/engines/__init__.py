"""Arrays in, arrays out: surveillance, epidemic and economy; no database, no web, no clock."""
