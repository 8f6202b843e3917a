"""What the field app asks and sends, by the session of the person whose phone it is."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime
from typing import Any, Literal, cast

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from ninja import Router
from pydantic import BaseModel, Field

from yipan.access.context import Board, PersonRequest, board_of
from yipan.access.models import User
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.report.errors import NothingToReport, SomebodyElse
from yipan.report.field.actions import Sent, take_page
from yipan.report.field.day import day_for_phone
from yipan.report.forms.daily import unit_of_page

router = Router()
SHORT, LONG = 40, 2000  # what one answer may hold: a figure, or words


class PageIn(BaseModel):
    """One finished page as the phone kept it."""

    person: str = Field(max_length=20, description="Whose phone it was; another is refused (R171).")
    unit: str = Field(max_length=32)
    day: date
    period: Literal["daily", "weekly"] = "daily"
    answers: dict[str, str] = Field(
        max_length=500, description="Element id → what was typed, as it was typed."
    )
    same: list[str] = Field(default=[], max_length=500, description="Elements marked “no change”.")
    reason: str = Field(default="", max_length=500, description="Why known values are changed.")
    client_key: str = Field(min_length=8, max_length=64, description="Made once for each page.")
    device_at: datetime | None = Field(
        default=None, description="When it was pressed, by the phone's own clock."
    )


class ReceivedOut(BaseModel):
    """The server has it."""

    id: int = Field(description="Of the submission; the app says “received” only with it.")
    received_at: datetime
    accepted: int
    stands: bool = Field(
        description="Whether everything was known already: an earlier report stands."
    )
    left_out: list[str] = Field(description="Answers not taken because the page did not ask them.")


@router.get("/field", summary="What a phone keeps for a day", response=dict[str, Any])
def read_field(request: HttpRequest, unit: str = "") -> HttpResponse:
    """Give today's pages of the caller's unit with what is known beside them; 304 where nothing changed.

    The header `X-Yipan-Moment` carries the board's clock in milliseconds.
    """
    scope, board, user = _asking(request)
    found = unit_of_page(board.incident, scope=scope, code=unit)
    if found is None:
        raise NothingToReport(where=unit)
    told = {
        "person": {"id": str(user.pk), "name": user.display_name or user.username},
        "receives_orders": bool(scope.roots(Action.ORDER_RECEIVE)),
        **day_for_phone(board.incident, unit=found, clock=board.time, at=board.now),
    }
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'
    same = request.headers.get("If-None-Match", "").removeprefix("W/") == tag
    answer = HttpResponse(
        b"" if same else text.encode(), content_type="application/json", status=304 if same else 200
    )
    answer["ETag"] = tag
    answer["X-Yipan-Moment"] = str(round(board.now.timestamp() * 1000))
    answer["Cache-Control"] = "private, no-cache"
    get_token(request)  # the phone needs the cookie to send
    return answer


@router.post("/field/pages", response=ReceivedOut, summary="Send a finished page")
def send_page(request: HttpRequest, sent: PageIn) -> ReceivedOut:
    """Take a page, or refuse it whole naming every field (R101); a replayed key changes nothing."""
    scope, board, user = _asking(request)
    if sent.person != str(user.pk):
        raise SomebodyElse(where=sent.client_key)
    made, page, answers = take_page(
        incident=board.incident,
        sent=Sent(
            unit=sent.unit,
            day=sent.day,
            period=sent.period,
            answers={n: text[:LONG] for n, text in sent.answers.items()},
            same=tuple(sent.same),
            reason=sent.reason,
            client_key=sent.client_key,
            device_at=sent.device_at,
        ),
        actor=user,
        at=board.now,
        scope=scope,
    )
    assert made is not None, "either it was taken, or what stands came with a submission"
    typed = {a.element.id for a in page.asks if a.typed}
    return ReceivedOut(
        id=made.pk,
        received_at=made.received_at.astimezone(board.time.zone),
        accepted=made.rows_accepted,
        stands=made.client_key != sent.client_key,
        left_out=sorted(answers.left_out & typed),
    )


def _asking(request: HttpRequest) -> tuple[Scope, Board, User]:
    asking = cast(PersonRequest, request)
    asking.scope.check(Action.REPORT_SUBMIT)
    return asking.scope, board_of(request), asking.user
