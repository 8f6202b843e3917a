"""Report over the API: the same acts as the pages, the same door, the same scope."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal, cast
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from ninja import Router, Status
from pydantic import BaseModel, Field

from yipan.access.api_door import AUTH, AUTH_LATER, open_now
from yipan.access.context import SESSION_INCIDENT, Board, PersonRequest, board_of
from yipan.access.rules import Action
from yipan.access.scope import CASE, Scope, nothing_there
from yipan.access.suppression import Hidden, Shown
from yipan.kernel.config import config
from yipan.places.models import Unit
from yipan.report.aside.actions import correct, dismiss
from yipan.report.aside.queries import rows_aside, words_of
from yipan.report.cases import queries as case_queries
from yipan.report.contacts.api import router as contacts
from yipan.report.dictionary import ELEMENTS
from yipan.report.errors import EmptyFile
from yipan.report.exchange.actions import go_on, take_file
from yipan.report.exchange.api import router as standards
from yipan.report.exchange.reading import check_size, read_bytes
from yipan.report.field.api import router as field
from yipan.report.forms.daily import default_day
from yipan.report.hot import told
from yipan.report.models import RowAside, Source, Submission, Value
from yipan.report.registers.api import router as registers
from yipan.report.releases.api import router as releases
from yipan.report.review.api import router as review
from yipan.report.values import queries
from yipan.report.values.actions import note_absence, submit_swiftly, submit_values
from yipan.report.values.sent import ValuesIn
from yipan.report.values.small import hidden_name, shown_values
from yipan.report.values.swift import Caller
from yipan.report.views.upload import sender

router = Router(tags=["report"], auth=AUTH)
router.add_router("", standards)
router.add_router("", releases)
router.add_router("", registers)
router.add_router("", contacts)
router.add_router("", review)
router.add_router("", field)
PAGE = 500


class ElementOut(BaseModel):
    """One element of the dictionary."""

    id: str
    label_zh: str
    label_en: str
    definition_zh: str
    definition_en: str
    unit_zh: str
    unit_en: str
    measure: str
    min: int
    max: int
    levels: list[str]
    sensitivity: int


class SubmissionOut(BaseModel):
    """What became of a delivery."""

    id: int
    unit: str
    source: str
    received_at: datetime
    accepted: int
    aside: int
    rows_read: int | None
    rows_total: int | None
    file_name: str
    file_encoding: str
    columns_unread: list[list[str]]


class ValueOut(BaseModel):
    """One version of one value."""

    unit: str
    element: str
    day: date
    version: int
    value: float | None
    hidden: str | None = Field(
        description="Why the value is not shown: fewer_than_5 or withheld; null where it is."
    )
    unchanged: bool
    known_from: datetime
    source: str
    reason: str
    row: int | None
    submission: int


class SilentOut(BaseModel):
    """A unit that owes a report and was not heard from."""

    unit: str
    name_zh: str
    name_en: str
    county: str
    last_heard: datetime | None
    reason: str


class SilenceOut(BaseModel):
    """Who was heard from of one level and day."""

    level: str
    day: date
    heard: int
    owing: int
    silent: list[SilentOut]


class AsideOut(BaseModel):
    """A row kept aside, with what was wrong in the caller's language."""

    id: int
    submission: int
    unit: str | None
    kind: str
    row: int
    field: str
    raw: dict[str, Any]
    code: str
    message: str
    remedy: str
    settled_at: datetime | None
    settlement: str
    reason: str


class CorrectIn(BaseModel):
    """A row's cells as corrected, by column key; cells left out stay as they were."""

    cells: dict[str, str]


class DismissIn(BaseModel):
    """Why a row is dismissed."""

    reason: str


class AbsenceIn(BaseModel):
    """Why a unit is not heard from."""

    unit: str
    reason: str
    until: datetime | None = None


class CaseOut(BaseModel):
    """One case, pseudonymous."""

    pseudonym: str
    county: str
    report_day: date
    onset_day: date | None
    age_band: str
    sex: str
    imported: bool | None
    cluster: str
    outcome: str
    outcome_day: date | None
    synthetic: bool


