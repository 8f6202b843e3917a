"""The audit trail as auditors read it: filtered, scoped, and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Any

from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render

from yipan.access import audit as trail
from yipan.access.chain import chain_end
from yipan.access.context import PersonRequest, board_or_none
from yipan.access.forms import AuditFilter
from yipan.access.models import AuditAnchor, AuditRecord
from yipan.access.queries import audit_trail
from yipan.access.rules import Action
from yipan.access.signing import signed_in

PER_PAGE = 100
COLUMNS = ("id", "recorded_at", "at", "event", "actor", "object", "unit", "incident", "detail")


@signed_in
def audit(request: PersonRequest) -> HttpResponse:
    """Show the acts recorded at the places one audits, the latest first."""
    request.scope.check(Action.AUDIT_READ)
    form, records = _filtered(request)
    board = board_or_none(request)
    page = Paginator(records, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "rows": [(record, trail.in_words(record.event)) for record in page],
        "found": page.paginator.count,
        "events": sorted(trail.EVENT_WORDS),
        "query": _query_without_page(request),
        "zone": board.time.zone if board else None,
        "end": chain_end(),
        "anchor": AuditAnchor.objects.order_by("-day").first(),
    }
    return render(request, "access/audit.html", context, status=422 if form.errors else 200)


@signed_in
def audit_csv(request: PersonRequest) -> Any:
    """Send the same records as CSV; the export itself is recorded."""
    request.scope.check(Action.AUDIT_READ)
    request.scope.check(Action.EXPORT)
    form, records = _filtered(request)
    with transaction.atomic():
        trail.record(
            event="audit.exported",
            at=request.now,
            actor=request.user,
            unit=request.scope.home,
            detail={"filter": {k: str(v) for k, v in form.cleaned_data.items() if v}},
        )
    response = StreamingHttpResponse(_lines(records), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="audit.csv"'
    response["Cache-Control"] = "no-store"
    return response


def _filtered(request: PersonRequest) -> tuple[AuditFilter, QuerySet[AuditRecord]]:
    form = AuditFilter(request.GET or None)
    valid = form.is_valid() if form.is_bound else False
    if not valid:
        form.cleaned_data = {}
    if form.is_bound and not valid:
        return form, AuditRecord.objects.none()
    board = board_or_none(request)
    return form, audit_trail(
        request.scope, **form.cleaned_data, zone=board.time.zone if board else None
    )


def _query_without_page(request: PersonRequest) -> str:
    query = request.GET.copy()
    query.pop("page", None)
    return query.urlencode()


def _lines(records: QuerySet[AuditRecord]) -> Iterator[str]:
    line = StringIO()
    writer = csv.writer(line)

    def flush() -> str:
        text = line.getvalue()
        line.seek(0)
        line.truncate()
        return text

    writer.writerow(COLUMNS)
    yield "\ufeff" + flush()  # the mark by which Excel knows UTF-8
    for r in records.iterator(chunk_size=1000):
        writer.writerow(
            [
                r.pk,
                r.recorded_at.isoformat(),
                r.at.isoformat(),
                r.event,
                _plain(r.actor.username) if r.actor else "",
                _plain(f"{r.object_type} {r.object_id}".strip()),
                r.unit.code if r.unit else "",
                r.incident.slug if r.incident else "",
                r.detail,
            ]
        )
        yield flush()


def _plain(text: str) -> str:
    """Keep a spreadsheet from taking a name for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text
