"""One order, one delivery, its printed sheet; withdrawing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.scope import nothing_there
from yipan.access.signing import signed_in
from yipan.kernel.words import chinese, clock
from yipan.order import actions, queries
from yipan.order.deliveries import queries as delivering
from yipan.order.deliveries.lanes import lane_of
from yipan.order.deliveries.rules import (
    ACT_WORDS,
    NOTIFICATION,
    OPEN,
    Act,
    Party,
    acts_open,
    standing_of,
)
from yipan.order.duty.queries import calls, telephones
from yipan.order.matters import Text
from yipan.order.models import Annex, Delivery, Order, OrderState, ReturnReason
from yipan.order.orders.rules import OrderAct, can
from yipan.order.views.shared import answer, now_of, tick, typed_moment
from yipan.places import queries as places
from yipan.places.models import Unit
from yipan.report.dictionary import ELEMENTS

SHOWN = 50
WITH_FORM = (
    Act.RETURN,
    Act.CLAIM_DONE,
    Act.VERIFY,
    Act.REOPEN,
    Act.INSIST,
    Act.EXTEND,
    Act.ASSIST,
    Act.REASSIGN,
)
"""Acts that ask for a note, a reason or values; the others are one button."""


def one_order(pk: UUID, request: PersonRequest) -> Order:
    """Return an order in sight; absent and out of sight raise the same NotFound (K004)."""
    found = queries.orders(request.board.incident, request.scope).filter(pk=pk).first()
    if found is None:
        raise nothing_there(str(pk))
    return found


@signed_in
def order(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Show one order with its deliveries in sight; with a single one, all about it."""
    tick(request)
    found = one_order(pk, request)
    board = request.board
    seen = queries.deliveries(board.incident, request.scope, at=board.at).filter(order=found)
    rows = delivering.with_words(seen).order_by("unit__lft", "pk")
    page = Paginator(rows, SHOWN).get_page(request.GET.get("page"))
    if page.paginator.count == 1:
        return redirect_keeping(request, reverse("order:delivery", args=[page.object_list[0].pk]))
    shown = [(delivery, lane_of(delivery, at=board.at)) for delivery in page.object_list]
    context = _about(found, request) | {
        "page": page,
        "rows": shown,
        "reach": max((lane.reach for _delivery, lane in shown), default=60.0),
    }
    return render(request, "order/order.html", context)


def redirect_keeping(request: PersonRequest, address: str) -> HttpResponse:
    """Go on to an address and keep the moment shown."""
    return redirect(f"{address}?{request.board.query}" if request.board.query else address)


def _annexes(found: Order, request: PersonRequest) -> list[Annex]:
    """Return the annexes of the offices above the units that this person answers for."""
    condition = Q(pk__in=[])
    for unit in request.scope.roots(Action.ORDER_READ):
        condition |= Q(unit__lft__lte=unit.lft, unit__rgt__gte=unit.rgt)
        condition |= Q(unit__lft__gte=unit.lft, unit__rgt__lte=unit.rgt)
    return list(found.annexes.filter(condition).select_related("unit").order_by("at"))


def _about(found: Order, request: PersonRequest) -> dict[str, Any]:
    board = request.board
    open_acts = {
        "may_undo": OrderAct.UNDO,
        "may_withdraw": OrderAct.WITHDRAW,
        "may_issue": OrderAct.ISSUE,
        "may_amend": OrderAct.AMEND,
    }
    between = request.scope.roots(Action.ORDER_VERIFY)
    return {
        "section": "order",
        "order": found,
        "elements": [ELEMENTS[name] for name in found.elements if name in ELEMENTS],
        "annexes": _annexes(found, request),
        "amended_by": found.amendments.exclude(state=OrderState.WITHDRAWN).first(),
        "may_plan": request.scope.may(Action.PLAN_READ),
        "may_annex": bool(between) and found.state == OrderState.ISSUED and not board.past,
        **{
            name: not board.past and can(act, found, scope=request.scope, at=board.now)
            for name, act in open_acts.items()
        },
    }


