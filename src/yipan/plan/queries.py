"""Every read of scenarios, options and signatures; other stages and the web read them here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _

from yipan.access.models import Incident
from yipan.access.rules import Action
from yipan.access.scope import Scope, nothing_there
from yipan.kernel import words
from yipan.places import queries as places
from yipan.plan.models import Option, OptionCounty, Scenario, Signature
from yipan.plan.rules import Standing
from yipan.plan.scenarios.assumptions import SETTINGS

ACCEPTED_RISK = 0.05
"""The chance of exceeding staffed beds that a plan may carry unless a headquarters says otherwise."""


def scenarios(incident: Incident, *, at: datetime, scope: Scope) -> QuerySet[Scenario]:
    """Return the scenarios of an incident made by `at` that `scope` may read, the latest first.

    Whoever reads plans somewhere in the incident's places reads the province's figures; rows of
    single counties go through `county_rows`.
    """
    found = Scenario.objects.filter(assessment__incident=incident, made_at__lte=at)
    may = scope.may(Action.PLAN_READ) and scope.incidents().filter(pk=incident.pk).exists()
    return (
        (found if may else found.none())
        .select_related("assessment__incident__package", "signature__option", "signature__by")
        .prefetch_related(
            Prefetch("options", Option.objects.select_related("base").order_by("number"))
        )
        .order_by("-made_at", "-pk")
    )


def latest(incident: Incident, *, at: datetime, scope: Scope) -> Scenario | None:
    """Return the latest scenario made by `at`, or None."""
    return scenarios(incident, at=at, scope=scope).first()


def scenario_of(incident: Incident, pk: int, *, at: datetime, scope: Scope) -> Scenario:
    """Return one scenario; absent, later than `at` and out of sight raise the same NotFound (K004)."""
    found = scenarios(incident, at=at, scope=scope).filter(pk=pk).first()
    if found is None:
        raise nothing_there(_("scenario %s") % pk)
    return found


def option_of(scenario: Scenario, key: str) -> Option:
    """Return one option of a scenario by its key; raises NotFound (K004)."""
    found = scenario.options.filter(key=key).first()
    if found is None:
        raise nothing_there(_("option %s") % key)
    return found


def signature_of(scenario: Scenario, *, at: datetime | None = None) -> Signature | None:
    """Return the scenario's signature if there is one (by `at`, where given)."""
    found: Signature | None = getattr(scenario, "signature", None)
    return None if found is None or (at is not None and found.at > at) else found


def latest_signature(incident: Incident, *, at: datetime, scope: Scope) -> Signature | None:
    """Return the decision in force at `at`: the signature given last."""
    return (
        Signature.objects.filter(scenario__in=scenarios(incident, at=at, scope=scope), at__lte=at)
        .select_related("option", "by", "scenario")
        .order_by("-at", "-pk")
        .first()
    )


def standing(scenario: Scenario, *, at: datetime) -> Standing:
    """Return what the rules need to know before somebody signs at `at`."""
    incident = scenario.assessment.incident
    newer = Scenario.objects.filter(
        assessment__incident=incident, made_at__gt=scenario.made_at, made_at__lte=at
    )
    over = incident.stood_down_at
    return Standing(
        signed=Signature.objects.filter(scenario=scenario).exists(),
        superseded=newer.exists(),
        stood_down=over is not None and over <= at,
    )


def county_rows(option: Option, *, scope: Scope) -> QuerySet[OptionCounty]:
    """Return the counties of an option in scope, by code."""
    rows = OptionCounty.objects.filter(option=option).select_related("unit__parent")
    return scope.filter(rows, action=Action.PLAN_READ).order_by("unit__code")


def county_levels(
    options: Sequence[Option], *, scope: Scope
) -> dict[int, dict[str, dict[str, list[int]]]]:
    """Return, for each option id, unit code → setting → level by week, for the counties in scope."""
    rows = scope.filter(OptionCounty.objects.filter(option__in=options), action=Action.PLAN_READ)
    found: dict[int, dict[str, dict[str, list[int]]]] = {option.pk: {} for option in options}
    for option, code, levels in rows.values_list("option_id", "unit__code", "levels"):
        found[option][code] = levels
    return found


def orders_drafted(option: Option, *, signed_before: Option | None) -> dict[str, int]:
    """Return how many orders a signature drafts: one for each county and setting that is ordered.

    `counties`, `orders`, and `changed`: how many of the orders differ in the first week from the
    option signed before (all of them where there is none).
    """
    before: dict[str, dict[str, list[int]]] = {}
    if signed_before is not None:
        rows = OptionCounty.objects.filter(option=signed_before)
        before = dict(rows.values_list("unit__code", "levels"))
    counted = {"counties": 0, "orders": 0, "changed": 0}
    for code, levels in OptionCounty.objects.filter(option=option).values_list(
        "unit__code", "levels"
    ):
        old = before.get(code, {})
        ordered = [s for s in SETTINGS if levels.get(s)]
        counted["counties"] += 1
        counted["orders"] += len(ordered)
        counted["changed"] += sum(1 for s in ordered if old.get(s, [None])[0] != levels[s][0])
    return counted


