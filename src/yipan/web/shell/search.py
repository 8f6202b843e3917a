"""Search: units by name in either language, by pinyin as the English names are written, by code."""

from __future__ import annotations

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.signing import signed_in
from yipan.places.models import Level, Unit

MOST = 30


@require_safe
@signed_in
def search(request: PersonRequest) -> HttpResponse:
    """Show the units in sight that a word names; a code or a name that names one opens it at once."""
    text = request.GET.get("q", "").strip()[:80]
    found = find(request, text) if text else []
    exact = [u for u in found if text in (u.code, u.name_zh) or text.lower() == u.name_en.lower()]
    if len(exact) == 1 and "stay" not in request.GET:
        return redirect(address(exact[0], request))
    rows = [(unit, address(unit, request)) for unit in found[:MOST]]
    context = {"text": text, "rows": rows, "more": len(found) > MOST}
    return render(request, "web/search.html", context)


def find(request: PersonRequest, text: str) -> list[Unit]:
    """Return the units in sight that a word names, the higher levels first."""
    named = Q(name_zh__icontains=text) | Q(name_en__icontains=text) | Q(code__istartswith=text)
    units = Unit.objects.filter(named, package=request.board.package).select_related("parent")
    seen = request.scope.filter(units, action=Action.PLACE_READ, unit="")
    return list(seen.order_by("depth", "code")[: MOST + 1])


def address(unit: Unit, request: PersonRequest) -> str:
    """Return where a unit is shown: a county's or city's situation, otherwise what it has reported."""
    keep = f"?{request.board.query}" if request.board.query else ""
    if request.scope.may(Action.ASSESS_READ, unit):
        if unit.level == Level.COUNTY:
            return reverse("assess:county", args=[unit.code]) + keep
        if unit.level == Level.CITY:
            return reverse("assess:city", args=[unit.code]) + keep
    if unit.level == Level.PROVINCE:
        return reverse("web:board") + keep
    return reverse("report:unit", args=[unit.code]) + keep