def _asking(request: HttpRequest) -> tuple[Scope, Board]:
    scope: Scope = request.scope  # type: ignore[attr-defined]
    return scope, board_of(request)


def _unit(request: HttpRequest, code: str) -> Unit:
    scope, board = _asking(request)
    return scope.get(
        Unit.objects.filter(package=board.package), unit="", action=Action.PLACE_READ, code=code
    )


def _submission(sent: Submission) -> SubmissionOut:
    return SubmissionOut(
        id=sent.pk,
        unit=sent.unit.code,
        source=sent.source,
        received_at=sent.received_at,
        accepted=sent.rows_accepted,
        aside=sent.rows_aside,
        rows_read=sent.rows_read,
        rows_total=sent.rows_total,
        file_name=sent.file_name,
        file_encoding=sent.file_encoding,
        columns_unread=sent.columns_unread or [],
    )


def _values(request: HttpRequest, values: Sequence[Value]) -> list[ValueOut]:
    """Return values as their reader may see them: small counts of people hidden outside their right."""
    scope, board = _asking(request)
    told = shown_values(board.incident, values, scope=scope, known_at=board.at)
    return [_value(value, shown) for value, shown in told]


def _value(value: Value, shown: Shown) -> ValueOut:
    return ValueOut(
        unit=value.unit.code,
        element=value.element,
        day=value.day,
        version=value.version,
        value=None if isinstance(shown, Hidden) else shown,
        hidden=hidden_name(shown),
        unchanged=value.unchanged,
        known_from=value.recorded_at,
        source=value.submission.source,
        reason=value.reason,
        row=value.row,
        submission=value.submission_id,
    )


def _aside(row: RowAside) -> AsideOut:
    message, remedy = words_of(row)
    return AsideOut(
        id=row.pk,
        submission=row.submission_id,
        unit=row.unit.code if row.unit else None,
        kind=row.kind,
        row=row.row,
        field=row.field,
        raw=row.raw,
        code=row.code,
        message=message,
        remedy=remedy,
        settled_at=row.settled_at,
        settlement=row.settlement,
        reason=row.reason,
    )


@router.get("/elements", response=list[ElementOut], summary="The data dictionary")
def elements(request: HttpRequest) -> list[ElementOut]:
    """Every element with its labels, definition, unit, range and levels."""
    return [
        ElementOut(
            **{name: getattr(e, name) for name in ElementOut.model_fields if name != "levels"},
            levels=sorted(e.levels),
        )
        for e in ELEMENTS.values()
    ]


@router.post(
    "/values",
    response=SubmissionOut,
    summary="Send one unit's values of one day",
    auth=AUTH_LATER,
)
def send_values(request: HttpRequest, sent: ValuesIn) -> SubmissionOut | HttpResponse:
    """Take the values, or refuse them all naming every fault (R101); a replayed key adds nothing."""
    swift = _swiftly(request, sent)
    if swift is not None:
        return swift
    open_now(request)
    scope, board = _asking(request)
    unit = _unit(request, sent.unit)
    return _submission(
        submit_values(
            incident=board.incident,
            unit=unit,
            day=sent.day,
            values=sent.values,
            actor=scope.user,
            source=Source.API,
            at=board.now,
            client_key=sent.client_key,
            scope=scope,
            device_at=sent.device_at,
            reasons=sent.reasons,
            unchanged=frozenset(sent.unchanged),
        )
    )


def _swiftly(request: HttpRequest, sent: ValuesIn) -> HttpResponse | None:
    """Take values by one read and one write, as every unit sends them in the morning; None: the other way."""
    if request.GET or getattr(request, "tried_swiftly", False):
        return None  # tried before the session already; or another incident, another moment is asked for
    asking = cast(PersonRequest, request)
    waiting = "_waiting_token" in request.__dict__
    caller = (
        Caller(digest=str(asking.auth))  # type: ignore[attr-defined]
        if waiting
        else Caller(user=asking.user.pk)
    )
    took = submit_swiftly(
        caller=caller._replace(incident=request.session.get(SESSION_INCIDENT, "")),
        unit=sent.unit,
        day=sent.day,
        values=sent.values,
        now=asking.now,
        client_key=sent.client_key,
        device_at=sent.device_at,
        reasons=sent.reasons,
        unchanged=frozenset(sent.unchanged),
    )
    return None if took is None else told(took, unit=sent.unit)


