"""What a department receives, to look at and to download; its own template; what was corrected since."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.scope import nothing_there
from yipan.access.signing import signed_in
from yipan.kernel.config import config
from yipan.places.queries import board_time
from yipan.report.errors import EmptyFile, NotADate, ReportError
from yipan.report.exchange.csv.writing import write_csv
from yipan.report.exchange.excel.filling import fill
from yipan.report.exchange.excel.writing import write_workbook
from yipan.report.exchange.reading import read_bytes
from yipan.report.forms.tables import Table, corrected_since, department_table, release
from yipan.report.models import DataRequest, TableHook
from yipan.report.releases.actions import end_hook, note_release, set_hook
from yipan.report.requests import queries
from yipan.report.values.rules import to_day
from yipan.report.values.small import conceal

SHOWN = 40
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _request(request: PersonRequest, pk: int) -> DataRequest:
    seen = queries.requests_in_scope(
        request.board.incident, scope=request.scope, known_at=request.board.at
    )
    rows = seen.select_related("incident__package", "unit")
    return request.scope.get(rows, action=Action.REPORT_READ, pk=pk)


def _table(request: PersonRequest, asked: DataRequest) -> Table:
    board = request.board
    return department_table(asked, day=_day(request), known_at=board.at, scope=request.scope)


def _day(request: PersonRequest) -> date:
    board = request.board
    try:
        asked = to_day(request.GET.get("day", ""), label=_("Day"))
    except NotADate:
        asked = None
    return asked or board.time.local_day(board.at)


@require_GET
@signed_in
def table(request: PersonRequest, pk: int) -> HttpResponse:
    """Show a department's table of a day, and what was corrected since it was delivered."""
    asked = _request(request, pk)
    made = _table(request, asked)
    corrected = corrected_since(asked, known_at=request.board.at, scope=request.scope)[:SHOWN]
    conceal(request.board.incident, corrected, scope=request.scope, known_at=request.board.at)
    context = {
        "section": "report",
        "asked": asked,
        "table": made,
        "rows": made.rows()[:SHOWN],
        "filled": sum(c.filled for c in made.columns),
        "cells": len(made.columns) * len(made.units),
        "corrected": corrected,
        "releases": asked.releases.filter(known_at__lte=request.board.at).order_by("-known_at")[
            :10
        ],
        "may_export": request.scope.may(Action.EXPORT),
        "may_template": request.scope.may(Action.DATA_REQUEST, asked.unit)
        and not request.board.past,
        "hooks": _hooks(asked),
        "example": json.dumps(_example_map(made), ensure_ascii=False),
    }
    return render(request, "report/table.html", context)


def _hooks(asked: DataRequest) -> list[TableHook]:
    """Return the machines that are told, each with its last notice."""
    hooks = list(asked.hooks.filter(ended_at__isnull=True).order_by("pk"))
    for hook in hooks:
        hook.last = hook.notices.order_by("-made_at", "-pk").first()  # type: ignore[attr-defined]
    return hooks


@require_POST
@signed_in
def hook(request: PersonRequest, pk: int) -> HttpResponse:
    """Have a machine told of each release, its secret shown once; or end that."""
    asked = _request(request, pk)
    request.scope.check(Action.DATA_REQUEST, asked.unit)
    if request.POST.get("act") == "end":
        there = asked.hooks.filter(pk=int(request.POST.get("hook") or 0)).first()
        if there is None:
            raise nothing_there(request.POST.get("hook", ""))
        end_hook(hook=there, by=request.user, at=request.board.now, scope=request.scope)
        messages.success(request, _("Ended; it is told nothing more."))
        return redirect("report:table", pk=pk)
    try:
        made = set_hook(
            request=asked, address=request.POST.get("address", ""), by=request.user,
            at=request.board.now, scope=request.scope,
        )  # fmt: skip
    except ReportError as fault:
        messages.error(request, f"{fault.message} {fault.remedy}")
    else:
        said = _("Kept. Its secret, shown only now: %s")
        messages.success(request, said % made.secret)
    return redirect("report:table", pk=pk)


def _example_map(made: Table) -> dict[str, Any]:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    names = ["unit_code", "unit_name", *(c.code for c in made.columns)]
    return {
        "sheet": "",
        "first_row": 2,
        "columns": {name: letters[i] for i, name in enumerate(names[:26])},
    }


@require_GET
@signed_in
def download(request: PersonRequest, pk: int, format: str) -> HttpResponse:
    """Deliver a table; the delivery is recorded, so that a later correction is told to this department."""
    request.scope.check(Action.EXPORT)
    asked = _request(request, pk)
    made = _table(request, asked)
    with transaction.atomic():
        released = release(made, by=request.user, at=request.board.now, format=format)
        note_release(released, now=request.now)
    name = f"table-{asked.pk}-{made.day.isoformat()}.{format}"
    if format == "json":
        return JsonResponse(made.as_data())
    body, kind = (
        (write_csv(made.header, made.exported()), "text/csv; charset=utf-8")
        if format == "csv"
        else (workbook_of(made), XLSX)
    )
    response = HttpResponse(body, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def workbook_of(made: Table) -> bytes:
    """Return the table as a workbook: in the department's own template where it gave one."""
    zone = board_time(made.request.incident.package).zone
    lines: list[list[Any]] = [
        *made.provenance(),
        [],
        [_("Day"), made.day.isoformat()],
        [_("As known at"), made.known_at.astimezone(zone).isoformat(timespec="minutes")],
        [_("Units that reported"), made.reported, len(made.units)],
        [_("Small counts not shown"), made.hidden],
    ]
    about = (_("Where it comes from"), made.provenance_header, lines)
    template = made.request.template
    if not template:
        return write_workbook([(made.request.code, made.header, made.exported()), about])
    names = ["unit_code", "unit_name", *(c.code for c in made.columns)]
    rows = [dict(zip(names, row, strict=True)) for row in made.exported()]
    return fill(bytes(template), made.request.cell_map, rows=rows, sheets=[about])


@require_POST
@signed_in
def template(request: PersonRequest, pk: int) -> HttpResponse:
    """Keep a department's own workbook and its cell map, tried out before it is kept."""
    asked = _request(request, pk)
    request.scope.check(Action.DATA_REQUEST, asked.unit)
    file = request.FILES.get("file")
    try:
        if file is None:
            raise EmptyFile(name="—")
        body = read_bytes(file, limit_mib=config().upload_limit_mib, name=file.name or "file")
        cell_map = _read_map(request.POST.get("cell_map", ""))
        fill(body, cell_map, rows=[])
    except ReportError as fault:
        messages.error(request, f"{fault.message} {fault.remedy}")
    else:
        asked.template, asked.cell_map = body, cell_map
        asked.save(update_fields=["template", "cell_map"])
        messages.success(request, _("Kept; the table is delivered in your own workbook from now."))
    return redirect("report:table", pk=pk)


def _read_map(text: str) -> dict[str, Any]:
    try:
        loaded = json.loads(text)
    except ValueError:
        loaded = {}
    return loaded if isinstance(loaded, dict) else {}
