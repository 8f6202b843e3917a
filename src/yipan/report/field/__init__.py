"""The field app: today's page on a cheap phone, a day long without a signal, never lost, never doubled."""
