"""The line list as a page: counts for who may read counts, rows for who may read rows."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from yipan.access import audit
from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.scope import CASE
from yipan.access.signing import signed_in
from yipan.report.cases import queries
from yipan.report.cases.exports import line_list_csv
from yipan.report.models import Case

SHOWN = 100


@require_GET
@signed_in
def cases(request: PersonRequest) -> HttpResponse:
    """Show the line list of the places whose rows the person may read, the latest first."""
    request.scope.check(Action.CASE_READ, sensitivity=CASE)
    board = request.board
    rows = queries.visible(board.incident, scope=request.scope, known_at=board.at)
    chosen = {name: request.GET.get(name, "") for name in ("unit", "outcome", "origin", "q")}
    rows = _chosen(rows, chosen).order_by("-report_day", "unit__code", "pseudonym")
    with queries.reading(request.scope):
        page = Paginator(rows, SHOWN).get_page(request.GET.get("page"))
        page.object_list = list(page.object_list)
        synthetic = rows.filter(synthetic=True).exists()
    context = {
        "section": "report",
        "page": page,
        "by_county": queries.counts_by_unit(board.incident, scope=request.scope, known_at=board.at),
        "synthetic": synthetic,
        "chosen": chosen,
        "may_export": request.scope.may(Action.EXPORT),
    }
    return render(request, "report/cases.html", context)


def _chosen(rows: QuerySet[Case], chosen: dict[str, str]) -> QuerySet[Case]:
    """Return the cases of a place, an outcome, an origin, or whose pseudonym begins so."""
    if chosen["unit"]:
        rows = rows.filter(unit__code=chosen["unit"])
    if chosen["outcome"]:
        rows = rows.filter(outcome="" if chosen["outcome"] == "none" else chosen["outcome"])
    if chosen["origin"]:
        origin = {"imported": True, "local": False}.get(chosen["origin"])
        rows = rows.filter(imported=origin)
    if chosen["q"]:
        rows = rows.filter(pseudonym__startswith=chosen["q"].strip().lower())
    return rows


@require_GET
@signed_in
def cases_csv(request: PersonRequest) -> HttpResponse:
    """Give the line list in scope as CSV; the export is recorded."""
    request.scope.check(Action.EXPORT)
    request.scope.check(Action.CASE_READ, sensitivity=CASE)
    board = request.board
    rows = queries.visible(board.incident, scope=request.scope, known_at=board.at)
    with transaction.atomic(), queries.reading(request.scope):
        body = line_list_csv(rows.order_by("report_day", "pseudonym"))
        audit.record(
            event="report.cases_read",
            at=board.now,
            actor=request.user,
            object_type="line_list",
            object_id="export",
            unit=request.scope.home,
            incident=board.incident,
            detail={"rows": rows.count()},
        )
    answer = HttpResponse(body, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="line-list.csv"'
    return answer
