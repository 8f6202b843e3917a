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
from typing import Any, NamedTuple, TypeVar

from django.utils.translation import gettext as _

from yipan.report.linelists.errors import ListMalformed

Record = Mapping[str, Any]
T = TypeVar("T")

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
    row: int = 0
    also: tuple[str, ...] = ()  # other numbers by which that system names the same case
    age_band: str = ""  # where the other system tells no age
    document: str = ""
    name: str = ""
    phone: str = ""
    address: str = ""


class ImportedContact(NamedTuple):
    """One contact of another system, of one case of it."""

    number: str
    source: str  # the case's number there
    unit: str
    last_day: date | None
    kind: str
    row: int = 0
    also: tuple[str, ...] = ()
    became: str = ""  # number of the case that the contact became
    document: str = ""
    name: str = ""
    phone: str = ""
    address: str = ""


class ImportedLink(NamedTuple):
    """One case infected another, in another system's numbers."""

    source: str
    case: str
    certainty: str
    kind: str
    row: int = 0


class ImportedVisit(NamedTuple):
    """One follow-up in another system."""

    contact: str
    day: date | None
    result: str
    row: int = 0


class Fault(NamedTuple):
    """A row that was not taken: where, what was wrong, what would be right."""

    file: str
    row: int
    field: str
    message: str
    remedy: str


@dataclass(frozen=True)
class Imported:
    """The cases read, and those left out with why."""

    cases: list[ImportedCase]
    left_out: dict[str, int]


Reader = Callable[[Sequence[Record], "Options"], list[ImportedCase]]


@dataclass(frozen=True)
class Options:
    """How a file is to be read: its date format where it is not ISO, names of places, relationships.

    With `faults`, a row that cannot be read is noted there and the others go on; without, it is refused.
    """

    date_format: str = ""
    places: Mapping[str, str] | None = None
    relationships: Sequence[Record] = ()
    persons: Sequence[Record] = ()
    faults: list[Fault] | None = None
    file: str = ""


ROW = "#"
"""Key of a record that holds the row it stood in, counted as a person counts in that file."""


def records(path: Path) -> list[Record]:
    """Return the records of a CSV (comma, semicolon or tab) or JSON file, nested keys joined by a dot.

    Raises ListMalformed (R167) for a file that is neither, is not UTF-8, or holds nothing.
    """
    try:
        return records_of(path.read_bytes(), name=str(path))
    except OSError as fault:
        raise ListMalformed(
            _("The file cannot be read: %s.") % fault.strerror, where=str(path)
        ) from None


def records_of(data: bytes, *, name: str) -> list[Record]:
    """Return the records of a file's content; raises as `records`."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ListMalformed(
            _("The file is not UTF-8."), where=name, remedy=_("Export it again as UTF-8.")
        ) from None
    found = _json(text, name) if text.lstrip()[:1] in ("[", "{") else _csv(text)
    if not found:
        raise ListMalformed(_("The file holds no record."), where=name)
    return found


def _json(text: str, name: str) -> list[Record]:
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise ListMalformed(_("The file is not JSON: %s.") % str(fault)[:80], where=name) from None
    rows = loaded if isinstance(loaded, list) else [loaded]
    return [
        {**_flat(row), ROW: number}
        for number, row in enumerate(rows, start=1)
        if isinstance(row, dict)
    ]


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Join nested keys by a dot; of a list, the first entry stands (a case's current address).

    Of Go.Data's two `persons` of a relationship, each stands under its part in it.
    """
    out: dict[str, Any] = {}
    for key, value in row.items():
        if key == "persons" and isinstance(value, list):
            for one in value:
                if isinstance(one, dict):
                    part = "sourcePerson" if one.get("source") else "targetPerson"
                    out.update(_flat(one, f"{part}."))
            continue
        held = value[0] if isinstance(value, list) and value else value
        if isinstance(held, dict):
            out.update(_flat(held, f"{prefix}{key}."))
        elif not isinstance(held, list):
            out[f"{prefix}{key}"] = held
    return out


def _csv(text: str) -> list[Record]:
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    reader = csv.DictReader(io.StringIO(text), delimiter=separator)
    found: list[Record] = []
    for row in reader:
        if any(value for key, value in row.items() if key is not None):
            cells = {str(key).strip(): value for key, value in row.items() if key is not None}
            found.append({**cells, ROW: reader.line_num})
    return found


def each(rows: Sequence[Record], options: Options, make: Callable[[Record], T | None]) -> list[T]:
    """Return what `make` makes of each row, those left out that make nothing.

    A row that cannot be read is noted in `options.faults`; where there is none, it is refused with
    its number (R167).
    """
    made: list[T] = []
    for row in rows:
        number = int(row.get(ROW, 0))
        try:
            one = make(row)
        except ListMalformed as fault:
            if options.faults is None:
                raise ListMalformed(
                    fault.message,
                    where=_("row %(row)d, %(field)s") % {"row": number, "field": fault.where},
                    remedy=fault.remedy,
                ) from None
            options.faults.append(
                Fault(options.file, number, fault.where, fault.message, fault.remedy)
            )
            continue
        if one is not None:
            made.append(one)
    return made


def need(rows: Sequence[Record], *columns: str, what: str) -> None:
    """Refuse records that lack a column of their format (R167), naming it."""
    have = set().union(*(row.keys() for row in rows))
    missing = [name for name in columns if name not in have]
    if missing:
        raise ListMalformed(
            _("The columns %s are missing.") % ", ".join(missing),
            where=what,
            remedy=_("This is what a %s export has; choose another format (--from).") % what,
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

    Raises ListMalformed (R167): `03/04/2020` is not guessed.
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
            _("“%s” is not a day.") % text[:40],
            where=names[0],
            remedy=_(
                "Write days as 2020-02-24, or say how they are written, such as %s (--date-format)."
            )
            % "%d/%m/%Y",
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


KINDS = (
    ("household", ("HOUSEHOLD", "FAMILY", "SPOUSE", "PARENT", "CHILD", "SIBLING")),
    ("health_care", ("MEDICAL", "HEALTH", "HOSPITAL", "NOSOCOMIAL", "PATIENT")),
    ("transport", ("AIRPLANE", "TRANSPORT", "TRAIN", "BUS", "FLIGHT", "VEHICLE")),
    ("workplace", ("WORK", "COLLEAGUE")),
    ("school", ("SCHOOL", "CLASSMATE", "TEACHER")),
    ("meal", ("MEAL", "RESTAURANT", "DINNER")),
    ("market", ("MARKET", "SHOP")),
    ("gathering", ("GATHERING", "FUNERAL", "WEDDING", "EVENT", "RELIGIOUS")),
    ("travel", ("TRAVEL",)),
)


def kind_of(*texts: str) -> str:
    """Return how a contact came about, by words in another system's codes; `other` where none is known.

    >>> kind_of("LNG_REFERENCE_DATA_CATEGORY_CONTEXT_OF_TRANSMISSION_FAMILY"), kind_of("AIRPLANE"), kind_of("")
    ('household', 'transport', 'other')
    """
    for text in texts:
        word = text.upper().rsplit("CATEGORY_", 1)[-1]
        word = word.replace("CONTEXT_OF_TRANSMISSION", "").replace("EXPOSURE_TYPE", "")
        for kind, marks in KINDS:
            if any(mark in word for mark in marks):
                return kind
    return "other"


def name_of(row: Record) -> str:
    """Return a person's name as one text, from its parts."""
    parts = (text_of(row, part) for part in ("firstName", "middleName", "lastName"))
    return " ".join(part for part in parts if part) or text_of(row, "name")
