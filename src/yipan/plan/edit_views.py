"""Change a county's level in a week and see at once what it changes."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from yipan.access.context import PersonRequest
from yipan.access.rules import Action
from yipan.access.signing import signed_in
from yipan.kernel.errors import YipanError
from yipan.plan import edits, pictures, queries
from yipan.plan.errors import MalformedEdit
from yipan.plan.models import Option
from yipan.plan.scenarios.assumptions import SETTINGS
from yipan.plan.search_views import scenario


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def edit(request: PersonRequest, pk: int) -> HttpResponse:
    """Show an option's levels with a form that changes them; a refusal keeps what was chosen."""
    shown = scenario(request, pk)
    asked = request.POST if request.method == "POST" else request.GET
    option = queries.option_of(shown, asked.get("option", "tiered"))
    fault = None
    if request.method == "POST":
        try:
            made = edits.edit_option(
                option=option,
                changes=[_change(request)],
                reason=request.POST.get("reason", ""),
                by=request.user,
                at=request.board.now,
                scope=request.scope,
            )
        except YipanError as refused:
            fault = refused
        else:
            return redirect(reverse("plan:scenario", args=[pk]) + f"?option={made.key}#edited")
    else:
        for unit in request.board.incident.places.all():
            request.scope.check(Action.PLAN_RUN, unit)
    return render(
        request,
        "plan/edit.html",
        _context(request, option, fault),
        status=fault.status if fault else 200,
    )


def _change(request: PersonRequest) -> edits.Change:
    form = request.POST
    try:
        first, last = int(form.get("first", "")), int(form.get("last", ""))
        level = int(form.get("level", ""))
    except ValueError:
        first, last, level = 0, 0, -1
    if level < 0:
        raise MalformedEdit(
            pictures.edit_words()["incomplete"],
            where="level",
            remedy=pictures.edit_words()["remedy"],
        )
    return edits.Change(
        counties=tuple(form.getlist("counties")),
        setting=form.get("setting", ""),
        first=first,
        last=last,
        level=level,
    )


def _context(request: PersonRequest, option: Option, fault: YipanError | None) -> dict[str, Any]:
    shown = option.scenario
    asked = request.POST if request.method == "POST" else request.GET
    setting = asked.get("setting", SETTINGS[0])
    setting = setting if setting in SETTINGS else SETTINGS[0]
    rows = list(queries.county_rows(option, scope=request.scope))
    by_city: dict[str, list[Any]] = {}
    for row in sorted(rows, key=lambda r: r.unit.code):
        by_city.setdefault(row.unit.parent.name if row.unit.parent else "", []).append(row)
    return {
        "section": "plan",
        "scenario": shown,
        "option": option,
        "options": list(shown.options.all()),
        "setting": setting,
        "setting_word": str(pictures.SETTING_WORDS[setting]),
        "settings": pictures.other_settings(setting),
        "levels": pictures.levels_key(),
        "weeks": [
            {"n": w + 1, "label": pictures.week_label(shown.start_day, w)}
            for w in range(shown.weeks)
        ],
        "cities": [
            {
                "name": city,
                "rows": [
                    {
                        "code": row.unit.code,
                        "name": row.unit.name,
                        "tier": row.tier,
                        "levels": [pictures.level_cell(v) for v in row.levels[setting]],
                    }
                    for row in of
                ],
            }
            for city, of in by_city.items()
        ],
        "chosen": asked.getlist("counties"),
        "first": asked.get("first", "1"),
        "last": asked.get("last", str(shown.weeks)),
        "level": asked.get("level", ""),
        "reason": asked.get("reason", ""),
        "fault": fault,
    }
