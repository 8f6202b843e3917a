"""Where a number comes from: every version of a value, and what a unit has said lately."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.scope import nothing_there
from yipan.access.signing import signed_in
from yipan.places.models import Unit
from yipan.report.dictionary import ELEMENTS
from yipan.report.errors import NotADate
from yipan.report.forms.current import elements_named
from yipan.report.models import Value
from yipan.report.review.actions import office_above
from yipan.report.review.models import Verdict
from yipan.report.values import queries
from yipan.report.values.rules import known_element, to_day
from yipan.report.values.small import conceal


@require_GET
@signed_in
def value(request: PersonRequest, code: str, element: str, day: str) -> HttpResponse:
    """Show every version of one value known at the moment shown: source, reason, time."""
    board = request.board
    unit = _unit(request, code)
    told = elements_named(board.package, {element}, known_at=board.at).get(element)
    if told is None:
        told = known_element(element)  # says which is closest
    try:
        on = to_day(day)
    except NotADate:
        on = None
    if on is None:
        raise nothing_there(day)
    versions = queries.history(
        board.incident, unit=unit, element=told.id, day=on, known_at=board.at
    )
    before = queries.latest_before(board.incident, unit=unit, day=on, known_at=board.at)
    told_before = [before[told.id]] if told.id in before else []
    for some in (versions, told_before):
        conceal(board.incident, some, scope=request.scope, known_at=board.at)
    context = {
        "section": "report",
        "unit": unit,
        "element": told,
        "day": on,
        "versions": versions,
        "before": before.get(told.id),
        **_said(request, versions),
        "may_correct": not board.past and request.scope.may(Action.REPORT_SUBMIT, unit),
    }
    return render(request, "report/value.html", context, status=200 if versions else 404)


def _said(request: PersonRequest, versions: Sequence[Value]) -> dict[str, Any]:
    """Return what has been said of the version that stands, and what this person may say."""
    board, scope = request.board, request.scope
    if not versions:
        return {}
    standing = versions[0]
    said = list(standing.reviews.filter(at__lte=board.at).select_related("by").order_by("at", "pk"))
    last = said[-1].verdict if said else ""
    above = scope.may(Action.REPORT_CORRECT, office_above(standing.unit))
    own = scope.may(Action.REPORT_CORRECT, standing.unit)
    return {
        "standing": standing,
        "reviews": said,
        "may_stand": above and last != Verdict.STANDS and not board.past,
        "may_ask": above and last in ("", Verdict.ANSWERED) and not board.past,
        "may_answer": own and last == Verdict.ASKED and not board.past,
    }


@require_GET
@signed_in
def unit(request: PersonRequest, code: str) -> HttpResponse:
    """Show what a unit has said lately, each number leading to its versions."""
    board = request.board
    seen = _unit(request, code)
    rows = queries.recent_values(board.incident, unit=seen, known_at=board.at)
    conceal(board.incident, rows, scope=request.scope, known_at=board.at)
    days = [(day, list(values)) for day, values in groupby(rows, key=lambda v: v.day)]
    context = {
        "section": "report",
        "unit": seen,
        "days": days,
        "elements": ELEMENTS,
        "reason": queries.known_reasons(board.incident, at=board.at).get(seen.pk, ""),
        "may_submit": not board.past and request.scope.may(Action.REPORT_SUBMIT, seen),
    }
    return render(request, "report/unit.html", context)


def _unit(request: PersonRequest, code: str) -> Unit:
    return request.scope.get(
        Unit.objects.filter(package=request.board.package),
        unit="",
        action=Action.REPORT_READ,
        code=code,
    )
