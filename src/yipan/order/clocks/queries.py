"""Reads of clocks, and set-based writes that follow duty hours and outages."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from yipan.access.models import Incident
from yipan.order.clocks.rules import DUE_SOON, Called, Hours, add_duty_time, alone
from yipan.order.deliveries import revisions
from yipan.order.deliveries.queries import Known, is_late
from yipan.order.deliveries.rules import ACKNOWLEDGE_WITHIN, OPEN
from yipan.order.models import (
    Answer,
    Delivery,
    DeliveryState,
    DutyHours,
    Escalation,
    Notice,
    Order,
    OrderState,
    Outage,
    Outbox,
    Priority,
)
from yipan.places import queries as places
from yipan.places.models import Package, Unit


def keep_duty_hours(released: Sequence[Order], *, package: Package, at: datetime) -> None:
    """Let the reading clocks of P3 deliveries run in the duty hours of their units.

    One statement for each calendar, the wider ones first, so that the nearest one above a unit
    counts. P0 to P2 never wait for duty hours.
    """
    ids = [order.pk for order in released if order.priority == Priority.P3]
    calendars = DutyHours.objects.filter(unit__package=package).select_related("unit")
    zone = places.board_time(package).zone
    for calendar in calendars.order_by("unit__depth", "pk") if ids else ():
        by = add_duty_time(at, ACKNOWLEDGE_WITHIN[Priority.P3], hours_of(calendar), zone)
        for start in range(0, len(ids), 500):
            Delivery.objects.filter(
                order__in=ids[start : start + 500],
                delivered_at=at,
                unit__in=places.subtree(calendar.unit).values("pk"),
            ).update(acknowledge_by=by)


def hours_of(calendar: DutyHours) -> Hours:
    """Return a calendar as the rules take it."""
    return Hours(
        calendar.opens,
        calendar.closes,
        frozenset(calendar.weekdays or range(7)),
        frozenset(date.fromisoformat(day) for day in calendar.holidays),
    )


# ---- outages --------------------------------------------------------------------------------------


def outages(incident: Incident, *, at: datetime) -> QuerySet[Outage]:
    """Return the outages that run at `at`."""
    running = Q(until__isnull=True) | Q(until__gt=at)
    found = Outage.objects.filter(running, unit__package=incident.package, since__lte=at)
    return found.select_related("unit")


def in_outage(incident: Incident, *, at: datetime) -> Q:
    """Return the condition that a delivery's unit lies where nothing reaches at `at`."""
    condition = Q(pk__in=[])
    for outage in outages(incident, at=at).filter(channel=""):
        condition |= Q(unit__lft__gte=outage.unit.lft, unit__rgt__lte=outage.unit.rgt)
    return condition


def give_back_time(outage: Outage, *, until: datetime) -> int:
    """Move the deadlines of open deliveries under an ended outage by as long as it held them up.

    Hours that another outage above or below has given back already are not given twice. One statement
    for each length of time; return how many deliveries were moved.
    """
    unit = outage.unit
    under = Delivery.objects.filter(
        unit__package_id=unit.package_id,
        unit__lft__gte=unit.lft,
        unit__rgt__lte=unit.rgt,
        state__in=OPEN,
        delivered_at__lt=until,
    )
    others = [
        (other.unit.lft, other.unit.rgt, other.since, other.until)
        for other in _given_back(outage, until=until)
        if other.until is not None
    ]
    # Read first, then written by ids: SQLite would read what it writes.
    lost: dict[timedelta, list[uuid.UUID]] = defaultdict(list)
    for pk, moment, lft, rgt in under.values_list(
        "pk", "delivered_at", "unit__lft", "unit__rgt"
    ).iterator(chunk_size=2000):
        if moment is None:
            continue
        over = [(a, b) for first, last, a, b in others if first <= lft and rgt <= last]
        lost[alone((max(outage.since, moment), until), over)].append(pk)
    lost.pop(timedelta(0), None)
    for length, ids in lost.items():
        for start in range(0, len(ids), 500):
            some = Delivery.objects.filter(pk__in=ids[start : start + 500])
            some.filter(state=DeliveryState.DELIVERED).update(
                acknowledge_by=F("acknowledge_by") + length
            )
            some.update(due_at=F("due_at") + length)
    if lost:
        revisions.touch([unit.pk], below=True)
    return sum(len(ids) for ids in lost.values())


def _given_back(outage: Outage, *, until: datetime) -> list[Outage]:
    """Return the ended outages of everything that overlap this one in place and in time."""
    unit = outage.unit
    return list(
        Outage.objects.filter(
            channel="",
            until__gt=outage.since,
            since__lt=until,
            unit__package_id=unit.package_id,
            unit__lft__lte=unit.rgt,
            unit__rgt__gte=unit.lft,
        )
        .exclude(pk=outage.pk)
        .select_related("unit")
    )


# ---- reminders and escalation -----------------------------------------------------------------------


