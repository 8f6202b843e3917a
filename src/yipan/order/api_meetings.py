"""Meetings over the API: decisions in, what the rules propose, orders out of what is confirmed."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import File, Form, Router, Status
from ninja.files import UploadedFile
from pydantic import BaseModel, Field

from yipan.access.context import PersonRequest, board_of
from yipan.access.queries import board_now
from yipan.access.rules import Action
from yipan.access.scope import nothing_there
from yipan.access.signing import signed_in_scope
from yipan.kernel.config import config
from yipan.order import actions
from yipan.order.errors import Unreadable
from yipan.order.meetings import queries
from yipan.order.meetings.rules import Proposal
from yipan.order.models import Minutes, Order

router = Router()


class ProposalOut(BaseModel):
    """One matter that the rules found, with what they propose and why."""

    key: str
    paragraph: str
    title: str
    matter: str
    matter_sure: bool
    units: list[str] = Field(description="Codes; empty: the issuer, with a level all below it.")
    level: str
    lead: str
    due_at: datetime | None
    priority: int
    why: list[str]
    order: str | None = Field(description="The order made of it, if one was.")

    @classmethod
    def of(cls, p: Proposal, order: Order | None) -> ProposalOut:
        """Return a proposal as the API tells it."""
        return cls(
            key=p.key,
            paragraph=p.paragraph,
            title=p.title,
            matter=p.matter,
            matter_sure=p.matter_sure,
            units=list(p.codes),
            level=p.level,
            lead=p.lead,
            due_at=p.due.moment if p.due else None,
            priority=p.priority,
            why=list(p.why),
            order=str(order.pk) if order else None,
        )


class MinutesOut(BaseModel):
    """Minutes as they were taken in."""

    id: int
    title: str
    said_at: datetime
    taken_at: datetime
    settled_at: datetime | None


class MinutesWhole(MinutesOut):
    """Minutes with what is proposed, and the paragraphs that are no decision."""

    proposals: list[ProposalOut]
    beside: list[str]


class TextIn(BaseModel):
    """A list of decisions as text."""

    text: str
    title: str = ""
    said_at: datetime | None = Field(
        default=None, description="“Tonight” counts from here; now if empty."
    )


class ConfirmIn(BaseModel):
    """One proposal as a person confirms it; what is left out stays as proposed."""

    key: str
    title: str | None = None
    matter: str | None = None
    units: list[str] | None = None
    level: str | None = None
    priority: int | None = Field(default=None, ge=0, le=3)
    due_at: datetime | None = None


class ConfirmedIn(BaseModel):
    """What is confirmed, and whether it is issued at once."""

    confirmed: list[ConfirmIn]
    issue: bool = False
    duplicate_reason: str = ""


def _whole(taken: Minutes) -> MinutesWhole:
    made = queries.made_from(taken)
    return MinutesWhole(
        id=taken.pk,
        title=taken.title,
        said_at=taken.said_at,
        taken_at=taken.taken_at,
        settled_at=taken.settled_at,
        proposals=[ProposalOut.of(p, made.get(p.key)) for p in queries.proposals(taken)],
        beside=queries.beside(taken),
    )


def _minutes(request: HttpRequest, pk: int) -> Minutes:
    scope = signed_in_scope(request, Action.ORDER_DRAFT)
    found = queries.minutes(board_of(request).incident, scope).filter(pk=pk).first()
    if found is None:
        raise nothing_there(str(pk))
    return found


def _take(
    request: HttpRequest,
    title: str,
    said_at: datetime | None,
    text: str = "",
    file: UploadedFile | None = None,
) -> MinutesWhole:
    scope = signed_in_scope(request, Action.ORDER_DRAFT)
    asking = cast(PersonRequest, request)
    incident = board_of(request).incident
    at = board_now(incident, asking.now)
    if file is not None and (file.size or 0) > config().upload_limit_mib * 2**20:
        raise Unreadable(
            _("The file is larger than %d MiB.") % config().upload_limit_mib,
            where=file.name or "",
            remedy=_("Send only the decisions."),
        )
    said = said_at or at
    taken = actions.take_minutes(
        incident=incident,
        title=title,
        said_at=said if said.tzinfo else said.replace(tzinfo=board_of(request).time.zone),
        text=text,
        body=file.read() if file else b"",
        file_name=(file.name or "") if file else "",
        by=asking.user,
        at=at,
        scope=scope,
    )
    return _whole(taken)


@router.get("/", response=list[MinutesOut], summary="Minutes taken in, the latest first")
def listed(request: HttpRequest) -> list[MinutesOut]:
    scope = signed_in_scope(request, Action.ORDER_DRAFT)
    found = queries.minutes(board_of(request).incident, scope)[:200]
    return [
        MinutesOut(
            id=m.pk,
            title=m.title,
            said_at=m.said_at,
            taken_at=m.taken_at,
            settled_at=m.settled_at,
        )
        for m in found
    ]


@router.post("/", response={201: MinutesWhole}, summary="Take a list of decisions in, as text")
def take_text(request: HttpRequest, given: TextIn) -> Status[MinutesWhole]:
    return Status(201, _take(request, given.title, given.said_at, text=given.text))


@router.post(
    "/file", response={201: MinutesWhole}, summary="Take one in as text, Word, Excel or CSV"
)
def take_file(
    request: HttpRequest,
    file: File[UploadedFile],
    title: Form[str] = "",
    said_at: Form[datetime | None] = None,
) -> Status[MinutesWhole]:
    return Status(201, _take(request, title, said_at, file=file))


@router.get("/{int:pk}", response=MinutesWhole, summary="One list with what is proposed")
def one(request: HttpRequest, pk: int) -> MinutesWhole:
    return _whole(_minutes(request, pk))


def confirmed(taken: Minutes, given: ConfirmIn) -> actions.Confirmed:
    """Return a confirmation: what is said, else what the rules propose."""
    proposed = {p.key: p for p in queries.proposals(taken)}.get(given.key)
    if proposed is None:
        raise Unreadable(
            _("The minutes have no matter %s.") % given.key, where=taken.title, remedy=""
        )
    due = proposed.due.moment if proposed.due else None
    return actions.Confirmed(
        key=given.key,
        title=given.title if given.title is not None else proposed.title[:200],
        matter=given.matter or proposed.matter,
        codes=tuple(given.units) if given.units is not None else proposed.codes,
        level=given.level if given.level is not None else proposed.level,
        priority=given.priority if given.priority is not None else proposed.priority,
        due_at=given.due_at or due,
    )


def make(request: HttpRequest, pk: int, given: ConfirmedIn) -> list[Order]:
    """Make orders of what is confirmed, all or none."""
    taken = _minutes(request, pk)
    asking = cast(PersonRequest, request)
    scope = signed_in_scope(request, Action.ORDER_DRAFT)
    return actions.make_orders(
        taken=taken,
        confirmed=[confirmed(taken, one) for one in given.confirmed],
        issuer=scope.roots(Action.ORDER_DRAFT)[0],
        by=asking.user,
        at=board_now(taken.incident, asking.now),
        scope=scope,
        issue=given.issue,
        duplicate_reason=given.duplicate_reason,
    )
