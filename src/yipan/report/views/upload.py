"""Files at the door, templates to download, and what became of a submission."""

from __future__ import annotations

from collections import Counter
from typing import cast

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from yipan.access.context import Board, PersonRequest
from yipan.access.errors import Forbidden
from yipan.access.rules import Action
from yipan.access.scope import CASE, Scope
from yipan.access.signing import signed_in
from yipan.kernel.config import config
from yipan.places.models import Unit
from yipan.report.aside.queries import rows_aside, words_of
from yipan.report.dictionary import ELEMENTS, Element, asked_of
from yipan.report.errors import EmptyFile, ReportError
from yipan.report.exchange.actions import Kind, go_on, take_file
from yipan.report.exchange.columns import CASE_COLUMNS, count_columns
from yipan.report.exchange.csv.writing import write_csv
from yipan.report.exchange.excel.writing import write_workbook
from yipan.report.exchange.reading import MIB, check_size, read_bytes
from yipan.report.forms.daily import default_day, unit_of_page
from yipan.report.models import Submission
from yipan.report.values import queries

TEMPLATE_ROWS = 2000
DRAINED = 512 * MIB  # a browser shows the answer only after its file has gone out
SHOWN = 200


@csrf_exempt  # the size is looked at before the body is read for its token; see `_upload`
@require_http_methods(["GET", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """Show the door for files; take one. A file too large is refused before it is read."""
    if request.method == "POST":
        stated = int(request.headers.get("Content-Length") or 0)
        try:
            check_size(stated - 64 * 1024, limit_mib=config().upload_limit_mib)
        except ReportError as fault:
            if request.user.is_authenticated:
                _drain(request, stated)
            return _page(cast(PersonRequest, request), fault)
    return _upload(request)


def _drain(request: HttpRequest, stated: int) -> None:
    """Let a refused body run out, unkept, so that the browser gets to see the answer."""
    left = min(stated, DRAINED)
    while left > 0:
        piece = len(request.read(min(left, MIB)))
        if not piece:
            return
        left -= piece


@csrf_protect
@signed_in
def _upload(request: PersonRequest) -> HttpResponse:
    request.scope.check(Action.REPORT_SUBMIT)
    if request.method == "GET":
        return _page(request, None)
    board = request.board
    kind: Kind = "cases" if request.POST.get("kind") == "cases" else "counts"
    file = request.FILES.get("file")
    try:
        if file is None:
            raise EmptyFile(name="—")
        name = (file.name or "file")[-255:]
        body = read_bytes(file, limit_mib=config().upload_limit_mib, name=name)
        taken = take_file(
            incident=board.incident,
            unit=sender(board, request.scope),
            body=body,
            name=name,
            kind=kind,
            actor=request.user,
            at=board.now,
            scope=request.scope,
            client_key=request.POST.get("client_key", "")[:64] or f"file:{request.now.timestamp()}",
        )
    except ReportError as fault:
        return _page(request, fault, kind)
    return redirect("report:submission", pk=taken.pk)


def sender(board: Board, scope: Scope) -> Unit:
    """Return the unit in whose name a person sends a file: the topmost they report for."""
    unit = unit_of_page(board.incident, scope=scope)
    if unit is None:
        raise Forbidden(_("You report for no unit of this incident."))
    return unit


@signed_in
def _page(request: PersonRequest, fault: ReportError | None, kind: str = "counts") -> HttpResponse:
    request.scope.check(Action.REPORT_SUBMIT)
    context = {
        "section": "report",
        "fault": fault,
        "kind": kind,
        "limit_mib": config().upload_limit_mib,
        "may_send_cases": request.scope.may(Action.REPORT_SUBMIT, sensitivity=CASE),
        "count_columns": count_columns(_elements_in_scope(request)),
        "case_columns": CASE_COLUMNS,
    }
    return render(request, "report/upload.html", context, status=fault.status if fault else 200)


def _elements_in_scope(request: PersonRequest) -> list[Element]:
    levels = _units(request).order_by().values_list("level", flat=True).distinct()
    wanted = {e.id for level in levels for e in asked_of(level)}
    return [e for e in ELEMENTS.values() if e.id in wanted]


def _units(request: PersonRequest) -> QuerySet[Unit]:
    return request.scope.filter(
        Unit.objects.filter(package=request.board.package, reports=True),
        unit="",
        action=Action.REPORT_SUBMIT,
    ).order_by("lft")


@require_GET
@signed_in
def template(request: PersonRequest, kind: str, format: str) -> HttpResponse:
    """Give a file to fill in: its columns named in the language in use, its units filled in."""
    request.scope.check(Action.REPORT_SUBMIT)
    if kind == "cases":
        columns, rows = list(CASE_COLUMNS), []
    else:
        columns, rows = count_columns(_elements_in_scope(request)), _template_rows(request)
    header = [c.title for c in columns]
    if format == "xlsx":
        body, kind_of_text = (
            write_workbook([(_("Report"), header, rows)]),
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        )
    else:
        body, kind_of_text = write_csv(header, rows), "text/csv; charset=utf-8"
    answer = HttpResponse(body, content_type=kind_of_text)
    answer["Content-Disposition"] = f'attachment; filename="yipan-{kind}.{format}"'
    return answer


def _template_rows(request: PersonRequest) -> list[list[object]]:
    board = request.board
    return [
        [u.code, u.name, default_day(board.time, u, board.at).isoformat()]
        for u in _units(request)[:TEMPLATE_ROWS]
    ]


@require_GET
@signed_in
def submission(request: PersonRequest, pk: int) -> HttpResponse:
    """Show what became of a submission: taken, kept aside, still being read."""
    board = request.board
    sent = _submission(request, pk)
    aside = rows_aside(board.incident, scope=request.scope, known_at=board.at, settled=None).filter(
        submission=sent
    )
    kinds = Counter(aside.values_list("code", flat=True))
    context = {
        "section": "report",
        "sent": sent,
        "reading": sent.rows_read != sent.rows_total,
        "values": sent.values.select_related("unit").order_by("row", "unit__lft", "element")[
            :SHOWN
        ],
        "aside": [(row, words_of(row)[0]) for row in aside.order_by("row", "pk")[:SHOWN]],
        "aside_open": aside.filter(settled_at__isnull=True).count(),
        "aside_total": sum(kinds.values()),
        "elements": ELEMENTS,
    }
    return render(request, "report/submission.html", context)


@require_POST
@signed_in
def read_on(request: PersonRequest, pk: int) -> HttpResponse:
    """Read the next piece of a long file, then show how far it is."""
    sent = _submission(request, pk)
    go_on(submission=sent, at=request.board.now, scope=request.scope)
    return redirect("report:submission", pk=pk)


def _submission(request: PersonRequest, pk: int) -> Submission:
    seen = queries.submissions(
        request.board.incident, scope=request.scope, known_at=request.board.at
    )
    return request.scope.get(seen, action=Action.REPORT_READ, pk=pk)
