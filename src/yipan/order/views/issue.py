"""The issue page: what waits to be issued, whom it reaches, what it costs them; and a new order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.scope import nothing_there
from yipan.access.signing import signed_in
from yipan.kernel.errors import YipanError
from yipan.kernel.words import clock
from yipan.order import actions, queries
from yipan.order.deliveries.rules import ACKNOWLEDGE_WITHIN
from yipan.order.errors import UndoOver
from yipan.order.forms import NewOrder
from yipan.order.matters import Matter, Text, matters
from yipan.order.models import Order, OrderState, Priority
from yipan.order.orders.queries import alike, recipient_counts
from yipan.order.orders.rules import HOLD, check_fit, reading_minutes, release_at
from yipan.order.views.shared import answer, now_of, tick
from yipan.places import queries as places
from yipan.places.models import Level, Unit
from yipan.plan.models import Signature
from yipan.report.dictionary import ELEMENTS

DRAFTS_SHOWN = 5000


@dataclass(frozen=True)
class Bundle:
    """The drafts of one matter and priority: how many, whom they reach, what reading them costs."""

    matter: Matter
    priority: int
    orders: Sequence[Order]
    units: int
    minutes: int
    faults: list[YipanError]

    @property
    def key(self) -> str:
        """What the form sends to name this bundle."""
        return f"{self.matter.id}:{self.priority}"

    @property
    def example(self) -> Order:
        """One of them, to show what the other side sees."""
        return self.orders[0]

    @property
    def priority_label(self) -> str:
        """The priority in words."""
        return str(Priority(self.priority).label)

    @property
    def within(self) -> float:
        """Minutes within which a person must have read it."""
        return ACKNOWLEDGE_WITHIN[self.priority].total_seconds() / 60


def bundles(request: PersonRequest) -> list[Bundle]:
    """Return the drafts this person may issue, by matter and priority."""
    board = request.board
    found = list(queries.drafts(board.incident, request.scope)[:DRAFTS_SHOWN])
    counts = recipient_counts(found, on=board.time.local_day(board.at))
    made = []
    for (priority, matter), group in groupby(found, key=lambda o: (o.priority, o.matter)):
        orders = list(group)
        made.append(
            Bundle(
                matters().get(matter) or matters()["other"],
                priority,
                orders,
                sum(counts[o.pk] for o in orders),
                sum(
                    reading_minutes(f"{o.title}\n{o.body}\n{o.closure}", counts[o.pk])
                    for o in orders
                ),
                _faults(orders, request),
            )
        )
    return made


def _faults(orders: Sequence[Order], request: PersonRequest) -> list[YipanError]:
    faults = []
    for order in orders:
        try:
            check_fit(order, at=request.board.now)
        except YipanError as fault:
            faults.append(fault)
    return faults


@signed_in
def issue(request: PersonRequest) -> HttpResponse:
    """Show what waits to be issued."""
    request.scope.check(Action.ORDER_DRAFT)
    tick(request)
    return _page(request)


def _page(request: PersonRequest, **more: Any) -> HttpResponse:
    board = request.board
    made = bundles(request)
    every = [order for bundle in made for order in bundle.orders]
    like = alike(every, at=board.now)
    held = list(queries.held(board.incident, request.scope))
    context = {
        "section": "order",
        "bundles": made,
        "orders": sum(len(b.orders) for b in made),
        "units": sum(b.units for b in made),
        "minutes": sum(b.minutes for b in made),
        "headline": headline(sum(len(b.orders) for b in made), held),
        "held": held,
        "like": [(o, like[o.pk][0]) for o in every if o.pk in like][:20],
        "likes": len(like),
        "one_language": [o for o in every if o.missing],
        "unsigned": [o for o in every if o.priority == Priority.P0 and o.second_by_id is None],
        "seconds": _seconds_left(held, request),
        "hold": HOLD[Priority.P1].total_seconds(),
        "unused": unused_signatures(request),
        "steps": queries.latencies(board.incident, request.scope, at=board.at),
        "may_issue": request.scope.may(Action.ORDER_ISSUE) and not board.past,
        **more,
    }
    return render(request, "order/issue.html", context)


def headline(n: int, held: Sequence[Order]) -> str:
    """Return the sentence of the issue page."""
    if held:
        return ngettext(
            "%(n)d order is issued and leaves within the minute",
            "%(n)d orders are issued and leave within the minute",
            len(held),
        ) % {"n": len(held)}
    if not n:
        return _("No draft waits to be issued")
    return ngettext("%(n)d order waits to be issued", "%(n)d orders wait to be issued", n) % {
        "n": n
    }


def _seconds_left(held: Sequence[Order], request: PersonRequest) -> int:
    left = [(release_at(o) - request.board.now).total_seconds() for o in held]
    return max(0, int(max(left, default=0)))


def unused_signatures(request: PersonRequest) -> list[Signature]:
    """Return the signatures of this incident, the latest first, that no order has come from."""
    if not request.scope.may(Action.PLAN_READ):
        return []
    signed = Signature.objects.filter(
        scenario__assessment__incident=request.board.incident, orders__isnull=True
    )
    return list(signed.select_related("option", "by").order_by("-at")[:5])


@require_POST
@signed_in
def draft(request: PersonRequest, pk: int) -> HttpResponse:
    """Draft the orders of a signed option."""
    incident = request.board.incident
    signature = (
        Signature.objects.filter(pk=pk, scenario__assessment__incident=incident)
        .select_related("option__scenario__assessment__incident__package")
        .first()
    )
    if signature is None:
        raise nothing_there(str(pk))
    at = now_of(incident, request)
    made = actions.draft_orders(signature=signature, by=request.user, at=at, scope=request.scope)
    return answer(
        request,
        then=reverse("order:issue"),
        message=_("%d orders drafted.") % len(made),
        received_at=clock(at, request.board.time.zone),
    )


def _named(request: PersonRequest, state: OrderState) -> list[Order]:
    """Return the orders that the form names: whole bundles, or one by id."""
    keys = set(request.POST.getlist("bundle"))
    one = request.POST.get("order", "")
    if state is OrderState.HELD:
        found = list(queries.held(request.board.incident, request.scope))
    else:
        found = list(queries.drafts(request.board.incident, request.scope))
    if one:
        return [o for o in found if str(o.pk) == one]
    if state is OrderState.HELD:
        return found
    return [o for o in found if f"{o.matter}:{o.priority}" in keys]


@require_POST
@signed_in
def issue_now(request: PersonRequest) -> HttpResponse:
    """Issue the bundles chosen; they are held for a minute in which they can be undone."""
    chosen = _named(request, OrderState.DRAFT)
    if not chosen:
        return _page(request, nothing_chosen=True)
    at = now_of(request.board.incident, request)
    actions.issue_orders(
        orders=chosen,
        by=request.user,
        at=at,
        scope=request.scope,
        duplicate_reason=request.POST.get("duplicate_reason", ""),
    )
    return answer(
        request,
        then=reverse("order:issue"),
        message=_("%d orders issued.") % len(chosen),
        received_at=clock(at, request.board.time.zone),
    )


@require_POST
@signed_in
def countersign(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Give a P0 its second signature."""
    found = queries.drafts(request.board.incident, request.scope).filter(pk=pk).first()
    if found is None:
        raise nothing_there(str(pk))
    at = now_of(request.board.incident, request)
    actions.countersign(order=found, by=request.user, at=at, scope=request.scope)
    return answer(
        request,
        then=reverse("order:issue"),
        message=_("Signed; another hand issues it."),
        received_at=clock(at, request.board.time.zone),
    )


