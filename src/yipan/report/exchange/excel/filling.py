"""Filling a department's own workbook by its cell map; its formats and formulas stay."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import openpyxl
from django.utils.translation import gettext as _
from openpyxl.utils.cell import column_index_from_string
from openpyxl.utils.exceptions import InvalidFileException

from yipan.report.errors import CellMapWrong
from yipan.report.exchange.cells import harmless

ROWS = 100_000


def fill(
    template: bytes,
    cell_map: Mapping[str, Any],
    *,
    rows: Sequence[Mapping[str, Any]],
    sheets: Sequence[tuple[str, Sequence[str], Sequence[Sequence[Any]]]] = (),
) -> bytes:
    """Return the template with each row's cells in the mapped columns, and the further sheets.

    `cell_map` has `sheet` (the first if empty), `first_row` and `columns` (name → letter). A text is
    written as text: nothing that came in can run. Raises CellMapWrong (R139).
    """
    try:
        book = openpyxl.load_workbook(io.BytesIO(template))
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError) as fault:
        raise CellMapWrong(why=_("the template is no xlsx workbook")) from fault
    sheet, first, columns = check_map(book, cell_map)
    for i, row in enumerate(rows[:ROWS]):
        for name, column in columns.items():
            _put(sheet.cell(row=first + i, column=column), row.get(name))
    for title, header, lines in sheets:
        extra = book.create_sheet(title[:31])
        for i, line in enumerate([header, *lines], start=1):
            for j, cell in enumerate(line, start=1):
                _put(extra.cell(row=i, column=j), cell)
    body = io.BytesIO()
    book.save(body)
    return body.getvalue()


def check_map(book: Any, cell_map: Mapping[str, Any]) -> tuple[Any, int, dict[str, int]]:
    """Return (sheet, first row, column numbers by name); raises CellMapWrong (R139)."""
    name = str(cell_map.get("sheet") or book.sheetnames[0])
    if name not in book.sheetnames:
        raise CellMapWrong(why=_("there is no sheet “%s”") % name[:40])
    first = cell_map.get("first_row", 2)
    if not isinstance(first, int) or isinstance(first, bool) or not 1 <= first <= ROWS:
        raise CellMapWrong(why=_("the first row must be a number"))
    given = cell_map.get("columns")
    if not isinstance(given, dict) or not given:
        raise CellMapWrong(why=_("no column is named"))
    columns = {}
    for field, letter in given.items():
        try:
            columns[str(field)] = column_index_from_string(str(letter).strip().upper())
        except ValueError:
            raise CellMapWrong(why=_("“%s” is no column letter") % str(letter)[:10]) from None
    return book[name], first, columns


def _put(cell: Any, value: Any) -> None:
    if value is None or value == "":
        return
    if isinstance(value, str):
        cell.value = harmless(value)
        cell.data_type = "s"  # whatever it begins with, it is text
    else:
        cell.value = value
