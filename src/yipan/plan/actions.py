"""Use cases of the plan stage: make a scenario, sign one of its options."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from time import perf_counter
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from yipan.access.audit import record
from yipan.access.models import User
from yipan.access.rules import Action
from yipan.access.scope import Scope, system_scope
from yipan.assess.models import Assessment
from yipan.places import queries as places
from yipan.plan import queries
from yipan.plan.errors import IncidentOver
from yipan.plan.models import Option, OptionCounty, Scenario, Signature
from yipan.plan.rules import check_can_sign, check_members, check_reason
from yipan.plan.scenarios.assumptions import SETTINGS, Assumptions, Course, load_pack
from yipan.plan.scenarios.building import Build
from yipan.plan.scenarios.openings import levels_of
from yipan.plan.scenarios.running import run_option
from yipan.plan.scenarios.standing import first_day, read_province
from yipan.plan.scenarios.summaries import Members, county_results, paired, summarise

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
) -> Scenario:
    """Put the options of a pack of assumptions side by side for one assessment, and keep them.

    Every option is run `members` times through the epidemic engine and the economic account; member
    m of every option shares its random numbers and its drawn assumptions, so differences are
    paired. The same assessment, assumptions, members and seed give the same results.
    Raises IncidentOver (P307), TooFewMembers (P308), DiseaseUnknown (P302) and NothingToPlan (P303).
    """
    started = perf_counter()
    check_members(members)
    incident = assessment.incident
    if incident.stood_down_at is not None and incident.stood_down_at <= at:
        raise IncidentOver(
            _("The incident has been stood down; no more plans are made for it."),
            remedy=_("Choose an active incident."),
        )
    pack = assumptions or load_pack()
    province = read_province(assessment=assessment, scope=system_scope(), assumptions=pack)
    build = Build(province=province, assumptions=pack, disease=incident.disease)
    ran: list[tuple[Course, Members]] = []
    for course in pack.courses:
        label = _("Plan: %s") % course.key
        ran.append(
            (
                course,
                run_option(
                    build,
                    levels_of(course, province.tiers),
                    members=members,
                    seed=seed,
                    progress=_bar(progress, label),
                ),
            )
        )
    hold = next((outcome for course, outcome in ran if course.key == "hold"), None)
    kept = pack.as_record() | build.as_record()
    with transaction.atomic():
        scenario = Scenario.objects.create(
            assessment=assessment,
            start_day=first_day(assessment),
            weeks=pack.weeks,
            members=members,
            seed=seed,
            assumptions=kept,
            made_at=at,
            made_by=by,
            seconds=perf_counter() - started,
        )
        for course, outcome in ran:
            _keep_option(scenario, course, outcome, build, hold=hold)
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


def _bar(progress: Progress | None, label: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(label, done, total)


def _keep_option(
    scenario: Scenario, course: Course, members: Members, build: Build, *, hold: Members | None
) -> Option:
    province = build.province
    levels = levels_of(course, province.tiers)
    ordinary = province.weekly_value.sum(axis=1)
    option = Option.objects.create(
        scenario=scenario,
        number=course.number,
        key=course.key,
        name_zh=course.name_zh,
        name_en=course.name_en,
        members=members.count,
        openings=course.as_dict(),
        results=summarise(
            members,
            ordinary_week=ordinary,
            staffed=build.staffed_beds,
            cities={i: city.code for i, city in enumerate(province.cities)},
        )
        | {
            "R": {
                "first_week": round(build.reproduction(levels, 0), 3),
                "last_week": round(build.reproduction(levels, scenario.weeks - 1), 3),
            },
            "over_hold": paired(members, hold) if hold is not None else {},
        },
    )
    by_county = county_results(members, ordinary_week=ordinary)
    OptionCounty.objects.bulk_create(
        OptionCounty(
            option=option,
            unit=county,
            tier=tier,
            levels=_levels(course, tier),
            results=results,
        )
        for county, tier, results in zip(province.counties, province.tiers, by_county, strict=True)
    )
    return option


def _levels(course: Course, tier: str) -> dict[str, Any]:
    return {setting: list(course.openings[tier][setting]) for setting in SETTINGS}


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