def late(incident: Incident, *, at: datetime) -> QuerySet[Known]:
    """Return the late deliveries of an incident, those out of reach left aside.

    And those whose office has been called and still has time to answer: nothing is due there, and of
    50,000 late ones a round looks only at the few that are.
    """
    every = Delivery.objects.filter(
        order__incident=incident, delivered_at__lte=at, state__in=OPEN
    ).annotate(state_at=F("state"))
    return (
        every.filter(is_late(at))
        .exclude(in_outage(incident, at=at))
        .exclude(Exists(_waiting(at)))
        .select_related("order__issuer", "unit__parent")
        .order_by("order__priority", "pk")
    )


def _waiting(at: datetime) -> QuerySet[Escalation]:
    """Return the open calls that nothing follows yet: time to answer is left, or the issuer has it."""
    unread = Q(kind="unread") & Q(delivery__state=DeliveryState.DELIVERED)
    undone = Q(kind="undone") & ~Q(delivery__state=DeliveryState.DELIVERED)
    standing = Q(answer_by__gte=at) | Q(
        unit=F("delivery__order__issuer")
    )  # never beyond the issuer
    return Escalation.objects.filter(
        unread | undone, standing, delivery=OuterRef("pk"), answered_at__isnull=True
    )


def to_remind(incident: Incident, *, at: datetime) -> dict[Notice, list[Delivery]]:
    """Return the deliveries whose unit is to be reminded: half the reading clock gone, or due soon.

    Those reminded already are left out.
    """
    unread, soon = Q(pk__in=[]), Q(pk__in=[])
    for priority, within in ACKNOWLEDGE_WITHIN.items():
        unread |= Q(order__priority=priority, acknowledge_by__lte=at + within / 2)
        soon |= Q(order__priority=priority, due_at__lte=at + DUE_SOON[priority])
    every = Delivery.objects.filter(
        order__incident=incident, order__state=OrderState.ISSUED, delivered_at__lte=at
    ).select_related("order")
    working = [DeliveryState.ACKNOWLEDGED, DeliveryState.ACCEPTED, DeliveryState.IN_PROGRESS]
    return {
        Notice.UNREAD: list(
            every.filter(unread, state=DeliveryState.DELIVERED, acknowledge_by__gt=at).exclude(
                Exists(_reminded(Notice.UNREAD))
            )
        ),
        Notice.DUE: list(
            every.filter(soon, state__in=working, due_at__gt=at).exclude(
                Exists(_reminded(Notice.DUE))
            )
        ),
    }


def _reminded(kind: Notice) -> QuerySet[Outbox]:
    return Outbox.objects.filter(
        delivery=OuterRef("pk"), channel="inbox", kind=kind, step=0, unit=OuterRef("unit")
    )


def moot_calls(incident: Incident, *, at: datetime) -> QuerySet[Escalation, int]:
    """Return the ids of open calls whose delivery is late no longer, or late in another way by now."""
    late_now = Delivery.objects.filter(pk=OuterRef("delivery")).annotate(state_at=F("state"))
    unread = Q(kind="unread") & Q(delivery__state=DeliveryState.DELIVERED)
    undone = Q(kind="undone") & ~Q(delivery__state=DeliveryState.DELIVERED)
    waiting = Escalation.objects.filter(
        delivery__order__incident=incident, answered_at__isnull=True
    )
    return waiting.exclude((unread | undone) & Exists(late_now.filter(is_late(at)))).values_list(
        "pk", flat=True
    )


def last_calls(ids: Sequence[uuid.UUID]) -> dict[tuple[uuid.UUID, str], Called]:
    """Return the last call for each late delivery and kind of lateness."""
    found: dict[tuple[uuid.UUID, str], Called] = {}
    for start in range(0, len(ids), 500):
        rows = Escalation.objects.filter(delivery__in=ids[start : start + 500]).order_by("step")
        for row in rows:
            found[(row.delivery_id, row.kind)] = Called(
                row.step,
                row.unit_id,
                row.answer_by,
                row.answered_at,
                row.answer == Answer.ASSIST,
            )
    return found


def offices_above(found: Iterable[Delivery]) -> Mapping[uuid.UUID, list[int]]:
    """Return the offices from each delivery's parent up to its issuer, with few statements."""
    deliveries = list(found)
    packages = {d.unit.package_id for d in deliveries}
    parents = {}
    for package in packages:
        upper = Unit.objects.filter(package=package).exclude(level__in=["village", "facility"])
        parents.update(dict(upper.values_list("pk", "parent")))
    offices: dict[uuid.UUID, list[int]] = defaultdict(list)
    for d in deliveries:
        here, issuer = d.unit.parent_id, d.order.issuer_id
        while here is not None:
            offices[d.pk].append(here)
            if here == issuer:
                break
            here = parents.get(here)
        if d.unit_id == issuer or not offices[d.pk]:
            offices[d.pk] = [issuer]
    return offices


def open_calls(offices: Iterable[Unit]) -> QuerySet[Escalation]:
    """Return the calls that wait for an answer of these offices, the most urgent first."""
    return (
        Escalation.objects.filter(unit__in=list(offices), answered_at__isnull=True)
        .select_related("delivery__order__issuer", "delivery__unit__parent", "unit")
        .order_by("answer_by", "pk")
    )
