"""Writing workbooks: a header that stays in sight, text as text, numbers as numbers."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import xlsxwriter


def write_workbook(
    sheets: Sequence[tuple[str, Sequence[str], Iterable[Sequence[Any]]]],
) -> bytes:
    """Return an xlsx of (title, header, rows) sheets; no cell is ever written as a formula."""
    body = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(body, options) as book:
        bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for title, header, rows in sheets:
            sheet = book.add_worksheet(_sheet_name(title))
            sheet.freeze_panes(1, 0)
            for column, text in enumerate(header):
                sheet.write_string(0, column, text, bold)
                sheet.set_column(column, column, min(48, max(10, _width(text) + 2)))
            for number, row in enumerate(rows, start=1):
                for column, cell in enumerate(row):
                    _write(sheet, number, column, cell, day)
    return body.getvalue()


def _sheet_name(title: str) -> str:
    """Return a title as a sheet may be called: 31 characters, none of those Excel refuses."""
    return "".join("_" if c in "[]:*?/\\" else c for c in title).strip("'")[:31] or "1"


def _width(text: str) -> int:
    return sum(2 if ord(c) > 0x2E7F else 1 for c in text)


def _write(sheet: Any, row: int, column: int, cell: Any, day: Any) -> None:
    if cell is None or cell == "":
        return
    if isinstance(cell, bool):
        sheet.write_boolean(row, column, cell)
    elif isinstance(cell, int | float):
        sheet.write_number(row, column, cell)
    elif isinstance(cell, date) and not isinstance(cell, datetime):
        sheet.write_datetime(row, column, datetime(cell.year, cell.month, cell.day), day)  # noqa: DTZ001
    else:
        sheet.write_string(row, column, str(cell))
