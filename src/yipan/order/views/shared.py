"""What every page of this room needs: the moment of an act, the tick that lets held orders go."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from yipan.access.context import PersonRequest
from yipan.access.models import Incident
from yipan.access.queries import board_now
from yipan.access.refusals import wants_json
from yipan.order.actions import release_due
from yipan.order.errors import Unfit


def now_of(incident: Incident, request: PersonRequest) -> datetime:
    """Return the moment of an act: the incident's own clock, read on the server."""
    return board_now(incident, request.now)


def tick(request: PersonRequest) -> None:
    """Release what is due in this incident, so that orders leave even where no worker runs."""
    board = request.board
    if not board.past:
        release_due(at=board.now, incident=board.incident)


def typed_moment(text: str, request: PersonRequest) -> datetime:
    """Return the moment a browser sent, in the province's own time; raises Unfit (O410)."""
    try:
        stated = datetime.fromisoformat(text)
    except ValueError:
        raise Unfit(
            _("“%s” is not a moment.") % text[:40],
            where="moment",
            remedy=_("Write it as 2020-02-24T18:00, in the province's own time."),
        ) from None
    return stated if stated.tzinfo else stated.replace(tzinfo=request.board.time.zone)


def client_key(request: HttpRequest) -> str:
    """Return the key the form carries; one of its own for a browser without scripts."""
    return request.POST.get("client_key", "").strip()[:64] or str(uuid4())


def answer(request: HttpRequest, *, then: str, message: str, received_at: str) -> HttpResponse:
    """Answer an act: JSON for the shell's forms, otherwise the page that follows."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    target = wanted if safe else then
    if wants_json(request):
        return JsonResponse({"received_at": received_at, "message": message, "next": target})
    return redirect(target)
