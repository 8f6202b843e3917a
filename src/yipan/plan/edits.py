"""A commander's own edit: a county's level in a week changed, checked in seconds beside what it edits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from yipan.access.audit import record
from yipan.access.models import User
from yipan.access.rules import Action
from yipan.access.scope import Scope
from yipan.places import queries as places
from yipan.plan import queries
from yipan.plan.actions import Named, build_for, check_incident, keep_option
from yipan.plan.errors import TooManyEdits
from yipan.plan.models import Option, OptionCounty, Scenario
from yipan.plan.rules import check_can_sign, check_reason
from yipan.plan.scenarios.asking import read_limits
from yipan.plan.scenarios.assumptions import SETTINGS, Assumptions
from yipan.plan.scenarios.changes import Change, changed, read_changes
from yipan.plan.scenarios.openings import Levels
from yipan.plan.scenarios.packing import pack_of
from yipan.plan.scenarios.running import run_option

__all__ = ["Change", "changed", "edit_option", "levels_kept", "read_changes"]

MOST_EDITS = 12


def edit_option(
    *,
    option: Option,
    changes: Sequence[Change],
    reason: str,
    by: User,
    at: datetime,
    scope: Scope,
    assumptions: Assumptions | None = None,
) -> Option:
    """Make a new option from one that stands, with some levels changed; the edited one stays as it was.

    It is run on the same members as every option of the scenario, so what the edit changes is told
    member by member. Raises MalformedEdit (P310), ReasonMissing (P305), TooManyEdits (P316), and what signing
    raises for a scenario that is signed, superseded or over.
    """
    scenario = option.scenario
    incident = scenario.assessment.incident
    for unit in incident.places.all():
        scope.check(Action.PLAN_RUN, unit)
    words = check_reason(reason)
    check_incident(incident, at=at)
    check_can_sign(queries.standing(scenario, at=at))
    if scenario.options.filter(base__isnull=False).count() >= MOST_EDITS:
        raise TooManyEdits(
            _("This scenario has %(n)d edits already.") % {"n": MOST_EDITS},
            remedy=_("Make a new scenario and edit there."),
        )
    levels, codes = levels_kept(option)
    edited = changed(levels, codes, changes, weeks=scenario.weeks)
    limits = read_limits(scenario.limits)
    build = build_for(scenario.assessment, assumptions or pack_of(scenario))
    order = {unit.code: i for i, unit in enumerate(build.province.counties)}
    there = edited[:, [codes.index(code) for code in order]]
    ran = run_option(build, there, members=scenario.members, seed=scenario.seed)
    with transaction.atomic():
        Scenario.objects.select_for_update().get(pk=scenario.pk)
        check_can_sign(queries.standing(scenario, at=at))
        number = int(scenario.options.aggregate(top=Max("number"))["top"] or 0) + 1
        made = keep_option(
            scenario,
            Named(
                max(7, number),
                f"edit-{max(7, number)}",
                f"{option.name_zh}（改）"[:60],
                f"{option.name_en}, edited"[:60],
            ),
            there,
            ran,
            build,
            limits=limits,
            base=option,
            reason=words,
            changes=[change.as_dict() for change in changes],
            made_by=by,
            made_at=at,
        )
        record(
            event="plan.option_edited",
            at=at,
            actor=by,
            object_type="option",
            object_id=made.pk,
            unit=places.province(incident.package),
            incident=incident,
            detail={"base": option.key, "changes": len(changes), "scenario": scenario.pk},
        )
    return made


def levels_kept(option: Option) -> tuple[Levels, list[str]]:
    """Return an option's levels (week, county, setting) and the counties' codes in that order."""
    rows = list(
        OptionCounty.objects.filter(option=option)
        .order_by("unit__code")
        .values_list("unit__code", "levels")
    )
    table = np.array(
        [[levels[s] for s in SETTINGS] for _code, levels in rows], dtype=np.int64
    )  # (county, setting, week)
    return table.transpose(2, 0, 1), [code for code, _levels in rows]
