"""The daily page: asked once, answered on a phone, never sent twice."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from yipan.access.context import Board, PersonRequest
from yipan.access.errors import Forbidden
from yipan.access.refusals import wants_json
from yipan.access.rules import Action
from yipan.access.scope import CASE
from yipan.access.signing import signed_in
from yipan.kernel.words import day as day_in_words
from yipan.places.models import Unit
from yipan.report.errors import NotADate, Refused, ReportError
from yipan.report.field.actions import take_answers
from yipan.report.forms.current import asked_on
from yipan.report.forms.daily import (
    Page,
    daily_page,
    days_to_choose,
    default_day,
    propose_counts,
    read_answers,
    unit_of_page,
    week_of,
)
from yipan.report.models import Submission
from yipan.report.review.queries import questions_to
from yipan.report.values.rules import to_day


@require_http_methods(["GET", "POST"])
@signed_in
def form(request: PersonRequest) -> HttpResponse:
    """Show one unit's page of one day; take what was filled in."""
    request.scope.check(Action.REPORT_SUBMIT)
    board = request.board
    asked = request.POST if request.method == "POST" else request.GET
    unit = unit_of_page(board.incident, scope=request.scope, code=asked.get("unit", ""))
    if unit is None:
        raise Forbidden(_("You report for no unit of this incident."))
    day = _day(asked.get("day", ""), board, unit)
    period = "weekly" if asked.get("period") == "weekly" else "daily"
    if period == "weekly":
        day = week_of(day)
    page = daily_page(board.incident, unit=unit, day=day, known_at=board.at, period=period)
    if request.method == "POST":
        return _take(request, page)
    propose_counts(page, board.incident, scope=request.scope, known_at=board.at)
    return _show(request, page)


def _day(text: str, board: Board, unit: Unit) -> date:
    try:
        return to_day(text, label=_("Day")) or default_day(board.time, unit, board.at)
    except NotADate:
        return default_day(board.time, unit, board.at)


def _take(request: PersonRequest, page: Page) -> HttpResponse:
    board = request.board
    answers = read_answers(page, request.POST.dict(), request.POST.getlist("same"))
    fault: ReportError | None = None
    sent: Submission | None = None
    try:
        sent = take_answers(
            incident=board.incident,
            page=page,
            answers=answers,
            actor=request.user,
            at=board.now,
            client_key=request.POST.get("client_key", "")[:64] or str(uuid4()),
            scope=request.scope,
        )
    except Refused as refused:
        for ask in page.asks:
            ask.fault = refused.faults.get(ask.element.id)
        fault = refused.faults.get("day", refused)
    except ReportError as refused:
        fault = refused
    if fault is None:
        return _received(request, page, sent, answers.left_out)
    if wants_json(request) and "text/html" not in request.headers.get("Accept", ""):
        return JsonResponse(fault.as_dict(), status=fault.status)
    return _show(request, page, fault)


def _received(
    request: PersonRequest, page: Page, sent: Submission | None, left_out: frozenset[str]
) -> HttpResponse:
    zone = request.board.time.zone
    moment = sent.received_at if sent is not None else page.reported
    clock = f"{moment.astimezone(zone):%H:%M}" if moment else ""
    if wants_json(request):
        message = (
            _("%(unit)s, %(day)s: received")
            if sent is not None
            else _("%(unit)s, %(day)s: nothing has changed since; that report stands")
        ) % {"unit": page.unit.name, "day": day_in_words(page.day)}
        return JsonResponse(
            {"received_at": clock, "message": message, "submission": sent.pk if sent else None}
        )
    told = f"sent={sent.pk}" if sent is not None else "stands=1"
    dropped = [a.element.id for a in page.asks if a.typed and a.element.id in left_out]
    told += f"&left_out={','.join(dropped)}" if dropped else ""
    query = f"?unit={page.unit.code}&day={page.day.isoformat()}&period={page.period}&{told}"
    return redirect(f"{reverse('report:form')}{query}")


def _show(request: PersonRequest, page: Page, fault: ReportError | None = None) -> HttpResponse:
    board = request.board
    asked = questions_to(board.incident, unit=page.unit, day=page.day, known_at=board.at)
    sent = None
    if request.GET.get("sent", "").isdigit():
        sent = Submission.objects.filter(
            pk=int(request.GET["sent"]), unit=page.unit, incident=board.incident
        ).first()
    context = {
        "section": "report",
        "page": page,
        "days": days_to_choose(board.time, board.incident, board.at),
        "fault": fault,
        "sent": sent,
        "left_out": [
            ask.element.label
            for ask in page.asks
            if ask.element.id in request.GET.get("left_out", "").split(",")
        ],
        "stands": bool(request.GET.get("stands")),
        "reason": request.POST.get("reason", ""),
        "may_choose": request.scope.home != page.unit or not page.unit.reports,
        "client_key": request.POST.get("client_key", "") or str(uuid4()),
        "weekly": bool(
            asked_on(
                board.incident,
                level=page.unit.level,
                day=page.day,
                now=board.at,
                period="weekly",
            )
        ),
        "questions": [
            (ask.element, asked[ask.element.id]) for ask in page.asks if ask.element.id in asked
        ],
        "may_list": request.scope.may(Action.CASE_READ, page.unit, sensitivity=CASE),
        "keep": f"{page.period}.{page.unit.code}.{page.day.isoformat()}",
    }
    return render(request, "report/form.html", context, status=fault.status if fault else 200)
