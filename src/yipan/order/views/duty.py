"""The duty room's page: who is on duty, hand-over, contacts, lines that are down; and logged calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.scope import nothing_there
from yipan.access.signing import signed_in
from yipan.kernel.words import clock
from yipan.order import actions
from yipan.order.deliveries.queries import one
from yipan.order.duty import queries
from yipan.order.duty.actions import CHANNELS
from yipan.order.errors import DutyRefused
from yipan.order.models import Contact, Outage, Shift
from yipan.order.views.shared import answer, client_key, now_of, typed_moment
from yipan.places import queries as places
from yipan.places.models import Unit


def _own(request: PersonRequest) -> Unit:
    """Return the unit whose duty room is shown: the one asked for, else the person's own."""
    code = request.GET.get("unit", "") or request.POST.get("unit", "")
    receives = request.scope.may(Action.ORDER_RECEIVE)
    action = Action.ORDER_RECEIVE if receives else Action.ORDER_VERIFY
    request.scope.check(action)
    if code:
        units = places.units(request.board.package)
        return request.scope.get(units, action=action, unit="", code=code)
    return request.scope.roots(action)[0]


@signed_in
def duty(request: PersonRequest) -> HttpResponse:
    """Show the duty room of a unit."""
    unit = _own(request)
    at = request.board.at
    on = list(queries.on_duty(unit, at=at))
    context = {
        "section": "order",
        "unit": unit,
        "on_duty": on,
        "headline": _headline(unit, [str(shift.person) for shift in on]),
        "roster": queries.roster(unit, at=at),
        "handover": queries.last_handover(unit, at=at),
        "directory": queries.directory(unit)[:300],
        "outages": queries.outages_of(unit, at=at),
        "people": queries.colleagues(unit)[:100],
        "channels": CHANNELS,
        "may_act": not request.board.past,
    }
    return render(request, "order/duty.html", context)


def _headline(unit: Unit, names: list[str]) -> str:
    if not names:
        return _("Nobody is entered as on duty at %s") % unit.name
    told = {"names": _(", ").join(names), "unit": unit.name}
    return _("On duty at %(unit)s: %(names)s") % told


@require_POST
@signed_in
def change(request: PersonRequest, what: str) -> HttpResponse:
    """Do one thing of the duty room."""
    acts: dict[str, Callable[[PersonRequest, Unit, dict[str, Any]], None]] = {
        "shift": _shift,
        "handover": _handover,
        "contact": _contact,
        "drop-contact": _drop_contact,
        "outage": _outage,
        "end-outage": _end_outage,
    }
    if what not in acts:
        raise nothing_there(what)
    unit = _own(request)
    at = now_of(request.board.incident, request)
    acts[what](request, unit, {"by": request.user, "at": at, "scope": request.scope})
    return answer(
        request,
        then=f"{reverse('order:duty')}?unit={unit.code}",
        message=_("Received by the server."),
        received_at=clock(at, request.board.time.zone),
    )


def _shift(request: PersonRequest, unit: Unit, given: dict[str, Any]) -> None:
    person = queries.colleagues(unit).filter(pk=_number(request, "person")).first()
    if person is None:
        raise DutyRefused(
            _("Nobody was chosen."), where=unit.code, remedy=_("Choose a person of this office.")
        )
    actions.add_shift(
        unit=unit,
        person=person,
        start=typed_moment(request.POST.get("start", ""), request),
        end=typed_moment(request.POST.get("end", ""), request),
        **given,
    )


def _number(request: PersonRequest, name: str) -> int:
    text = request.POST.get(name, "")
    return int(text) if text.isdigit() else 0


def _handover(request: PersonRequest, unit: Unit, given: dict[str, Any]) -> None:
    shift = get_object_or_404(Shift, pk=_number(request, "shift"), unit=unit)
    to = queries.colleagues(unit).filter(pk=_number(request, "to")).first()
    actions.hand_over(shift=shift, to=to, words=request.POST.get("words", ""), **given)


def _contact(request: PersonRequest, unit: Unit, given: dict[str, Any]) -> None:
    actions.set_contact(
        unit=unit,
        channel=request.POST.get("channel", ""),
        address=request.POST.get("address", ""),
        rank=_number(request, "rank"),
        post=request.POST.get("post", ""),
        secret=request.POST.get("secret", ""),
        **given,
    )


def _drop_contact(request: PersonRequest, unit: Unit, given: dict[str, Any]) -> None:
    contact = get_object_or_404(Contact, pk=_number(request, "contact"), unit=unit)
    actions.drop_contact(contact=contact, **given)


def _outage(request: PersonRequest, unit: Unit, given: dict[str, Any]) -> None:
    actions.declare_outage(
        unit=unit,
        reason=request.POST.get("reason", ""),
        channel=request.POST.get("channel", ""),
        **given,
    )


def _end_outage(request: PersonRequest, unit: Unit, given: dict[str, Any]) -> None:
    here = queries.outages_of(unit, at=given["at"])
    outage = get_object_or_404(Outage, pk__in=here, id=_number(request, "outage"))
    actions.end_outage(outage=outage, **given)


@require_POST
@signed_in
def call(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Write down a telephone call about an order; where a post answered, it has read the order."""
    delivery = one(pk, request.scope)
    at = now_of(delivery.order.incident, request)
    actions.log_call(
        delivery=delivery,
        reached=request.POST.get("reached", ""),
        note=request.POST.get("note", ""),
        by=request.user,
        at=at,
        client_key=client_key(request),
        scope=request.scope,
    )
    return answer(
        request,
        then=reverse("order:delivery", args=[pk]),
        message=_("Written down."),
        received_at=clock(at, request.board.time.zone),
    )
