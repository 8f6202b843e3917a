"""The plain form that every format is read into, and what they share: dates, ages, sexes."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from yipan.assess.errors import ListMalformed

Record = Mapping[str, Any]

COLUMNS = (
    "number", "unit", "report_day", "onset_day", "age", "sex", "imported", "cluster", "outcome",
    "outcome_day", "infector",
)  # fmt: skip
CONFIRMED, PROBABLE, OTHER = "confirmed", "probable", "other"


class ImportedCase(NamedTuple):
    """One case of another system; `number` is that system's own and never kept by the door."""

    number: str
    unit: str
    report_day: date | None
    onset_day: date | None
    age: int | None
    sex: str
    imported: bool | None
    cluster: str
    outcome: str
    outcome_day: date | None
    infector: str
    classification: str


@dataclass(frozen=True)
class Imported:
    """The cases read, and those left out with why."""

    cases: list[ImportedCase]
    left_out: dict[str, int]


Reader = Callable[[Sequence[Record], "Options"], list[ImportedCase]]


@dataclass(frozen=True)
class Options:
    """How a file is to be read: its date format where it is not ISO, names of places, relationships."""

    date_format: str = ""
    places: Mapping[str, str] | None = None
    relationships: Sequence[Record] = ()


def records(path: Path) -> list[Record]:
    """Return the records of a CSV (comma, semicolon or tab) or JSON file, nested keys joined by a dot.

    Raises ListMalformed (A208) for a file that is neither, is not UTF-8, or holds nothing.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as fault:
        raise ListMalformed(
            f"The file cannot be read: {fault.strerror}.", where=str(path)
        ) from None
    except UnicodeDecodeError:
        raise ListMalformed(
            "The file is not UTF-8.", where=str(path), remedy="Export it again as UTF-8."
        ) from None
    found = _json(text, path) if text.lstrip()[:1] in ("[", "{") else _csv(text)
    if not found:
        raise ListMalformed("The file holds no record.", where=str(path))
    return found


def _json(text: str, path: Path) -> list[Record]:
    try:
        loaded = json.loads(text)
    except ValueError as fault:
        raise ListMalformed(f"The file is not JSON: {fault}.", where=str(path)) from None
    rows = loaded if isinstance(loaded, list) else [loaded]
    return [_flat(row) for row in rows if isinstance(row, dict)]


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Join nested keys by a dot; of a list, the first entry stands (a case's current address)."""
    out: dict[str, Any] = {}
    for key, value in row.items():
        held = value[0] if isinstance(value, list) and value else value
        if isinstance(held, dict):
            out.update(_flat(held, f"{prefix}{key}."))
        elif not isinstance(held, list):
            out[f"{prefix}{key}"] = held
    return out


def _csv(text: str) -> list[Record]:
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    return [
        {str(key).strip(): value for key, value in row.items() if key is not None}
        for row in csv.DictReader(io.StringIO(text), delimiter=separator)
        if any(row.values())
    ]


def need(rows: Sequence[Record], *columns: str, what: str) -> None:
    """Refuse records that lack a column of their format (A208), naming it."""
    have = set().union(*(row.keys() for row in rows))
    missing = [name for name in columns if name not in have]
    if missing:
        raise ListMalformed(
            f"The columns {', '.join(missing)} are missing.",
            where=what,
            remedy=f"This is what a {what} export has; choose another format with --from.",
        )


def text_of(row: Record, *names: str) -> str:
    """Return the first of the named cells that is not empty, trimmed."""
    for name in names:
        value = row.get(name)
        if value not in (None, "", "NA"):
            return str(value).strip()
    return ""


def day_of(row: Record, *names: str, options: Options) -> date | None:
    """Return a cell's day: ISO (a time after it is dropped), or in the format that was given.

    Raises ListMalformed (A208): `03/04/2020` is not guessed.
    """
    text = text_of(row, *names)
    if not text:
        return None
    try:
        if options.date_format:
            return datetime.strptime(text, options.date_format).date()  # noqa: DTZ007
        return date.fromisoformat(text[:10])
    except ValueError:
        raise ListMalformed(
            f"“{text[:40]}” is not a day.",
            where=names[0],
            remedy="Write days as 2020-02-24, or say how they are written: --date-format %d/%m/%Y",
        ) from None


def age_of(text: str) -> int | None:
    """Return whole years from `34`, `34.5` or `34 Years`; months and days are no whole year.

    >>> age_of("34 Years"), age_of("7 Months"), age_of("")
    (34, 0, None)
    """
    found = re.match(r"\s*(\d+)(?:[.,]\d+)?\s*([A-Za-z]*)", text)
    if not found:
        return None
    word = found[2].lower()
    return 0 if word.startswith(("month", "day", "week")) else int(found[1])


def sex_of(text: str) -> str:
    """Return F, M or nothing.

    >>> sex_of("LNG_REFERENCE_DATA_CATEGORY_GENDER_FEMALE"), sex_of("male"), sex_of("other")
    ('F', 'M', '')
    """
    word = text.upper().rsplit("_", 1)[-1]
    return {"FEMALE": "F", "F": "F", "MALE": "M", "M": "M"}.get(word, "")


def outcome_of(text: str) -> str:
    """Return the door's word for an outcome: died, cured, or nothing.

    >>> outcome_of("LNG_REFERENCE_DATA_CATEGORY_OUTCOME_DECEASED"), outcome_of("RECOVERED")
    ('died', 'cured')
    """
    word = text.upper().rsplit("OUTCOME_", 1)[-1]
    if word in ("DECEASED", "DEAD", "DIED", "DEATH"):
        return "died"
    return "cured" if word in ("RECOVERED", "CURED", "DISCHARGED", "RECOVERY") else ""


def place_of(text: str, options: Options) -> str:
    """Return the code of a place by the table given, the text itself where it has none."""
    return (options.places or {}).get(text, text)
