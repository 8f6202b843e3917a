"""Every read of the line list, as known at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

import numpy as np
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from numpy.typing import NDArray

from yipan.access.models import Incident
from yipan.access.row_security import every_row, narrows, rows_within
from yipan.access.rules import Action
from yipan.access.scope import CASE, Scope
from yipan.access.suppression import Shown, table_shown_to
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


def reading(scope: Scope) -> AbstractContextManager[None]:
    """Open the rows about persons, as far as `scope` reads cases."""
    return rows_within(scope, Action.CASE_READ, sensitivity=CASE)


def current(incident: Incident, *, known_at: datetime) -> QuerySet[Case]:
    """Return the cases known at a moment, each in its latest version known then; void ones left out.

    The rows are locked: evaluate it inside `every_row()`, or `visible` inside `reading(scope)`.
    """
    known = Case.objects.filter(incident=incident, recorded_at__lte=known_at)
    latest = known.filter(pseudonym=OuterRef("pseudonym")).order_by("-version").values("version")
    with every_row():
        amended = known.filter(version__gt=1).exists()
    if not amended:
        return known.exclude(outcome=VOID)
    return known.filter(version=Subquery(latest[:1])).exclude(outcome=VOID)


def cases(incident: Incident, *, known_at: datetime) -> LineList:
    """Return the line list known at a moment as arrays; for assessment, not for a page."""
    with every_row():
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
    with every_row():
        for unit, day, n in rows:
            if unit in column:
                table[(day - first).days, column[unit]] = n
    return table


def counted_on(
    incident: Incident, *, unit: Unit, day: date, known_at: datetime
) -> dict[str, int] | None:
    """Return a place's cases confirmed, cured and dead of a day, by concept; None where it has none at all.

    A place of which the line list knows no case keeps no list here: that is not zero.
    """
    rows = current(incident, known_at=known_at).filter(
        unit__package=unit.package_id, unit__lft__gte=unit.lft, unit__rgt__lte=unit.rgt
    )
    with every_row():
        told = rows.aggregate(
            every=Count("pk"),
            confirmed=Count("pk", filter=Q(report_day=day)),
            cured=Count("pk", filter=Q(outcome="cured", outcome_day=day)),
            died=Count("pk", filter=Q(outcome="died", outcome_day=day)),
        )
    if not told.pop("every"):
        return None
    return {f"case.{name}": n for name, n in told.items()}


def visible(incident: Incident, *, scope: Scope, known_at: datetime) -> QuerySet[Case]:
    """Return the rows of the line list a person may read; evaluate it inside `reading(scope)`."""
    rows = current(incident, known_at=known_at)
    if narrows(scope, Action.CASE_READ, sensitivity=CASE):
        rows = rows.exclude(pk__in=_moved(incident, known_at))
    return scope.filter(rows, action=Action.CASE_READ, sensitivity=CASE).select_related("unit")


def _moved(incident: Incident, known_at: datetime) -> list[int]:
    """Return the versions that one at another place replaced: the lock may hide which is the latest."""
    known = Case.objects.filter(incident=incident, recorded_at__lte=known_at)
    later = known.filter(pseudonym=OuterRef("pseudonym"), version__gt=OuterRef("version"))
    with every_row():
        return list(
            known.filter(Exists(later.exclude(unit=OuterRef("unit")))).values_list("pk", flat=True)
        )


class CountyCases(NamedTuple):
    """How many cases a county has, as the reader may see it."""

    county: Unit
    cases: Shown


def counts_by_unit(incident: Incident, *, scope: Scope, known_at: datetime) -> list[CountyCases]:
    """Return the cases of each county in scope that has any, by code: the aggregate anyone may read.

    Where the reader has no right to counts of small places, small ones are hidden, and what would
    give them away with the sums of the places above.
    """
    rows = scope.filter(current(incident, known_at=known_at), action=Action.REPORT_READ)
    with every_row():  # a version that moved away must be known to be no longer here
        counted = dict(rows.order_by().values_list("unit").annotate(n=Count("pk")))
    counties = list(Unit.objects.filter(pk__in=counted).order_by("code"))
    shown = table_shown_to(
        scope,
        counties,
        {"cases": [counted[u.pk] for u in counties]},
        action=Action.REPORT_READ,
        sums_above=True,
    )
    return [CountyCases(u, n) for u, n in zip(counties, shown.cells["cases"], strict=True)]
