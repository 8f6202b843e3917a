"""Entering what happened into a register, and voiding what was entered wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from yipan.access import audit, retention
from yipan.access.models import Incident, User
from yipan.access.queries import board_now
from yipan.access.row_security import every_row, rows_within
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.places import queries as places
from yipan.places.models import Unit
from yipan.report.cases.actions import RETENTION, pseudonym
from yipan.report.errors import EventVoided, FutureDay, KeyTaken, Missing, NotANumber, NothingSent
from yipan.report.models import Register, RegisterEvent, Source, Submission
from yipan.report.values.actions import check_open

LATE = timedelta(minutes=5)  # a phone's clock may run ahead by so much


class Event(NamedTuple):
    """One thing that happened, as it is entered; a person's number is never kept."""

    register: str
    concept: str
    change: float
    occurred_at: datetime
    subject: str = ""
    populations: tuple[str, ...] = ()


def enter(
    *,
    incident: Incident,
    unit: Unit,
    events: Sequence[Event],
    actor: User | None,
    source: str,
    at: datetime,
    client_key: str,
    scope: Scope,
) -> Submission:
    """Enter events of one unit and return the submission, the same one for a replayed key.

    All or nothing: raises NothingSent (R126), FutureDay (R105), NotANumber (R103), Missing (R118), KeyTaken
    (R123), StoodDown (R125) and what `scope.check` raises.
    """
    scope.check(Action.REPORT_SUBMIT, unit)
    check_open(incident, at)
    there = Submission.objects.filter(client_key=client_key).first()
    if there is not None:
        if (there.incident_id, there.unit_id) != (incident.pk, unit.pk):
            raise KeyTaken(where=unit.code)
        return there
    if not events:
        raise NothingSent(where=unit.code)
    clock = places.board_time(incident.package)
    rows = [_row(incident, unit, event, at) for event in events]
    for event in events:
        if event.occurred_at > at + LATE:
            raise FutureDay(
                label=event.concept,
                value=f"{event.occurred_at.astimezone(clock.zone):%Y-%m-%dT%H:%M}",
                today=f"{at.astimezone(clock.zone):%Y-%m-%dT%H:%M}",
            )
    try:
        with transaction.atomic():
            head = Submission.objects.create(
                incident=incident, unit=unit, actor=actor, source=source, client_key=client_key,
                received_at=at, rows_accepted=len(rows),
            )  # fmt: skip
            for row in rows:
                row.submission = head
            with rows_within(scope, Action.REPORT_SUBMIT):
                RegisterEvent.objects.bulk_create(rows, batch_size=500)
            audit.record(
                event="register.entered",
                at=at,
                actor=actor,
                object_type="submission",
                object_id=head.pk,
                unit=unit,
                incident=incident,
                detail={"events": len(rows)},
            )
    except IntegrityError:
        there = Submission.objects.filter(client_key=client_key, unit=unit).first()
        if there is None:
            raise
        return there
    return head


def _row(incident: Incident, unit: Unit, event: Event, at: datetime) -> RegisterEvent:
    if event.register not in Register.values or not event.concept:
        raise Missing(label=_("Register"), where=unit.code)
    if event.change != event.change or event.change in (0, float("inf"), float("-inf")):
        raise NotANumber(label=event.concept, value=str(event.change))
    person = event.register == Register.PERSON
    if person and not event.subject:
        raise Missing(label=_("Whom the event is about"), where=unit.code)
    tags = "|".join(t.replace("|", "/") for t in event.populations)
    return RegisterEvent(
        incident=incident,
        unit=unit,
        register=event.register,
        concept=event.concept[:80],
        change=event.change,
        subject=pseudonym(incident, event.subject) if person else event.subject[:64],
        populations=f"|{tags}|"[:240] if tags else "",
        occurred_at=event.occurred_at,
        recorded_at=at,
        expires_at=at + RETENTION if person else None,
    )


def void(
    *, event: RegisterEvent, reason: str, actor: User | None, at: datetime, scope: Scope
) -> RegisterEvent:
    """Void an event with a reason; it stays in the log. Raises Missing (R118), EventVoided (R138)."""
    scope.check(Action.REPORT_CORRECT, event.unit)
    if not reason.strip():
        raise Missing(label=_("Reason"))
    try:
        with transaction.atomic():
            head = Submission.objects.create(
                incident=event.incident, unit=event.unit, actor=actor, source=Source.FORM,
                client_key=f"void:{event.pk}", received_at=at, rows_accepted=1,
            )  # fmt: skip
            with rows_within(scope, Action.REPORT_CORRECT):
                made = RegisterEvent.objects.create(
                    incident=event.incident,
                    unit=event.unit,
                    register=event.register,
                    concept=event.concept,
                    change=-event.change,
                    subject=event.subject,
                    populations=event.populations,
                    occurred_at=event.occurred_at,
                    recorded_at=at,
                    expires_at=event.expires_at,
                    voids=event,
                    reason=reason.strip(),
                    submission=head,
                )
            audit.record(
                event="register.voided",
                at=at,
                actor=actor,
                object_type="register_event",
                object_id=event.pk,
                unit=event.unit,
                incident=event.incident,
            )
    except IntegrityError:
        raise EventVoided from None
    return made


def end_expired(at: datetime) -> int:
    """Take the pseudonym out of events about persons whose time is over; return how many.

    What the event changed stays: a count at an old cut-off is the same as ever.
    """
    ended = 0
    with every_row():
        for incident in Incident.objects.all():
            now = board_now(incident, at)
            due = RegisterEvent.objects.filter(incident=incident, expires_at__lte=now)
            ended += due.exclude(subject="").update(subject="")
    return ended


retention.ends("register_events", end_expired)
