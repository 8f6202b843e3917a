"""What a person sees when an address is wrong, an act is refused, or something broke."""

from __future__ import annotations

import logging
from typing import ClassVar

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from yipan.access.refusals import refusal, wants_json
from yipan.kernel.errors import NotFound, YipanError

log = logging.getLogger("yipan.web")


class BadRequest(YipanError):
    """The request could not be read: a broken address, form or file."""

    code: ClassVar[str] = "W400"
    status: ClassVar[int] = 400


class Refused(YipanError):
    """The request did not come from a page of this server, or its page was too old."""

    code: ClassVar[str] = "W403"
    status: ClassVar[int] = 403


class Broken(YipanError):
    """Something broke on the server; it was logged, and nothing was half written."""

    code: ClassVar[str] = "W500"
    status: ClassVar[int] = 500


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 400 in words."""
    fault = BadRequest(
        _("The server could not read this request."),
        where=request.path,
        remedy=_("Go back, check what was entered, and send it again."),
    )
    return refusal(request, fault)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 403 in words."""
    fault = Refused(
        _("This is not yours to do here."),
        where=request.path,
        remedy=_("Ask an administrator for the role, if it is your task."),
    )
    return refusal(request, fault)


def csrf_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403 where a form's token is missing or old; what was typed is still in the browser."""
    fault = Refused(
        _("This page was open too long, or it was not one of this server's pages."),
        where=request.path,
        remedy=_("Go back, reload the page and send it again."),
    )
    return refusal(request, fault)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404 in words."""
    fault = NotFound(
        _("There is no page at this address."),
        where=request.path,
        remedy=_("Check the address, or look for the place by its name."),
    )
    return refusal(request, fault)


def broken(request: HttpRequest) -> HttpResponse:
    """Answer 500 with a page that asks nothing of the database: it may be what broke."""
    log.error("page.broken", extra={"path": request.path})
    fault = Broken(
        _("Something broke on the server. It was logged; nothing was half written."),
        where=request.path,
        remedy=_("Try again in a minute. The other pages still work."),
    )
    if wants_json(request):
        return JsonResponse(fault.as_dict(), status=fault.status)
    page = render_to_string("web/broken.html", {"fault": fault})
    return HttpResponse(page, status=fault.status)
