"""Use cases of the plan stage: make a scenario, sign one of its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from yipan.access.audit import record
from yipan.access.models import Incident, User
from yipan.access.rules import Action
from yipan.access.scope import Scope, system_scope
from yipan.assess.models import Assessment
from yipan.places import queries as places
from yipan.plan import queries
from yipan.plan.errors import IncidentOver
from yipan.plan.models import Option, OptionCounty, Scenario, Signature
from yipan.plan.rules import check_can_sign, check_members, check_reason
from yipan.plan.scenarios.asking import Limits, question_of, staffed
from yipan.plan.scenarios.assumptions import SETTINGS, Assumptions, Course, load_pack
from yipan.plan.scenarios.building import Build
from yipan.plan.scenarios.openings import Levels, all_alike, levels_of, typical
from yipan.plan.scenarios.running import run_option
from yipan.plan.scenarios.standing import first_day, read_province
from yipan.plan.scenarios.summaries import (
    Members,
    by_member,
    county_results,
    paired,
    summarise,
)
from yipan.plan.scenarios.targeting import needs

Progress = Callable[[str, int, int], None]


def make_scenario(
    *,
    assessment: Assessment,
    at: datetime,
    members: int,
    seed: int,
    by: User | None = None,
    progress: Progress | None = None,
    assumptions: Assumptions | None = None,
    limits: Limits | None = None,
) -> Scenario:
    """Put the options of a pack of assumptions side by side for one assessment, and keep them.

    Every option is run `members` times through the epidemic engine and the economic account; member
    m of every option shares its random numbers and its drawn assumptions, so differences are
    paired. The same assessment, assumptions, members and seed give the same results. What must be
    searched for (`searches.search_scenario`) is added later, on the same numbers.
    Raises IncidentOver (P307), TooFewMembers (P308), DiseaseUnknown (P302) and NothingToPlan (P303).
    """
    started = perf_counter()
    check_members(members)
    incident = assessment.incident
    check_incident(incident, at=at)
    pack = assumptions or load_pack()
    bounds = limits or Limits()
    build = build_for(assessment, pack)
    ran: list[tuple[Course, Members]] = []
    for course in pack.courses:
        label = _("Plan: %s") % course.key
        ran.append(
            (
                course,
                run_option(
                    build,
                    levels_of(course, build.province.tiers),
                    members=members,
                    seed=seed,
                    progress=_bar(progress, label),
                ),
            )
        )
    kept = pack.as_record() | build.as_record()
    with transaction.atomic():
        scenario = Scenario.objects.create(
            assessment=assessment,
            start_day=first_day(assessment),
            weeks=pack.weeks,
            members=members,
            seed=seed,
            assumptions=kept,
            limits=bounds.as_record(),
            made_at=at,
            made_by=by,
            seconds=perf_counter() - started,
        )
        for course, outcome in ran:
            keep_option(
                scenario,
                Named(course.number, course.key, course.name_zh, course.name_en),
                levels_of(course, build.province.tiers),
                outcome,
                build,
                limits=bounds,
            )
        record(
            event="plan.scenario_made",
            at=at,
            actor=by,
            object_type="scenario",
            object_id=scenario.pk,
            unit=places.province(incident.package),
            incident=incident,
            detail={"members": members, "seed": seed, "assumptions": pack.digest[:12]},
        )
    return scenario


def check_incident(incident: Incident, *, at: datetime) -> None:
    """Return quietly for an incident that is still active; raises IncidentOver (P307)."""
    if incident.stood_down_at is not None and incident.stood_down_at <= at:
        raise IncidentOver(
            _("The incident has been stood down; no more plans are made for it."),
            remedy=_("Choose an active incident."),
        )


def build_for(assessment: Assessment, pack: Assumptions) -> Build:
    """Return what all options of a scenario share, read from the assessment."""
    province = read_province(assessment=assessment, scope=system_scope(), assumptions=pack)
    return Build(province=province, assumptions=pack, disease=assessment.incident.disease)


def _bar(progress: Progress | None, label: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(label, done, total)


@dataclass(frozen=True)
class Named:
    """What an option is called."""

    number: int
    key: str
    zh: str
    en: str


def keep_option(
    scenario: Scenario,
    named: Named,
    levels: Levels,
    members: Members,
    build: Build,
    *,
    limits: Limits,
    told: Mapping[str, Any] | None = None,
    **more: Any,
) -> Option:
    """Keep one option with what its runs came to: paired with hold and, an edit, with what it edits.

    `levels` (week, county, setting); `told` is kept beside the results; `more` are further fields.
    """
    province = build.province
    ordinary = province.weekly_value.sum(axis=1)
    beds = staffed(build, limits)
    own = by_member(members, staffed=beds)
    hold = scenario.options.filter(key="hold").first()
    other = own if named.key == "hold" else (hold.results.get("by_member", {}) if hold else {})
    base: Option | None = more.get("base")
    by_tier = typical(levels, province.tiers)
    q = question_of(build, limits)
    option = Option.objects.create(
        scenario=scenario,
        number=named.number,
        key=named.key,
        name_zh=named.zh,
        name_en=named.en,
        members=members.count,
        openings=by_tier,
        results=summarise(
            members,
            ordinary_week=ordinary,
            staffed=beds,
            cities={i: city.code for i, city in enumerate(province.cities)},
        )
        | {
            "R": {
                "first_week": round(build.reproduction(levels, 0), 3),
                "last_week": round(build.reproduction(levels, scenario.weeks - 1), 3),
            },
            "by_member": own,
            "over_hold": paired(own, other),
            "over_base": paired(own, base.results.get("by_member", {})) if base else {},
            "needs": needs(build, q, levels),
            "by_county": not all_alike(levels, province.tiers),
        }
        | dict(told or {}),
        **more,
    )
    by_county = county_results(members, ordinary_week=ordinary)
    OptionCounty.objects.bulk_create(
        OptionCounty(
            option=option,
            unit=county,
            tier=tier,
            levels={s: [int(v) for v in levels[:, i, k]] for k, s in enumerate(SETTINGS)},
            results=results,
        )
        for i, (county, tier, results) in enumerate(
            zip(province.counties, province.tiers, by_county, strict=True)
        )
    )
    return option


def sign_option(*, option: Option, by: User, at: datetime, reason: str, scope: Scope) -> Signature:
    """Sign one option of a scenario for the headquarters, with its reason; orders can be drafted from it.

    One signature a scenario: two commanders who sign at once get one decision and one AlreadySigned.
    Raises NotSignedIn (S701), Forbidden (S703), ReasonMissing (P305), AlreadySigned (P304),
    Superseded (P306) and IncidentOver (P307).
    """
    scenario = option.scenario
    incident = scenario.assessment.incident
    for unit in incident.places.all():
        scope.check(Action.PLAN_SIGN, unit)
    words = check_reason(reason)
    with transaction.atomic():
        # The row lock makes the second of two commanders wait, then see that it is signed.
        Scenario.objects.select_for_update().get(pk=scenario.pk)
        check_can_sign(queries.standing(scenario, at=at))
        signature = Signature.objects.create(
            scenario=scenario, option=option, by=by, at=at, reason=words
        )
        record(
            event="plan.signed",
            at=at,
            actor=by,
            object_type="scenario",
            object_id=scenario.pk,
            unit=places.province(incident.package),
            incident=incident,
            detail={"option": option.key, "number": option.number, "signature": signature.pk},
        )
    return signature
