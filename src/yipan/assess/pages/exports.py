"""Assessments as CSV: the same numbers as the pages, with the moment they were known."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any

from yipan.assess.models import Assessment, TierChange, UnitSituation
from yipan.assess.shown import for_export

UNIT_COLUMNS = (
    "known_at", "data_day", "code", "name_zh", "name_en", "confirmed", "confirmed_new",
    "confirmed_7d", "confirmed_14d", "cured", "deaths", "active", "last_case_day", "reported_at",
    "tier", "rule", "rt_median", "rt_q05", "rt_q95", "rt_note", "synthetic",
)  # fmt: skip
SERIES_COLUMNS = (
    "known_at", "date", "confirmed_new", "confirmed", "onset", "expected_q05", "expected_median",
    "expected_q95", "rt_q05", "rt_q25", "rt_median", "rt_q75", "rt_q95",
)  # fmt: skip
CHANGE_COLUMNS = ("at", "code", "name_zh", "name_en", "before", "after", "pack", "rule")


def write(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a CSV text with the mark by which a spreadsheet knows UTF-8; None is an empty cell."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows(rows)
    return "\ufeff" + out.getvalue()


def units_csv(assessment: Assessment, rows: Iterable[UnitSituation]) -> str:
    """Return counties or cities, one row each."""
    return write(UNIT_COLUMNS, (_unit(assessment, row) for row in rows))


def _unit(assessment: Assessment, s: UnitSituation) -> tuple[Any, ...]:
    rt = s.rt or {}
    cells = (
        assessment.known_at.isoformat(), assessment.data_day, s.unit.code, s.unit.name_zh,
        s.unit.name_en, s.confirmed, s.confirmed_new, s.confirmed_7d, s.confirmed_14d, s.cured,
        s.deaths, s.active, s.last_case_day, s.reported_at.isoformat() if s.reported_at else None,
        s.tier, s.rule, rt.get("median"), rt.get("q05"), rt.get("q95"), rt.get("note"),
        s.synthetic,
    )  # fmt: skip
    return tuple(for_export(cell) for cell in cells)


def units_geojson(assessment: Assessment, rows: Iterable[UnitSituation]) -> str:
    """Return counties or cities as GeoJSON points at their centres, with the same columns as the CSV.

    A unit without a centre has a null geometry; boundaries are not shipped here, their rights are the
    package's.
    """
    features = []
    for row in rows:
        unit = row.unit
        placed = unit.lon is not None and unit.lat is not None
        features.append(
            {
                "type": "Feature",
                "id": unit.code,
                "geometry": {"type": "Point", "coordinates": [unit.lon, unit.lat]}
                if placed
                else None,
                "properties": dict(zip(UNIT_COLUMNS, _unit(assessment, row), strict=True)),
            }
        )
    return json.dumps(
        {"type": "FeatureCollection", "features": features}, ensure_ascii=False, default=str
    )


def series_csv(assessment: Assessment) -> str:
    """Return the province's daily series, one row a day."""
    s = assessment.series
    n = len(s["dates"])
    onset, expected = s["onset"] or [None] * n, s["expected"] or [None] * n
    rows = []
    for i, day in enumerate(s["dates"]):
        e = expected[i] or {}
        rt = [s["rt"][name][i] for name in ("lo90", "lo50", "median", "hi50", "hi90")]
        rows.append(
            (assessment.known_at.isoformat(), day, s["confirmed_new"][i], s["confirmed"][i],
             onset[i], e.get("lo"), e.get("mid"), e.get("hi"), *rt)
        )  # fmt: skip
    return write(SERIES_COLUMNS, rows)


def changes_csv(changes: Iterable[TierChange]) -> str:
    """Return tier changes, the latest first."""
    return write(
        CHANGE_COLUMNS,
        (
            (c.at.isoformat(), c.unit.code, c.unit.name_zh, c.unit.name_en, c.before, c.after,
             c.pack, c.rule)
            for c in changes
        ),
    )  # fmt: skip
