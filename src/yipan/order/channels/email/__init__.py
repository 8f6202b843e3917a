"""E-mail by SMTP to a duty post."""
