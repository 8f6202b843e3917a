"""The page and its answers in other systems' formats: XLSForm, DHIS2, ADX, FHIR."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, Literal, cast
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from ninja import Router

from yipan.access.context import Board, board_of
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.places.models import Unit
from yipan.report.errors import NotATable
from yipan.report.exchange.adx.messages import adx, read_adx
from yipan.report.exchange.dhis2 import messages as dhis2
from yipan.report.exchange.fhir.resources import questionnaire, read_response
from yipan.report.exchange.incoming import take_instance, take_sets
from yipan.report.exchange.page import PageForm, page_form
from yipan.report.exchange.xlsform.writing import xlsform
from yipan.report.requests.actions import Why, draft_request
from yipan.report.values.queries import values_in_scope
from yipan.report.values.small import shown_rows

router = Router(tags=["report"])
UNITS = 5000
HIDDEN = "X-Yipan-Hidden"  # how many small counts were left out
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _asking(request: HttpRequest) -> tuple[Scope, Board]:
    scope: Scope = request.scope  # type: ignore[attr-defined]
    return scope, board_of(request)


def _page(request: HttpRequest, level: str, day: date | None) -> PageForm:
    scope, board = _asking(request)
    scope.check(Action.REPORT_READ)
    return page_form(
        board.incident,
        unit=Unit(level=level),
        day=day or board.time.local_day(board.at),
        now=board.at,
    )


@router.get("/xlsform", summary="The one page as an XLSForm")
def get_xlsform(
    request: HttpRequest, level: str = "village", day: date | None = None
) -> HttpResponse:
    """A workbook that pyxform, ODK and Kobo take."""
    form = _page(request, level, day)
    answer = HttpResponse(xlsform(form), content_type=XLSX)
    answer["Content-Disposition"] = f'attachment; filename="{form.id}.xlsx"'
    return answer


@router.get("/dhis2/metadata", summary="The one page as DHIS2 metadata")
def get_metadata(
    request: HttpRequest, level: str = "village", day: date | None = None
) -> dict[str, Any]:
    """Data elements, the data set and the organisation units in scope."""
    scope, board = _asking(request)
    form = _page(request, level, day)
    units = scope.filter(
        Unit.objects.filter(package=board.package, level=level), unit="", action=Action.REPORT_READ
    )
    return dhis2.metadata(form, units.select_related("parent").order_by("lft")[:UNITS])


@router.post("/dhis2/metadata", summary="Ask for what a DHIS2 data set asks for")
def post_metadata(
    request: HttpRequest, code: str, purpose: str, decision: str, legal_basis: str
) -> dict[str, Any]:
    """A data set becomes a draft of a request; its requester confirms what each element is."""
    scope, board = _asking(request)
    scope.check(Action.DATA_REQUEST)
    form = dhis2.read_metadata(_json(request), code=code.strip()[:20])
    roots = scope.roots(Action.DATA_REQUEST)
    unit = next((u for u in roots if u.package_id == board.package.pk), None)
    scope.check(Action.DATA_REQUEST, unit)
    made = draft_request(
        incident=board.incident,
        unit=cast(Unit, unit),
        form=form,
        why=Why(purpose, decision, legal_basis),
        by=scope.user,
        at=board.now,
        scope=scope,
    )
    return {"request": made.pk, "code": made.code, "state": made.state, "fields": len(form.fields)}


@router.get("/dhis2/dataValueSets", summary="A day's values as a DHIS2 dataValueSet")
def get_values(
    request: HttpRequest,
    response: HttpResponse,
    day: date,
    level: str = "village",
    scheme: Literal["code", "uid"] = "code",
) -> dict[str, Any]:
    """The values in scope, by codes or by the UIDs of our metadata; small counts that the reader may not see are left out and counted."""
    scope, board = _asking(request)
    form = _page(request, level, day)
    rows, hidden = shown_rows(
        board.incident,
        values_in_scope(board.incident, scope=scope, day=day, known_at=board.at),
        scope=scope,
        known_at=board.at,
    )
    response[HIDDEN] = str(hidden)
    return dhis2.data_value_set(form, values=rows, by_uid=scheme == "uid")


@router.post("/dhis2/dataValueSets", summary="Take a DHIS2 dataValueSet")
def post_values(request: HttpRequest) -> dict[str, Any]:
    """What can be taken is taken; the rest is named in the import summary."""
    scope, board = _asking(request)
    scope.check(Action.REPORT_SUBMIT)
    made = take_sets(
        incident=board.incident,
        sent=dhis2.read_data_value_set(_json(request)),
        actor=scope.user,
        at=board.now,
        scope=scope,
        key=f"dhis2:{request.headers.get('Idempotency-Key') or uuid4()}",
    )
    return dhis2.summary(imported=made.imported, ignored=made.ignored, conflicts=made.conflicts)


@router.get("/adx", summary="A day's values as an ADX document")
def get_adx(request: HttpRequest, day: date, level: str = "village") -> HttpResponse:
    """The values in scope, one group a unit; small counts that the reader may not see are left out."""
    scope, board = _asking(request)
    form = _page(request, level, day)
    rows, hidden = shown_rows(
        board.incident,
        values_in_scope(board.incident, scope=scope, day=day, known_at=board.at),
        scope=scope,
        known_at=board.at,
    )
    answer = HttpResponse(adx(form, values=rows, at=board.at), content_type="application/adx+xml")
    answer[HIDDEN] = str(hidden)
    return answer


@router.post("/adx", summary="Take an ADX document")
def post_adx(request: HttpRequest) -> dict[str, Any]:
    """What can be taken is taken; the rest is named."""
    scope, board = _asking(request)
    scope.check(Action.REPORT_SUBMIT)
    made = take_sets(
        incident=board.incident,
        sent=read_adx(request.body),
        actor=scope.user,
        at=board.now,
        scope=scope,
        key=f"adx:{request.headers.get('Idempotency-Key') or uuid4()}",
    )
    return dhis2.summary(imported=made.imported, ignored=made.ignored, conflicts=made.conflicts)


@router.get("/fhir/Questionnaire", summary="The one page as a FHIR Questionnaire")
def get_questionnaire(
    request: HttpRequest, level: str = "village", day: date | None = None
) -> dict[str, Any]:
    """R5, checked by fhir.resources."""
    return questionnaire(_page(request, level, day))


@router.post("/fhir/QuestionnaireResponse", summary="Take a FHIR QuestionnaireResponse")
def post_response(request: HttpRequest) -> dict[str, Any]:
    """One unit's answers of one day; the identifier makes a retry harmless."""
    scope, board = _asking(request)
    scope.check(Action.REPORT_SUBMIT)
    made = take_instance(
        incident=board.incident,
        instance=read_response(_json(request)),
        actor=scope.user,
        at=board.now,
        scope=scope,
        prefix="fhir",
    )
    return {"resourceType": "OperationOutcome", "issue": [
        {"severity": "information", "code": "informational",
         "diagnostics": f"submission {made.pk}, {made.rows_accepted} values"}
    ]}  # fmt: skip


def _json(request: HttpRequest) -> dict[str, Any]:
    try:
        loaded = json.loads(request.body)
    except ValueError as fault:
        raise NotATable(name="JSON", why=str(fault)) from fault
    if not isinstance(loaded, dict):
        raise NotATable(name="JSON", why="must be an object")
    return loaded
