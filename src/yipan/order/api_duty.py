"""The duty room over the API: who is on duty, hand-over, contacts, lines that are down, calls made."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Status
from pydantic import BaseModel, Field

from yipan.access.context import PersonRequest, board_of
from yipan.access.models import User
from yipan.access.queries import board_now
from yipan.access.rules import Action
from yipan.access.scope import nothing_there
from yipan.access.signing import signed_in_scope
from yipan.order import actions
from yipan.order.deliveries.queries import one
from yipan.order.duty import queries
from yipan.order.errors import DutyRefused
from yipan.order.models import Contact, DutyHours, Outage, Shift
from yipan.places import queries as places
from yipan.places.models import Unit

router = Router()


class ShiftOut(BaseModel):
    """One shift; a person by their account's name."""

    id: int
    person: str
    start: datetime
    end: datetime
    handed_over_at: datetime | None
    handover: str

    @classmethod
    def of(cls, shift: Shift) -> ShiftOut:
        """Return a shift as the API tells it."""
        return cls(
            id=shift.pk,
            person=shift.person.username,
            start=shift.start,
            end=shift.end,
            handed_over_at=shift.handed_over_at,
            handover=shift.handover,
        )


class ContactOut(BaseModel):
    """Where a post is reached; the secret of a webhook is never told."""

    id: int
    unit: str
    channel: str
    address: str
    rank: int
    post: str

    @classmethod
    def of(cls, contact: Contact) -> ContactOut:
        """Return a contact as the API tells it."""
        return cls(
            id=contact.pk,
            unit=contact.unit.code,
            channel=contact.channel,
            address=contact.address,
            rank=contact.rank,
            post=contact.post,
        )


class OutageOut(BaseModel):
    """A line that is down."""

    id: int
    unit: str
    channel: str = Field(description="Empty: nothing reaches them, and clocks stand still.")
    since: datetime
    reason: str

    @classmethod
    def of(cls, outage: Outage) -> OutageOut:
        """Return an outage as the API tells it."""
        return cls(
            id=outage.pk,
            unit=outage.unit.code,
            channel=outage.channel,
            since=outage.since,
            reason=outage.reason,
        )


class HoursIO(BaseModel):
    """When a unit and all below it are on duty; only P3 clocks follow it."""

    opens: time
    closes: time
    weekdays: list[int] = Field(description="0 Monday … 6 Sunday")
    holidays: list[date] = []


class DutyOut(BaseModel):
    """The duty room of a unit."""

    unit: str
    on_duty: list[ShiftOut]
    roster: list[ShiftOut]
    contacts: list[ContactOut]
    outages: list[OutageOut]
    hours: HoursIO | None


class ShiftIn(BaseModel):
    """A person on duty for [start, end)."""

    person: str
    start: datetime
    end: datetime


class HandoverIn(BaseModel):
    """What the next shift must know."""

    shift: int
    words: str
    to: str = ""


class ContactIn(BaseModel):
    """Where a post is reached; the same address again is changed."""

    channel: str
    address: str
    rank: int = 1
    post: str = ""
    secret: str = ""


class OutageIn(BaseModel):
    """What is down, and why."""

    reason: str
    channel: str = ""


class CallIn(BaseModel):
    """A telephone call about an order; where a post answered, it has read the order."""

    delivery: UUID
    client_key: str = Field(min_length=8, max_length=64)
    reached: str = Field(
        default="", description="The post that answered, never a name; empty: nobody."
    )
    note: str = ""


class CallOut(BaseModel):
    """A call as it was written down."""

    id: int
    at: datetime
    reached: str
    note: str
    state: str = Field(description="Of the delivery, after the call.")


def _unit(request: HttpRequest, code: str) -> Unit:
    """Return a unit whose duty room this person may run."""
    scope = signed_in_scope(request, Action.ORDER_READ)
    receives = scope.may(Action.ORDER_RECEIVE)
    action = Action.ORDER_RECEIVE if receives else Action.ORDER_VERIFY
    scope.check(action)
    units = places.units(board_of(request).package)
    return scope.get(units, action=action, unit="", code=code)


def _given(request: HttpRequest) -> dict[str, Any]:
    asking = cast(PersonRequest, request)
    at = board_now(board_of(request).incident, asking.now)
    return {"by": asking.user, "at": at, "scope": signed_in_scope(request, Action.ORDER_READ)}


def _person(unit: Unit, name: str) -> User:
    found = queries.colleagues(unit).filter(username=name).first()
    if found is None:
        raise DutyRefused(
            _("Nobody was chosen."), where=unit.code, remedy=_("Choose a person of this office.")
        )
    return found


