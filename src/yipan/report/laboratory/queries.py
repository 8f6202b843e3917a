"""Laboratories at any moment: load against capacity, turnaround, positivity, backlog."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from yipan.access.models import Incident
from yipan.access.row_security import every_row
from yipan.access.scope import Scope
from yipan.places import queries as places
from yipan.report.contacts.queries import reading, seen, standing
from yipan.report.laboratory.models import Result, SpecimenEvent, Step
from yipan.report.quarantine.models import Site, SiteKind
from yipan.report.quarantine.queries import holds, sites

WINDOW_DAYS = 7
DECIDED = (Result.POSITIVE, Result.NEGATIVE)
LEAST_FOR_P90 = 5
"""Fewer results than this give a median at most, and no 90th percentile."""


@dataclass(frozen=True)
class Board:
    """One laboratory over the last days, up to a moment. Hours are from taking to result."""

    laboratory: Site
    per_day: int
    results: int  # in the window
    results_today: int
    positive: int
    decided: int
    rejected: int
    backlog: int  # taken or received, without result
    oldest_hours: float | None  # of the specimen that waits longest
    median_hours: float | None
    p90_hours: float | None
    days: list[tuple[date, int, int]]  # day, results, positives

    @property
    def positivity(self) -> float | None:
        """Positives of decided results; None where nothing is decided."""
        return self.positive / self.decided if self.decided else None

    @property
    def days_of_backlog(self) -> float | None:
        """How many days the backlog takes at full capacity; None for a closed laboratory."""
        return self.backlog / self.per_day if self.per_day else None

    @property
    def over(self) -> bool:
        """Whether more waits than one day can do."""
        return self.backlog > self.per_day


def board(
    incident: Incident, *, scope: Scope, known_at: datetime, days: int = WINDOW_DAYS
) -> list[Board]:
    """Return the laboratories in sight, the largest backlog against capacity first. Counts only."""
    clock = places.board_time(incident.package)
    today = clock.local_day(known_at)
    first = today - timedelta(days=days - 1)
    found = sites(incident, SiteKind.LABORATORY, scope=scope, known_at=known_at)
    capacity = holds(found, until=known_at, known_at=known_at)
    with every_row():
        rows = list(
            standing(SpecimenEvent, incident, known_at=known_at)
            .filter(laboratory__in=[s.pk for s in found], occurred_at__lte=known_at)
            .order_by("occurred_at", "pk")
            .values_list("laboratory_id", "specimen", "step", "result", "occurred_at")
        )
    by_laboratory: dict[int, list[tuple[str, str, str, datetime]]] = defaultdict(list)
    for laboratory, specimen, step, result, occurred in rows:
        by_laboratory[laboratory].append((specimen, step, result, occurred))
    made = [
        _board(
            s, capacity.get(s.pk, 0), by_laboratory[s.pk], first, today, known_at, clock.local_day
        )
        for s in found
    ]
    return sorted(
        made,
        key=lambda b: (-(b.days_of_backlog if b.days_of_backlog is not None else 1e9 * b.backlog), b.laboratory.code),
    )  # fmt: skip


def _board(
    site: Site,
    per_day: int,
    rows: Sequence[tuple[str, str, str, datetime]],
    first: date,
    today: date,
    known_at: datetime,
    day_of: Callable[[datetime], date],
) -> Board:
    begun: dict[str, datetime] = {}
    waiting: dict[str, datetime] = {}
    hours: list[float] = []
    results: dict[date, int] = defaultdict(int)
    positives: dict[date, int] = defaultdict(int)
    positive = decided = rejected = 0
    for specimen, step, result, occurred in rows:
        if step in (Step.TAKEN, Step.RECEIVED):
            begun.setdefault(specimen, occurred)
            waiting.setdefault(specimen, occurred)
            continue
        waiting.pop(specimen, None)
        day = day_of(occurred)
        if day < first:
            continue
        if step == Step.REJECTED:
            rejected += 1
            continue
        results[day] += 1
        positives[day] += result == Result.POSITIVE
        positive += result == Result.POSITIVE
        decided += result in DECIDED
        if specimen in begun:
            hours.append((occurred - begun[specimen]).total_seconds() / 3600)
    oldest = min(waiting.values(), default=None)
    span = [first + timedelta(days=n) for n in range((today - first).days + 1)]
    return Board(
        laboratory=site,
        per_day=per_day,
        results=sum(results.values()),
        results_today=results[today],
        positive=positive,
        decided=decided,
        rejected=rejected,
        backlog=len(waiting),
        oldest_hours=(known_at - oldest).total_seconds() / 3600 if oldest else None,
        median_hours=_quantile(hours, 0.5, least=1),
        p90_hours=_quantile(hours, 0.9, least=LEAST_FOR_P90),
        days=[(d, results[d], positives[d]) for d in span],
    )


def _quantile(hours: Sequence[float], at: float, *, least: int) -> float | None:
    return float(np.quantile(hours, at)) if len(hours) >= least else None


@dataclass(frozen=True)
class Specimen:
    """One specimen with its steps, in the order they happened."""

    name: str
    steps: list[SpecimenEvent]

    @property
    def result(self) -> SpecimenEvent | None:
        """Its result, if it has one."""
        return next((s for s in self.steps if s.step == Step.RESULT), None)


def specimens(
    incident: Incident,
    *,
    scope: Scope,
    known_at: datetime,
    case: str = "",
    identity: int | None = None,
    waiting: bool = False,
) -> list[Specimen]:
    """Return the specimens in sight of a case or a person, or those that wait; the latest first."""
    with reading(scope):
        rows = seen(SpecimenEvent, incident, scope=scope, known_at=known_at)
        if case:
            rows = rows.filter(case=case)
        if identity is not None:
            rows = rows.filter(identity=identity)
        found: dict[str, list[SpecimenEvent]] = defaultdict(list)
        for step in rows.select_related("laboratory", "unit").order_by("occurred_at", "pk"):
            found[step.specimen].append(step)
    made = [Specimen(name, steps) for name, steps in found.items()]
    if waiting:
        made = [m for m in made if m.steps[-1].step in (Step.TAKEN, Step.RECEIVED)]
        return sorted(made, key=lambda m: m.steps[0].occurred_at)
    return sorted(made, key=lambda m: m.steps[-1].occurred_at, reverse=True)
