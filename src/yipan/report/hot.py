"""A morning's page with a token, answered before everything else where the case is plain.

No session, no form, no page: what is not plain (a cookie, a query, a page that shows the past, a fault of
any kind) goes the ordinary way and is answered there, with its words. Both ways tell and leave the
same; a test compares them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja.responses import NinjaJSONEncoder
from pydantic import ValidationError

from yipan.access.codes import bearer_digest
from yipan.kernel.errors import YipanError
from yipan.report.models import Source
from yipan.report.values.actions import Took, submit_swiftly
from yipan.report.values.sent import ValuesIn
from yipan.report.values.swift import Caller

VALUES: Final = "/api/report/values"
BODY_LONGEST: Final = 100_000
ELSEWHERE: Final = ("QUERY_STRING", "HTTP_COOKIE", "HTTP_REFERER")


class HotPath:
    """Stands before the other middleware and lets pass whatever is not plain."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return _answer(request) or self.get_response(request)


def _answer(request: HttpRequest) -> HttpResponse | None:
    if request.path != VALUES or request.method != "POST":
        return None
    digest = bearer_digest(request.META.get("HTTP_AUTHORIZATION", ""))
    if digest is None or any(request.META.get(name) for name in ELSEWHERE):
        return None
    if int(request.META.get("CONTENT_LENGTH") or 0) > BODY_LONGEST:
        return None
    request.tried_swiftly = True  # type: ignore[attr-defined]
    request.get_host()  # an address that is not ours is refused here too
    try:
        sent = ValuesIn.model_validate_json(request.body)
        took = submit_swiftly(
            caller=Caller(digest=digest),
            unit=sent.unit,
            day=sent.day,
            values=sent.values,
            now=timezone.now(),
            client_key=sent.client_key,
            device_at=sent.device_at,
            reasons=sent.reasons,
            unchanged=frozenset(sent.unchanged),
        )
    except (ValidationError, YipanError):
        return None
    return None if took is None else told(took, unit=sent.unit)


def told(took: Took, *, unit: str) -> HttpResponse:
    """Return what the API says of a submission that went the short way."""
    body = json.dumps(
        {
            "id": took.id,
            "unit": unit,
            "source": Source.API.value,
            "received_at": took.received_at,
            "accepted": took.accepted,
            "aside": took.aside,
            "rows_read": None,
            "rows_total": None,
            "file_name": "",
            "file_encoding": "",
            "columns_unread": [],
        },
        cls=NinjaJSONEncoder,
    ).encode()
    answer = HttpResponse(body, content_type="application/json; charset=utf-8")
    answer["Content-Length"] = str(len(body))  # nothing behind this sets it
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
