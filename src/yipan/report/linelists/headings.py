"""The words that other systems write over their columns, for the properties that our readers name.

SORMAS and Go.Data both export with captions in the language of whoever exports; Go.Data can write
properties instead. The English captions are known here (SORMAS's `captions.properties` and
`enum.properties`, Go.Data's `english_us` language tokens); in another language, export in English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from yipan.report.linelists.plain import Record

SORMAS_CASES: Final[Mapping[str, str]] = {
    "case id": "uuid",
    "epid number": "epidNumber",
    "case classification": "caseClassification",
    "date of report": "reportDate",
    "date of symptom onset": "symptoms.onsetDate",
    "sex": "sex",
    "age": "approximateAge",
    "district": "district",
    "address district": "addressDistrict",
    "outcome of case": "outcome",
    "date of outcome": "outcomeDate",
    "first name": "firstName",
    "last name": "lastName",
    "city": "city",
    "street": "street",
    "phone number": "phone",
    "primary phone number": "phone",
}
SORMAS_CONTACTS: Final[Mapping[str, str]] = {
    "contact id": "uuid",
    "source case id": "sourceCaseUuid",
    "contact classification": "contactClassification",
    "date of last contact": "lastContactDate",
    "report date": "reportDate",
    "date of report": "reportDate",
    "type of contact": "contactProximity",
    "relationship with case": "relationToCase",
    "first name of contact person": "firstName",
    "last name of contact person": "lastName",
    "address district": "addressDistrict",
    "responsible district": "district",
    "city": "city",
    "address": "address",
    "street": "street",
    "phone number": "phone",
    "primary phone number": "phone",
}
GODATA_CASES: Final[Mapping[str, str]] = {
    "id": "id",
    "case id": "visualId",
    "classification": "classification",
    "date of reporting": "dateOfReporting",
    "date of onset": "dateOfOnset",
    "gender": "gender",
    "age years": "age.years",
    "addresses location": "addresses.locationId",
    "addresses phone number": "addresses.phoneNumber",
    "addresses address line 1": "addresses.addressLine1",
    "documents document number": "documents.number",
    "outcome": "outcomeId",
    "date of outcome": "dateOfOutcome",
    "first name": "firstName",
    "middle name": "middleName",
    "last name": "lastName",
}
GODATA_CONTACTS: Final[Mapping[str, str]] = {
    **GODATA_CASES,
    "contact id": "visualId",
    "date of last contact": "dateOfLastContact",
}
GODATA_RELATIONSHIPS: Final[Mapping[str, str]] = {
    "source uid": "sourcePerson.id",
    "source case / contact id": "sourcePerson.visualId",
    "target uid": "targetPerson.id",
    "target case / contact id": "targetPerson.visualId",
    "date of last contact": "contactDate",
    "certainty level": "certaintyLevelId",
    "context of exposure": "socialRelationshipTypeId",
    "exposure type": "exposureTypeId",
}
GODATA_FOLLOW_UPS: Final[Mapping[str, str]] = {
    "contact contact id": "contact.visualId",
    "contact id": "contact.visualId",
    "date": "date",
    "status": "statusId",
}


def by_property(rows: Sequence[Record], words: Mapping[str, str]) -> list[Record]:
    """Return records with their columns under the names of properties, where captions stand for them.

    A column that has its property's name stays. A date's format or a list's number behind a caption
    (`Date of report (dd/MM/yyyy)`, `Addresses Location [1]`) is no part of it; of a list the first
    entry stands.
    """
    named: dict[str, str] = {}
    for column in dict.fromkeys(key for row in rows for key in row):
        found = words.get(_plain(column))
        if found is not None and not re.search(r"\[(?!1\])\d+\]", column):
            named[column] = found
    have = set().union(*(row.keys() for row in rows)) if rows else set()
    named = {column: name for column, name in named.items() if name not in have}
    if not named:
        return list(rows)
    return [_renamed(row, named) for row in rows]


def _renamed(row: Record, named: Mapping[str, str]) -> Record:
    """Return the record; of two captions of one property the first that says something counts."""
    made = {key: value for key, value in row.items() if key not in named}
    for column, name in named.items():
        if made.get(name) in (None, ""):
            made[name] = row.get(column)
    return made


def _plain(column: str) -> str:
    text = re.sub(r"\([^)]*\)|\[\d+\]", " ", column.replace("_", " "))
    return " ".join(text.split()).casefold()
