"""The inbox without a signal: the signed bundle, and the page that shows it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.signing import signed_in
from yipan.order import queries
from yipan.order.offline.bundle import make_bundle
from yipan.order.views.shared import tick


@signed_in
def bundle(request: PersonRequest) -> HttpResponse:
    """Give this person's orders to keep on the phone, signed."""
    request.scope.check(Action.ORDER_RECEIVE)
    tick(request)
    board = request.board
    box = queries.box(board.incident, request.scope, at=board.now)
    made = make_bundle(
        [*box.to_do, *box.checking], person=request.user.pk, at=board.now, zone=board.time.zone
    )
    return JsonResponse(vars(made))


def page(request: HttpRequest) -> HttpResponse:
    """Show the page that the console's service worker keeps: nothing of anybody in it, the phone fills it itself."""
    return render(request, "order/offline.html")
