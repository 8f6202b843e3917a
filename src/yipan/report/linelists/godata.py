"""Go.Data (WHO): the cases export as JSON or CSV, with the relationships export beside it.

Cases: `visualId` (or `id`), `classification`, `dateOfReporting`, `dateOfOnset`, `gender`,
`age.years`, `addresses.locationId`, `outcomeId`, `dateOfOutcome`. Contacts: `visualId`,
`dateOfReporting`, `dateOfLastContact`, names, `addresses.phoneNumber`. Relationships:
`sourcePerson.visualId` and `targetPerson.visualId` (or `.id`), `contactDate`, `certaintyLevelId`,
`socialRelationshipTypeId`. Follow-ups: `contact.visualId`, `date`, `statusId`. Source: Go.Data's own
export (the fields that its models name). An export with English headings and values, as it comes
without the choice of database columns, is read alike.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from yipan.report.linelists.errors import ListMalformed
from yipan.report.linelists.headings import (
    GODATA_CASES,
    GODATA_CONTACTS,
    GODATA_FOLLOW_UPS,
    GODATA_RELATIONSHIPS,
    by_property,
)
from yipan.report.linelists.plain import (
    CONFIRMED,
    OTHER,
    PROBABLE,
    ROW,
    ImportedCase,
    ImportedContact,
    ImportedLink,
    ImportedVisit,
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


def read(rows: Sequence[Record], options: Options) -> list[ImportedCase]:
    """Return the cases of a Go.Data export, each with the case that infected it where one relationship says so."""
    rows = by_property(rows, GODATA_CASES)
    need(rows, "classification", "dateOfReporting", what="Go.Data")
    infector = _infectors(by_property(options.relationships, GODATA_RELATIONSHIPS))

    def case(row: Record) -> ImportedCase:
        number = text_of(row, "visualId", "id")
        also = tuple(n for n in (text_of(row, "id"),) if n and n != number)
        return ImportedCase(
            number=number,
            unit=_unit(row, options),
            report_day=day_of(row, "dateOfReporting", options=options),
            onset_day=day_of(row, "dateOfOnset", options=options),
            age=age_of(text_of(row, "age.years", "age")),
            sex=sex_of(text_of(row, "gender")),
            imported=None,
            cluster=text_of(row, "clusterId"),
            outcome=outcome_of(text_of(row, "outcomeId", "outcome")),
            outcome_day=day_of(row, "dateOfOutcome", options=options),
            infector=infector.get(number) or infector.get(text_of(row, "id"), ""),
            classification=_classification(text_of(row, "classification")),
            row=int(row.get(ROW, 0)),
            also=also,
            **_identifiers(row),
        )

    return each(rows, options, case)


def read_contacts(rows: Sequence[Record], options: Options) -> list[ImportedContact]:
    """Return the contacts of a Go.Data export, one for each case that exposed them.

    Which case, and when, the relationships say (`contactDate`); without them the columns
    `relationship.relatedId` and `relationship.contactDate` of the contacts export, then
    `dateOfLastContact`.
    """
    rows = by_property(rows, GODATA_CONTACTS)
    need(rows, "dateOfReporting", what="Go.Data contacts")
    sources: dict[str, list[tuple[str, Record]]] = {}
    for link in by_property(options.relationships, GODATA_RELATIONSHIPS):
        source = text_of(link, "sourcePerson.visualId", "sourcePerson.id")
        for target in {text_of(link, "targetPerson.visualId"), text_of(link, "targetPerson.id")}:
            if source and target:
                sources.setdefault(target, []).append((source, link))

    def contacts(row: Record) -> list[ImportedContact]:
        number = text_of(row, "visualId", "id")
        if not number:
            raise ListMalformed(_("A contact has no number."), where="visualId")
        told = sources.get(number) or sources.get(text_of(row, "id")) or []
        own = text_of(row, "relationship.relatedId", "relationship.relatedVisualId")
        if not told and own:
            told = [(own, {})]
        if not told:
            raise ListMalformed(
                _("Nothing says which case exposed this contact."),
                where="relationship.relatedId",
                remedy=_("Send the relationships too, or export the contacts with theirs."),
            )
        return [_contact(row, number, source, link, options) for source, link in told]

    return [one for many in each(rows, options, contacts) for one in many]


def _contact(
    row: Record, number: str, source: str, link: Record, options: Options
) -> ImportedContact:
    met = (
        day_of(link, "contactDate", options=options)
        or day_of(row, "relationship.contactDate", options=options)
        or day_of(row, "dateOfLastContact", options=options)
    )
    return ImportedContact(
        number=number,
        source=source,
        unit=_unit(row, options),
        last_day=met,
        kind=kind_of(
            text_of(link, "socialRelationshipTypeId"),
            text_of(link, "exposureTypeId"),
            text_of(row, "relationship.socialRelationshipTypeId"),
            text_of(row, "relationship.exposureTypeId"),
        ),
        row=int(row.get(ROW, 0)),
        also=tuple(n for n in (text_of(row, "id"),) if n and n != number),
        **_identifiers(row),
    )


def read_links(rows: Sequence[Record], options: Options) -> list[ImportedLink]:
    """Return the relationships between two persons with how sure they are; whoever is no case drops out later."""
    rows = by_property(rows, GODATA_RELATIONSHIPS)
    if rows:
        need(rows, "sourcePerson.id", "targetPerson.id", what="Go.Data relationships")

    def link(row: Record) -> ImportedLink | None:
        source = text_of(row, "sourcePerson.visualId", "sourcePerson.id")
        target = text_of(row, "targetPerson.visualId", "targetPerson.id")
        if not source or not target:
            return None
        sure = text_of(row, "certaintyLevelId").upper()
        certainty = "confirmed" if "HIGH" in sure else "possible" if "LOW" in sure else "probable"
        kind = kind_of(text_of(row, "socialRelationshipTypeId"), text_of(row, "exposureTypeId"))
        return ImportedLink(source, target, certainty, kind, int(row.get(ROW, 0)))

    return each(rows, options, link)


RESULTS = {
    "SEEN_OK": "well",
    "SEEN_NOT_OK": "symptoms",
    "MISSED": "not_found",
    "NOT_SEEN": "not_found",
}


def read_follow_ups(rows: Sequence[Record], options: Options) -> list[ImportedVisit]:
    """Return the follow-ups that were made; one that was not performed is none."""
    rows = by_property(rows, GODATA_FOLLOW_UPS)
    need(rows, "date", "statusId", what="Go.Data follow-ups")

    def visit(row: Record) -> ImportedVisit | None:
        status = text_of(row, "statusId").upper().rsplit("STATUS_TYPE_", 1)[-1].replace(" ", "_")
        if status not in RESULTS:
            return None
        contact = text_of(
            row, "contact.visualId", "contactVisualId", "contact.id", "contactId", "personId"
        )
        if not contact:
            raise ListMalformed(_("A follow-up names no contact."), where="contact.visualId")
        day = day_of(row, "date", options=options)
        return ImportedVisit(contact, day, RESULTS[status], int(row.get(ROW, 0)))

    return each(rows, options, visit)


def _unit(row: Record, options: Options) -> str:
    named = text_of(row, "addresses.locationId", "addresses [1].locationId", "locationId")
    return place_of(named, options)


def _identifiers(row: Record) -> dict[str, str]:
    return {
        "document": text_of(row, "documents.number", "documents [1].number"),
        "name": name_of(row),
        "phone": text_of(row, "addresses.phoneNumber", "addresses [1].phoneNumber"),
        "address": text_of(row, "addresses.addressLine1", "addresses [1].addressLine1"),
    }


def _classification(text: str) -> str:
    word = text.upper().rsplit("CLASSIFICATION_", 1)[-1]
    return {"CONFIRMED": CONFIRMED, "PROBABLE": PROBABLE}.get(word, OTHER)


def _infectors(rows: Sequence[Record]) -> dict[str, str]:
    """Return each case's source; a case with several sources has none: nobody has said which."""
    if rows:
        need(rows, "sourcePerson.id", "targetPerson.id", what="Go.Data relationships")
    found: dict[str, set[str]] = {}
    for row in rows:
        target = text_of(row, "targetPerson.visualId", "targetPerson.id")
        source = text_of(row, "sourcePerson.visualId", "sourcePerson.id")
        if target and source:
            found.setdefault(target, set()).add(source)
    return {target: next(iter(s)) for target, s in found.items() if len(s) == 1}
