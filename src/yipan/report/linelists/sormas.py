"""SORMAS: the detailed case export as CSV, its columns under English captions or under the properties' names.

Columns: `uuid` (or `epidNumber`), `caseClassification`, `reportDate`, `symptoms.onsetDate`, `sex`,
`approximateAge`, `district`, `outcome`, `outcomeDate`. Contacts: `uuid`, `sourceCaseUuid`,
`lastContactDate`, `contactClassification`, `contactProximity`. Persons: `uuid`, `firstName`,
`lastName`, joined by `personUuid`. Source: SORMAS's own export (ContactExportDto, CaseExportDto),
which writes captions over the columns and into them (`Probable case`); the names of the properties,
with or without a second row of captions, are what its interface and its templates have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from yipan.report.linelists.errors import ListMalformed
from yipan.report.linelists.headings import SORMAS_CASES, SORMAS_CONTACTS, by_property
from yipan.report.linelists.plain import (
    CONFIRMED,
    OTHER,
    PROBABLE,
    ROW,
    ImportedCase,
    ImportedContact,
    Options,
    Record,
    age_of,
    day_of,
    each,
    kind_of,
    name_of,
    need,
    outcome_of,
    place_of,
    sex_of,
    text_of,
)

CLASSIFICATIONS = (
    "CONFIRMED", "CONFIRMED_NO_SYMPTOMS", "CONFIRMED_UNKNOWN_SYMPTOMS", "PROBABLE", "SUSPECT",
    "NO_CASE", "NOT_CLASSIFIED",
)  # fmt: skip


def read(rows: Sequence[Record], options: Options) -> list[ImportedCase]:
    """Return the cases of a SORMAS export; it names no infectors."""
    rows = by_property(rows, SORMAS_CASES)
    need(rows, "uuid", "caseClassification", "reportDate", what="SORMAS")
    persons = _persons(options.persons)
    kept = [row for row in rows if not _captions(row)]
    return each(kept, options, lambda row: _case(row, persons, options))


def read_contacts(rows: Sequence[Record], options: Options) -> list[ImportedContact]:
    """Return the contacts of a SORMAS export; one classified as no contact is none."""
    rows = by_property(rows, SORMAS_CONTACTS)
    need(rows, "uuid", "lastContactDate", what="SORMAS contacts")
    persons = _persons(options.persons)

    def contact(row: Record) -> ImportedContact | None:
        word = text_of(row, "contactClassification").upper().replace(" ", "_")
        if word in ("NO_CONTACT", "NOT_A_CONTACT") or text_of(row, "uuid").upper() in (
            "CONTACT ID",
            "UUID",
        ):
            return None
        source = text_of(row, "sourceCaseUuid", "caze.uuid", "caseUuid")
        if not source:
            raise ListMalformed(
                _("Nothing says which case exposed this contact."), where="sourceCaseUuid"
            )
        return ImportedContact(
            number=text_of(row, "uuid"),
            source=source,
            unit=place_of(text_of(row, "addressDistrict", "district"), options),
            last_day=day_of(row, "lastContactDate", "reportDate", options=options),
            kind=kind_of(text_of(row, "relationToCase"), text_of(row, "contactProximity")),
            row=int(row.get(ROW, 0)),
            became=text_of(row, "resultingCaseUuid", "resultingCase.uuid"),
            **_identifiers(row, persons),  # type: ignore[arg-type]
        )

    return each(rows, options, contact)


def _persons(rows: Sequence[Record]) -> dict[str, Record]:
    """Return the persons of SORMAS's persons export by their own number."""
    if rows:
        need(rows, "uuid", "firstName", "lastName", what="SORMAS persons")
    return {text_of(row, "uuid"): row for row in rows}


def _identifiers(row: Record, persons: Mapping[str, Record]) -> dict[str, str]:
    known = {**persons.get(text_of(row, "personUuid", "person.uuid"), {}), **_told(row)}
    return {
        "document": text_of(known, "nationalHealthId", "passportNumber"),
        "name": name_of(known),
        "phone": text_of(known, "phone", "phoneNumber"),
        "address": " ".join(
            part for part in (text_of(known, "city"), text_of(known, "street", "address")) if part
        ),
    }


def _told(row: Record) -> dict[str, str]:
    return {key: value for key, value in row.items() if value not in (None, "")}


def _captions(row: Record) -> bool:
    """The second row repeats the headings in words: its classification is none."""
    word = text_of(row, "caseClassification").upper().replace(" ", "_")
    return bool(word) and word not in CLASSIFICATIONS and "CLASSIFICATION" in word


def _case(row: Record, persons: Mapping[str, Record], options: Options) -> ImportedCase:
    word = text_of(row, "caseClassification").upper().replace(" ", "_")
    number = text_of(row, "epidNumber", "uuid")
    return ImportedCase(
        number=number,
        unit=place_of(text_of(row, "district", "addressDistrict"), options),
        report_day=day_of(row, "reportDate", options=options),
        onset_day=day_of(row, "symptoms.onsetDate", "onsetDate", options=options),
        age=age_of(text_of(row, "approximateAge", "age")),
        sex=sex_of(text_of(row, "sex")),
        imported=None,
        cluster="",
        outcome=outcome_of(text_of(row, "outcome")),
        outcome_day=day_of(row, "outcomeDate", "deathDate", options=options),
        infector="",
        classification=CONFIRMED
        if word.startswith("CONFIRMED")
        else PROBABLE
        if word.startswith("PROBABLE")
        else OTHER,
        row=int(row.get(ROW, 0)),
        also=tuple(n for n in (text_of(row, "uuid"),) if n and n != number),
        **_identifiers(row, persons),
    )