def poorest_counties(scenario: Scenario, *, share: float = 0.25) -> list[str]:
    """Return the codes of the counties that stand first where poverty counts: those listed, else the poorest.

    Listed are units whose figure `poverty_county` is 1; where the package lists none, the `share` of counties
    with the least value added of an ordinary period per resident.
    """
    hold = reference_option(scenario)
    if hold is None:
        return []
    rows = list(OptionCounty.objects.filter(option=hold).select_related("unit"))
    listed = places.figures([row.unit for row in rows], ["poverty_county"])["poverty_county"]
    named = sorted(code for code, value in listed.items() if value == 1)
    if named:
        return named
    per_head = sorted(
        (
            row.results["ordinary_100m_cny"] / max(float(row.unit.population or 0), 1.0),
            row.unit.code,
        )
        for row in rows
    )
    return sorted(code for _value, code in per_head[: max(1, round(share * len(per_head)))])


def chance_words(share: float) -> str:
    """Return a chance as per cent, one digit behind the point; none at 0 and 100 %."""
    return words.percent(share, places=0 if share in (0, 1) else 1)


def last_day(scenario: Scenario) -> Any:
    """Return the last day of the scenario's weeks, inclusive."""
    return scenario.start_day + timedelta(days=7 * scenario.weeks - 1)


def accepted_risk(scenario: Scenario) -> float:
    """Return the chance of exceeding staffed beds that a scenario may carry."""
    return float(scenario.limits.get("accepted_risk", ACCEPTED_RISK))


def within_risk(option: Option) -> bool:
    """Return whether an option is safe enough: the upper end of its chance lies within the line.

    A robust option is judged by the members that were used for nothing else.
    """
    chance = option.results.get("verified") or option.results["summary"]["beds_exceeded"]
    return bool(chance["high"] <= accepted_risk(option.scenario))


def best_within(scenario: Scenario) -> Option | None:
    """Return the option that adds most among those within the accepted risk, or None."""
    safe = [o for o in scenario.options.all() if within_risk(o)]
    return max(
        safe, key=lambda o: o.results["summary"]["value_added_100m_cny"]["median"], default=None
    )


def reference_option(scenario: Scenario) -> Option | None:
    """Return the option the others are compared with: hold, where there is one."""
    options = list(scenario.options.all())
    return next((o for o in options if o.key == "hold"), options[0] if options else None)


def headline(scenario: Scenario) -> str:
    """Return the one sentence of a scenario, made from its numbers, in the language in use."""
    hold, best = reference_option(scenario), best_within(scenario)
    if hold is None:
        return _("This scenario has no option.")
    if best is None:
        least = min(
            scenario.options.all(), key=lambda o: o.results["summary"]["beds_exceeded"]["high"]
        )
        chance = least.results["summary"]["beds_exceeded"]
        return _(
            "No option keeps the chance of exceeding staffed beds within %(line)s; “%(option)s” comes closest, at %(chance)s."
        ) % {
            "line": words.percent(accepted_risk(scenario)),
            "option": least.name,
            "chance": chance_words(chance["share"]),
        }
    figures = best.results["summary"]
    chance = chance_words(figures["beds_exceeded"]["share"])
    gain = (
        figures["value_added_100m_cny"]["median"]
        - hold.results["summary"]["value_added_100m_cny"]["median"]
    )
    if best.pk == hold.pk:
        return _(
            "Only “%(option)s” keeps within the accepted risk: a chance of %(chance)s of exceeding staffed beds."
        ) % {"option": best.name, "chance": chance}
    return _(
        "“%(option)s” adds %(gain)s over holding, with a chance of %(chance)s of exceeding staffed beds."
    ) % {"option": best.name, "gain": words.money(gain), "chance": chance}


def summary(scenario: Scenario) -> dict[str, Any]:
    """Return a scenario as the command line and the API print it."""
    signature = signature_of(scenario)
    return {
        "id": scenario.pk,
        "incident": scenario.assessment.incident.slug,
        "assessment": scenario.assessment_id,
        "known_at": scenario.assessment.known_at,
        "made_at": scenario.made_at,
        "start_day": scenario.start_day,
        "weeks": scenario.weeks,
        "members": scenario.members,
        "seed": scenario.seed,
        "seconds": round(scenario.seconds, 2),
        "headline": headline(scenario),
        "options": [
            {
                "number": option.number,
                "key": option.key,
                "name_zh": option.name_zh,
                "name_en": option.name_en,
                "members": option.members,
                "within_accepted_risk": within_risk(option),
                **option.results["summary"],
                **{
                    name: option.results[name]
                    for name in (
                        "certificate",
                        "verified",
                        "reached",
                        "delay",
                        "over_hold",
                        "over_base",
                        "needs",
                        "R",
                    )
                    if option.results.get(name)
                },
                "edits": option.base.key if option.base else None,
                "reason": option.reason,
                "changes": option.changes,
            }
            for option in scenario.options.all()
        ],
        "limits": scenario.limits,
        "answer": scenario.answer,
        "signed": signature.option.key if signature else None,
        "assumptions": {
            key: scenario.assumptions[key] for key in ("name", "version", "dated", "digest")
        },
    }
