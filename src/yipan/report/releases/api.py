"""A department's machines that are told of each release, over the API."""

from __future__ import annotations

from datetime import date, datetime
from typing import cast

from django.http import HttpRequest
from ninja import Router, Status
from pydantic import BaseModel, Field

from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.scope import nothing_there
from yipan.report.models import DataRequest, TableHook
from yipan.report.releases.actions import end_hook, set_hook
from yipan.report.requests import queries
from yipan.report.requests.actions import prolong_request

router = Router(tags=["report"])


class HookIn(BaseModel):
    """Where a machine listens."""

    address: str = Field(
        max_length=300, description="https://…; it answers 2xx when it has taken it."
    )


class HookOut(BaseModel):
    """A machine that is told; the secret only in the answer that made it."""

    id: int
    address: str
    secret: str | None
    made_at: datetime
    told_at: datetime | None
    waits_until: datetime | None
    failure: str


class ProlongIn(BaseModel):
    """Until when a request runs on, and why."""

    until: date
    reason: str


class ProlongedOut(BaseModel):
    """Where a request stands."""

    id: int
    state: str
    sunset_on: date


def _asked(request: HttpRequest, pk: int) -> DataRequest:
    asking = cast(PersonRequest, request)
    rows = queries.requests_in_scope(
        asking.board.incident, scope=asking.scope, known_at=asking.board.at
    )
    found = asking.scope.get(
        rows.select_related("incident__package", "unit"), action=Action.REPORT_READ, pk=pk
    )
    asking.scope.check(Action.DATA_REQUEST, found.unit)
    return found


def _told(hook: TableHook, *, secret: str | None = None) -> HookOut:
    last = hook.notices.order_by("-made_at", "-pk").first()
    return HookOut(
        id=hook.pk,
        address=hook.address,
        secret=secret,
        made_at=hook.made_at,
        told_at=last.sent_at if last else None,
        waits_until=last.due_at if last else None,
        failure=last.failure if last else "",
    )


@router.get("/requests/{pk}/hooks", response=list[HookOut], summary="Machines told of a table")
def hooks(request: HttpRequest, pk: int) -> list[HookOut]:
    """The machines that are told of each release, each with what became of the last notice."""
    return [_told(h) for h in _asked(request, pk).hooks.filter(ended_at__isnull=True)]


@router.post("/requests/{pk}/hooks", response=HookOut, summary="Have a machine told of a table")
def add_hook(request: HttpRequest, pk: int, sent: HookIn) -> HookOut:
    """Each release is posted, signed: `Yipan-Signature: sha256=HMAC(secret, timestamp + "." + body)`."""
    asking = cast(PersonRequest, request)
    made = set_hook(
        request=_asked(request, pk), address=sent.address, by=asking.user, at=asking.board.now,
        scope=asking.scope,
    )  # fmt: skip
    return _told(made, secret=made.secret)


@router.delete("/requests/{pk}/hooks/{hook}", response={204: None}, summary="Tell it no more")
def remove_hook(request: HttpRequest, pk: int, hook: int) -> Status[None]:
    """What waits for it is dropped."""
    asking = cast(PersonRequest, request)
    there = _asked(request, pk).hooks.filter(pk=hook).first()
    if there is None:
        raise nothing_there(str(hook))
    end_hook(hook=there, by=asking.user, at=asking.board.now, scope=asking.scope)
    return Status(204, None)


@router.post("/requests/{pk}/prolong", response=ProlongedOut, summary="Prolong a request")
def prolong(request: HttpRequest, pk: int, sent: ProlongIn) -> ProlongedOut:
    """A request about to end runs on until another day, with the reason on record."""
    asking = cast(PersonRequest, request)
    made = prolong_request(
        request=_asked(request, pk), until=sent.until, reason=sent.reason, by=asking.user,
        at=asking.board.now, scope=asking.scope,
    )  # fmt: skip
    return ProlongedOut(id=made.pk, state=made.state, sunset_on=made.sunset_on)
