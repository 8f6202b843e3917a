"""Where a number of the plan is from: the reports, the model and the assumptions behind it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from yipan.access.context import PersonRequest
from yipan.access.signing import signed_in
from yipan.kernel import words
from yipan.plan import queries
from yipan.plan.models import Option
from yipan.plan.scenarios.assumptions import PLANNING
from yipan.plan.search_views import scenario

LEVELS = ("closed", "minimum", "staggered", "open")
CONTACTS = [f"contacts_at_{level}" for level in LEVELS]
WORK = [f"work_at_{level}" for level in LEVELS]
SPREAD = [
    "infections_per_case", "transmission_scale", "found_share", "traced_share", "home_left",
    "masks_and_hygiene", "time_elsewhere", *CONTACTS, *(f"imports_at_{level}" for level in LEVELS),
]  # fmt: skip
BEHIND: dict[str, list[str]] = {
    "infections": SPREAD,
    "deaths": SPREAD,
    "peak_beds": [*SPREAD, "days_in_bed", "admitted_share", "share_of_beds_staffed"],
    "beds_exceeded": [*SPREAD, "days_in_bed", "admitted_share", "share_of_beds_staffed"],
    "value_added_100m_cny": [*WORK, "remote_scale", "contacts_traced_per_case", "days_away", *SPREAD],
    "share_of_ordinary": [*WORK, "remote_scale", "contacts_traced_per_case", "days_away", *SPREAD],
    "workers_back": ["workers_away", "return_capacity_week", "workers_per_train", *WORK],
    "masks": ["masks_per_worker_week", "mask_stock", "mask_supply_week", *WORK],
}  # fmt: skip
"""Measure → the figures of the pack it is computed from, the nearest first."""


def measures() -> dict[str, tuple[str, str, str]]:
    """Return each measure's name, unit and formula in words."""
    return {
        "infections": (_("infections"), _("persons"), _("Sum over the weeks of the epidemic engine's new infections; one run a member.")),
        "deaths": (_("deaths"), _("persons"), _("Sum over the weeks of the epidemic engine's deaths.")),
        "peak_beds": (_("peak beds"), _("beds"), _("Highest number of occupied beds of the province on a day: admissions stay on average the days in bed; never fewer than the engine's severe patients.")),
        "beds_exceeded": (_("chance of exceeding staffed beds"), _("share of runs"), _("Runs in which any city is above its staffed beds on any day, of all runs; interval of Wilson, 95%.")),
        "value_added_100m_cny": (_("value added"), _("100 million CNY"), _("Value added of an ordinary week × (work at a distance + the rest × its level) × (1 − absent), summed over weeks, counties and sections.")),
        "share_of_ordinary": (_("share of an ordinary period"), _("share"), _("Value added over what all sections would add if everything were open.")),
        "workers_back": (_("workers who must have returned"), _("persons by week"), _("Workers that the levels need beyond those who are there.")),
        "masks": (_("masks used"), _("masks by week"), _("Workers on site × masks a worker uses in a week.")),
    }  # fmt: skip


@require_safe
@signed_in
def trace(request: PersonRequest, pk: int) -> HttpResponse:
    """Show one measure of one option back to the reports it stands on."""
    shown = scenario(request, pk)
    option = queries.option_of(shown, request.GET.get("option", "hold"))
    named = measures()
    measure = request.GET.get("n", "value_added_100m_cny")
    measure = measure if measure in named else "value_added_100m_cny"
    name, unit, formula = named[measure]
    kept = shown.assumptions
    by_key = {figure["key"]: figure for figure in kept["figures"]}
    lang = "zh" if words.chinese() else "en"
    figures = [
        {
            **by_key[key],
            "name": by_key[key][lang],
            "words": kept["sources"][by_key[key]["source"]][lang],
            "measured": by_key[key]["source"] != PLANNING,
        }
        for key in BEHIND[measure]
        if key in by_key
    ]
    context = {
        "section": "plan",
        "scenario": shown,
        "assessment": shown.assessment,
        "option": option,
        "options": list(shown.options.all()),
        "measure": measure,
        "measures": [{"key": key, "name": value[0]} for key, value in named.items()],
        "name": name,
        "unit": unit,
        "formula": formula,
        "value": _value(option, measure),
        "figures": figures,
        "planned": sum(1 for figure in figures if not figure["measured"]),
        "start": kept["start"],
        "engine": kept["engine"],
    }
    return render(request, "plan/trace.html", context)


def _value(option: Option, measure: str) -> str:
    results = option.results
    if measure in ("workers_back", "masks"):
        rows = results.get("needs", {}).get(measure, [])
        return " · ".join(words.count(v) for v in rows)
    found = results["summary"][measure]
    if measure == "beds_exceeded":
        shares = (words.percent(found[k], places=1) for k in ("share", "low", "high"))
        return _("{0} (95%: {1}–{2}), {3} of {4} runs").format(*shares, found["happened"], found["members"])  # fmt: skip
    places = 3 if measure == "share_of_ordinary" else 0
    return words.interval(found["median"], found["q05"], found["q95"], places=places)