@signed_in
def delivery(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Show one delivery: the text, what is asked, where its time went, what may be done now."""
    tick(request)
    shown = _delivery(pk, request)
    board = request.board
    claimed = delivering.claimers([shown.pk]).get(shown.pk)
    standing = standing_of(shown, claimed_by=claimed)
    open_acts = (
        ()
        if board.past
        else acts_open(standing, scope=request.scope, by=request.user, at=board.now)
    )
    asked = list(shown.order.elements)
    if shown.order.closure_check.get("kind") == "value":
        asked.append(shown.order.closure_check["element"])
    lane = lane_of(shown, at=board.at)
    context = _about(shown.order, request) | {
        "delivery": shown,
        "lane": lane,
        "reach": lane.reach or 60.0,
        "events": list(delivering.events([shown], at=board.at)[:100]),
        "act_words": ACT_WORDS,
        "buttons": [(a, ACT_WORDS[a]) for a in open_acts if a not in WITH_FORM and a in _BUTTONS],
        "forms": [(a, ACT_WORDS[a]) for a in open_acts if a in WITH_FORM],
        "reasons": ReturnReason.choices,
        "asked": [ELEMENTS[name] for name in dict.fromkeys(asked) if name in ELEMENTS],
        "told": _told(shown, open_acts),
        "may_call": not board.past and shown.state in OPEN and _may_call(shown, request),
        "telephones": telephones(shown.unit),
        "calls": calls(shown),
    }
    return render(request, "order/delivery.html", context)


_BUTTONS = (Act.ACKNOWLEDGE, Act.ACCEPT, Act.START, Act.CLOSE)


def _delivery(pk: UUID, request: PersonRequest) -> delivering.Known:
    board = request.board
    seen = queries.deliveries(board.incident, request.scope, at=board.at)
    return request.scope.get(
        delivering.with_words(seen).select_related("order__signature__option", "belongs_to"),
        action=Action.ORDER_READ,
        pk=pk,
    )


def _may_call(shown: Delivery, request: PersonRequest) -> bool:
    above = shown.unit.parent or shown.order.issuer
    return request.scope.may(Action.ORDER_VERIFY, above)


def _told(shown: Delivery, open_acts: tuple[Act, ...]) -> list[tuple[str, str]]:
    """Say who hears of each act that can be done now."""
    names = {
        Party.UNIT: shown.unit.name,
        Party.ABOVE: shown.unit.parent.name if shown.unit.parent else shown.order.issuer.name,
        Party.ISSUER: shown.order.issuer.name,
    }
    return [
        (str(ACT_WORDS[act]), _(", ").join(dict.fromkeys(names[p] for p in NOTIFICATION[act])))
        for act in open_acts
        if NOTIFICATION[act] and (act in WITH_FORM or act in _BUTTONS)
    ]


@signed_in
def sheet(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Show the sheet that is printed and handed over where no network reaches."""
    shown = _delivery(pk, request)
    return render(
        request, "order/sheet.html", {"section": "order", "delivery": shown, "order": shown.order}
    )


@require_POST
@signed_in
def annex(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Attach a local annex for the units below this person's office."""
    found = one_order(pk, request)
    at = now_of(found.incident, request)
    made = actions.annex(
        order=found,
        unit=_office(request),
        text=request.POST.get("text", ""),
        by=request.user,
        at=at,
        scope=request.scope,
    )
    return answer(
        request,
        then=reverse("order:order", args=[pk]),
        message=_("Attached for %s and all below.") % made.unit.name,
        received_at=clock(at, request.board.time.zone),
    )


def _office(request: PersonRequest) -> Unit:
    code = request.POST.get("unit", "").strip().split(" ")[0]
    if not code:
        return request.scope.roots(Action.ORDER_VERIFY)[0]
    units = places.units(request.board.package)
    return request.scope.get(units, action=Action.ORDER_VERIFY, unit="", code=code)


@require_POST
@signed_in
def amend(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Draft the next version of an order; it replaces this one when it leaves."""
    found = one_order(pk, request)
    at = now_of(found.incident, request)
    due = request.POST.get("due_at", "").strip()
    made = actions.amend_order(
        order=found,
        by=request.user,
        at=at,
        scope=request.scope,
        title=_changed(request.POST.get("title", ""), found.title_zh, found.title_en),
        body=_changed(request.POST.get("body", ""), found.body_zh, found.body_en),
        due_at=typed_moment(due, request) if due else None,
    )
    return answer(
        request,
        then=f"{reverse('order:issue')}#order-{made.pk}",
        message=_("Drafted as version %d.") % made.version,
        received_at=clock(at, request.board.time.zone),
    )


def _changed(written: str, zh: str, en: str) -> Text | None:
    """Return a text with the language in use rewritten, the other one as it stood; None if unchanged."""
    if not written.strip() or written.strip() == (zh if chinese() else en).strip():
        return None
    return Text(written.strip(), en) if chinese() else Text(zh, written.strip())


@require_POST
@signed_in
def withdraw(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Withdraw an order: everyone who received it is told."""
    found = one_order(pk, request)
    at = now_of(found.incident, request)
    actions.withdraw_order(
        order=found,
        by=request.user,
        at=at,
        reason=request.POST.get("reason", ""),
        scope=request.scope,
    )
    draft = found.state == OrderState.DRAFT
    return answer(
        request,
        then=reverse("order:issue") if draft else reverse("order:order", args=[pk]),
        message=_("Withdrawn; everyone who received it is told."),
        received_at=clock(at, request.board.time.zone),
    )
