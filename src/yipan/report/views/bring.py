"""Cases and contacts of other systems brought in, and cases taken out as a FHIR bundle."""

from __future__ import annotations

import csv
import io
import json

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.scope import CASE, IDENTITY
from yipan.access.signing import signed_in
from yipan.kernel.config import config
from yipan.kernel.errors import YipanError
from yipan.report.cases.exports import fhir_bundle, tagged_csv
from yipan.report.contacts.errors import NotOneFile
from yipan.report.contacts.forms import BringForm
from yipan.report.exchange.reading import check_size
from yipan.report.linelists.bring import Brought, Files, bring
from yipan.report.views.contacts import may_write

KINDS = ("cases", "contacts", "relationships", "follow_ups", "persons")


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def bringing(request: PersonRequest) -> HttpResponse:
    """Take another system's files in, every row checked; show what was not taken and why."""
    request.scope.check(Action.CASE_READ, sensitivity=CASE)
    board = request.board
    form = BringForm(request.POST or None, request.FILES or None)
    brought: Brought | None = None
    fault: YipanError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            brought = bring(
                incident=board.incident,
                files=_files(form),
                scope=request.scope,
                actor=request.user,
                at=board.now,
            )
        except YipanError as refused:
            fault = refused
    context = {
        "section": "report",
        "form": form,
        "brought": brought,
        "fault": fault,
        "may_write": may_write(request.scope) and not board.past,
        "may_export": request.scope.may(Action.EXPORT),
        "may_name": request.scope.may(Action.EXPORT)
        and request.scope.may(Action.IDENTITY_REVEAL, sensitivity=IDENTITY),
    }
    status = fault.status if fault else 422 if form.errors else 200
    return render(request, "report/bring.html", context, status=status)


def _files(form: BringForm) -> Files:
    said = form.cleaned_data
    held: dict[str, tuple[str, bytes]] = {}
    for kind in KINDS:
        sent = said.get(kind)
        if sent is not None:
            check_size(sent.size, limit_mib=config().upload_limit_mib)
            held[kind] = (sent.name[:120], sent.read())
    named = said.get("places")
    return Files(
        system=said["system"],
        held=held,
        places=_names(named.read()) if named is not None else None,
        date_format=said["date_format"],
        probable=said["probable"],
    )


def _names(data: bytes) -> dict[str, str]:
    """Return names of places with their codes from a table name,code. Raises NotOneFile (R164)."""
    try:
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    except UnicodeDecodeError as fault:
        raise NotOneFile(name=_("Names of places"), why=_("it is not UTF-8")) from fault
    if not rows or not {"name", "code"} <= set(rows[0]):
        raise NotOneFile(name=_("Names of places"), why=_("it needs the columns name and code"))
    return {str(r["name"]).strip(): str(r["code"]).strip() for r in rows}


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def fhir_cases(request: PersonRequest) -> HttpResponse:
    """Give the cases in scope as a FHIR R4 bundle; with identifiers only by POST, with a reason and the right."""
    board = request.board
    made = fhir_bundle(
        board.incident,
        scope=request.scope,
        known_at=board.at,
        at=board.now,
        actor=request.user,
        reason=request.POST.get("reason", "") if request.method == "POST" else None,
    )
    answer = HttpResponse(
        json.dumps(made, ensure_ascii=False), content_type="application/fhir+json; charset=utf-8"
    )
    answer["Content-Disposition"] = 'attachment; filename="cases.fhir.json"'
    return answer


@require_GET
@signed_in
def cases_tagged(request: PersonRequest) -> HttpResponse:
    """Give the line list in scope as CSV under the tags of R's `linelist`; the export is recorded."""
    board = request.board
    body = tagged_csv(
        board.incident,
        scope=request.scope,
        known_at=board.at,
        at=board.now,
        actor=request.user,
    )
    answer = HttpResponse(body, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="linelist.csv"'
    return answer
