"""Plain files in and out for the analyst's verbs: CSV in UTF-8, each fault told with file, row and field."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
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
LONGEST_DAYS = 36_525
YEAR_FIRST = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T ]00:00(?::00(?:\.0+)?)?)?", re.ASCII
)
"""Days as spreadsheets of several countries write them; where the year is not first, they are ambiguous."""
DELIMITERS = (",", ";", "\t")


def day_of(text: str) -> date:
    """Return the day that a text means: 2020-02-24, 2020/2/24 or 2020年2月24日, full-width digits too.

    Raises ValueError for anything else, a time of day other than midnight too.

    >>> day_of("２０２０/2/24"), day_of("2020-02-24T00:00:00")
    (datetime.date(2020, 2, 24), datetime.date(2020, 2, 24))
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    found = YEAR_FIRST.fullmatch(plain)
    if found:
        return date(*(int(part) for part in found.groups()))
    return date.fromisoformat(plain)


def number_of(text: str) -> float:
    """Return a finite number; full-width digits are digits. Raises ValueError for anything else."""
    value = float("?" if "_" in text else text)
    if not isfinite(value):
        raise ValueError
    return value


def _is_number(text: str) -> bool:
    """Whether a day is a number; eight digits that make a date are the date."""
    try:
        number_of(text)
    except ValueError:
        return False
    return not re.fullmatch(r"(19|20)\d{6}", text)


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
            value = number_of(text)
            if not (value >= 0 and value == int(value)):
                raise ValueError
            return value

        remedy = _("Give whole numbers of at least 0; a day without cases is an explicit 0.")
        return np.array(self._each(column, read, _("%r is not a count."), remedy))

    def numbers_of(self, column: str) -> NDArray[np.float64]:
        """Return finite numbers; anything else is refused with its row."""
        return np.array(self._each(column, number_of, _("%r is not a number."), ""))

    def dates(self, column: str) -> list[date]:
        """Return calendar days; a date that does not exist is refused with its row."""
        remedy = _("Write days as 2020-02-24.")
        return self._each(column, day_of, _("%r is not a date."), remedy)

    def days(self, *names: str) -> list[Day]:
        """Return the days of the first column of `names` that the file has: dates, or whole numbers."""
        column = next(name for name in names if self.has(name))
        if column in ("date", "dates"):
            return list(self.dates(column))
        if not _is_number(self.columns[column][0]):
            return list(self.dates(column))

        def read(text: str) -> int:
            value = number_of(text)
            if value != int(value):
                raise ValueError
            return int(value)

        remedy = _("Number the days 1, 2, 3, … or give a column `date`.")
        return list(self._each(column, read, _("%r is not a day."), remedy))

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

    Fields are parted by commas, or by semicolons or tabs where the header has no comma. Names of
    columns are found in capitals too. Empty fields at the end of a row, and rows of empty fields,
    are what spreadsheets leave behind; they are dropped.

    Raises UnreadableTable (E832) where there is no such file, it is empty or not UTF-8, and
    MalformedTable (E831) where a column is missing or named twice, or a row is too short or too long.
    """
    text = _text_of(path)
    first = text.partition("\n")[0]
    delimiter = next((mark for mark in DELIMITERS if mark in first), ",")
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = [unicodedata.normalize("NFKC", name).strip() for name in next(lines, [])]
        rows = [(lines.line_num, cells) for cells in lines]
    except csv.Error as fault:
        raise MalformedTable(
            _("Line %(line)d cannot be parted into fields: %(fault)s.")
            % {"line": lines.line_num, "fault": fault},
            where=str(path),
        ) from None
    if not any(header):
        raise UnreadableTable(_("The file is empty."), where=str(path))
    names = _names(header, path)
    for need in required:
        if not set(need.split("|")) & set(names):
            raise MalformedTable(
                _("The column %(need)s is missing; there are: %(have)s.")
                % {"need": need.replace("|", _(" or ")), "have": ", ".join(filter(None, header))},
                where=str(path),
                remedy=_("The first row must name the columns."),
            )
    kept: list[list[str]] = []
    numbers = []
    for row, (_line, cells) in enumerate(rows, HEADER_ROW + 1):
        filled = [cell.strip() for cell in cells]
        if not any(filled):
            continue
        while len(filled) > len(header) and not filled[-1]:
            filled.pop()
        if len(filled) != len(header):
            raise MalformedTable(
                _("Row %(row)d has %(have)d fields, the header %(want)d.")
                % {"row": row, "have": len(filled), "want": len(header)},
                where=str(path),
            )
        numbers.append(row)
        kept.append(filled)
    if not numbers:
        raise UnreadableTable(_("The file has a header but no row."), where=str(path))
    return Table(
        str(path), {name: [row[at] for row in kept] for name, at in names.items()}, numbers
    )


def _text_of(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as fault:
        raise UnreadableTable(
            _("The file cannot be read: %s.") % (fault.strerror or fault), where=str(path)
        ) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise UnreadableTable(
            _("Line %d is not UTF-8; it may be GBK or GB18030.")
            % (content[: fault.start].count(b"\n") + 1),
            where=str(path),
            remedy=_("Save it as “CSV UTF-8”, or: iconv -f GB18030 -t UTF-8 old.csv > new.csv"),
        ) from None


def _names(header: Sequence[str], path: Path) -> dict[str, int]:
    """Return where each column stands; a name in capitals is found by its small letters too."""
    at: dict[str, int] = {}
    for column, name in enumerate(header):
        if name and name in at:
            raise MalformedTable(
                _("The column %s stands twice.") % name,
                where=str(path),
                remedy=_("Name each column once."),
            )
        if name:
            at[name] = column
    for name in list(at):
        at.setdefault(name.lower(), at[name])
    return at


def daily_counts(
    table: Table, days: Sequence[Day], columns: dict[str, str], *, fill: bool = False
) -> list[Daily]:
    """Return the counts by place; places that cover the same days stand in one array.

    `columns` names, for each series wanted, the column it is read from. A day twice is refused. A
    day missing between a place's first and last is refused too, since zeros must be explicit, unless
    `fill` says that a day without a row is a zero: then every place covers the days of the file.
    """
    places = table.texts("place") if table.has("place") else [""] * len(days)
    column = next(name for name in ("date", "t", "dates", "time") if table.has(name))
    rows: dict[str, dict[Day, int]] = {}
    for row, (place, day) in enumerate(zip(places, days, strict=True)):
        mine = rows.setdefault(place, {})
        if day in mine:
            table.refuse(row, column, _("%(day)s stands twice%(place)s.") % _told(day, place))
        mine[day] = row
    _check_span(table, days, column)
    alike: dict[tuple[Day, Day], list[str]] = {}
    if fill:
        alike[min(days), max(days)] = list(rows)
    else:
        for place, mine in rows.items():
            first, last = min(mine), max(mine)
            for day in day_range(first, last):
                if day not in mine:
                    table.refuse(
                        mine[next(after for after in day_range(day, last) if after in mine)],
                        column,
                        _("%(day)s is missing%(place)s.") % _told(day, place),
                        _(
                            "Give each day a row, a day without cases an explicit 0; or say with "
                            "--fill-zeros that a day without a row is a 0."
                        ),
                    )
            alike.setdefault((first, last), []).append(place)
    values = {name: np.append(table.counts(source), 0.0) for name, source in columns.items()}
    nowhere = len(days)  # the zero at the end
    return [
        Daily(
            days=(covered := day_range(first, last)),
            places=together,
            counts={
                name: np.array(
                    [[series[rows[p].get(d, nowhere)] for p in together] for d in covered]
                )
                for name, series in values.items()
            },
        )
        for (first, last), together in alike.items()
    ]


def _check_span(table: Table, days: Sequence[Day], column: str) -> None:
    """Refuse days of which one is a century from another: a slip of the pen, not an epidemic."""
    ordinals = [day.toordinal() if isinstance(day, date) else day for day in days]
    middle = sorted(ordinals)[len(ordinals) // 2]
    for row, ordinal in enumerate(ordinals):
        if abs(ordinal - middle) > LONGEST_DAYS:
            table.refuse(
                row,
                column,
                _("%(day)s is more than %(most)d days from the others.")
                % {"day": days[row], "most": LONGEST_DAYS},
            )


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
