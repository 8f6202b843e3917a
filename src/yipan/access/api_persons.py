"""Persons for machines: kept sealed, looked at with a reason, their status one by one, appeals ruled on."""

from __future__ import annotations

from datetime import date, datetime
from typing import cast

from django.http import HttpRequest
from ninja import Router, Status
from pydantic import AwareDatetime, BaseModel, Field

from yipan.access import identity, status
from yipan.access.api_door import AUTH
from yipan.access.context import PersonRequest
from yipan.access.identity import Identifiers
from yipan.access.models import Appeal, EventKind, HealthEvent, Identity, PersonStatus
from yipan.access.queries import one_unit
from yipan.access.row_security import rows_within
from yipan.access.rules import Action
from yipan.access.scope import CASE
from yipan.access.signing import signed_in_scope
from yipan.access.suppression import suppress

router = Router(tags=["persons"], auth=AUTH)


class IdentifiersOut(BaseModel):
    """What names a person."""

    number: str
    name: str
    phone: str
    address: str


class PersonIn(BaseModel):
    """A person to be known by a pseudonym."""

    number: str = Field(max_length=60, description="of the identity document")
    name: str = Field("", max_length=120)
    phone: str = Field("", max_length=40)
    address: str = Field("", max_length=300)
    purpose: str = Field(max_length=24)
    unit: str = Field(description="code of the person's unit")


class PersonOut(BaseModel):
    """A person, unnamed."""

    id: int
    purpose: str
    pseudonym: str
    unit: str
    expires_at: datetime


class ReasonIn(BaseModel):
    """Why."""

    reason: str = Field(max_length=200)


class EventIn(BaseModel):
    """What happened to one person."""

    kind: EventKind
    occurred_on: date
    evidence: dict[str, str]


class EventOut(BaseModel):
    """A registered event."""

    id: int
    person: int
    kind: str
    occurred_on: date


class StatusIn(BaseModel):
    """By which rule; there is no list to give."""

    rule: str = Field(max_length=32)


class StatusOut(BaseModel):
    """What one person must do; `slip` is shown this once, for the person."""

    id: int
    event: int
    rule: str
    set_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    slip: str | None = None


class AppealOut(BaseModel):
    """An objection and its ruling."""

    id: int
    status: int
    text: str
    made_at: datetime
    due_at: datetime
    ruled_at: datetime | None
    upheld: bool | None
    reason: str


class RulingIn(BaseModel):
    """The ruling: was the person right, and why."""

    upheld: bool
    reason: str = Field(max_length=2000)


class RecordOut(BaseModel):
    """How often statuses were wrong; no person, no officer. Null: fewer than five."""

    set: int | None
    contested: int | None
    ruled: int | None
    upheld: int | None
    late: int | None
    rate: float | None = Field(description="upheld of ruled; null below five rulings")


@router.post("/persons", response={201: PersonOut}, summary="Keep a person's identifiers sealed")
def enrol(request: HttpRequest, given: PersonIn) -> Status[PersonOut]:
    """Return the person under a pseudonym; the same number for the same purpose is the same person."""
    scope = signed_in_scope(request, Action.STATUS_SET)
    made = identity.enrol(
        identifiers=Identifiers(given.number, given.name, given.phone, given.address),
        purpose=given.purpose,
        unit=one_unit(scope, given.unit, Action.STATUS_SET),
        action=Action.STATUS_SET,
        scope=scope,
        at=_asking(request).now,
    )
    return Status(
        201,
        PersonOut(
            id=made.pk,
            purpose=made.purpose,
            pseudonym=made.pseudonym,
            unit=made.unit.code,
            expires_at=made.expires_at,
        ),
    )


@router.post("/persons/{person}/reveal", response=IdentifiersOut, summary="See who a person is")
def reveal(request: HttpRequest, person: int, given: ReasonIn) -> IdentifiersOut:
    """Return a person's identifiers; that you looked, and why, is recorded for good."""
    scope = signed_in_scope(request, Action.IDENTITY_REVEAL)
    who = identity.reveal(
        identity_id=person, reason=given.reason, scope=scope, at=_asking(request).now
    )
    return IdentifiersOut(number=who.number, name=who.name, phone=who.phone, address=who.address)