@router.get("/values", response=list[ValueOut], summary="A unit's values of one day")
def read_values(request: HttpRequest, unit: str, day: date) -> list[ValueOut]:
    """The current version of each value known at the moment asked for (`at`)."""
    scope, board = _asking(request)
    found = _unit(request, unit)
    scope.check(Action.REPORT_READ, found)
    known = queries.values_of(board.incident, unit=found, day=day, known_at=board.at)
    return _values(request, list(known.values()))


@router.get("/values/history", response=list[ValueOut], summary="Every version of one value")
def read_history(request: HttpRequest, unit: str, element: str, day: date) -> list[ValueOut]:
    """The latest version first, each with its source, reason and time."""
    scope, board = _asking(request)
    found = _unit(request, unit)
    scope.check(Action.REPORT_READ, found)
    versions = queries.history(
        board.incident, unit=found, element=element, day=day, known_at=board.at
    )
    return _values(request, versions)


FILE_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "kind": {"type": "string", "enum": ["counts", "cases"]},
                        "client_key": {"type": "string", "maxLength": 64},
                    },
                }
            }
        },
    }
}


@router.post("/uploads", response=SubmissionOut, summary="Send a file", openapi_extra=FILE_BODY)
def send_file(request: HttpRequest) -> SubmissionOut:
    """Take CSV, xlsx, xls or ods: good values taken, bad ones kept aside and named.

    While `rows_read` < `rows_total`, post to `/uploads/{id}/read-on`.
    """
    scope, board = _asking(request)
    scope.check(Action.REPORT_SUBMIT)
    limit = config().upload_limit_mib
    # The fields are read only here, so a file too large is refused before its body is.
    check_size(int(request.headers.get("Content-Length") or 0) - 64 * 1024, limit_mib=limit)
    file = request.FILES.get("file")
    if file is None:
        raise EmptyFile(name="—")
    name = (file.name or "file")[-255:]
    kind: Literal["counts", "cases"] = "cases" if request.POST.get("kind") == "cases" else "counts"
    return _submission(
        take_file(
            incident=board.incident,
            unit=sender(board, scope),
            body=read_bytes(file, limit_mib=limit, name=name),
            name=name,
            kind=kind,
            actor=scope.user,
            at=board.now,
            scope=scope,
            client_key=request.POST.get("client_key", "")[:64] or str(uuid4()),
        )
    )


@router.post("/uploads/{pk}/read-on", response=SubmissionOut, summary="Read a long file on")
def read_on(request: HttpRequest, pk: int) -> SubmissionOut:
    """Read the next piece; at the end of the file it changes nothing."""
    scope, board = _asking(request)
    seen = queries.submissions(board.incident, scope=scope, known_at=board.at)
    sent = scope.get(seen, action=Action.REPORT_READ, pk=pk)
    return _submission(go_on(submission=sent, at=board.now, scope=scope))


@router.get("/submissions", response=list[SubmissionOut], summary="What came in last")
def submissions(request: HttpRequest, limit: int = 50) -> list[SubmissionOut]:
    """The submissions in scope, the latest first."""
    scope, board = _asking(request)
    scope.check(Action.REPORT_READ)
    found = queries.submissions(board.incident, scope=scope, known_at=board.at)
    return [_submission(s) for s in found[: max(1, min(limit, PAGE))]]


@router.get("/submissions/{pk}", response=SubmissionOut, summary="One submission")
def submission(request: HttpRequest, pk: int) -> SubmissionOut:
    """What became of it."""
    scope, board = _asking(request)
    seen = queries.submissions(board.incident, scope=scope, known_at=board.at)
    return _submission(scope.get(seen, action=Action.REPORT_READ, pk=pk))


