"""Cells as they leave: nothing that a spreadsheet would run as a formula."""

from __future__ import annotations

from typing import Any

RUNS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def harmless(cell: Any) -> Any:
    """Return a cell that a spreadsheet shows and never runs; numbers stay numbers.

    >>> harmless("=HYPERLINK(1)"), harmless(-3), harmless("-3 beds")
    ("'=HYPERLINK(1)", -3, "'-3 beds")
    """
    if isinstance(cell, str) and cell.startswith(RUNS):
        return f"'{cell}"
    return "" if cell is None else cell
