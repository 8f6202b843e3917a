"""Search the best openings from the page: ask, watch its progress, stop it."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.signing import signed_in
from yipan.plan import queries, searches
from yipan.plan.errors import MalformedLimits
from yipan.plan.models import Scenario, SearchState
from yipan.plan.scenarios.asking import Limits, read_limits

SCHOOLS_FIRST = 3.0
POVERTY_FIRST = 1.5


@require_POST
@signed_in
def begin(request: PersonRequest, pk: int) -> HttpResponse:
    """Begin a search under the limits of the form; the page shows how far it is."""
    board = request.board
    shown = scenario(request, pk)
    limits = limits_of(request, shown)
    for unit in board.incident.places.all():
        request.scope.check(Action.PLAN_RUN, unit)
    if shown.answer.get("limits") or limits.beds_factor != 1.0:
        shown = searches.anew(shown, limits=limits, at=board.now, by=request.user)
    row = searches.start_search(
        scenario=shown,
        limits=limits,
        by=request.user,
        at=board.now,
        now=request.now,
        scope=request.scope,
    )
    searches.run_beside(row, clock=timezone.now, at=board.now)
    return redirect(reverse("plan:scenario", args=[shown.pk]) + "#search")


@require_safe
@signed_in
def state(request: PersonRequest, pk: int) -> HttpResponse:
    """Return how far the search is; the page asks every two seconds and reloads at its end."""
    shown = scenario(request, pk)
    row = searches.running(shown, now=request.now)
    response = render(request, "plan/search_state.html", {"search": row, "scenario": shown})
    if row is None or row.state != SearchState.RUNNING:
        response["HX-Refresh"] = "true"
    return response


@require_POST
@signed_in
def stop(request: PersonRequest, pk: int) -> HttpResponse:
    """Ask the search under way to end."""
    shown = scenario(request, pk)
    row = searches.running(shown, now=request.now)
    if row is not None:
        searches.stop_search(search_pk=row.pk, scope=request.scope, scenario=shown)
    return redirect(reverse("plan:scenario", args=[pk]) + "#search")


def scenario(request: PersonRequest, pk: int) -> Scenario:
    """Return the scenario asked for, as far as the person may read it."""
    request.scope.check(Action.PLAN_READ)
    board = request.board
    return queries.scenario_of(board.incident, pk, at=board.at, scope=request.scope)


def limits_of(request: PersonRequest, shown: Scenario) -> Limits:
    """Return the limits that the form says; raises MalformedLimits (P309)."""
    form = request.POST
    data: dict[str, Any] = dict(shown.limits)
    data["accepted_risk"] = _percent(form.get("accepted_risk", "5"), "accepted_risk") / 100
    end_R = form.get("end_R", "").strip()
    data["end_R"] = _percent(end_R, "end_R") if end_R else None
    data["beds_factor"] = _percent(form.get("beds_factor", "100"), "beds_factor") / 100
    data["schools_first"] = SCHOOLS_FIRST if form.get("schools_first") else 1.0
    data["poverty_first"] = POVERTY_FIRST if form.get("poverty_first") else 1.0
    if form.get("poverty_first"):
        data["poverty_counties"] = queries.poorest_counties(shown)
    data["staged"] = not form.get("not_staged")
    return read_limits(data)


def _percent(text: str, where: str) -> float:
    try:
        return float(text.strip().replace("%", "").replace(",", "."))
    except ValueError:
        raise MalformedLimits(
            _("“%s” is not a number.") % text[:40], where=where, remedy=_("Write a number.")
        ) from None
