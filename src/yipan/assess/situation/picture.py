"""What was known at a moment, read once: counts as arrays [day, unit], totals, the line list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from yipan.access.models import Incident
from yipan.access.scope import system_scope
from yipan.kernel.time import days
from yipan.places import queries as places
from yipan.places.models import Level, Unit
from yipan.report import queries as reports
from yipan.report.dictionary import ELEMENTS
from yipan.report.models import Source, Value
from yipan.report.queries import LineList
from yipan.report.values.queries import first_day

Counts = NDArray[np.float64]
TOTALS = ("confirmed", "cured", "deaths")
FLOWS = ("confirmed_new", "cured_new", "deaths_new", "cluster_14d")
ONE_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Known:
    """Everything an assessment may rest on; nothing recorded after `at` is in it.

    `flows[name]` is [day, county], `totals[name]` is [day, 1 + city] with the province in column 0.
    A count that nobody reported is NaN. Days run from the first of the incident to the last data day.
    """

    incident: Incident
    at: datetime
    days: list[date]
    province: Unit
    cities: list[Unit]
    counties: list[Unit]
    flows: dict[str, Counts]
    totals: dict[str, Counts]
    cases: LineList
    heard: dict[int, datetime]
    owing: frozenset[int]
    synthetic: frozenset[int] = field(default_factory=frozenset)

    @property
    def day(self) -> date:
        """The last data day."""
        return self.days[-1]

    @cached_property
    def city_of(self) -> NDArray[np.int64]:
        """The index of each county's city, −1 where it has none."""
        spans = [(c.lft, c.rgt) for c in self.cities]
        return np.array(
            [
                next((i for i, (a, b) in enumerate(spans) if a < u.lft and u.rgt < b), -1)
                for u in self.counties
            ],
            dtype=np.int64,
        )

    @cached_property
    def new(self) -> Counts:
        """New confirmed [day, county]: as reported; a day not reported is taken from the line list.

        The last data day is never filled: who has not been heard from has said nothing yet.
        """
        told = self.flows["confirmed_new"]
        listed = line_list_counts(self.cases, self.counties, self.days)
        filled = np.where(np.isnan(told), listed, told)
        filled[-1] = told[-1]
        filled[:, ~self.ever_heard] = np.nan
        return filled

    @cached_property
    def ever_heard(self) -> NDArray[np.bool_]:
        """Whether each county has ever reported a count."""
        return np.asarray((~np.isnan(self.flows["confirmed_new"])).any(axis=0))

    @cached_property
    def reported(self) -> NDArray[np.bool_]:
        """Whether each county reported its count of the last data day."""
        return np.asarray(~np.isnan(self.flows["confirmed_new"][-1]))


def read(incident: Incident, *, known_at: datetime, elements: Sequence[str] = ()) -> Known:
    """Return what was known at a moment; each table is read once.

    `elements` are read of the counties beside the counts; one that the dictionary does not have is
    left out. Where a county has not said one itself, its health facilities may have: their sum, known
    only where every facility that ever told it has told it for the day.
    """
    clock = places.board_time(incident.package)
    last = clock.last_data_day(known_at)
    first = min(first_day(incident), last)
    span = [*days(first, last), last]
    province = places.province(incident.package)
    cities = list(places.cities(incident.package, on=last))
    counties = list(places.counties(incident.package, on=last))
    asked = [name for name in elements if name in ELEMENTS and name not in FLOWS]
    owed = reports.owing(incident, scope=system_scope(), level=Level.COUNTY, day=last)
    return Known(
        incident=incident,
        at=known_at,
        days=span,
        province=province,
        cities=cities,
        counties=counties,
        flows={
            name: reports.daily_counts(
                incident, units=counties, element=name, first=first, last=last, known_at=known_at
            )
            for name in dict.fromkeys([*FLOWS, *asked])
        }
        | _of_facilities(incident, counties, asked, first, last, known_at),
        totals={
            name: reports.cumulative_counts(
                incident,
                units=[province, *cities],
                element=name,
                first=first,
                last=last,
                known_at=known_at,
            )
            for name in TOTALS
        },
        cases=_until(reports.cases(incident, known_at=known_at), last),
        heard=reports.last_heard(incident, known_at=known_at, units=counties),
        owing=frozenset(owed.order_by().values_list("pk", flat=True)),
        synthetic=_synthetic(incident, last, known_at),
    )


def _of_facilities(
    incident: Incident,
    counties: Sequence[Unit],
    elements: Sequence[str],
    first: date,
    last: date,
    known_at: datetime,
) -> dict[str, Counts]:
    """Return each element [day, county], as the county said it, else as the sum of its facilities."""
    found: dict[str, Counts] = {}
    begins = np.array([county.lft for county in counties])
    for name in elements:
        told = reports.daily_counts(
            incident, units=counties, element=name, first=first, last=last, known_at=known_at
        )
        found[name] = told
        if "facility" not in ELEMENTS[name].levels:
            continue
        who = Value.objects.filter(
            incident=incident, element=name, recorded_at__lte=known_at, unit__level=Level.FACILITY
        )
        ids = who.order_by().values_list("unit", flat=True).distinct()
        facilities = list(Unit.objects.filter(pk__in=ids))
        if not facilities:
            continue
        parts = reports.daily_counts(
            incident, units=facilities, element=name, first=first, last=last, known_at=known_at
        )
        column = np.searchsorted(begins, [unit.lft for unit in facilities]) - 1
        for j, county in enumerate(counties):
            mine = [i for i, k in enumerate(column) if k == j and facilities[i].rgt < county.rgt]
            if mine:
                found[name][:, j] = np.where(
                    np.isnan(told[:, j]), parts[:, mine].sum(axis=1), told[:, j]
                )
    return found


def _until(cases: LineList, last: date) -> LineList:
    """Leave out cases of a day whose counts are not known yet: the list and the counts must agree."""
    keep = cases.report_day <= np.datetime64(last, "D")
    if keep.all():
        return cases
    return LineList(*(getattr(cases, name)[keep] for name in LineList.__dataclass_fields__))


def _synthetic(incident: Incident, last: date, known_at: datetime) -> frozenset[int]:
    """Return the counties whose counts a demonstration invented."""
    rows = Value.objects.filter(
        incident=incident,
        element="confirmed_new",
        recorded_at__lte=known_at,
        submission__source=Source.SYNTHETIC,
        day__gt=date.fromordinal(last.toordinal() - 3),
    )
    return frozenset(rows.order_by().values_list("unit", flat=True).distinct())


def line_list_counts(cases: LineList, units: Sequence[Unit], span: Sequence[date]) -> Counts:
    """Return cases of the line list [day, unit] by data day of confirmation."""
    table = np.zeros((len(span), len(units)))
    day, column = indices(cases, units, span)
    inside = (day >= 0) & (day < len(span)) & (column >= 0)
    np.add.at(table, (day[inside], column[inside]), 1)
    return table


def indices(
    cases: LineList, units: Sequence[Unit], span: Sequence[date]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each case's index of report day and of unit (−1: not among `units`)."""
    day = ((cases.report_day - np.datetime64(span[0], "D")) // ONE_DAY).astype(np.int64)
    column = {unit.pk: i for i, unit in enumerate(units)}
    return day, np.array([column.get(int(u), -1) for u in cases.unit], dtype=np.int64)