@router.post("/calls", response={201: CallOut}, summary="Write a telephone call down")
def log_call(request: HttpRequest, given: CallIn) -> Status[CallOut]:
    scope = signed_in_scope(request, Action.ORDER_READ)
    delivery = one(given.delivery, scope)
    made = actions.log_call(
        delivery=delivery,
        reached=given.reached,
        note=given.note,
        client_key=given.client_key,
        **_given(request),
    )
    delivery.refresh_from_db()
    return Status(
        201,
        CallOut(id=made.pk, at=made.at, reached=made.reached, note=made.note, state=delivery.state),
    )


@router.get("/{code}", response=DutyOut, summary="The duty room of a unit")
def duty(request: HttpRequest, code: str) -> DutyOut:
    unit = _unit(request, code)
    at = board_of(request).at
    hours = DutyHours.objects.filter(unit=unit).first()
    return DutyOut(
        unit=unit.code,
        on_duty=[ShiftOut.of(s) for s in queries.on_duty(unit, at=at)],
        roster=[ShiftOut.of(s) for s in queries.roster(unit, at=at)],
        contacts=[ContactOut.of(c) for c in queries.directory(unit)[:1000]],
        outages=[OutageOut.of(o) for o in queries.outages_of(unit, at=at)],
        hours=HoursIO(
            opens=hours.opens,
            closes=hours.closes,
            weekdays=hours.weekdays,
            holidays=[date.fromisoformat(day) for day in hours.holidays],
        )
        if hours
        else None,
    )


@router.post("/{code}/shifts", response={201: ShiftOut}, summary="Put a person on duty")
def add_shift(request: HttpRequest, code: str, given: ShiftIn) -> Status[ShiftOut]:
    unit = _unit(request, code)
    person = _person(unit, given.person)
    made = actions.add_shift(
        unit=unit, person=person, start=given.start, end=given.end, **_given(request)
    )
    return Status(201, ShiftOut.of(made))


@router.post("/{code}/handover", response=ShiftOut, summary="Hand a shift over")
def hand_over(request: HttpRequest, code: str, given: HandoverIn) -> ShiftOut:
    unit = _unit(request, code)
    shift = Shift.objects.filter(pk=given.shift, unit=unit).select_related("unit", "person").first()
    if shift is None:
        raise nothing_there(str(given.shift))
    to = _person(unit, given.to) if given.to else None
    return ShiftOut.of(actions.hand_over(shift=shift, to=to, words=given.words, **_given(request)))


@router.post("/{code}/contacts", response={201: ContactOut}, summary="Say where a post is reached")
def set_contact(request: HttpRequest, code: str, given: ContactIn) -> Status[ContactOut]:
    unit = _unit(request, code)
    made = actions.set_contact(unit=unit, **given.model_dump(), **_given(request))
    return Status(201, ContactOut.of(made))


@router.delete("/{code}/contacts/{int:pk}", response={204: None}, summary="Drop a contact")
def drop_contact(request: HttpRequest, code: str, pk: int) -> Status[None]:
    unit = _unit(request, code)
    contact = Contact.objects.filter(pk=pk, unit=unit).select_related("unit").first()
    if contact is None:
        raise nothing_there(str(pk))
    actions.drop_contact(contact=contact, **_given(request))
    return Status(204, None)


@router.put("/{code}/hours", response=HoursIO, summary="Say when a unit is on duty")
def set_hours(request: HttpRequest, code: str, given: HoursIO) -> HoursIO:
    unit = _unit(request, code)
    actions.set_duty_hours(unit=unit, **given.model_dump(), **_given(request))
    return given


@router.post("/{code}/outages", response={201: OutageOut}, summary="Declare that a line is down")
def declare_outage(request: HttpRequest, code: str, given: OutageIn) -> Status[OutageOut]:
    unit = _unit(request, code)
    made = actions.declare_outage(
        unit=unit, reason=given.reason, channel=given.channel, **_given(request)
    )
    return Status(201, OutageOut.of(made))


@router.post("/{code}/outages/{int:pk}/end", response={204: None}, summary="It works again")
def end_outage(request: HttpRequest, code: str, pk: int) -> Status[None]:
    unit = _unit(request, code)
    given = _given(request)
    found = queries.outages_of(unit, at=given["at"]).filter(pk=pk).first()
    if found is None:
        raise nothing_there(str(pk))
    actions.end_outage(outage=found, **given)
    return Status(204, None)
