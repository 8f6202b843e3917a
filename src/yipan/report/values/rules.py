"""What may pass the door: pure checks of one cell, one value, one series."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from yipan.report.dictionary import ELEMENTS, Element
from yipan.report.errors import (
    BeforeIncident,
    FutureDay,
    NotADate,
    NotADecimal,
    NotANumber,
    OutOfRange,
    ReportError,
    TotalFalls,
    UnknownElement,
    WrongLevel,
    closest,
)

# Excel counts days from 1899-12-30 (its 1900 was a leap year that never was).
EXCEL_EPOCH = date(1899, 12, 30)
EXCEL_DAYS = range(20_000, 80_000)  # 1954 to 2119: beyond that a number is no date

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?")
_DAY = re.compile(
    r"(\d{4})(?:[-/.]|年)(\d{1,2})(?:[-/.]|月)(\d{1,2})日?(?:[T ]+00:00(?::00(?:\.0+)?)?)?"
)
_COMPACT_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})")
_YES = frozenset({"是", "有", "yes", "y", "true"})
_NO = frozenset({"否", "无", "no", "n", "false"})


def plain(raw: object) -> str:
    """Return a cell as text, full-width digits and signs made plain, blanks trimmed.

    >>> plain(" １２ ")
    '12'
    """
    if raw is None:
        return ""
    text = unicodedata.normalize("NFKC", str(raw)).replace("−", "-")
    return text.strip().strip("\ufeff").strip()


def to_number(
    raw: object, *, label: str = "", flag: bool = False, decimals: int = 0
) -> int | float | None:
    """Return the number a cell holds, whole unless `decimals` allows places, or None when it is empty.

    Raises NotANumber (R103) and NotADecimal (R170). Full-width digits and thousands separators
    are read; a flag also understands yes and no.

    >>> to_number("１，２３４")
    1234
    >>> to_number("3.50", decimals=2)
    3.5
    >>> to_number("") is None
    True
    """
    if isinstance(raw, bool):
        return int(raw)
    text = plain(raw)
    if not text:
        return None
    if flag and text.casefold() in _YES | _NO:
        return int(text.casefold() in _YES)
    digits = text.replace(",", "") if _THOUSANDS.fullmatch(text) else text
    # 18 digits fit a 64-bit integer; anything longer is no count of anything.
    whole, _point, places = digits.partition(".")
    places = places.rstrip("0")
    if not _NUMBER.fullmatch(digits) or len(digits) > 18 or len(places) > decimals:
        if decimals:
            raise NotADecimal(label=label, value=text[:40], places=decimals)
        raise NotANumber(label=label, value=text[:40])
    return float(digits) if places else int(whole)


def to_day(raw: object, *, label: str = "", serial: bool = False) -> date | None:
    """Return the day a cell holds, or None when it is empty.

    `serial` says that a bare number counts days as a workbook does. Two-digit years and
    day-first dates are refused: they cannot be told apart. Raises NotADate (R107).

    >>> to_day("2020年2月3日")
    datetime.date(2020, 2, 3)
    >>> to_day(43864, serial=True)
    datetime.date(2020, 2, 3)
    """
    if isinstance(raw, datetime):
        return raw.date()
    if isinstance(raw, date):
        return raw
    text = plain(raw)
    if not text:
        return None
    if serial and re.fullmatch(r"\d{5}(\.\d+)?", text) and int(text[:5]) in EXCEL_DAYS:
        return EXCEL_EPOCH + timedelta(days=int(text[:5]))
    found = _DAY.fullmatch(text) or _COMPACT_DAY.fullmatch(text)
    try:
        if found:
            return date(*(int(part) for part in found.groups()))
    except ValueError:
        pass  # 30 February: refused below with what was written
    raise NotADate(label=label, value=text[:40])


def check_day(day: date, *, label: str, today: date, first: date | None) -> None:
    """Refuse a day after `today` (R105) or before the incident's `first` day (R106)."""
    if day > today:
        raise FutureDay(label=label, value=day.isoformat(), today=today.isoformat())
    if first is not None and day < first:
        raise BeforeIncident(label=label, value=day.isoformat(), first=first.isoformat())


def known_element(name: str) -> Element:
    """Return the element of this id. Raises UnknownElement (R102) naming the closest."""
    element = ELEMENTS.get(name)
    if element is None:
        raise UnknownElement(value=name[:60], closest=closest(name, list(ELEMENTS)))
    return element


def check_value(element: Element, value: float, *, level: str | None) -> None:
    """Refuse a value no unit of this level can have: R116 level, R103 not whole,
    R170 too many places, R104 range.

    Without a level (a published figure) only the value itself is checked.
    """
    if level is not None and level not in element.levels:
        raise WrongLevel(label=element.label, level=level, levels=", ".join(sorted(element.levels)))
    if value != value or value in (float("inf"), float("-inf")):
        raise NotANumber(label=element.label, value=str(value))
    if value != round(value, element.decimals):
        if element.decimals:
            raise NotADecimal(label=element.label, value=f"{value:g}", places=element.decimals)
        raise NotANumber(label=element.label, value=f"{value:g}")
    if not element.min <= value <= element.max:
        raise OutOfRange(
            label=element.label, value=element.shown(value), low=element.min, high=element.max
        )


def check_total(element: Element, value: float, day: date, known: Mapping[date, float]) -> None:
    """Refuse a running total below an earlier one or above a later one (R108)."""
    for other_day, other in sorted(known.items()):
        before = other_day < day and other > value
        after = other_day > day and other < value
        if before or after:
            raise TotalFalls(
                label=element.label,
                value=element.shown(value),
                day=day.isoformat(),
                other=element.shown(other),
                other_day=other_day.isoformat(),
            )


def warning(element: Element, value: float, yesterday: float | None) -> float | None:
    """Return the share by which a value changed if that asks for a second look, else None.

    >>> from yipan.report.dictionary import ELEMENTS
    >>> round(warning(ELEMENTS["households_checked"], 118, 96), 2)
    0.23
    """
    if element.warn_change is None or not yesterday:
        return None
    change = (value - yesterday) / yesterday
    return change if abs(change) > element.warn_change else None


def faults_of(checks: Iterable[tuple[str, Any]]) -> dict[str, ReportError]:
    """Run each named check and return the faults by name; what passes is left out."""
    faults: dict[str, ReportError] = {}
    for name, check in checks:
        try:
            check()
        except ReportError as fault:
            faults[name] = fault
    return faults
