"""Plain files in and out for the analyst's verbs: CSV in UTF-8, each fault told with file, row and field."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import isfinite
from pathlib import Path
from typing import NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

from yipan.engines.surveillance.errors import MalformedTable, UnreadableTable
from yipan.kernel.texts import terminal_text as _

Day = int | date
T = TypeVar("T")

UNDEFINED = "NA"
HEADER_ROW = 1  # rows are counted as a spreadsheet counts them


@dataclass(frozen=True)
class Table:
    """The text of a CSV file by column; `numbers[i]` is the spreadsheet row of the i-th row of data."""

    name: str
    columns: dict[str, list[str]]
    numbers: list[int]

    def refuse(self, row: int, column: str, message: str, remedy: str = "") -> NoReturn:
        """Raise MalformedTable (E831) that names the file, the row and the field."""
        where = _("%(file)s, row %(row)d, column %(column)s") % {
            "file": self.name,
            "row": self.numbers[row],
            "column": column,
        }
        raise MalformedTable(message, where=where, remedy=remedy)

    def has(self, column: str) -> bool:
        """Return whether the file has the column."""
        return column in self.columns

    def _each(self, column: str, read: Callable[[str], T], message: str, remedy: str) -> list[T]:
        values = []
        for row, text in enumerate(self.columns[column]):
            try:
                values.append(read(text))
            except (ValueError, OverflowError):
                self.refuse(row, column, message % text, remedy)
        return values

    def counts(self, column: str) -> NDArray[np.float64]:
        """Return whole numbers ≥ 0; anything else is refused with its row, an empty cell too."""

        def read(text: str) -> float:
            value = float(text)
            if not (isfinite(value) and value >= 0 and value == int(value)):
                raise ValueError
            return value

        remedy = _("Give whole numbers of at least 0; a day without cases is an explicit 0.")
        return np.array(self._each(column, read, _("%r is not a count."), remedy))

    def numbers_of(self, column: str) -> NDArray[np.float64]:
        """Return finite numbers; anything else is refused with its row."""

        def read(text: str) -> float:
            value = float(text)
            if not isfinite(value):
                raise ValueError
            return value

        return np.array(self._each(column, read, _("%r is not a number."), ""))

    def dates(self, column: str) -> list[date]:
        """Return calendar days; a date that does not exist is refused with its row."""
        remedy = _("Write days as 2020-02-24.")
        return self._each(column, date.fromisoformat, _("%r is not a date."), remedy)

    def days(self, *names: str) -> list[Day]:
        """Return the days of the first column of `names` that the file has: dates, or whole numbers."""
        column = next(name for name in names if self.has(name))
        if column in ("date", "dates"):
            return list(self.dates(column))
        texts = self.columns[column]
        if texts and "-" in texts[0][1:]:
            return list(self.dates(column))
        remedy = _("Number the days 1, 2, 3, … or give a column `date`.")
        return list(self._each(column, int, _("%r is not a day."), remedy))

    def texts(self, column: str) -> list[str]:
        """Return texts; an empty one is refused with its row."""

        def read(text: str) -> str:
            if not text:
                raise ValueError
            return text

        return self._each(column, read, _("%r is empty."), "")


@dataclass(frozen=True)
class Daily:
    """Counts of consecutive days, each column of shape (time, place)."""

    days: list[Day]
    places: list[str]
    counts: dict[str, NDArray[np.float64]]


def read_table(path: Path, *required: str) -> Table:
    """Return the rows of a CSV file that must have the columns `required` (`a|b`: one of them).

    Raises UnreadableTable (E832) where there is no such file, it is empty or not UTF-8, and
    MalformedTable (E831) where a column is missing or a row is too short or too long.
    """
    try:
        content = path.read_bytes()
    except OSError as fault:
        raise UnreadableTable(
            _("The file cannot be read: %s.") % (fault.strerror or fault), where=str(path)
        ) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise UnreadableTable(
            _("Line %d is not UTF-8; it may be GBK or GB18030.")
            % (content[: fault.start].count(b"\n") + 1),
            where=str(path),
            remedy=_("Save it as “CSV UTF-8”, or: iconv -f GB18030 -t UTF-8 old.csv > new.csv"),
        ) from None
    lines = csv.reader(io.StringIO(text))
    header = [name.strip() for name in next(lines, [])]
    if not any(header):
        raise UnreadableTable(_("The file is empty."), where=str(path))
    for need in required:
        if not set(need.split("|")) & set(header):
            raise MalformedTable(
                _("The column %(need)s is missing; there are: %(have)s.")
                % {"need": need.replace("|", _(" or ")), "have": ", ".join(header)},
                where=str(path),
                remedy=_("The first row must name the columns."),
            )
    columns: dict[str, list[str]] = {name: [] for name in header}
    numbers = []
    for row, cells in enumerate(lines, HEADER_ROW + 1):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise MalformedTable(
                _("Row %(row)d has %(have)d fields, the header %(want)d.")
                % {"row": row, "have": len(cells), "want": len(header)},
                where=str(path),
            )
        numbers.append(row)
        for name, cell in zip(header, cells, strict=True):
            columns[name].append(cell.strip())
    if not numbers:
        raise UnreadableTable(_("The file has a header but no row."), where=str(path))
    return Table(str(path), columns, numbers)


def daily_counts(table: Table, days: Sequence[Day], columns: dict[str, str]) -> list[Daily]:
    """Return the counts by place; places that cover the same days stand in one array.

    `columns` names, for each series wanted, the column it is read from. A day twice, or a day
    missing between a place's first and last, is refused: zeros must be explicit.
    """
    places = table.texts("place") if table.has("place") else [""] * len(days)
    column = next(name for name in ("date", "t", "dates", "time") if table.has(name))
    rows: dict[str, dict[Day, int]] = {}
    for row, (place, day) in enumerate(zip(places, days, strict=True)):
        mine = rows.setdefault(place, {})
        if day in mine:
            table.refuse(row, column, _("%(day)s stands twice%(place)s.") % _told(day, place))
        mine[day] = row
    alike: dict[tuple[Day, Day], list[str]] = {}
    for place, mine in rows.items():
        first, last = min(mine), max(mine)
        for day in day_range(first, last):
            if day not in mine:
                table.refuse(
                    mine[last],
                    column,
                    _("%(day)s is missing%(place)s.") % _told(day, place),
                    _("Give each day a row; a day without cases is an explicit 0."),
                )
        alike.setdefault((first, last), []).append(place)
    values = {name: table.counts(source) for name, source in columns.items()}
    return [
        Daily(
            days=(covered := day_range(first, last)),
            places=together,
            counts={
                name: np.array([[series[rows[p][d]] for p in together] for d in covered])
                for name, series in values.items()
            },
        )
        for (first, last), together in alike.items()
    ]


def day_range(first: Day, last: Day) -> list[Day]:
    """Return every day from `first` to `last`, both included."""
    if isinstance(first, date) and isinstance(last, date):
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]
    if isinstance(first, int) and isinstance(last, int):
        return list(range(first, last + 1))
    raise TypeError(f"{first!r} and {last!r} are not days of one kind")


def write_table(path: Path | None, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Write a CSV in UTF-8 (to the terminal without a path) and return how many rows it has.

    Undefined numbers are NA. The file appears whole or not at all.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow([_cell(value) for value in row])
        count += 1
    if path is None:
        print(text.getvalue(), end="")
        return count
    beside = path.with_name(path.name + ".part")
    try:
        beside.write_text(text.getvalue(), encoding="utf-8", newline="")
        beside.replace(path)
    except OSError as fault:
        raise UnreadableTable(
            _("The file cannot be written: %s.") % (fault.strerror or fault), where=str(path)
        ) from None
    return count


def _cell(value: object) -> object:
    if isinstance(value, float | np.floating):
        number = float(value)
        return UNDEFINED if not isfinite(number) else f"{number:.12g}"
    return value


def _told(day: Day, place: str) -> dict[str, str]:
    return {"day": str(day), "place": _(" for the place %s") % place if place else ""}
