"""SORMAS: the detailed case export as CSV (its first row names properties, its second repeats them in words).

Columns: `uuid` (or `epidNumber`), `caseClassification`, `reportDate`, `symptoms.onsetDate`, `sex`,
`approximateAge`, `district`, `outcome`, `outcomeDate`. Source: SORMAS's own export.
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

CLASSIFICATIONS = (
    "CONFIRMED", "CONFIRMED_NO_SYMPTOMS", "CONFIRMED_UNKNOWN_SYMPTOMS", "PROBABLE", "SUSPECT",
    "NO_CASE", "NOT_CLASSIFIED",
)  # fmt: skip


def read(rows: Sequence[Record], options: Options) -> list[ImportedCase]:
    """Return the cases of a SORMAS export; it names no infectors."""
    need(rows, "uuid", "caseClassification", "reportDate", what="SORMAS")
    return [_case(row, options) for row in rows if not _captions(row)]


def _captions(row: Record) -> bool:
    """The second row repeats the headings in words: its classification is none."""
    word = text_of(row, "caseClassification").upper().replace(" ", "_")
    return bool(word) and word not in CLASSIFICATIONS and "CLASSIFICATION" in word


def _case(row: Record, options: Options) -> ImportedCase:
    word = text_of(row, "caseClassification").upper().replace(" ", "_")
    return ImportedCase(
        number=text_of(row, "epidNumber", "uuid"),
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
        if word == "PROBABLE"
        else OTHER,
    )
