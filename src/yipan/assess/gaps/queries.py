"""Who owes a report and has not been heard from, level by level, with known reasons beside the lateness."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

import numpy as np

from yipan.access.models import Incident
from yipan.access.scope import Scope, system_scope
from yipan.kernel.time import BoardTime
from yipan.places import queries as places
from yipan.places.models import Level, Unit
from yipan.report import queries as reports
from yipan.report.dictionary import asked_of
from yipan.report.models import Source, Value
from yipan.report.queries import Silent

CUT_OFF = time(18)  # of the daily page of villages and facilities, as the dictionary says
LEVELS = (Level.COUNTY, Level.TOWNSHIP, Level.VILLAGE, Level.FACILITY)


@dataclass(frozen=True)
class Gap:
    """The silence of one level: how many owe a report for a day, and who of them has not sent it."""

    level: str
    day: date
    owing: int
    silent: list[Silent]

    @property
    def heard(self) -> int:
        """How many reported."""
        return self.owing - len(self.silent)

    @property
    def with_reason(self) -> int:
        """How many of the silent have a known reason."""
        return sum(bool(s.reason) for s in self.silent)


def owed_day(level: str, *, at: datetime, clock: BoardTime) -> date:
    """Return the day for which a level owes its report by `at`.

    Counties owe the last data day; below them the day itself is owed from its cut-off on, and until
    then the day before.
    """
    if level in (Level.PROVINCE, Level.CITY, Level.COUNTY):
        return clock.last_data_day(at)
    local = at.astimezone(clock.zone)
    today = local.date()
    return today if local.time() >= CUT_OFF else date.fromordinal(today.toordinal() - 1)


def gap(incident: Incident, level: str, *, at: datetime, scope: Scope) -> Gap:
    """Return who of a level in scope was not heard from at `at`, the longest silence first."""
    day = owed_day(level, at=at, clock=places.board_time(incident.package))
    silent = reports.not_heard_from(incident, day=day, known_at=at, scope=scope, level=level)
    silent.sort(key=lambda s: (s.last_heard is not None, s.last_heard or at, s.county, s.unit.code))
    owing = reports.owing(incident, scope=scope, level=level, day=day).count()
    return Gap(level, day, owing, silent)


def gaps(incident: Incident, *, at: datetime, scope: Scope) -> list[Gap]:
    """Return the gaps of every level that owes reports in scope, the counties first.

    A level of which the dictionary asks nothing owes nothing.
    """
    found = [gap(incident, level, at=at, scope=scope) for level in LEVELS if asked_of(level)]
    return [g for g in found if g.owing]


def heard_below(
    incident: Incident, unit: Unit, level: str, *, at: datetime
) -> tuple[int, int, date]:
    """Return (units of a level below `unit` that reported, that owe a report, the day they owe).

    It asks no scope: call it for a unit whose reports the person may read.
    """
    day = owed_day(level, at=at, clock=places.board_time(incident.package))
    inside = {"unit__lft__gt": unit.lft, "unit__rgt__lt": unit.rgt}
    owing = reports.owing(incident, scope=system_scope(), level=level, day=day)
    owed = owing.filter(lft__gt=unit.lft, rgt__lt=unit.rgt).count()
    told = Value.objects.filter(
        incident=incident,
        day=day,
        recorded_at__lte=at,
        unit__level=level,
        unit__reports=True,
        **inside,
    ).exclude(submission__source=Source.BULLETIN)
    return told.order_by().values("unit").distinct().count(), owed, day


@dataclass(frozen=True)
class Unscreened:
    """The households of one county's villages that could not be reached, of those that reported."""

    county: Unit
    checked: int
    not_reached: int
    villages: int  # that reported at least one household not reached


def unscreened(incident: Incident, *, at: datetime, scope: Scope) -> tuple[date, list[Unscreened]]:
    """Return (the day, counties in scope with households not reached, most first).

    Only what the villages themselves said counts; a village that is silent is in the gaps.
    """
    day = owed_day(Level.VILLAGE, at=at, clock=places.board_time(incident.package))
    villages = list(reports.owing(incident, scope=scope, level=Level.VILLAGE, day=day))
    checked, missed = (
        reports.daily_counts(
            incident, units=villages, element=name, first=day, last=day, known_at=at
        )[0]
        for name in ("households_checked", "households_not_reached")
    )
    counties = list(places.counties(incident.package, on=day).order_by("lft"))
    begins = np.array([county.lft for county in counties])
    found: dict[int, list[float]] = {}
    for j, village in enumerate(villages):
        k = int(np.searchsorted(begins, village.lft)) - 1
        if k < 0 or np.isnan(missed[j]) or village.rgt > counties[k].rgt:
            continue
        row = found.setdefault(k, [0.0, 0.0, 0.0])
        row[0] += np.nan_to_num(checked[j])
        row[1] += missed[j]
        row[2] += missed[j] > 0
    rows = [
        Unscreened(counties[k], round(a), round(b), round(n))
        for k, (a, b, n) in found.items()
        if b > 0
    ]
    return day, sorted(rows, key=lambda r: (-r.not_reached, r.county.code))