@require_POST
@signed_in
def undo(request: PersonRequest) -> HttpResponse:
    """Take back what has not left yet."""
    at = now_of(request.board.incident, request)
    chosen = _named(request, OrderState.HELD)
    if not chosen:
        raise UndoOver(
            _("The order has left; it can no longer be undone."),
            remedy=_("Withdraw it: everyone who received it is told."),
        )
    actions.undo_orders(orders=chosen, by=request.user, at=at, scope=request.scope)
    return answer(
        request,
        then=reverse("order:issue"),
        message=_("Taken back; nobody has received it."),
        received_at=clock(at, request.board.time.zone),
    )


# ---- a new order by hand ------------------------------------------------------------------------------


@signed_in
def new(request: PersonRequest) -> HttpResponse:
    """Write one order by hand: one matter, one accountable unit for each delivery, one test."""
    request.scope.check(Action.ORDER_DRAFT)
    issuer = request.scope.roots(Action.ORDER_DRAFT)[0]
    form = NewOrder(request.POST or None, zone=request.board.time.zone)
    fault: YipanError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            made = _drafted(request, form, issuer)
        except YipanError as refused:
            fault = refused
        else:
            return redirect(f"{reverse('order:issue')}#order-{made.pk}")
    status = 200 if request.method == "GET" else fault.status if fault else 422
    context = {
        "section": "order",
        "form": form,
        "fault": fault,
        "issuer": issuer,
        "units": _units_offered(issuer),
        "elements": ELEMENTS.values(),
    }
    return render(request, "order/new.html", context, status=status)


def _units_offered(issuer: Unit) -> list[Unit]:
    near = places.subtree(issuer).filter(level__in=[Level.PROVINCE, Level.CITY, Level.COUNTY])
    return list(near[:400])


def _drafted(request: PersonRequest, form: NewOrder, issuer: Unit) -> Order:
    given = form.cleaned_data
    codes = [code.split(" ")[0] for code in given["units"].replace("，", ",").split(",")]
    targets = []
    for code in (c.strip() for c in codes):
        unit = request.scope.get(
            places.units(request.board.package),
            action=Action.ORDER_DRAFT,
            unit="",
            code=code,
        )
        targets.append((unit, given["level"]))
    return actions.draft_order(
        incident=request.board.incident,
        issuer=issuer,
        matter=given["matter"],
        title=_both(given["title"], given["title_other"]),
        body=_both(given["body"], given["body_other"]),
        closure=_both(given["closure"], given["closure_other"]) if given["closure"] else None,
        targets=targets,
        priority=given["priority"],
        due_at=given["due_at"],
        elements=given["elements"],
        by=request.user,
        at=now_of(request.board.incident, request),
        scope=request.scope,
    )


def _both(written: str, other: str) -> Text:
    """Return a text in the language of who writes it, and in the other where it is given."""
    other = other.strip()
    chinese = (get_language() or "").startswith("zh")
    return Text(written, other) if chinese else Text(other, written)
