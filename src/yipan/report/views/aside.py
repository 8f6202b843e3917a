"""Rows kept aside: listed, corrected and taken, or dismissed with a reason."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.scope import nothing_there
from yipan.access.signing import signed_in
from yipan.report.aside.actions import correct, dismiss
from yipan.report.aside.queries import cells_of, rows_aside, words_of
from yipan.report.errors import AlreadySettled, Refused, ReportError
from yipan.report.models import RowAside

SHOWN = 50


@require_GET
@signed_in
def rows(request: PersonRequest) -> HttpResponse:
    """List the rows aside in scope, each with what was wrong with it."""
    request.scope.check(Action.REPORT_READ)
    board = request.board
    settled = request.GET.get("show") == "settled"
    found = rows_aside(board.incident, scope=request.scope, known_at=board.at, settled=settled)
    page = Paginator(found, SHOWN).get_page(request.GET.get("page"))
    context = {
        "section": "report",
        "page": page,
        "rows": [(row, *words_of(row), cells_of(row)) for row in page],
        "settled": settled,
    }
    return render(request, "report/aside.html", context)


@require_http_methods(["GET", "POST"])
@signed_in
def row(request: PersonRequest, pk: int) -> HttpResponse:
    """Show one row; take it as corrected, or dismiss it with a reason."""
    board = request.board
    seen = rows_aside(board.incident, scope=request.scope, known_at=board.at, settled=None)
    kept = seen.filter(pk=pk).first()
    if kept is None:
        raise nothing_there(str(pk))
    fault: ReportError | None = None
    if request.method == "POST":
        try:
            return _settle(request, kept)
        except Refused as refused:
            fault = next(iter(refused.faults.values()), refused)
        except AlreadySettled:
            raise
        except ReportError as refused:
            fault = refused
    cells = cells_of(kept)
    typed = {c.key: request.POST.get(f"cell-{c.key}", c.text) for c in cells}
    message, remedy = words_of(kept)
    context = {
        "section": "report",
        "row": kept,
        "message": message,
        "remedy": remedy,
        "cells": [(c, typed[c.key]) for c in cells],
        "fault": fault,
        "reason": request.POST.get("reason", ""),
        "may_settle": request.scope.may(Action.REPORT_SUBMIT, kept.unit or kept.submission.unit),
    }
    return render(request, "report/row.html", context, status=fault.status if fault else 200)


def _settle(request: PersonRequest, kept: RowAside) -> HttpResponse:
    board = request.board
    if request.POST.get("act") == "dismiss":
        dismiss(
            row=kept,
            reason=request.POST.get("reason", ""),
            by=request.user,
            at=board.now,
            scope=request.scope,
        )
        messages.success(request, _("Dismissed; the row stays in the record with your reason."))
        return redirect("report:aside")
    cells = {
        name.removeprefix("cell-"): str(text)
        for name, text in request.POST.items()
        if name.startswith("cell-")
    }
    taken = correct(row=kept, cells=cells, by=request.user, at=board.now, scope=request.scope)
    messages.success(request, _("Taken as corrected."))
    return redirect("report:submission", pk=taken.pk)
