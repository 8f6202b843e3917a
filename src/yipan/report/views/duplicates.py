"""Persons who may stand twice: looked for, seen side by side with a reason, decided, undone."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from yipan.access import identity
from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.scope import IDENTITY, nothing_there
from yipan.access.signing import signed_in
from yipan.kernel.errors import YipanError
from yipan.report.contacts.actions import NO_DOCUMENT
from yipan.report.duplicates import actions
from yipan.report.duplicates.models import Verdict
from yipan.report.duplicates.queries import Proposal, proposals

SHOWN = 30


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def duplicates(request: PersonRequest) -> HttpResponse:
    """Show the pairs that wait and those decided; look for more; decide, see, open again."""
    request.scope.check(Action.IDENTITY_REVEAL, sensitivity=IDENTITY)
    board = request.board
    act, reason = request.POST.get("act", ""), request.POST.get("reason", "")
    fault: YipanError | None = None
    seen: dict[int, list[tuple[str, str, str]]] = {}
    if request.method == "POST":
        try:
            if act == "look":
                found = actions.propose(
                    incident=board.incident, reason=reason, scope=request.scope, at=board.now
                )
                messages.success(request, _("New pairs proposed: %d.") % len(found))
                return redirect("report:duplicates")
            proposal = _one(request)
            if act == "see":
                seen = _side_by_side(request, proposal, reason)
            else:
                actions.decide(
                    pair=proposal.pair,
                    verdict=act,
                    reason=reason,
                    scope=request.scope,
                    at=board.now,
                )
                messages.success(request, _("Decided; it can be opened again."))
                return redirect("report:duplicates")
        except YipanError as refused:
            fault = refused
    every = proposals(board.incident, scope=request.scope, known_at=board.at)
    page = Paginator(every, SHOWN).get_page(request.GET.get("page"))
    context = {
        "section": "report",
        "page": page,
        "rows": [(p, seen.get(p.pair.pk, []), Verdict(p.verdict).label) for p in page],
        "waiting": sum(p.open for p in every),
        "same": sum(p.verdict == Verdict.SAME for p in every),
        "fault": fault,
        "reason": reason,
        "may_act": not board.past,
    }
    return render(request, "report/duplicates.html", context, status=fault.status if fault else 200)


def _one(request: PersonRequest) -> Proposal:
    pk = request.POST.get("pair", "")
    every = proposals(request.board.incident, scope=request.scope, known_at=request.board.now)
    for proposal in every:
        if str(proposal.pair.pk) == pk:
            return proposal
    raise nothing_there(pk[:20])


def _side_by_side(
    request: PersonRequest, proposal: Proposal, reason: str
) -> dict[int, list[tuple[str, str, str]]]:
    """Return who the two are, field by field; each look is in the audit with its reason."""
    one, other = (
        identity.reveal(identity_id=pk, reason=reason, scope=request.scope, at=request.board.now)
        for pk in (proposal.pair.one_id, proposal.pair.other_id)
    )

    def number(text: str) -> str:
        return "" if text.startswith(NO_DOCUMENT) else text

    lines = [
        (_("Document"), number(one.number), number(other.number)),
        (_("Name"), one.name, other.name),
        (_("Telephone"), one.phone, other.phone),
        (_("Address"), one.address, other.address),
    ]
    return {proposal.pair.pk: lines}
