"""The hot paths of the API, answered before everything else where the case is plain.

A poll of an inbox and an acknowledgement, each with a token: no session, no form, no page. What is not
plain (a session, a query, a body with more in it, a refusal of any kind) goes the ordinary way and is
answered there, with its words. Both ways tell and leave the same; the tests compare them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils import timezone, translation

from yipan.access.codes import bearer_digest
from yipan.access.rules import Action
from yipan.order import door
from yipan.order.deliveries import polling
from yipan.order.deliveries.acknowledging import acknowledge_at_once

INBOX: Final = "/api/orders/inbox"
ACKNOWLEDGE: Final = re.compile(r"/api/orders/deliveries/([0-9a-f-]{36})/acknowledge")
NOTE_LONGEST: Final = 4000
BODY_LONGEST: Final = 20_000


class HotPaths:
    """Stands before the other middleware and lets pass whatever is not plain."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return _answer(request) or self.get_response(request)


def _answer(request: HttpRequest) -> HttpResponse | None:
    path = request.path
    if not path.startswith("/api/orders/") or request.META.get("QUERY_STRING"):
        return None
    digest = bearer_digest(request.META.get("HTTP_AUTHORIZATION", ""))
    if digest is None or request.META.get("HTTP_COOKIE"):
        return None
    wanted = ACKNOWLEDGE.fullmatch(path) if request.method == "POST" else None
    if wanted is None and (request.method, path) != ("GET", INBOX):
        return None
    request.get_host()  # an address that is not ours is refused here too
    now = timezone.now()
    with translation.override(translation.get_language_from_request(request)):
        if wanted is None:
            return _polled(digest, request.META.get("HTTP_IF_NONE_MATCH", ""), now)
        return _acknowledged(digest, UUID(wanted[1]), request, now)


def _polled(digest: str, has: str, now: datetime) -> HttpResponse | None:
    seen = door.look(digest, at=now)
    if seen is None or not seen.plain:
        return None
    has, signs = has.removeprefix("W/"), seen.signs  # a proxy that compresses weakens the tag
    answer = (
        polling.still(has, signs=signs, now=now)
        or polling.from_memory(signs=signs, now=now, has=has)
        or _anew(digest, seen, signs, has)
    )
    return None if answer is None else told(answer)


def _anew(digest: str, seen: door.Look, signs: str, has: str) -> polling.Poll | None:
    caller = seen.caller()
    door.CALLERS.keep(digest, caller)
    if not caller.scope.may(Action.ORDER_READ):
        return None
    incident = door.incident_for(caller.scope, at=seen.at, sign=seen.incidents)
    if incident is None or incident.clock_at is not None:
        return None  # an exercise's clock can be set at any moment
    return polling.made_anew(
        signs=signs, scope=caller.scope, incident=incident, now=seen.at, has=has
    )


def told(answer: polling.Poll) -> HttpResponse:
    """Return an answer as a response: without its text to who has it already."""
    response = (
        HttpResponseNotModified()
        if answer.text is None
        else HttpResponse(answer.text, content_type="application/json")
    )
    response["ETag"] = answer.tag
    return _private(response)


def _acknowledged(
    digest: str, pk: UUID, request: HttpRequest, now: datetime
) -> HttpResponse | None:
    given = _plain(request)
    caller = door.caller_of(digest, at=now) if given is not None else None
    if given is None or caller is None:
        return None
    read = acknowledge_at_once(
        pk,
        by=caller.user,
        at=now,
        client_key=given["client_key"],
        scope=caller.scope,
        live=door.webhooks_may_leave(now),
        real_clock=True,
        note=given.get("note", "").strip()[:NOTE_LONGEST],
    )
    if read is None:
        return None
    row = polling.told([read.row[name] for name in polling.COLUMNS], now)
    return _private(
        HttpResponse(json.dumps(row, ensure_ascii=False), content_type="application/json")
    )


def _plain(request: HttpRequest) -> dict[str, Any] | None:
    """Return the body of a plain acknowledgement: a client key and perhaps a note."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > BODY_LONGEST:
        return None
    try:
        given = json.loads(request.body)
    except ValueError:
        return None
    if not isinstance(given, dict) or not given.keys() <= {"client_key", "note"}:
        return None
    key, note = given.get("client_key"), given.get("note", "")
    plain = isinstance(key, str) and 8 <= len(key) <= 64 and isinstance(note, str)
    return given if plain else None


def _private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "private, no-cache"
    response["X-Content-Type-Options"] = "nosniff"
    if response.status_code != 304:
        response["Content-Length"] = str(len(response.content))
    return response
