"""Go.Data (WHO): the cases export as JSON or CSV, with the relationships export beside it.

Cases: `visualId` (or `id`), `classification`, `dateOfReporting`, `dateOfOnset`, `gender`,
`age.years`, `addresses.locationId`, `outcomeId`, `dateOfOutcome`. Relationships:
`sourcePerson.visualId` and `targetPerson.visualId` (or `.id`). Source: Go.Data's own export.
"""

from __future__ import annotations

from collections.abc import Sequence

from yipan.assess.linelists.plain import (
    CONFIRMED,
    OTHER,
    PROBABLE,
    ImportedCase,
    Options,
    Record,
    age_of,
    day_of,
    need,
    outcome_of,
    place_of,
    sex_of,
    text_of,
)


def read(rows: Sequence[Record], options: Options) -> list[ImportedCase]:
    """Return the cases of a Go.Data export, each with the case that infected it where one relationship says so."""
    need(rows, "classification", "dateOfReporting", what="Go.Data")
    infector = _infectors(options.relationships)
    cases = []
    for row in rows:
        number = text_of(row, "visualId", "id")
        cases.append(
            ImportedCase(
                number=number,
                unit=place_of(
                    text_of(row, "addresses.locationId", "addresses [1].locationId", "locationId"),
                    options,
                ),
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
            )
        )
    return cases


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
