"""The inbox: what this person's units have to do, on a phone first; and the acts on a delivery."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.signing import signed_in
from yipan.kernel.words import clock
from yipan.order import actions, queries
from yipan.order.actions import Step
from yipan.order.deliveries.queries import ended, one
from yipan.order.deliveries.rules import Act, return_reason
from yipan.order.errors import UnknownAct
from yipan.order.models import Delivery, DeliveryState
from yipan.order.views.shared import answer, client_key, now_of, tick, typed_moment
from yipan.places import queries as places
from yipan.places.models import Unit
from yipan.report.dictionary import ELEMENTS
from yipan.report.errors import NotANumber

QUICK = {
    DeliveryState.DELIVERED: Act.ACKNOWLEDGE,
    DeliveryState.ACKNOWLEDGED: Act.ACCEPT,
    DeliveryState.ACCEPTED: Act.START,
}
"""The act a card offers with one press; the rest is on the order's own page."""


@signed_in
def inbox(request: PersonRequest) -> HttpResponse:
    """Show what this person's units have to do."""
    request.scope.check(Action.ORDER_READ)
    tick(request)
    board = request.board
    below = request.GET.get("below") == "1"
    units = request.scope.roots(Action.ORDER_RECEIVE)
    box = queries.box(board.incident, request.scope, at=board.at, below=below)
    context = {
        "section": "order",
        "box": box,
        "ended": list(ended(board.incident, request.scope, at=board.at, below=below)[:20]),
        "cards": [(delivery, _quick(delivery)) for delivery in box.to_do],
        "headline": headline(len(box.to_do)),
        "lead": _lead(len(box.checking), box.closed_today, units),
        "units": units,
        "below": below,
        "may_act": not board.past,
    }
    return render(request, "order/inbox.html", context)


def _quick(delivery: Delivery) -> Act | None:
    return QUICK.get(DeliveryState(getattr(delivery, "state_at", delivery.state)))


def headline(n: int) -> str:
    """Return the sentence of the inbox."""
    if not n:
        return _("No order waits for you")
    return ngettext("%(n)d order to do", "%(n)d orders to do", n) % {"n": n}


def _lead(checking: int, closed: int, units: Sequence[Unit]) -> str:
    waits = ngettext("%(n)d waits for checking", "%(n)d wait for checking", checking)
    done = ngettext("%(n)d closed today", "%(n)d closed today", closed)
    said = {
        "units": _(", ").join(unit.name for unit in units),
        "waits": waits % {"n": checking},
        "done": done % {"n": closed},
    }
    if units:
        return _("%(units)s: %(waits)s, %(done)s.") % said
    return _("%(waits)s, %(done)s.") % said


@require_POST
@signed_in
def act(request: PersonRequest, pk: UUID, name: str) -> HttpResponse:
    """Do one act on one delivery; a replayed key changes nothing."""
    if name not in set(Act) - {Act.DELIVER, Act.SUPERSEDE, Act.CANCEL}:
        raise UnknownAct(
            _("There is no act “%s”.") % name[:20],
            where=str(pk),
            remedy=_("Use the buttons of the order's page."),
        )
    delivery = one(pk, request.scope)
    at = now_of(delivery.order.incident, request)
    note = request.POST.get("note", "")
    if Act(name) is Act.REASSIGN:
        actions.reassign(
            delivery=delivery,
            to=_named_unit(request, delivery, "to"),
            by=request.user,
            at=at,
            client_key=client_key(request),
            scope=request.scope,
            note=note,
        )
    else:
        actions.perform([_step(request, delivery, Act(name), note)], scope=request.scope)
    zone = request.board.time.zone
    return answer(
        request,
        then=reverse("order:delivery", args=[pk]),
        message=_("Received by the server."),
        received_at=clock(at, zone),
    )


def _step(request: PersonRequest, delivery: Delivery, name: Act, note: str) -> Step:
    returning = name is Act.RETURN
    until = request.POST.get("until", "").strip()
    return Step(
        name,
        delivery.pk,
        now_of(delivery.order.incident, request),
        client_key(request),
        request.user,
        note=note,
        reason=return_reason(request.POST.get("reason", "")) if returning else "",
        belongs_to=_beside(request, delivery, name),
        device_at=_device_at(request),
        until=typed_moment(until, request) if name is Act.EXTEND and until else None,
        values=_values(request) if name is Act.CLAIM_DONE else {},
    )


def _device_at(request: PersonRequest) -> datetime | None:
    """Return when the phone says it was pressed, if it says so rightly; the server's time is official."""
    try:
        said = datetime.fromisoformat(request.POST.get("device_at", ""))
    except ValueError:
        return None
    return said if said.tzinfo else None


def _beside(request: PersonRequest, delivery: Delivery, name: Act) -> Unit | None:
    """Return the other unit an act names: who should have it, or who helps."""
    if name is Act.RETURN and request.POST.get("belongs_to"):
        return _named_unit(request, delivery, "belongs_to")
    if name is Act.ASSIST:
        return _named_unit(request, delivery, "helper")
    return None


def _values(request: PersonRequest) -> dict[str, float | None]:
    """Return the values typed beside a claim, by element; the report's door checks them."""
    typed = {
        name.removeprefix("value_"): text.strip()
        for name, text in request.POST.items()
        if name.startswith("value_") and isinstance(text, str) and text.strip()
    }
    return {
        name: _number(text, ELEMENTS[name].label)
        for name, text in typed.items()
        if name in ELEMENTS
    }


def _number(text: str, label: str) -> float:
    try:
        return float(text.replace(",", "").replace("，", ""))
    except ValueError:
        raise NotANumber(label=label, value=text[:20]) from None


def _named_unit(request: PersonRequest, delivery: Delivery, field: str) -> Unit:
    code = request.POST.get(field, "").strip().split(" ")[0]
    units = places.units(delivery.order.incident.package)
    return request.scope.get(units, action=Action.PLACE_READ, unit="", code=code or "?")
