"""Approval by exception: the values that wait for the office above, and what is said of one."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.signing import signed_in
from yipan.report.errors import NotAChoice, NotADate, ReportError
from yipan.report.models import Value
from yipan.report.review import actions, queries
from yipan.report.values.rules import to_day

SHOWN = 50


@require_GET
@signed_in
def rows(request: PersonRequest) -> HttpResponse:
    """List the values out of the ordinary of a day and the one before: counties report a day later."""
    request.scope.check(Action.REPORT_READ)
    board = request.board
    today = board.time.local_day(board.at)
    try:
        day = to_day(request.GET.get("day", "")) or today
    except NotADate:
        day = today
    found = [
        one
        for on in (day, day - timedelta(days=1))
        for one in queries.exceptions(
            board.incident, day=on, known_at=board.at, scope=request.scope
        )
    ]
    found.sort(key=lambda one: not one.open)
    context = {
        "section": "report",
        "day": day,
        "before": day - timedelta(days=1),
        "after": day + timedelta(days=1) if day < today else None,
        "waiting": sum(one.open for one in found),
        "page": Paginator(found, SHOWN).get_page(request.GET.get("page")),
    }
    return render(request, "report/review.html", context)


@require_POST
@signed_in
def say(request: PersonRequest, pk: int) -> HttpResponse:
    """Let a value stand, ask its unit about it, or answer for it."""
    board = request.board
    value = request.scope.get(
        Value.objects.select_related("unit__parent").filter(incident=board.incident),
        action=Action.REPORT_READ,
        pk=pk,
    )
    said = {"by": request.user, "at": board.now, "scope": request.scope}
    words = request.POST.get("words", "")
    act = actions.BY_VERDICT.get(request.POST.get("verdict", ""))
    try:
        if act is None:
            raise NotAChoice(
                label=_("Verdict"),
                value=request.POST.get("verdict", "")[:40],
                choices=", ".join(actions.BY_VERDICT),
            )
        act(value=value, words=words, **said)
    except ReportError as fault:
        messages.error(request, f"{fault.message} {fault.remedy}")
    else:
        messages.success(request, _("Kept; the other side sees it."))
    return redirect("report:value", value.unit.code, value.element, value.day.isoformat())
