"""A line list whose columns carry the tags of R's `linelist` package (Epiverse-TRACE).

Tags: `id`, `date_onset`, `date_reporting`, `date_outcome`, `date_death`, `gender`, `age`,
`location`, `outcome`; beside them `infector`, `imported`, `cluster` and `case_type` where a file has
them. Source: linelist 2.0, the help page of make_linelist.
"""

from __future__ import annotations

from collections.abc import Sequence

from yipan.report.linelists.plain import (
    CONFIRMED,
    OTHER,
    PROBABLE,
    ROW,
    ImportedCase,
    Options,
    Record,
    age_of,
    day_of,
    each,
    need,
    outcome_of,
    place_of,
    sex_of,
    text_of,
)

YES, NO = ("true", "yes", "y", "1"), ("false", "no", "n", "0")


def read(rows: Sequence[Record], options: Options) -> list[ImportedCase]:
    """Return the cases of a tagged line list; without a case type every row is a confirmed case."""
    need(rows, "id", "date_reporting", what="linelist")
    return each(rows, options, lambda row: _case(row, options))


def _case(row: Record, options: Options) -> ImportedCase:
    died = day_of(row, "date_death", options=options)
    word = text_of(row, "imported").lower()
    return ImportedCase(
        number=text_of(row, "id"),
        unit=place_of(text_of(row, "location"), options),
        report_day=day_of(row, "date_reporting", options=options),
        onset_day=day_of(row, "date_onset", options=options),
        age=age_of(text_of(row, "age")),
        sex=sex_of(text_of(row, "gender", "sex")),
        imported=True if word in YES else False if word in NO else None,
        cluster=text_of(row, "cluster"),
        outcome="died" if died else outcome_of(text_of(row, "outcome")),
        outcome_day=died or day_of(row, "date_outcome", options=options),
        infector=text_of(row, "infector"),
        classification=_classification(text_of(row, "case_type", "case_definition")),
        row=int(row.get(ROW, 0)),
    )


def _classification(text: str) -> str:
    return {"": CONFIRMED, "confirmed": CONFIRMED, "probable": PROBABLE}.get(text.lower(), OTHER)
