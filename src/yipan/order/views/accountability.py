"""How orders go: latencies, returns, reopened, load; units, never persons; no export."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.scope import CASE
from yipan.access.signing import signed_in
from yipan.kernel.words import percent
from yipan.order.accountability import queries
from yipan.order.accountability.rules import (
    DETECT,
    FEWEST_DELIVERIES,
    FEWEST_POSTS,
    NOTIFY,
    RESPOND,
)
from yipan.order.deliveries.queries import sentences
from yipan.order.models import Priority, ReturnReason
from yipan.order.views.shared import tick

SPANS = (1, 7, 30, 90)


@signed_in
def accountability(request: PersonRequest) -> HttpResponse:
    """Show how the orders in sight went, in the last days chosen."""
    request.scope.check(Action.ORDER_READ)
    tick(request)
    board = request.board
    days = next((d for d in SPANS if request.GET.get("days") == str(d)), 7)
    account = queries.account(board.incident, request.scope, at=board.at, days=days, now=board.now)
    reads_cases = request.scope.may(Action.CASE_READ, sensitivity=CASE)
    context = {
        "section": "order",
        "account": account,
        "headline": headline(account),
        "days": days,
        "spans": SPANS,
        "priorities": [
            (Priority(p).label, steps) for p, steps in account.steps.items() if any(steps.values())
        ],
        "returns": [(ReturnReason(key).label, n) for key, n in sorted(account.returns.items())],
        "reopened": None if account.reopened is None else percent(account.reopened),
        "unreached": [
            (minutes, "–" if share is None else percent(share))
            for minutes, share in ((15, account.unreached_15), (60, account.unreached_60))
        ],
        "units": queries.by_unit(
            board.incident, request.scope, at=board.at, days=days, now=board.now
        ),
        "outbreaks": queries.outbreaks(board.incident, request.scope, at=board.at)
        if reads_cases
        else [],
        "limits": (DETECT, NOTIFY, RESPOND),
        "fewest": (FEWEST_POSTS, FEWEST_DELIVERIES),
    }
    return render(request, "order/accountability.html", context)


def headline(account: queries.Account) -> str:
    """Return the sentence of the page."""
    if account.unreached_60 is None:
        return _("Too few orders are old enough to say how they went.")
    told = _("%s of the orders were read within the hour.") % percent(1 - account.unreached_60)
    if account.reopened is None:
        return told
    again = _("%s of those reported done were found not done.") % percent(account.reopened)
    return sentences(told, again)
