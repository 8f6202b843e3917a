"""Clocks of orders: duty hours, outages, reminders, escalation to the offices above."""
