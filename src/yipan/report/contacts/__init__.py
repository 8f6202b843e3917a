"""Exposures, contacts and their follow-up, who infected whom: logs of events about pseudonymous persons."""
