"""What other stages read of the reports; the rooms hold the rest."""

from yipan.report.cases.queries import LineList, case_counts, cases
from yipan.report.values.queries import (
    Silent,
    cumulative_counts,
    daily_counts,
    history,
    known_reasons,
    last_heard,
    not_heard_from,
    owing,
    reported_share,
    submissions,
)

__all__ = [
    "LineList",
    "Silent",
    "case_counts",
    "cases",
    "cumulative_counts",
    "daily_counts",
    "history",
    "known_reasons",
    "last_heard",
    "not_heard_from",
    "owing",
    "reported_share",
    "submissions",
]
