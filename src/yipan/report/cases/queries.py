"""Every read of the line list, as known at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from numpy.typing import NDArray

from yipan.access.models import Incident
from yipan.access.rules import Action
from yipan.access.scope import CASE, Scope
from yipan.places.models import Unit
from yipan.report.models import Case

VOID = "void"  # no case after all: kept in the history, counted nowhere


@dataclass(frozen=True)
class LineList:
    """Cases as arrays, one entry a case, in the order of report day and pseudonym."""

    unit: NDArray[np.int64]  # unit id of the county of residence
    report_day: NDArray[np.datetime64]
    onset_day: NDArray[np.datetime64]  # NaT where not known
    imported: NDArray[np.int8]  # 1 imported, 0 local, −1 not known
    cluster: NDArray[np.str_]  # empty: none known
    age_band: NDArray[np.str_]
    sex: NDArray[np.str_]
    synthetic: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.unit)


def current(incident: Incident, *, known_at: datetime) -> QuerySet[Case]:
    """Return the cases known at a moment, each in its latest version known then; void ones left out."""
    known = Case.objects.filter(incident=incident, recorded_at__lte=known_at)
    latest = known.filter(pseudonym=OuterRef("pseudonym")).order_by("-version").values("version")
    if not known.filter(version__gt=1).exists():
        return known.exclude(outcome=VOID)
    return known.filter(version=Subquery(latest[:1])).exclude(outcome=VOID)


def cases(incident: Incident, *, known_at: datetime) -> LineList:
    """Return the line list known at a moment as arrays; for assessment, not for a page."""
    rows = list(
        current(incident, known_at=known_at)
        .order_by("report_day", "pseudonym")
        .values_list(
            "unit_id", "report_day", "onset_day", "imported", "cluster", "age_band", "sex",
            "synthetic",
        )
    )  # fmt: skip
    columns = list(zip(*rows, strict=True)) if rows else [()] * 8
    return LineList(
        unit=np.array(columns[0], dtype=np.int64),
        report_day=np.array(columns[1], dtype="datetime64[D]"),
        onset_day=np.array(columns[2], dtype="datetime64[D]"),
        imported=np.array([-1 if i is None else int(i) for i in columns[3]], dtype=np.int8),
        cluster=np.array(columns[4], dtype=np.str_),
        age_band=np.array(columns[5], dtype=np.str_),
        sex=np.array(columns[6], dtype=np.str_),
        synthetic=np.array(columns[7], dtype=np.bool_),
    )


def case_counts(
    incident: Incident,
    *,
    units: Sequence[Unit] | QuerySet[Unit],
    first: date,
    last: date,
    known_at: datetime,
) -> NDArray[np.int64]:
    """Return new cases [day, unit] by data day of confirmation, `first` to `last` included."""
    column = {u.pk: i for i, u in enumerate(units)}
    table = np.zeros((max((last - first).days + 1, 0), len(column)), dtype=np.int64)
    rows = (
        current(incident, known_at=known_at)
        .filter(report_day__range=(first, last))
        .order_by()
        .values_list("unit_id", "report_day")
        .annotate(n=Count("pk"))
    )
    for unit, day, n in rows:
        if unit in column:
            table[(day - first).days, column[unit]] = n
    return table


def visible(incident: Incident, *, scope: Scope, known_at: datetime) -> QuerySet[Case]:
    """Return the rows of the line list a person may read: with CASE_READ and the sensitivity."""
    return scope.filter(
        current(incident, known_at=known_at), action=Action.CASE_READ, sensitivity=CASE
    ).select_related("unit")


def counts_by_unit(
    incident: Incident, *, scope: Scope, known_at: datetime
) -> list[tuple[str, str, str, int]]:
    """Return (code, zh name, en name, cases) by county in scope: the aggregate anyone may read."""
    rows = scope.filter(current(incident, known_at=known_at), action=Action.REPORT_READ)
    return list(
        rows.order_by("unit__code")
        .values_list("unit__code", "unit__name_zh", "unit__name_en")
        .annotate(n=Count("pk"))
        .order_by(F("unit__code").asc())
    )
