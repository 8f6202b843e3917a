"""A file of counts: one row a unit and day, one column an element."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from yipan.report.dictionary import ELEMENTS
from yipan.report.errors import DuplicateRow, Missing, ReportError, RowShape, UnknownUnit, closest
from yipan.report.exchange.columns import DAY, UNIT, count_columns
from yipan.report.exchange.tables import Row, Table
from yipan.report.values.actions import Report
from yipan.report.values.rules import plain, to_day, to_number

COLUMNS = count_columns()


@dataclass(frozen=True)
class Refused:
    """What of a row cannot be taken: a field with its fault, the row whole beside it."""

    row: int
    unit: int | None
    field: str
    raw: dict[str, str]
    fault: ReportError


@dataclass
class Reading:
    """What a table says: reports to take, and what must be kept aside."""

    reports: list[Report] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    said: dict[tuple[int, date], int] = field(default_factory=dict)  # where each was said first


def read_counts(table: Table, *, units: Mapping[str, int]) -> Reading:
    """Return the reports of a table; `units` are those the sender may report for, by code.

    A row that is wrong in one cell is taken without it; the cell is kept aside with its row.
    """
    reading = Reading()
    for row in table.rows:
        read_row(row, units=units, serial=table.serial, into=reading)
    return reading


def read_row(row: Row, *, units: Mapping[str, int], serial: bool, into: Reading) -> None:
    """Read one row into `into`."""
    raw = {key: as_text(cell) for key, cell in row.cells.items()}
    unit: int | None = None
    try:
        if row.width > row.columns:
            raise RowShape(cells=row.width, columns=row.columns)
        unit = find_unit(raw.get(UNIT.key, ""), units)
        day = _day(row.cells.get(DAY.key), serial)
        first = into.said.setdefault((unit, day), row.number)
        if first != row.number:
            raise DuplicateRow(first=first, value=f"{raw[UNIT.key]} · {day.isoformat()}")
    except ReportError as fault:
        into.refused.append(Refused(row.number, unit, "", raw, fault))
        return
    values: dict[str, float | None] = {}
    for name, cell in row.cells.items():
        element = ELEMENTS.get(name)
        if element is None:
            continue
        try:
            number = to_number(
                cell, label=element.label, flag=element.flag, decimals=element.decimals
            )
        except ReportError as fault:
            into.refused.append(Refused(row.number, unit, name, raw, fault))
            continue
        if number is not None:
            values[name] = float(number)
    if values:
        reason = raw.get("reason", "")
        into.reports.append(Report(unit, day, values, row=row.number, reason=reason))


def find_unit(code: str, units: Mapping[str, int]) -> int:
    """Return the unit of a code; raises Missing (R118) and UnknownUnit (R109)."""
    if not code:
        raise Missing(label=UNIT.title)
    found = units.get(code)
    if found is None:
        near = closest(code, list(units)) if len(units) <= 4000 else ""
        raise UnknownUnit(value=f"{code[:40]}{f' (≈ {near}?)' if near else ''}")
    return found


def _day(cell: Any, serial: bool) -> date:
    day = to_day(cell, label=DAY.title, serial=serial)
    if day is None:
        raise Missing(label=DAY.title)
    return day


def as_text(cell: Any) -> str:
    """Return a cell as a person typed it: a whole number without its point, a day as a day."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if hasattr(cell, "isoformat"):
        return str(cell.isoformat())[:10]
    if isinstance(cell, bool):
        return _("yes") if cell else _("no")
    return plain(cell)[:200]
