"""The figures of the accountability page: in the person's scope, at most 90 days back."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Min

from yipan.access.models import Incident
from yipan.access.row_security import rows_within
from yipan.access.rules import Action
from yipan.access.scope import CASE, Scope
from yipan.order.accountability.rules import (
    KEPT,
    SevenOneSeven,
    Spread,
    enough,
    seven_one_seven,
    spread,
    unreached,
)
from yipan.order.deliveries.queries import STEPS, deliveries
from yipan.order.deliveries.rules import OPEN, Act
from yipan.order.models import Delivery, DeliveryEvent, Priority
from yipan.order.orders.rules import reading_minutes
from yipan.places import queries as places
from yipan.places.models import Unit
from yipan.report.models import Case


@dataclass(frozen=True)
class Account:
    """How the orders of some weeks went, over everything in sight."""

    since: datetime
    n: int
    steps: dict[int, dict[str, Spread | None]]  # priority -> step -> spread
    unreached_15: float | None
    unreached_60: float | None
    returns: dict[str, int]
    reopened: float | None  # share of claims that were found not done


def account(
    incident: Incident, scope: Scope, *, at: datetime, days: int = 7, now: datetime | None = None
) -> Account:
    """Return how orders went in the last `days` days, and never more than 90 days before `now`."""
    since = _since(at, days, now)
    found = deliveries(incident, scope, at=at).filter(delivered_at__gte=since)
    rows = [(d.order.priority, d) for d in found.select_related("order")]
    steps: dict[int, dict[str, Spread | None]] = {}
    for priority in Priority:
        mine = [d for p, d in rows if p == priority]
        steps[priority] = {
            name: spread(_lengths([(getattr(d, a), getattr(d, b)) for d in mine], at))
            for name, a, b in STEPS
        }
    read = [_minutes(d.delivered_at, d.acknowledged_at, at) for _p, d in rows]
    ages = [(at - d.delivered_at).total_seconds() / 60 for _p, d in rows if d.delivered_at]
    events = DeliveryEvent.objects.filter(
        delivery__in=found.order_by().values("pk"), at__gte=since, at__lte=at
    )
    claims = events.filter(act=Act.CLAIM_DONE).count()
    return Account(
        since=since,
        n=len(rows),
        steps=steps,
        unreached_15=unreached(read, ages, within=15),
        unreached_60=unreached(read, ages, within=60),
        returns=dict(Counter(d.return_reason for _p, d in rows if d.return_reason)),
        reopened=events.filter(act=Act.REOPEN).count() / claims if claims else None,
    )


def _minutes(start: datetime | None, end: datetime | None, at: datetime) -> float | None:
    if start is None or end is None or end > at:
        return None
    return (end - start).total_seconds() / 60


def _lengths(pairs: Sequence[tuple[datetime | None, datetime | None]], at: datetime) -> list[float]:
    return [m for start, end in pairs if (m := _minutes(start, end, at)) is not None]


@dataclass
class UnitAccount:
    """One unit and all below it: what was asked of it, how it answers. By name, never by slowness."""

    unit: Unit
    posts: int = 0  # units below it that received something
    received: int = 0
    open: int = 0
    orders_a_day: float = 0.0
    minutes_a_day: float = 0.0  # of reading, for each post
    read: Spread | None = None
    shown: bool = False  # enough posts and deliveries, or one's own
    _minutes: list[float] = field(default_factory=list)


def _since(at: datetime, days: int, now: datetime | None) -> datetime:
    """A page that shows the past does not bring back what is kept no longer."""
    return max(at - min(timedelta(days=days), KEPT), (now or at) - KEPT)


def by_unit(
    incident: Incident, scope: Scope, *, at: datetime, days: int = 7, now: datetime | None = None
) -> list[UnitAccount]:
    """Return what each city (for a city's office: each county) was asked and how it answered, by name.

    A unit with fewer than 5 duty posts or 20 deliveries shows its figures only to itself and to the
    office directly above it.
    """
    since = _since(at, days, now)
    span = max(at - since, timedelta(0))
    found = deliveries(incident, scope, at=at).filter(delivered_at__gte=since)
    units = _rows_of(incident, scope)
    edges = [(unit.lft, unit.rgt, unit) for unit in units]
    made = {unit.pk: UnitAccount(unit) for unit in units}
    posts: dict[int, set[int]] = defaultdict(set)
    costs: dict[int, float] = defaultdict(float)
    reading: dict[object, int] = {}
    for d in found.select_related("order", "unit").iterator(chunk_size=2000):
        unit = _holding(edges, d.unit.lft)
        if unit is None:
            continue
        row = made[unit.pk]
        row.received += 1
        row.open += d.state_at in OPEN
        posts[unit.pk].add(d.unit_id)
        if d.order_id not in reading:
            reading[d.order_id] = reading_minutes(f"{d.order.title}\n{d.order.body}", 1)
        costs[unit.pk] += reading[d.order_id]
        minutes = _minutes(d.delivered_at, d.acknowledged_at, at)
        if minutes is not None:
            row._minutes.append(minutes)
    length = max(span / timedelta(days=1), 1.0)
    for row in made.values():
        row.posts = len(posts[row.unit.pk])
        row.orders_a_day = row.received / length
        row.minutes_a_day = costs[row.unit.pk] / length / max(1, row.posts)
        row.shown = enough(posts=row.posts, deliveries=row.received) or _own(row.unit, scope)
        row.read = spread(row._minutes) if row.shown else None
    return sorted((row for row in made.values() if row.received), key=lambda row: row.unit.code)


def _rows_of(incident: Incident, scope: Scope) -> list[Unit]:
    """Return the cities of a province's office, the counties of a city's, the units of a county's."""
    tops = scope.roots(Action.ORDER_READ)
    return [
        child
        for top in tops
        if top.package_id == incident.package_id
        for child in (list(places.children(top)) or [top])
    ]


def _holding(edges: Sequence[tuple[int, int, Unit]], lft: int) -> Unit | None:
    return next((unit for first, last, unit in edges if first <= lft <= last), None)


def _own(unit: Unit, scope: Scope) -> bool:
    """Whether the person sits at the unit or at the office directly above it."""
    held = [h.unit for h in scope.holdings if h.unit is not None]
    return any(own.pk in (unit.pk, unit.parent_id) for own in held)


def outbreaks(
    incident: Incident, scope: Scope, *, at: datetime
) -> list[tuple[Unit, SevenOneSeven]]:
    """Return each county with a case against 7-1-7, by code; only for who may read cases there.

    Begun: the first onset. Detected: the first day of confirmation. Notified: when the board first
    knew. Responded: the first order done there.
    """
    clock = places.board_time(incident.package)
    cases = scope.filter(
        Case.objects.filter(incident=incident, recorded_at__lte=at).exclude(outcome="void"),
        action=Action.CASE_READ,
        sensitivity=CASE,
    )
    with rows_within(scope, Action.CASE_READ, sensitivity=CASE):
        first = {
            unit: (onset, detected, notified)
            for unit, onset, detected, notified in cases.values("unit")
            .annotate(
                onset=Min("onset_day"), detected=Min("report_day"), notified=Min("recorded_at")
            )
            .values_list("unit", "onset", "detected", "notified")
        }
    done = dict(
        Delivery.objects.filter(order__incident=incident, unit__in=first, claimed_at__lte=at)
        .values("unit")
        .annotate(first=Min("claimed_at"))
        .values_list("unit", "first")
    )
    told: list[tuple[Unit, SevenOneSeven]] = []
    for unit in Unit.objects.filter(pk__in=first).order_by("code"):
        onset, detected, notified = first[unit.pk]
        response = done.get(unit.pk)
        outcome = seven_one_seven(
            onset=onset,
            detected=detected,
            notified=clock.local_day(notified),
            responded=clock.local_day(response) if response else None,
        )
        told.append((unit, outcome))
    return told