@router.post(
    "/persons/{person}/events", response={201: EventOut}, summary="Register a health event"
)
def register_event(request: HttpRequest, person: int, given: EventIn) -> Status[EventOut]:
    """Register what happened to one person, with the evidence its kind needs and nothing else."""
    scope = signed_in_scope(request, Action.STATUS_SET)
    with rows_within(scope, Action.STATUS_SET, sensitivity=CASE):
        who = scope.get(
            Identity.objects.select_related("unit__package"),
            action=Action.STATUS_SET,
            sensitivity=CASE,
            pk=person,
        )
    made = status.register_event(
        identity=who,
        kind=given.kind,
        occurred_on=given.occurred_on,
        evidence=given.evidence,
        by=_asking(request).user,
        at=_asking(request).now,
    )
    return Status(
        201, EventOut(id=made.pk, person=who.pk, kind=made.kind, occurred_on=made.occurred_on)
    )


@router.post("/events/{event}/status", response={201: StatusOut}, summary="Set a person's status")
def set_status(request: HttpRequest, event: int, given: StatusIn) -> Status[StatusOut]:
    """Set one person's status because of one event; the answer holds the code for the slip."""
    scope = signed_in_scope(request, Action.STATUS_SET)
    with rows_within(scope, Action.STATUS_SET, sensitivity=CASE):
        ground = scope.get(
            HealthEvent.objects.select_related("unit__package"),
            action=Action.STATUS_SET,
            sensitivity=CASE,
            pk=event,
        )
    asking = _asking(request)
    held, slip = status.set_status(event=ground, rule=given.rule, by=asking.user, at=asking.now)
    return Status(201, _status(held, slip))


@router.post("/statuses/{pk}/end", response=StatusOut, summary="End a person's status")
def end_status(request: HttpRequest, pk: int, given: ReasonIn) -> StatusOut:
    """End a status before its time, with the reason."""
    scope = signed_in_scope(request, Action.STATUS_SET)
    with rows_within(scope, Action.STATUS_SET, sensitivity=CASE):
        held = scope.get(
            PersonStatus.objects.select_related("unit__package"),
            action=Action.STATUS_SET,
            sensitivity=CASE,
            pk=pk,
        )
    asking = _asking(request)
    return _status(
        status.end_status(status=held, reason=given.reason, by=asking.user, at=asking.now)
    )


@router.get("/appeals", response=list[AppealOut], summary="Appeals waiting for a ruling")
def appeals(request: HttpRequest, overdue: bool = False) -> list[AppealOut]:
    """Return the open appeals at the caller's places, the one due first first."""
    scope = signed_in_scope(request, Action.STATUS_RULE)
    found = status.appeals(scope, at=_asking(request).now, overdue=overdue)
    return [_appeal(one) for one in found]


@router.post("/appeals/{pk}/ruling", response=AppealOut, summary="Rule on an appeal")
def rule_on(request: HttpRequest, pk: int, given: RulingIn) -> AppealOut:
    """Say whether the person was right, and why; not one's own status."""
    scope = signed_in_scope(request, Action.STATUS_RULE)
    with rows_within(scope, Action.STATUS_RULE, sensitivity=CASE):
        about = scope.get(
            Appeal.objects.select_related("status__event", "unit"),
            action=Action.STATUS_RULE,
            sensitivity=CASE,
            pk=pk,
        )
    asking = _asking(request)
    ruled = status.rule_on(
        appeal=about, upheld=given.upheld, reason=given.reason, by=asking.user, at=asking.now
    )
    return _appeal(ruled)


@router.get(
    "/status-record", response=RecordOut, auth=None, summary="How often statuses were wrong"
)
def status_record(request: HttpRequest, start: AwareDatetime, end: AwareDatetime) -> RecordOut:
    """Return the published record of the statuses set in [start, end): open to everyone."""
    counts = vars(status.published_record(start=start, end=end))
    rate = counts.pop("rate")
    shown = {k: n if isinstance(n, int) else None for k, n in suppress(counts).items()}
    return RecordOut(**shown, rate=rate)


def _asking(request: HttpRequest) -> PersonRequest:
    return cast(PersonRequest, request)


def _status(held: PersonStatus, slip: str | None = None) -> StatusOut:
    return StatusOut(
        id=held.pk,
        event=held.event_id,
        rule=held.rule,
        set_at=held.set_at,
        expires_at=held.expires_at,
        ended_at=held.ended_at,
        slip=slip,
    )


def _appeal(one: Appeal) -> AppealOut:
    return AppealOut(
        id=one.pk,
        status=one.status_id,
        text=one.text,
        made_at=one.made_at,
        due_at=one.due_at,
        ruled_at=one.ruled_at,
        upheld=one.upheld,
        reason=one.reason,
    )
