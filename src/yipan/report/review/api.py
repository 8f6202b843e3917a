"""Approval by exception over the API: the same list and the same acts as the pages."""

from __future__ import annotations

from datetime import date
from typing import Literal

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel, Field

from yipan.access.context import Board, board_of
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.report.models import Value
from yipan.report.review import actions, queries

router = Router(tags=["report"])


class ExceptionOut(BaseModel):
    """One value out of the ordinary."""

    id: int = Field(description="Of this version of the value.")
    unit: str
    day: date
    element: str
    value: float | None
    before: float | None = Field(
        description="The day before (jump), or the old version (corrected)."
    )
    kind: Literal["jump", "corrected"]
    verdict: str = Field(description="Said last: stands, asked, answered, or nothing yet.")
    words: str


class SayIn(BaseModel):
    """What is said of a value; a question and an answer have words."""

    verdict: Literal["stands", "asked", "answered"]
    words: str = Field(default="", max_length=300)


class SaidOut(BaseModel):
    """What was kept."""

    value: int
    verdict: str
    words: str


def _asking(request: HttpRequest) -> tuple[Scope, Board]:
    scope: Scope = request.scope  # type: ignore[attr-defined]
    return scope, board_of(request)


@router.get("/review", response=list[ExceptionOut], summary="Values out of the ordinary")
def review(request: HttpRequest, day: date) -> list[ExceptionOut]:
    """What waits for the office above comes first."""
    scope, board = _asking(request)
    scope.check(Action.REPORT_READ)
    return [
        ExceptionOut(
            id=one.value.pk,
            unit=one.value.unit.code,
            day=one.value.day,
            element=one.value.element,
            value=one.value.value,
            before=one.before,
            kind=one.kind.value,
            verdict=one.verdict,
            words=one.said[-1].words if one.said else "",
        )
        for one in queries.exceptions(board.incident, day=day, known_at=board.at, scope=scope)
    ]


@router.post("/review/{pk}", response=SaidOut, summary="Let a value stand, ask, or answer")
def say(request: HttpRequest, pk: int, sent: SayIn) -> SaidOut:
    """A value's version that another has replaced is refused (R181)."""
    scope, board = _asking(request)
    rows = Value.objects.filter(incident=board.incident).select_related("unit__parent")
    value = scope.get(rows, action=Action.REPORT_READ, pk=pk)
    made = actions.BY_VERDICT[sent.verdict](
        value=value, words=sent.words, by=scope.user, at=board.now, scope=scope
    )
    return SaidOut(value=value.pk, verdict=made.verdict, words=made.words)
