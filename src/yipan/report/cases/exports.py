"""The line list as it leaves: pseudonymous, in the columns it comes in by."""

from __future__ import annotations

from django.db.models import QuerySet

from yipan.report.exchange.columns import CASE_COLUMNS
from yipan.report.exchange.csv.writing import write_csv
from yipan.report.models import Case


def line_list_csv(rows: QuerySet[Case]) -> bytes:
    """Return cases as CSV under the columns of the door, the pseudonym for the number."""
    return write_csv(
        [c.title for c in CASE_COLUMNS],
        (
            [
                case.pseudonym,
                case.unit.code,
                case.report_day.isoformat(),
                case.onset_day.isoformat() if case.onset_day else "",
                case.age_band,
                case.sex,
                "" if case.imported is None else int(case.imported),
                case.cluster,
                case.outcome,
                case.outcome_day.isoformat() if case.outcome_day else "",
                case.reason,
            ]
            for case in rows.iterator(chunk_size=2000)
        ),
    )
