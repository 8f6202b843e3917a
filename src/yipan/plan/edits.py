"""A commander's own edit: a county's level in a week changed, checked in seconds beside what it edits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
from yipan.plan.errors import MalformedEdit, TooManyEdits
from yipan.plan.models import Option, OptionCounty, Scenario
from yipan.plan.rules import check_can_sign, check_reason
from yipan.plan.scenarios.asking import read_limits
from yipan.plan.scenarios.assumptions import LEVELS, SETTINGS, Assumptions
from yipan.plan.scenarios.openings import OPEN, Levels
from yipan.plan.scenarios.packing import pack_of
from yipan.plan.scenarios.running import run_option

MOST_EDITS = 12


@dataclass(frozen=True)
class Change:
    """One change: in these counties, this setting, from week `first` to `last` (1 …), to `level` 0–3."""

    counties: tuple[str, ...]
    setting: str
    first: int
    last: int
    level: int

    def as_dict(self) -> dict[str, Any]:
        """Return the change as an option keeps it."""
        return {
            "counties": list(self.counties),
            "setting": self.setting,
            "first": self.first,
            "last": self.last,
            "level": self.level,
        }


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


def changed(
    levels: Levels, codes: Sequence[str], changes: Sequence[Change], *, weeks: int
) -> Levels:
    """Return levels with the changes made in order; raises MalformedEdit (P310)."""
    if not changes:
        raise MalformedEdit(
            _("Nothing was changed."),
            where="changes",
            remedy=_("Choose counties, a setting, weeks and a level."),
        )
    edited = levels.copy()
    for change in changes:
        unknown = [code for code in change.counties if code not in codes]
        if unknown or not change.counties:
            raise MalformedEdit(
                _("The option has no county “%s”.") % (unknown[0] if unknown else ""),
                where="counties",
                remedy=_("Choose counties of this option."),
            )
        if change.setting not in SETTINGS:
            raise MalformedEdit(
                _("There is no setting “%s”.") % change.setting[:40],
                where="setting",
                remedy=_("Known settings: %s.") % ", ".join(SETTINGS),
            )
        if not 1 <= change.first <= change.last <= weeks:
            raise MalformedEdit(
                _("Weeks %(first)d to %(last)d are not within 1 to %(weeks)d.")
                % {"first": change.first, "last": change.last, "weeks": weeks},
                where="weeks",
                remedy=_("Choose the first and the last week of the change."),
            )
        if not 0 <= change.level <= OPEN:
            raise MalformedEdit(
                _("There is no level %s.") % change.level,
                where="level",
                remedy=_("A level is 0 to 3, or %s.") % ", ".join(LEVELS),
            )
        at = [codes.index(code) for code in change.counties]
        k = SETTINGS.index(change.setting)
        edited[change.first - 1 : change.last, at, k] = change.level
    if (edited == levels).all():
        raise MalformedEdit(
            _("The levels chosen are those that the option already has."),
            where="changes",
            remedy=_("Choose another level, county or week."),
        )
    return edited


def read_changes(data: Any) -> list[Change]:
    """Return the changes that JSON states; raises MalformedEdit (P310)."""
    try:
        return [
            Change(
                counties=tuple(str(code) for code in one["counties"]),
                setting=str(one["setting"]),
                first=int(one["first"]),
                last=int(one["last"]),
                level=LEVELS.index(one["level"]) if one["level"] in LEVELS else int(one["level"]),
            )
            for one in data
        ]
    except (KeyError, TypeError, ValueError) as fault:
        missing = f"“{fault.args[0]}”" if isinstance(fault, KeyError) else str(fault)
        raise MalformedEdit(
            _("The changes cannot be read: %s.") % missing,
            where="changes",
            remedy=_("Each change has counties, setting, first, last and level."),
        ) from fault


def edit_effect(option: Option) -> Mapping[str, Any]:
    """Return what an edit changed: the paired differences to the option it edits."""
    found: Mapping[str, Any] = option.results.get("over_base", {})
    return found
