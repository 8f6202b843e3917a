"""A person's own status: seen with the code on their slip, without an account; and objected to."""

from __future__ import annotations

from typing import cast
from zoneinfo import ZoneInfo

from allauth.account.adapter import get_adapter
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from yipan.access import status as persons
from yipan.access.context import PersonRequest
from yipan.access.forms import SlipForm, beside_field
from yipan.access.middleware import in_the_past_too
from yipan.access.models import Appeal, PersonStatus
from yipan.access.row_security import every_row
from yipan.access.status_rules import STATUS_RULES, is_active
from yipan.kernel.errors import YipanError


@in_the_past_too
@sensitive_post_parameters("code", "text")
@never_cache
@require_http_methods(["GET", "POST"])
def slip(request: HttpRequest) -> HttpResponse:
    """Ask for the code; show the status with its ground, its end and the way to object.

    The code travels in the form's body, never in an address, and opens no session.
    """
    form = SlipForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        code = 422 if form.errors else 200
        return render(request, "access/slip.html", {"form": form}, status=code)
    at = cast(PersonRequest, request).now
    try:
        held = persons.status_by_slip(
            code=form.cleaned_data["code"],
            address=get_adapter(request).get_client_ip(request),
            at=at,
        )
    except YipanError as fault:
        context = {"form": form, "fault": beside_field(fault, form)}
        return render(request, "access/slip.html", context, status=fault.status)
    at = persons.clock_of(held, at)
    refused: YipanError | None = None
    if form.cleaned_data["text"]:
        try:
            persons.contest(status=held, text=form.cleaned_data["text"], at=at)
        except YipanError as fault:
            refused = beside_field(fault, form)
    return _show(request, form, held, refused)


def _show(
    request: HttpRequest, form: SlipForm, held: PersonStatus, refused: YipanError | None
) -> HttpResponse:
    at = persons.clock_of(held, cast(PersonRequest, request).now)
    with every_row():  # the code is the right to see these rows, and no others
        objections = list(Appeal.objects.filter(status=held).order_by("-made_at"))
    context = {
        "form": form,
        "held": held,
        "active": is_active(held, at),
        "rule": STATUS_RULES[held.rule],
        "objections": objections,
        "open": any(a.ruled_at is None for a in objections),
        "zone": ZoneInfo(held.unit.package.time_zone),
        "fault": refused,
    }
    response = render(
        request,
        "access/slip.html",
        context,
        status=409 if refused or form.errors else 200,
    )
    response["Cache-Control"] = "no-store"
    return response
