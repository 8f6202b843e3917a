"""Yipan: one board for an emergency operations centre. Report, assess, plan, order."""

__version__ = "0.1.0"