@router.get("/silent", response=SilenceOut, summary="Who has not been heard from")
def silent(request: HttpRequest, level: str = "county", day: date | None = None) -> SilenceOut:
    """The units of a level that owe a report for the day and had sent none by the moment shown."""
    scope, board = _asking(request)
    scope.check(Action.REPORT_READ)
    on = day or default_day(board.time, Unit(level=level), board.at)
    heard, owing = queries.reported_share(
        board.incident, day=on, known_at=board.at, level=level, scope=scope
    )
    found = queries.not_heard_from(
        board.incident, day=on, known_at=board.at, scope=scope, level=level
    )
    return SilenceOut(
        level=level,
        day=on,
        heard=heard,
        owing=owing,
        silent=[
            SilentOut(
                unit=s.unit.code,
                name_zh=s.unit.name_zh,
                name_en=s.unit.name_en,
                county=s.county,
                last_heard=s.last_heard,
                reason=s.reason,
            )
            for s in found
        ],
    )


@router.post("/absences", response={204: None}, summary="Note why a unit is silent")
def absence(request: HttpRequest, noted: AbsenceIn) -> Status[None]:
    """The reason stands beside its lateness until `until`."""
    scope, board = _asking(request)
    note_absence(
        incident=board.incident,
        unit=_unit(request, noted.unit),
        reason=noted.reason,
        since=board.now,
        until=noted.until,
        by=scope.user,
        at=board.now,
        scope=scope,
    )
    return Status(204, None)


@router.get("/aside", response=list[AsideOut], summary="Rows kept aside")
def aside(request: HttpRequest, settled: bool = False, limit: int = 100) -> list[AsideOut]:
    """The rows in scope that wait to be settled (or the settled ones), the latest first."""
    scope, board = _asking(request)
    scope.check(Action.REPORT_READ)
    found = rows_aside(board.incident, scope=scope, known_at=board.at, settled=settled)
    return [_aside(r) for r in found[: max(1, min(limit, PAGE))]]


def _row(request: HttpRequest, pk: int) -> RowAside:
    scope, board = _asking(request)
    seen = rows_aside(board.incident, scope=scope, known_at=board.at, settled=None)
    found = seen.filter(pk=pk).first()
    if found is None:
        raise nothing_there(str(pk))
    return found


@router.post("/aside/{pk}/correct", response=SubmissionOut, summary="Take a row as corrected")
def correct_row(request: HttpRequest, pk: int, sent: CorrectIn) -> SubmissionOut:
    """The row passes the same door again and is settled only if it passes."""
    scope, board = _asking(request)
    return _submission(
        correct(row=_row(request, pk), cells=sent.cells, by=scope.user, at=board.now, scope=scope)
    )


@router.post("/aside/{pk}/dismiss", response=AsideOut, summary="Dismiss a row with a reason")
def dismiss_row(request: HttpRequest, pk: int, sent: DismissIn) -> AsideOut:
    """The row stays in the record with the reason."""
    scope, board = _asking(request)
    return _aside(
        dismiss(row=_row(request, pk), reason=sent.reason, by=scope.user, at=board.now, scope=scope)
    )


@router.get("/cases", response=list[CaseOut], summary="The line list in scope")
def cases(request: HttpRequest, limit: int = PAGE, offset: int = 0) -> list[CaseOut]:
    """Pseudonymous rows of the places whose line list the caller may read, the latest first."""
    scope, board = _asking(request)
    scope.check(Action.CASE_READ, sensitivity=CASE)
    rows = case_queries.visible(board.incident, scope=scope, known_at=board.at)
    first = max(0, offset)
    with case_queries.reading(scope):
        page = list(
            rows.order_by("-report_day", "pseudonym")[first : first + max(1, min(limit, PAGE))]
        )
    return [
        CaseOut(
            **{n: getattr(c, n) for n in CaseOut.model_fields if n != "county"}, county=c.unit.code
        )
        for c in page
    ]
