"""The pages of plan: options side by side, what signing does, the signature, and their tables as files."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from yipan.access.context import PersonRequest
from yipan.access.models import Incident
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.access.signing import signed_in
from yipan.assess import queries as assessing
from yipan.kernel import words
from yipan.kernel.errors import YipanError
from yipan.places import queries as places
from yipan.plan import actions, findings, pictures, queries, rules, searches
from yipan.plan.confirming import confirm_first, confirmed, typed_before
from yipan.plan.models import Option, Scenario
from yipan.plan.scenarios.asking import Limits
from yipan.plan.scenarios.assumptions import LEVELS, PLANNING, SETTINGS

MEMBERS = 200
CSV_TYPE = "text/csv; charset=utf-8"
BOM = "\ufeff"  # spreadsheets read Chinese only with it
READING_MINUTES = 2
"""What one order costs its reader: about 400 characters."""


@require_safe
@signed_in
def options(request: PersonRequest) -> HttpResponse:
    """Show the latest options side by side, or how to make the first ones."""
    request.scope.check(Action.PLAN_READ)
    board = request.board
    latest = queries.latest(board.incident, at=board.at, scope=request.scope)
    if latest is None:
        context = {
            "section": "plan",
            "assessment": assessing.latest(board.incident, at=board.at),
            "may_run": _may_run(request),
            "members": MEMBERS,
        }
        return render(request, "plan/none.html", context)
    return _page(request, latest)


@require_safe
@signed_in
def scenario(request: PersonRequest, pk: int) -> HttpResponse:
    """Show one scenario, the latest or an earlier one."""
    return _page(request, _scenario(request, pk))


@require_POST
@signed_in
def make(request: PersonRequest) -> HttpResponse:
    """Put the options side by side for the latest assessment."""
    board = request.board
    _check_run(request)
    assessment = assessing.latest_or_raise(board.incident, at=board.now)
    made = actions.make_scenario(
        assessment=assessment,
        at=board.now,
        members=MEMBERS,
        seed=assessment.pk,
        by=request.user,
    )
    return redirect("plan:scenario", pk=made.pk)


@require_POST
@signed_in
def sign(request: PersonRequest, pk: int) -> HttpResponse:
    """Sign one option; a refusal keeps what was typed."""
    shown = _scenario(request, pk)
    option = queries.option_of(shown, request.POST.get("option", ""))
    reason = request.POST.get("reason", "")
    for unit in request.board.incident.places.all():
        request.scope.check(Action.PLAN_SIGN, unit)
    if not confirmed(request):
        return confirm_first(request, pk=pk, option=option.key, reason=reason)
    try:
        actions.sign_option(
            option=option,
            by=request.user,
            at=request.board.now,
            reason=reason,
            scope=request.scope,
        )
    except YipanError as fault:
        return _page(request, shown, chosen=option, fault=fault, reason=reason)
    return redirect(reverse("plan:scenario", args=[pk]) + "#signed")


@require_safe
@signed_in
def counties(request: PersonRequest, pk: int) -> HttpResponse:
    """Show what one option means county by county."""
    shown = _scenario(request, pk)
    option = _chosen(request, shown)
    context = {
        "section": "plan",
        "scenario": shown,
        "option": option,
        "options": list(shown.options.all()),
        "rows": queries.county_rows(option, scope=request.scope),
        "settings": [(key, pictures.SETTING_WORDS[key]) for key in SETTINGS],
        "export": request.scope.may(Action.EXPORT),
    }
    return render(request, "plan/counties.html", context)


# --- the page


def _page(
    request: PersonRequest,
    shown: Scenario,
    *,
    chosen: Option | None = None,
    fault: YipanError | None = None,
    reason: str = "",
) -> HttpResponse:
    board = request.board
    begun = typed_before(request, pk=shown.pk) if fault is None else {}
    if begun and chosen is None and "option" not in request.GET:
        chosen = shown.options.filter(key=begun["option"]).first()
    reason = reason or begun.get("reason", "")
    chosen = chosen or _chosen(request, shown)
    setting = request.GET.get("setting", SETTINGS[0])
    setting = setting if setting in SETTINGS else SETTINGS[0]
    table = pictures.rows(shown)
    units = list(places.counties(board.package, on=shown.start_day).select_related("parent"))
    levels = queries.county_levels(list(shown.options.all()), scope=request.scope)
    signature = queries.signature_of(shown, at=board.at)
    standing = queries.standing(shown, at=board.now)
    counts = queries.orders_drafted(
        chosen, signed_before=_signed_before(request.scope, board.incident, shown)
    )
    context = {
        "section": "plan",
        "scenario": shown,
        "assessment": shown.assessment,
        "headline": queries.headline(shown),
        "last_day": queries.last_day(shown),
        "rows": table,
        "scale": pictures.value_scale(table),
        "accepted": queries.accepted_risk(shown),
        "search": searches.running(shown, now=request.now),
        "prices": findings.prices(shown),
        "impossible": findings.impossible(shown),
        "certificate": findings.certificate(chosen),
        "searched": bool(shown.answer.get("limits")),
        "limits": shown.limits or Limits().as_record(),
        "edited": findings.edited(chosen),
        "confirmed": confirmed(request),
        "unreached": findings.unreached(shown),
        "frontier": pictures.frontier(shown),
        "safety": findings.price_of_safety(shown),
        "maps": pictures.smallmaps(
            shown, levels, units, setting=setting, topology=_topology(board.package), chosen=chosen
        ),
        "openings": pictures.openings_table(shown, setting),
        "weeks": [pictures.week_label(shown.start_day, w) for w in range(shown.weeks)],
        "setting": setting,
        "settings": pictures.other_settings(setting),
        "beds": pictures.beds_bands(shown, chosen),
        "areas": _areas(chosen, board.package),
        "chosen": chosen,
        "effects": pictures.effects(chosen, counts),
        "counts": counts,
        "reading_minutes": counts["orders"] * READING_MINUTES,
        "signature": signature,
        "may_sign": not board.past and rules.can_sign(standing) and _may_sign(request),
        "may_run": not board.past and _may_run(request),
        "export": request.scope.may(Action.EXPORT),
        "superseded": standing.superseded,
        "figures": _figures(shown),
        "disease_figures": shown.assumptions["disease"]["figures"],
        "disease": _own(shown.assumptions["disease"]["words"]),
        "earlier": queries.scenarios(board.incident, at=board.at, scope=request.scope)[:8],
        "inferred": _inferred(shown, board.package),
        "rt": (shown.assessment.province.get("rt") or {}).get("median"),
        "fault": fault,
        "reason": reason,
        "moment": f"?{board.query}" if board.query else "",
        "planning": PLANNING,
    }
    return render(request, "plan/options.html", context, status=fault.status if fault else 200)


def _scenario(request: PersonRequest, pk: int) -> Scenario:
    request.scope.check(Action.PLAN_READ)
    board = request.board
    return queries.scenario_of(board.incident, pk, at=board.at, scope=request.scope)


def _chosen(request: PersonRequest, shown: Scenario) -> Option:
    """The option a person asked about; else the signed one, else the best within the accepted risk."""
    asked = request.GET.get("option", "")
    if asked:
        return queries.option_of(shown, asked)
    signature = queries.signature_of(shown, at=request.board.at)
    if signature is not None:
        return signature.option
    found = queries.best_within(shown) or queries.reference_option(shown)
    if found is None:
        return queries.option_of(shown, "hold")
    return found


def _signed_before(scope: Scope, incident: Incident, shown: Scenario) -> Option | None:
    before = queries.latest_signature(incident, at=shown.made_at, scope=scope)
    return before.option if before is not None and before.scenario_id != shown.pk else None


def _may_sign(request: PersonRequest) -> bool:
    return all(
        request.scope.may(Action.PLAN_SIGN, unit) for unit in request.board.incident.places.all()
    )


def _may_run(request: PersonRequest) -> bool:
    return all(
        request.scope.may(Action.PLAN_RUN, unit) for unit in request.board.incident.places.all()
    )


def _check_run(request: PersonRequest) -> None:
    for unit in request.board.incident.places.all():
        request.scope.check(Action.PLAN_RUN, unit)


def _topology(package: Any) -> str:
    """Address of the boundaries, empty where the map draws circles or the web does not serve them."""
    if places.topology(package) is None:
        return ""
    try:
        return reverse("web:topology")
    except NoReverseMatch:
        return ""


def _areas(option: Option, package: Any) -> list[dict[str, Any]]:
    """The hospital areas of an option, those most likely to run short first."""
    names = places.by_codes(package, [area["code"] for area in option.results["areas"]])
    ranked = sorted(
        option.results["areas"],
        key=lambda a: (-a["exceeded"]["share"], -a["peak"]["q95"] / max(a["staffed"], 1)),
    )
    return [{**area, "unit": names[area["code"]]} for area in ranked if area["code"] in names]


def _own(words_of: dict[str, str]) -> str:
    return words_of["zh" if words.chinese() else "en"]


def _figures(shown: Scenario) -> list[dict[str, Any]]:
    kept = shown.assumptions
    return [
        {
            **figure,
            "name": _own(figure),
            "source_words": _own(kept["sources"][figure["source"]]),
            "measured": figure["source"] != PLANNING,
            "ranged": figure["low"] < figure["high"],
        }
        for figure in kept["figures"]
    ]


def _inferred(shown: Scenario, package: Any) -> dict[str, Any]:
    """What no publication gave and the scenario filled in, with the names of the places."""
    kept = shown.assumptions["inferred"]
    codes = [*kept["value_added_of"], *kept["beds_of"]]
    names = places.by_codes(package, codes)
    return {
        "value": [names[c].name for c in kept["value_added_of"] if c in names],
        "beds": [names[c].name for c in kept["beds_of"] if c in names],
        "travel": _travel_words(kept["travel"]),
    }


def _travel_words(basis: str) -> str:
    """Return what the travel links rest on, in words; a survey keeps its own name."""
    if basis.startswith("radiation model"):
        return _("radiation model from population and distance")
    if basis.startswith("gravity model"):
        return _("gravity model from population and distance")
    return basis or _("none known")


# --- tables as files


def _csv(name: str, head: Iterable[str], rows: Iterable[Iterable[Any]]) -> HttpResponse:
    response = HttpResponse(BOM, content_type=CSV_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    writer = csv.writer(response)
    writer.writerow(head)
    writer.writerows(rows)
    return response


def _exported(request: PersonRequest, pk: int) -> Scenario:
    request.scope.check(Action.EXPORT)
    return _scenario(request, pk)


@require_safe
@signed_in
def options_csv(request: PersonRequest, pk: int) -> HttpResponse:
    """Return the comparison of the options."""
    shown = _exported(request, pk)
    head = ["number", "option", "name_zh", "name_en", "members", "measure", "unit"]
    units = {
        "value_added_100m_cny": "100 million CNY",
        "infections": "persons",
        "peak_beds": "beds",
        "deaths": "persons",
        "share_of_ordinary": "share",
    }
    quantiles = ("q05", "q25", "median", "q75", "q95")
    return _csv(
        f"options-{pk}",
        [*head, *quantiles],
        (
            [o.number, o.key, o.name_zh, o.name_en, o.members, measure, unit]
            + [o.results["summary"][measure][q] for q in quantiles]
            for o in shown.options.all()
            for measure, unit in units.items()
        ),
    )


@require_safe
@signed_in
def openings_csv(request: PersonRequest, pk: int) -> HttpResponse:
    """Return what each option orders: option, tier, setting, week, level."""
    shown = _exported(request, pk)
    return _csv(
        f"openings-{pk}",
        ["option", "tier", "setting", "week", "level", "level_name"],
        (
            [option.key, tier, setting, week + 1, level, LEVELS[level]]
            for option in shown.options.all()
            for tier, by_setting in option.openings.items()
            for setting, levels in by_setting.items()
            for week, level in enumerate(levels)
        ),
    )


@require_safe
@signed_in
def counties_csv(request: PersonRequest, pk: int) -> HttpResponse:
    """Return one option county by county, for the counties in scope."""
    shown = _exported(request, pk)
    option = _chosen(request, shown)
    return _csv(
        f"counties-{pk}-{option.key}",
        [
            "code", "name", "tier", "infections_median", "infections_q05", "infections_q95",
            "value_added_100m_cny_median", "value_added_100m_cny_q05", "value_added_100m_cny_q95",
            *(f"{setting}_by_week" for setting in SETTINGS),
        ],
        (
            [
                row.unit.code, row.unit.name, row.tier,
                *(row.results["infections"][q] for q in ("median", "q05", "q95")),
                *(row.results["value_added_100m_cny"][q] for q in ("median", "q05", "q95")),
                *("".join(str(v) for v in row.levels[setting]) for setting in SETTINGS),
            ]
            for row in queries.county_rows(option, scope=request.scope)
        ),
    )  # fmt: skip


@require_safe
@signed_in
def assumptions_csv(request: PersonRequest, pk: int) -> HttpResponse:
    """Return every figure the scenario stands on, with unit, range, day and source."""
    shown = _exported(request, pk)
    lang = "zh" if words.chinese() else "en"
    own = [
        [
            *(f[name] for name in ("key", lang, "value", "low", "high", "unit", "dated")),
            shown.assumptions["sources"][f["source"]][lang],
        ]
        for f in shown.assumptions["figures"]
    ]
    disease = [
        [f["key"], f["note"], " ".join(str(v) for v in f["values"])]
        + [f[name] for name in ("low", "high", "unit")]
        + ["", f["source"]]
        for f in shown.assumptions["disease"]["figures"]
    ]
    return _csv(
        f"assumptions-{pk}",
        ["key", _("meaning"), "value", "low", "high", "unit", "dated", "source"],
        [*own, *disease],
    )
