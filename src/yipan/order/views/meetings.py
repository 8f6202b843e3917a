"""From the meeting to the orders: paste or send the decisions, look at what is proposed, confirm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.scope import nothing_there
from yipan.access.signing import signed_in
from yipan.kernel.config import config
from yipan.kernel.errors import YipanError
from yipan.order import actions
from yipan.order.errors import Unreadable
from yipan.order.forms import LEVELS, PRIORITIES
from yipan.order.matters import matters
from yipan.order.meetings import queries
from yipan.order.meetings.rules import Proposal
from yipan.order.models import Minutes, Order, Priority
from yipan.order.orders.rules import SENTENCE
from yipan.order.views.shared import now_of, typed_moment
from yipan.places.models import Unit

REASONS = {
    "named": gettext_lazy("named in the text"),
    "lead": gettext_lazy("the headquarters that lead"),
    "words": gettext_lazy("the words say who acts"),
    "except": gettext_lazy("all but those taken out"),
    "lead_named": gettext_lazy("named as the one that leads"),
    "department": gettext_lazy("the department that leads, at your office"),
    "issuer": gettext_lazy("nobody named: your office"),
    "matter_unsure": gettext_lazy("matter not clear: look"),
    "due_own": gettext_lazy("time from the sentence itself"),
    "standing": gettext_lazy("goes on without an end"),
    "no_due": gettext_lazy("no time stated: the matter's usual one"),
}


@dataclass(frozen=True)
class Row:
    """One proposal as the page shows it, with what somebody has typed or already made of it."""

    proposal: Proposal
    codes: str
    level: str
    matter: str
    priority: int
    title: str
    due: str
    chosen: bool
    order: Order | None
    late: bool
    reasons: list[str]


@signed_in
def meetings(request: PersonRequest) -> HttpResponse:
    """Take a list of decisions in; show those taken before."""
    request.scope.check(Action.ORDER_DRAFT)
    board = request.board
    fault: YipanError | None = None
    if request.method == "POST":
        try:
            taken = _take(request)
        except YipanError as refused:
            fault = refused
        else:
            return redirect("order:meeting", pk=taken.pk)
    context = {
        "section": "order",
        "minutes": queries.minutes(board.incident, request.scope)[:20],
        "fault": fault,
        "typed": request.POST,
        "said_at": f"{board.now.astimezone(board.time.zone):%Y-%m-%dT%H:%M}",
    }
    return render(request, "order/meetings.html", context, status=fault.status if fault else 200)


def _take(request: PersonRequest) -> Minutes:
    incident = request.board.incident
    sent = request.FILES.get("file")
    if sent is not None and (sent.size or 0) > config().upload_limit_mib * 2**20:
        raise Unreadable(
            _("The file is larger than %d MiB.") % config().upload_limit_mib,
            where=sent.name or "",
            remedy=_("Send only the decisions."),
        )
    said = request.POST.get("said_at", "").strip()
    at = now_of(incident, request)
    return actions.take_minutes(
        incident=incident,
        title=request.POST.get("title", ""),
        said_at=typed_moment(said, request) if said else at,
        text=request.POST.get("text", ""),
        body=sent.read() if sent else b"",
        file_name=(sent.name or "") if sent else "",
        by=request.user,
        at=at,
        scope=request.scope,
    )


@signed_in
def meeting(request: PersonRequest, pk: int) -> HttpResponse:
    """Show what is proposed for each decision; a person changes, chooses, and makes orders of it."""
    request.scope.check(Action.ORDER_DRAFT)
    taken = queries.minutes(request.board.incident, request.scope).filter(pk=pk).first()
    if taken is None:
        raise nothing_there(str(pk))
    fault: YipanError | None = None
    if request.method == "POST":
        try:
            made = _make(request, taken)
        except YipanError as refused:
            fault = refused
        else:
            if made:
                return redirect(reverse("order:issue"))
            return redirect("order:meeting", pk=pk)
    return render(
        request,
        "order/meeting.html",
        _context(request, taken, fault),
        status=fault.status if fault else 200,
    )


def _context(request: PersonRequest, taken: Minutes, fault: YipanError | None) -> dict[str, Any]:
    rows = _rows(request, taken)
    open_rows = [row for row in rows if row.order is None]
    return {
        "section": "order",
        "minutes": taken,
        "rows": rows,
        "fault": fault,
        "beside": queries.beside(taken),
        "headline": headline(len(open_rows), len(rows)),
        "unsure": sum(not row.proposal.matter_sure for row in open_rows),
        "matters": list(matters().values()),
        "levels": LEVELS,
        "priorities": PRIORITIES,
        "issuer": _issuer(request),
        "may_issue": request.scope.may(Action.ORDER_ISSUE),
        "left": len(open_rows),
    }


def headline(left: int, every: int) -> str:
    """Return the sentence of the page."""
    if not left:
        return _("All %d matters have become orders") % every
    return ngettext(
        "%(n)d matter waits to become an order", "%(n)d matters wait to become orders", left
    ) % {"n": left}


def _issuer(request: PersonRequest) -> Unit:
    return request.scope.roots(Action.ORDER_DRAFT)[0]


def _rows(request: PersonRequest, taken: Minutes) -> list[Row]:
    made = queries.made_from(taken)
    return [
        _row(request, proposal, made.get(proposal.key)) for proposal in queries.proposals(taken)
    ]


def _row(request: PersonRequest, p: Proposal, order: Order | None) -> Row:
    """Return one proposal as it is shown: what somebody typed stands before what the rules say."""
    due = p.due.moment.astimezone(request.board.time.zone) if p.due else None
    posted = request.method == "POST"
    return Row(
        proposal=p,
        codes=_typed(request, "codes", p, ", ".join(_codes(p, request))),
        level=_typed(request, "level", p, p.level),
        matter=_typed(request, "matter", p, p.matter),
        priority=_priority(_typed(request, "priority", p, str(p.priority)), p.priority),
        title=_typed(request, "title", p, p.title[:SENTENCE]),
        due=_typed(request, "due", p, f"{due:%Y-%m-%dT%H:%M}" if due else ""),
        chosen=p.key in request.POST.getlist("chosen") if posted else True,
        order=order,
        late=due is not None and due <= request.board.now,
        reasons=[str(REASONS[why]) for why in p.why if why in REASONS],
    )


def _typed(request: PersonRequest, name: str, proposal: Proposal, otherwise: str) -> str:
    return str(request.POST.get(f"{name}-{proposal.key}", otherwise))


def _priority(text: str, otherwise: int) -> int:
    return int(text) if text in {str(p.value) for p in Priority} else otherwise


def _codes(proposal: Proposal, request: PersonRequest) -> tuple[str, ...]:
    """An empty list means the issuer itself, and with a level everyone of that level below it."""
    return proposal.codes or (_issuer(request).code,)


def _make(request: PersonRequest, taken: Minutes) -> list[Order]:
    confirmed = [
        _confirmed(request, row)
        for row in _rows(request, taken)
        if row.chosen and row.order is None
    ]
    return actions.make_orders(
        taken=taken,
        confirmed=confirmed,
        issuer=_issuer(request),
        by=request.user,
        at=now_of(taken.incident, request),
        scope=request.scope,
        issue=request.POST.get("do") == "issue",
        duplicate_reason=request.POST.get("duplicate_reason", ""),
    )


def _confirmed(request: PersonRequest, row: Row) -> actions.Confirmed:
    codes = [code.strip().split(" ")[0] for code in row.codes.replace("，", ",").split(",")]
    return actions.Confirmed(
        key=row.proposal.key,
        title=row.title.strip(),
        matter=row.matter,
        codes=tuple(code for code in codes if code),
        level=row.level,
        priority=row.priority,
        due_at=_due(request, row.due),
    )


def _due(request: PersonRequest, typed: str) -> datetime | None:
    return typed_moment(typed, request) if typed.strip() else None
