"""The passing of time: reminders, calls to the offices above, closing; duty hours and outages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from django.db import transaction
from django.utils.translation import gettext as _

from yipan.access import audit
from yipan.access.models import AuditRecord, Incident, User
from yipan.access.rules import Action
from yipan.access.scope import Scope, system_scope
from yipan.order.channels.queries import queue_notice
from yipan.order.clocks import queries
from yipan.order.clocks.rules import ANSWER_WITHIN, CLOSES_AFTER, next_call
from yipan.order.deliveries.actions import Step, perform
from yipan.order.deliveries.rules import Act
from yipan.order.errors import DutyRefused
from yipan.order.models import (
    Answer,
    Delivery,
    DeliveryState,
    DutyHours,
    Escalation,
    Notice,
    Outage,
    Outbox,
)
from yipan.order.orders.actions import release_due
from yipan.places.models import Unit


@dataclass(frozen=True)
class Passed:
    """What the passing of time has brought about."""

    released: int
    reminded: int
    called: int
    answered: int
    closed: int


def pass_time(*, incident: Incident, at: datetime) -> Passed:
    """Do everything that is due in an incident at `at`; run again, it adds nothing.

    Releases what was held, reminds, settles calls that the units answered themselves, calls the
    offices above, closes what was verified long enough ago.
    """
    return Passed(
        released=release_due(at=at, incident=incident),
        reminded=remind(incident=incident, at=at),
        answered=settle_calls(incident=incident, at=at),
        called=call_offices(incident=incident, at=at),
        closed=close_verified(incident=incident, at=at),
    )


def remind(*, incident: Incident, at: datetime) -> int:
    """Write a reminder to each unit that has not read, or not finished, in good time; once each.

    What is to be done is read first: a quiet round takes no turn at writing.
    """
    due = queries.to_remind(incident, at=at)
    return _remind(due, incident=incident, at=at) if any(due.values()) else 0


@transaction.atomic
def _remind(due: Mapping[Notice, list[Delivery]], *, incident: Incident, at: datetime) -> int:
    rows = [
        Outbox(
            delivery=delivery,
            unit_id=delivery.unit_id,
            channel="inbox",
            kind=kind,
            queued_at=at,
            sent_at=at,
            attempts=1,
        )
        for kind, found in due.items()
        for delivery in found
    ]
    Outbox.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
    for kind in (Notice.UNREAD, Notice.DUE):
        told = [(row.delivery_id, row.unit_id) for row in rows if row.kind == kind]
        queue_notice(told, kind=kind, step=0, incident=incident, at=at)
    return len(rows)


def call_offices(*, incident: Incident, at: datetime) -> int:
    """Bring late deliveries before the office that must extend, assist or reassign; return how many.

    Attention moves up one office at a time, never beyond the issuer; the unit stays accountable.
    """
    if not queries.late(incident, at=at).exists():
        return 0
    return _call_offices(incident=incident, at=at)


@transaction.atomic
def _call_offices(*, incident: Incident, at: datetime) -> int:
    found = list(queries.late(incident, at=at))
    last = queries.last_calls([d.pk for d in found])
    offices = queries.offices_above(found)
    calls: list[Escalation] = []
    for delivery in found:
        unread = delivery.state == DeliveryState.DELIVERED
        kind = "unread" if unread else "undone"
        due = next_call(
            last.get((delivery.pk, kind)),
            above=offices[delivery.pk],
            priority=delivery.order.priority,
            at=at,
        )
        if due is not None:
            calls.append(
                Escalation(
                    delivery=delivery,
                    kind=kind,
                    step=due[0],
                    unit_id=due[1],
                    at=at,
                    answer_by=at + ANSWER_WITHIN[delivery.order.priority],
                )
            )
    Escalation.objects.bulk_create(calls, batch_size=500)
    Outbox.objects.bulk_create(
        [
            Outbox(
                delivery=call.delivery,
                unit_id=call.unit_id,
                channel="inbox",
                kind=Notice.ESCALATED,
                step=call.step if call.kind == "unread" else 100 + call.step,
                queued_at=at,
                sent_at=at,
                attempts=1,
            )
            for call in calls
        ],
        batch_size=500,
        ignore_conflicts=True,
    )
    for step in {call.step for call in calls}:
        told = [(call.delivery_id, call.unit_id) for call in calls if call.step == step]
        queue_notice(told, kind=Notice.ESCALATED, step=step, incident=incident, at=at)
    audit.record_many(_call_records(calls, incident=incident, at=at))
    return len(calls)


def _call_records(
    calls: Sequence[Escalation], *, incident: Incident, at: datetime
) -> list[AuditRecord]:
    return [
        AuditRecord(
            event="delivery.escalated",
            at=at,
            object_type="delivery",
            object_id=str(call.delivery_id),
            unit_id=call.unit_id,
            incident=incident,
            detail={"kind": call.kind, "step": call.step},
        )
        for call in calls
    ]


def settle_calls(*, incident: Incident, at: datetime) -> int:
    """Close the calls whose delivery is no longer late: the unit has answered itself."""
    moot = list(queries.moot_calls(incident, at=at))
    for start in range(0, len(moot), 500):
        Escalation.objects.filter(pk__in=moot[start : start + 500]).update(
            answered_at=at, answer=Answer.MOOT
        )
    return len(moot)


def close_verified(*, incident: Incident, at: datetime) -> int:
    """Close what was verified a day ago and found no objection."""
    ready = Delivery.objects.filter(
        order__incident=incident, state=DeliveryState.VERIFIED, verified_at__lte=at - CLOSES_AFTER
    )
    steps = [
        Step(Act.CLOSE, pk, at, f"close:{pk.hex}:{verified:%Y%m%d%H%M%S}")
        for pk, verified in ready.values_list("pk", "verified_at")[:2000]
        if verified is not None
    ]
    if steps:
        perform(steps, scope=system_scope())
    return len(steps)


# ---- duty hours and outages -------------------------------------------------------------------------


@transaction.atomic
def set_duty_hours(
    *,
    unit: Unit,
    opens: time,
    closes: time,
    weekdays: Sequence[int],
    holidays: Sequence[date] = (),
    by: User,
    at: datetime,
    scope: Scope,
) -> DutyHours:
    """Say when a unit and all below it are on duty; P3 clocks of later orders follow it.

    Raises DutyRefused (O420) for hours in which nobody is ever on duty, and what `scope.check` raises.
    """
    scope.check(Action.ORDER_VERIFY, unit)
    if opens >= closes or not weekdays or not set(weekdays) <= set(range(7)):
        raise DutyRefused(
            _("These hours leave nobody on duty."),
            where=unit.code,
            remedy=_("Give an hour of opening before that of closing, and at least one weekday."),
        )
    hours, _made = DutyHours.objects.update_or_create(
        unit=unit,
        defaults={
            "opens": opens,
            "closes": closes,
            "weekdays": sorted(set(weekdays)),
            "holidays": sorted(day.isoformat() for day in holidays),
        },
    )
    audit.record(
        event="duty.hours_set",
        at=at,
        actor=by,
        object_type="unit",
        object_id=unit.code,
        unit=unit,
        detail={"opens": f"{opens:%H:%M}", "closes": f"{closes:%H:%M}"},
    )
    return hours


@transaction.atomic
def declare_outage(
    *, unit: Unit, reason: str, by: User, at: datetime, scope: Scope, channel: str = ""
) -> Outage:
    """Declare that a line to a unit and all below it is down; its clocks stand still until mended.

    With a channel, only that channel is skipped for the next one and the clocks run on. Raises
    DutyRefused (O420) without a reason or while one is running, and what `scope.check` raises.
    """
    scope.check(
        Action.ORDER_RECEIVE if scope.may(Action.ORDER_RECEIVE, unit) else Action.ORDER_VERIFY, unit
    )
    running = Outage.objects.filter(unit=unit, channel=channel, until__isnull=True)
    if not reason.strip() or running.exists():
        raise DutyRefused(
            _("An outage needs a reason, and only one runs at a time."),
            where=unit.code,
            remedy=_("End the one that is running, or say what is down."),
        )
    outage = Outage.objects.create(
        unit=unit, channel=channel, since=at, reason=reason.strip()[:200], declared_by=by
    )
    audit.record(
        event="duty.outage_declared",
        at=at,
        actor=by,
        object_type="outage",
        object_id=outage.pk,
        unit=unit,
        detail={"channel": channel},
    )
    return outage


@transaction.atomic
def end_outage(*, outage: Outage, by: User, at: datetime, scope: Scope) -> int:
    """Say that the line works again; deadlines move by as long as it was down. Return how many moved.

    Raises DutyRefused (O420) for one that has ended, and what `scope.check` raises.
    """
    unit = outage.unit
    scope.check(
        Action.ORDER_RECEIVE if scope.may(Action.ORDER_RECEIVE, unit) else Action.ORDER_VERIFY, unit
    )
    if not Outage.objects.filter(pk=outage.pk, until__isnull=True).update(until=at):
        raise DutyRefused(_("This outage has ended already."), where=unit.code, remedy="")
    moved = queries.give_back_time(outage, until=at) if not outage.channel else 0
    audit.record(
        event="duty.outage_ended",
        at=at,
        actor=by,
        object_type="outage",
        object_id=outage.pk,
        unit=unit,
        detail={"moved": moved},
    )
    return moved
