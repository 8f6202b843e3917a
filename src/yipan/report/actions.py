"""What other rooms may do with reports, one function a use case; the rooms hold them."""

from yipan.report.cases.actions import CaseRow, take_cases
from yipan.report.values.actions import (
    Report,
    Taken,
    note_absence,
    submit_values,
    take_batch,
    take_published,
    take_receipt,
)

__all__ = [
    "CaseRow",
    "Report",
    "Taken",
    "note_absence",
    "submit_values",
    "take_batch",
    "take_cases",
    "take_published",
    "take_receipt",
]
