"""The formats by name, and the one function that reads any of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from yipan.report.linelists import godata, sormas, tagged
from yipan.report.linelists.plain import (
    COLUMNS,
    CONFIRMED,
    PROBABLE,
    Imported,
    ImportedCase,
    Options,
    Reader,
    records,
)

FORMATS: dict[str, Reader] = {
    "godata": godata.read,
    "sormas": sormas.read,
    "linelist": tagged.read,
}


def import_list(path: Path, *, format: str, options: Options, probable: bool = False) -> Imported:
    """Return the confirmed cases of a file (the probable ones too, if asked), and how many were left out and why.

    A case without a number or a day of report is left out: the door could not take it. Raises
    ListMalformed (R167).
    """
    kept: list[ImportedCase] = []
    left_out: Counter[str] = Counter()
    wanted = (CONFIRMED, PROBABLE) if probable else (CONFIRMED,)
    for case in FORMATS[format](records(path), options):
        if case.classification not in wanted:
            left_out[f"classified {case.classification}"] += 1
        elif not case.number:
            left_out["without a number"] += 1
        elif case.report_day is None:
            left_out["without a day of report"] += 1
        else:
            kept.append(case)
    known = {case.number for case in kept}
    cases = [c if c.infector in known else c._replace(infector="") for c in kept]
    return Imported(cases, dict(left_out))


def template_rows(cases: list[ImportedCase]) -> list[list[str]]:
    """Return the cases as rows of the door's template (`COLUMNS`), the infector in a column after it."""

    def cell(value: object) -> str:
        if value is None:
            return ""
        return {True: "1", False: "0"}[value] if isinstance(value, bool) else str(value)

    return [[cell(getattr(case, name)) for name in COLUMNS] for case in cases]
