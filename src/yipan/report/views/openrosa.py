"""OpenRosa's addresses: an API token is the password, so that ODK Collect and Enketo can sign in."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from yipan.access.actions import note_token_use
from yipan.access.context import PersonRequest
from yipan.access.queries import token_of
from yipan.access.rules import Action
from yipan.access.scope import scope_of
from yipan.kernel.config import config
from yipan.kernel.errors import YipanError
from yipan.places.models import Unit
from yipan.report.errors import EmptyFile, Refused
from yipan.report.exchange.incoming import is_here, take_instance
from yipan.report.exchange.openrosa import messages
from yipan.report.exchange.page import PageForm, page_form
from yipan.report.exchange.reading import check_size, read_bytes
from yipan.report.exchange.xlsform.writing import xform
from yipan.report.forms.daily import default_day, unit_of_page

XML = "text/xml; charset=utf-8"


def with_token(view: Callable[[PersonRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Let in who gives an API token as the password (HTTP Basic), and tell errors as OpenRosa does."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        asking: Any = request
        token = _token(request)
        held = token_of(token, at=asking.now) if token else None
        if held is None:
            answer = _told(messages.response(_("Sign in with an API token as the password."), nature="submit_error"), 401)  # fmt: skip
            answer["WWW-Authenticate"] = 'Basic realm="Yipan", charset="UTF-8"'
            return answer
        asking.user = held.user
        narrowed = frozenset(Action(a) for a in held.actions)
        asking.scope = scope_of(held.user, at=asking.now).narrow(narrowed)
        note_token_use(token=held, at=asking.now)
        try:
            return view(cast(PersonRequest, request))
        except Refused as refused:
            lines = "; ".join(f"{n}: {f.message}" for n, f in refused.faults.items())
            return _told(messages.response(f"{refused.code} {lines}", nature="submit_error"), refused.status)  # fmt: skip
        except YipanError as fault:
            return _told(messages.response(str(fault), nature="submit_error"), fault.status)

    return csrf_exempt(guarded)


def _token(request: HttpRequest) -> str:
    kind, _space, given = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _told(body: str, status: int = 200) -> HttpResponse:
    answer = HttpResponse(body, content_type=XML, status=status)
    for name, value in messages.HEADERS.items():
        answer[name] = value
    answer["X-OpenRosa-Accept-Content-Length"] = str(config().upload_limit_mib * 1024 * 1024)
    return answer


def _mine(request: PersonRequest) -> tuple[Unit, PageForm]:
    request.scope.check(Action.REPORT_SUBMIT)
    board = request.board
    unit = unit_of_page(board.incident, scope=request.scope)
    if unit is None:
        request.scope.check(Action.REPORT_SUBMIT, unit)
        raise EmptyFile(name="formList")
    day = default_day(board.time, unit, board.at)
    return unit, page_form(board.incident, unit=unit, day=day, now=board.at)


@require_GET
@with_token
def form_list(request: PersonRequest) -> HttpResponse:
    """List the one page of the sender's own unit."""
    unit, form = _mine(request)
    return _told(
        messages.form_list(
            form,
            body=xform(form, unit=unit),
            form_url=request.build_absolute_uri(reverse("report:openrosa_form")),
            manifest_url=request.build_absolute_uri(reverse("report:openrosa_manifest")),
        )
    )


@require_GET
@with_token
def form(request: PersonRequest) -> HttpResponse:
    """Give the page as an XForm, the sender's unit and the day filled in."""
    unit, page = _mine(request)
    return _told(xform(page, unit=unit))


@require_GET
@with_token
def manifest(request: PersonRequest) -> HttpResponse:
    """Give the list of media files: none."""
    return _told(messages.manifest())


@csrf_exempt
@require_http_methods(["HEAD", "POST"])
@with_token
def submission(request: PersonRequest) -> HttpResponse:
    """Take one filled-in page: 201; 202 for one that is here already, or of which more parts follow.

    A retry of the same instance changes nothing.
    """
    if request.method == "HEAD":
        answer = _told("", 204)
        answer["Location"] = request.build_absolute_uri()
        return answer
    limit = config().upload_limit_mib
    check_size(int(request.headers.get("Content-Length") or 0) - 64 * 1024, limit_mib=limit)
    file = request.FILES.get("xml_submission_file")
    if file is None:
        raise EmptyFile(name="xml_submission_file")
    instance = messages.read_instance(read_bytes(file, limit_mib=limit, name="xml_submission_file"))
    board = request.board
    again = is_here(key=instance.key, prefix="odk")
    more = request.POST.get("*isIncomplete*", "").casefold() == "yes"
    taken = take_instance(
        incident=board.incident,
        instance=instance,
        actor=request.user,
        at=board.now,
        scope=request.scope,
        prefix="odk",
    )
    said = (
        _("It was here already.")
        if again
        else _("Received; %d figures taken.") % taken.rows_accepted
    )
    return _told(messages.response(said), 202 if again or more else 201)
