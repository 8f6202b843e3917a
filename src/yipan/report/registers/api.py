"""Registers and departments' tables over the API."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import BaseModel, Field

from yipan.access.context import Board, board_of
from yipan.access.row_security import rows_within
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.access.suppression import Hidden
from yipan.places.models import Unit
from yipan.report.forms.tables import department_table
from yipan.report.models import RegisterEvent, Source
from yipan.report.registers import actions, queries
from yipan.report.requests import queries as requests
from yipan.report.values.small import hidden_name

router = Router(tags=["report"])


class EventIn(BaseModel):
    """One thing that happened; a person's number is turned into a pseudonym and never kept."""

    # `register` is a word of Python's own classes; only outside it is called so.
    kept_in: Literal["person", "place", "stock"] = Field(alias="register")
    concept: str = Field(min_length=1, max_length=80)
    change: float = Field(description="+1 a person begins, -1 ends; a quantity of stock")
    occurred_at: datetime
    subject: str = Field(default="", max_length=64)
    populations: list[str] = Field(default=[], max_length=12)


class EventsIn(BaseModel):
    """Events of one unit under one key."""

    unit: str
    client_key: str = Field(min_length=8, max_length=64)
    events: list[EventIn] = Field(min_length=1, max_length=1000)


class EnteredOut(BaseModel):
    """What was entered."""

    submission: int
    events: int


class VoidIn(BaseModel):
    """Why an event is void."""

    reason: str


class CountOut(BaseModel):
    """A count of one unit at one moment, as known at another; null where it is not kept or not shown."""

    unit: str
    concept: str
    measure: str
    until: datetime
    known_at: datetime
    count: float | None
    hidden: str | None = Field(
        default=None, description="why a small count of people is not shown: fewer_than_5, withheld"
    )


class RequestOut(BaseModel):
    """One request for data."""

    id: int
    code: str
    title_zh: str
    title_en: str
    state: str
    level: str
    sunset_on: date
    minutes_alone: float
    minutes_added: float


def _asking(request: HttpRequest) -> tuple[Scope, Board]:
    scope: Scope = request.scope  # type: ignore[attr-defined]
    return scope, board_of(request)


def _unit(request: HttpRequest, code: str) -> Unit:
    scope, board = _asking(request)
    units = Unit.objects.filter(package=board.package)
    return scope.get(units, unit="", action=Action.PLACE_READ, code=code)


@router.post("/registers/events", response=EnteredOut, summary="Enter register events")
def enter(request: HttpRequest, sent: EventsIn) -> EnteredOut:
    """All or nothing; a replayed key enters nothing."""
    scope, board = _asking(request)
    zone = board.time.zone
    made = actions.enter(
        incident=board.incident,
        unit=_unit(request, sent.unit),
        events=[
            actions.Event(
                e.kept_in,
                e.concept,
                e.change,
                e.occurred_at if e.occurred_at.tzinfo else e.occurred_at.replace(tzinfo=zone),
                e.subject,
                tuple(e.populations),
            )
            for e in sent.events
        ],
        actor=scope.user,
        source=Source.API,
        at=board.now,
        client_key=sent.client_key,
        scope=scope,
    )
    return EnteredOut(submission=made.pk, events=made.rows_accepted)


@router.post("/registers/events/{pk}/void", response=EnteredOut, summary="Void a register event")
def void(request: HttpRequest, pk: int, sent: VoidIn) -> EnteredOut:
    """The event stays in the log; what was known before the void stays as it was."""
    scope, board = _asking(request)
    rows = RegisterEvent.objects.filter(incident=board.incident).select_related(
        "incident__package", "unit"
    )
    with rows_within(scope, Action.REPORT_READ):
        event = scope.get(rows, action=Action.REPORT_READ, pk=pk)
    made = actions.void(
        event=event, reason=sent.reason, actor=scope.user, at=board.now, scope=scope
    )
    return EnteredOut(submission=made.submission_id, events=1)


@router.get("/registers/count", response=CountOut, summary="Count a register")
def count(
    request: HttpRequest,
    unit: str,
    concept: str,
    kept_in: Literal["person", "place", "stock"] = Query(  # type: ignore[type-arg]
        "person", alias="register"
    ),
    measure: Literal["stock", "flow", "cum"] = "stock",
    until: datetime | None = None,
    population: str = "",
) -> CountOut:
    """Any cut-off (`until`, half-open), any population, as known at the moment asked for (`at`)."""
    scope, board = _asking(request)
    found = _unit(request, unit)
    scope.check(Action.REPORT_READ, found)
    end = until or board.at
    end = end if end.tzinfo else end.replace(tzinfo=board.time.zone)
    shown = queries.shown_count(
        board.incident, found, register=kept_in, concept=concept, measure=measure, end=end,
        known_at=board.at, population=population, scope=scope,
    )  # fmt: skip
    return CountOut(
        unit=found.code,
        concept=concept,
        measure=measure,
        until=end,
        known_at=board.at,
        count=None if isinstance(shown, Hidden) else shown,
        hidden=hidden_name(shown),
    )


@router.get("/requests", response=list[RequestOut], summary="Requests for data")
def list_requests(request: HttpRequest) -> list[RequestOut]:
    """The requests of the places in scope, the latest first."""
    scope, board = _asking(request)
    scope.check(Action.REPORT_READ)
    rows = requests.requests_in_scope(board.incident, scope=scope, known_at=board.at)
    names = [n for n in RequestOut.model_fields if n != "id"]
    return [RequestOut(id=r.pk, **{n: getattr(r, n) for n in names}) for r in rows]


@router.get("/requests/{pk}/table", summary="A department's table of a day")
def table(request: HttpRequest, pk: int, day: date | None = None) -> dict[str, Any]:
    """The department's own columns, each with how it is met; null where a fact is missing."""
    scope, board = _asking(request)
    rows = requests.requests_in_scope(board.incident, scope=scope, known_at=board.at)
    asked = scope.get(
        rows.select_related("incident__package", "unit"), action=Action.REPORT_READ, pk=pk
    )
    made = department_table(
        asked, day=day or board.time.local_day(board.at), known_at=board.at, scope=scope
    )
    return made.as_data()
