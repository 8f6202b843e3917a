"""A file of cases: one row a case, under the sender's own number, which is never kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from django.utils.translation import gettext as _

from yipan.access.models import Incident
from yipan.report.cases.actions import KEPT, CaseRow, differs, known_cases, pseudonym
from yipan.report.cases.rules import read_case
from yipan.report.errors import DuplicateRow, ReasonMissing, ReportError, RowShape
from yipan.report.exchange.columns import CASE_COLUMNS
from yipan.report.exchange.kinds.counts import Refused, as_text, find_unit
from yipan.report.exchange.tables import Table
from yipan.report.values.rules import plain

COLUMNS = list(CASE_COLUMNS)


@dataclass
class Reading:
    """What a line list says: cases to take with the rows they stood in, and rows kept aside."""

    cases: list[tuple[int, CaseRow]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def read_cases(
    table: Table, *, incident: Incident, units: Mapping[str, int], today: date, first: date
) -> Reading:
    """Return the cases of a table; a row that is wrong anywhere is kept aside whole."""
    reading, said = Reading(), dict[str, int]()
    for row in table.rows:
        raw = {key: as_text(cell) for key, cell in row.cells.items()}
        unit: int | None = None
        try:
            if row.width > row.columns:
                raise RowShape(cells=row.width, columns=row.columns)
            unit = find_unit(raw.get("unit", ""), units)
            case = read_case(row.cells, unit=unit, today=today, first=first, serial=table.serial)
            if said.setdefault(case.number, row.number) != row.number:
                raise DuplicateRow(first=said[case.number], value=_("this case"))
        except ReportError as fault:
            reading.refused.append(
                Refused(row.number, unit, "", without_number(incident, raw), fault)
            )
            continue
        reading.cases.append((row.number, case))
    _set_aside_unexplained(incident, reading, table)
    return reading


def _set_aside_unexplained(incident: Incident, reading: Reading, table: Table) -> None:
    """Keep aside the rows that would change a known case and give no reason."""
    names = {row: pseudonym(incident, case.number) for row, case in reading.cases}
    known = known_cases(incident, list(names.values()))
    cells = {row.number: row.cells for row in table.rows}
    taken: list[tuple[int, CaseRow]] = []
    for row, case in reading.cases:
        before = known.get(names[row])
        if before is not None and not case.reason and differs(before, case):
            raw = {key: as_text(cell) for key, cell in cells[row].items()}
            fault = unexplained(case)
            refused = Refused(row, case.unit, "reason", without_number(incident, raw), fault)
            reading.refused.append(refused)
        else:
            taken.append((row, case))
    reading.cases = taken


def unexplained(case: CaseRow) -> ReasonMissing:
    """Return the fault of a row that changes a known case without saying why."""
    return ReasonMissing(
        label=_("The case"),
        day=case.report_day.isoformat(),
        known=_("known"),
        value=_("what this row says"),
    )


def without_number(incident: Incident, raw: dict[str, str]) -> dict[str, str]:
    """Return a row as it may be kept: the sender's number replaced by the case's pseudonym."""
    number = plain(raw.get("number", ""))
    return {**raw, "number": f"{KEPT}{pseudonym(incident, number)}"} if number else raw
