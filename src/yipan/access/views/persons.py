"""The health officers' desk: appeals waiting for a ruling, the one due first on top."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from yipan.access import status as persons
from yipan.access.context import PersonRequest
from yipan.access.forms import RulingForm, beside_field
from yipan.access.models import Appeal
from yipan.access.row_security import rows_within
from yipan.access.rules import Action
from yipan.access.scope import CASE
from yipan.access.signing import signed_in
from yipan.access.status_rules import STATUS_RULES
from yipan.kernel.errors import YipanError


@never_cache
@signed_in
def appeals(request: PersonRequest) -> HttpResponse:
    """Show the appeals waiting at one's places, with ground, objection and what is left of the day."""
    return _page(request)


@require_POST
@never_cache
@signed_in
def rule_on(request: PersonRequest, pk: int) -> HttpResponse:
    """Rule on one appeal."""
    request.scope.check(Action.STATUS_RULE, sensitivity=CASE)
    with rows_within(request.scope, Action.STATUS_RULE, sensitivity=CASE):
        about = request.scope.get(
            Appeal.objects.select_related("status__event", "status__unit", "unit"),
            action=Action.STATUS_RULE,
            sensitivity=CASE,
            pk=pk,
        )
    form = RulingForm(request.POST, prefix=str(pk))
    if not form.is_valid():
        return _page(request, tried={pk: form})
    try:
        persons.rule_on(
            appeal=about,
            upheld=form.cleaned_data["upheld"] == "yes",
            reason=form.cleaned_data["reason"],
            by=request.user,
            at=persons.clock_of(about.status, request.now),
        )
    except YipanError as fault:
        return _page(
            request, tried={pk: form}, fault=beside_field(fault, form), status=fault.status
        )
    return redirect("access:appeals")


def _page(
    request: PersonRequest,
    *,
    tried: dict[int, RulingForm] | None = None,
    fault: YipanError | None = None,
    status: int = 0,
) -> HttpResponse:
    waiting = persons.appeals(request.scope, at=request.now)
    rows: list[dict[str, Any]] = [
        {
            "appeal": one,
            "rule": STATUS_RULES[one.status.rule],
            "late": persons.clock_of(one.status, request.now) > one.due_at,
            "own": request.user.pk in (one.status.set_by_id, one.status.event.recorded_by_id),
            "zone": ZoneInfo(one.unit.package.time_zone),
            "form": (tried or {}).get(one.pk) or RulingForm(prefix=str(one.pk)),
        }
        for one in waiting
    ]
    context = {
        "rows": rows,
        "late": sum(row["late"] for row in rows),
        "fault": fault,
    }
    return render(request, "access/appeals.html", context, status=status or (422 if tried else 200))
