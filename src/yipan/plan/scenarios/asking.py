"""From a province and its assumptions to the question the optimiser is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from yipan.engines.epidemic.laws import reproduction_number
from yipan.engines.openings.question import STEPS, Question
from yipan.plan.errors import MalformedLimits
from yipan.plan.scenarios.assumptions import ALL_TIERS, LEVELS, SETTINGS, TIERS
from yipan.plan.scenarios.building import Build
from yipan.plan.scenarios.openings import ENGINE_SETTINGS

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PUPILS = slice(1, 4)  # age groups 5–9, 10–14, 15–19
OPERATING_LEVEL = 2
"""Contributions to R are taken where everything stands at staggered, in the middle of what is ordered."""

ENGINE_OF = {"schools": "school", "transport": "transport", "venues": "venues", "community": "community"}  # fmt: skip
FAINT = 1e-3
"""Infectious people a place is given at least: the programme knows no place without any."""


@dataclass(frozen=True)
class Limits:
    """What a scenario must keep, and what it puts first; shown with the result.

    `accepted_risk` chance that any hospital area exceeds its staffed beds on any day; `beds_factor`
    times the staffed beds; `beds_of` codes → staffed beds, in place of the assumption; `end_R` most R in
    the last week (None: no limit); `least` and `most` tier or "all" → setting → level; `staged` opened
    is not closed again; `schools_first` times the worth of a week of school; `poverty_first` times what
    a poverty county adds; `poverty_counties` their codes.
    """

    accepted_risk: float = 0.05
    beds_factor: float = 1.0
    beds_of: Mapping[str, float] = field(default_factory=dict)
    end_R: float | None = 1.0
    least: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    most: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    staged: bool = True
    schools_first: float = 1.0
    poverty_first: float = 1.0
    poverty_counties: tuple[str, ...] = ()

    def as_record(self) -> dict[str, object]:
        """Return the limits as a scenario keeps them."""
        return {
            "accepted_risk": self.accepted_risk,
            "beds_factor": self.beds_factor,
            "beds_of": dict(self.beds_of),
            "end_R": self.end_R,
            "least": {k: dict(v) for k, v in self.least.items()},
            "most": {k: dict(v) for k, v in self.most.items()},
            "staged": self.staged,
            "schools_first": self.schools_first,
            "poverty_first": self.poverty_first,
            "poverty_counties": list(self.poverty_counties),
        }


NUMBERS = {
    "accepted_risk": (1e-4, 0.9999),
    "beds_factor": (0.0, 100.0),
    "schools_first": (0.0, 100.0),
    "poverty_first": (0.0, 100.0),
}


def read_limits(data: Any, *, where: str = "limits") -> Limits:
    """Return the limits that `data` states; what is left out keeps its default.

    Raises MalformedLimits (P309) naming the limit, what was said of it and what it may be.
    """
    if data is None:
        return Limits()
    if not isinstance(data, Mapping):
        raise _malformed(where, data, _("Write limits as names and values."))
    known = {f.name for f in fields(Limits)}
    for name in data:
        if name not in known:
            raise _malformed(f"{where}.{name}", data[name], _("Known limits: %s.") % ", ".join(sorted(known)))  # fmt: skip
    given: dict[str, Any] = {}
    for name, (low, high) in NUMBERS.items():
        if name in data:
            given[name] = _number(data[name], f"{where}.{name}", low, high)
    if "end_R" in data:
        given["end_R"] = None if data["end_R"] is None else _number(data["end_R"], f"{where}.end_R", 0.0, 20.0)  # fmt: skip
    if "staged" in data:
        if not isinstance(data["staged"], bool):
            raise _malformed(f"{where}.staged", data["staged"], _("Say true or false."))
        given["staged"] = data["staged"]
    for name in ("least", "most"):
        if name in data:
            given[name] = _levels_by_tier(data[name], f"{where}.{name}")
    if "beds_of" in data:
        if not isinstance(data["beds_of"], Mapping):
            raise _malformed(f"{where}.beds_of", data["beds_of"], _("Write codes of hospital areas and their beds."))  # fmt: skip
        given["beds_of"] = {str(c): _number(v, f"{where}.beds_of.{c}", 0.0, 1e9) for c, v in data["beds_of"].items()}  # fmt: skip
    if "poverty_counties" in data:
        if not isinstance(data["poverty_counties"], (list, tuple)):
            raise _malformed(f"{where}.poverty_counties", data["poverty_counties"], _("Write a list of codes."))  # fmt: skip
        given["poverty_counties"] = tuple(str(code) for code in data["poverty_counties"])
    return Limits(**given)


def _levels_by_tier(data: Any, where: str) -> dict[str, dict[str, int]]:
    if not isinstance(data, Mapping):
        raise _malformed(where, data, _("Write tiers (or all), settings and levels."))
    found: dict[str, dict[str, int]] = {}
    for tier, by_setting in data.items():
        if tier not in (*TIERS, ALL_TIERS) or not isinstance(by_setting, Mapping):
            raise _malformed(f"{where}.{tier}", by_setting, _("Known tiers: %s.") % ", ".join((*TIERS, ALL_TIERS)))  # fmt: skip
        found[str(tier)] = {}
        for setting, level in by_setting.items():
            at = f"{where}.{tier}.{setting}"
            if setting not in SETTINGS:
                raise _malformed(at, level, _("Known settings: %s.") % ", ".join(SETTINGS))
            named = LEVELS.index(level) if level in LEVELS else level
            if isinstance(named, bool) or not isinstance(named, int) or not 0 <= named <= STEPS:
                raise _malformed(at, level, _("A level is 0 to 3, or %s.") % ", ".join(LEVELS))
            found[str(tier)][str(setting)] = named
    return found


def _number(value: Any, where: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise _malformed(where, value, _("It must be a number from %(low)g to %(high)g.") % {"low": low, "high": high})  # fmt: skip
    return float(value)


def _malformed(where: str, value: Any, remedy: str) -> MalformedLimits:
    return MalformedLimits(
        _("%(where)s is “%(value)s”.") % {"where": where, "value": str(value)[:60]},
        where=where,
        remedy=remedy,
    )


def staffed(build: Build, limits: Limits) -> Floats:
    """Return the beds that can be staffed by city under the scenario's limits."""
    beds = build.staffed_beds * limits.beds_factor
    for i, city in enumerate(build.province.cities):
        if city.code in limits.beds_of:
            beds[i] = limits.beds_of[city.code]
    return beds


def question_of(build: Build, limits: Limits, *, group: Integers | None = None) -> Question:
    """Return the question of one scenario: levels by county (or `group`), setting and week.

    Contacts of a setting count as its share of R at the engine's own next-generation matrix, first
    order round staggered; the weekly model is set against the engine before it is used (`tightening`).
    """
    province, pack = build.province, build.assumptions
    figures = pack.central()
    counties = len(province.counties)
    home, share = shares_of_R(build)
    at = np.array(pack.at_levels("contacts", figures))
    rise = np.maximum(np.diff(at), 0.0)  # by step
    work = np.maximum(np.diff(np.array(pack.at_levels("work", figures))), 0.0)
    least_work = pack.value("work_at_closed")
    at_work = _of_workers(
        build
    )  # (county, setting), share of work contacts; the rest is never shut
    S = len(SETTINGS)
    contacts = np.zeros((counties, S, STEPS))
    for k, setting in enumerate(SETTINGS):
        engine = ENGINE_OF.get(setting)
        own = share["work"] * at_work[:, k] + (share[engine] if engine else 0.0)
        contacts[:, k] = own[:, None] * rise
    never = np.clip(1.0 - at_work.sum(axis=1), 0.0, 1.0)
    always = (
        share["work"] * (at_work.sum(axis=1) * at[0] + never * at[-1])
        + sum(share[e] for e in ENGINE_OF.values()) * at[0]
    )
    value, fixed = _value(build, work, least_work, figures)
    worth = worth_by_step(build, limits)
    workers = _workers(build, work)
    weight = np.ones(counties)
    poor = set(limits.poverty_counties)
    weight[[u.code in poor for u in province.counties]] = limits.poverty_first
    low, high = _bounds(build, limits)
    start = province.start.incubating + province.start.ill
    away = pack.value("workers_away")
    employed = province.employed.sum(axis=1)
    uses = np.full((S, STEPS), pack.value("masks_per_worker_week"))
    uses[SETTINGS.index("countryside")] = 0.0  # field work is done in the open
    adults = province.residents / province.residents.sum()
    return Question(
        weeks=build.weeks,
        people=np.maximum(province.residents, 1.0),
        group=np.arange(counties) if group is None else group,
        area=province.city_of,
        mixing=build.mixing,
        infectious=np.maximum(start, FAINT),
        household=home,
        always=always,
        step_contacts=contacts,
        step_value=(value + worth) * weight[:, None, None],
        always_value=fixed * weight,
        step_workers=workers,
        step_masks=uses,
        mask_stock=pack.value("mask_stock"),
        mask_supply=pack.value("mask_supply_week"),
        hands=np.maximum(workers.sum(axis=(1, 2)) - away * employed, 0.0),
        returning=away * employed,
        trains=pack.value("return_capacity_week"),
        infectious_per_return=pack.value("infected_per_return"),
        admitted=admitted_share(build),
        stay=float(np.exp(-7.0 / pack.value("days_in_bed"))),
        in_care=np.bincount(province.city_of, province.start.in_hospital, minlength=len(province.cities)).astype(np.float64),
        beds=staffed(build, limits),
        arrivals=pack.value("imports_at_open") * adults,
        least=low,
        most=high,
        end_R=limits.end_R,
        staged=limits.staged,
    )  # fmt: skip


def admitted_share(build: Build) -> float:
    """Beds first taken for one infection: those with symptoms who are found; 2/3 stand at the week's end.

    The scale of beds against infections is set against the engine with the rest (`tightening`).
    """
    return build.detected_share * build.assumptions.value("admitted_share")


def shares_of_R(build: Build) -> tuple[float, dict[str, float]]:
    """Return R at home and what each of the engine's other settings adds to R for a control of 1.

    First order at the operating point: the change of R when one setting's control moves by a tenth,
    scaled so that home and settings together give R there.
    """
    figures = build.assumptions.central()
    at = build.assumptions.at_levels("contacts", figures)[OPERATING_LEVEL]
    masks = figures["masks_and_hygiene"]
    centre = np.full(len(ENGINE_SETTINGS), at * masks)
    centre[0] = figures["home_left"]
    one = build.one_place()
    whole = reproduction_number(one.but(controls=centre[None, None, :]))
    slopes = np.empty(len(ENGINE_SETTINGS))
    for k in range(len(ENGINE_SETTINGS)):
        moved = centre.copy()
        moved[k] *= 0.9
        less = reproduction_number(one.but(controls=moved[None, None, :]))
        slopes[k] = (whole - less) / (0.1 * centre[k])
    slopes *= whole / float(slopes @ centre)
    share = {name: float(slopes[k] * masks) for k, name in enumerate(ENGINE_SETTINGS) if k}
    return float(slopes[0] * centre[0]), share


def _of_workers(build: Build) -> Floats:
    """Share of a county's workers whom each setting orders, shape (county, setting)."""
    employed = build.province.employed
    total = np.maximum(employed.sum(axis=1), 1e-9)
    table = np.zeros((employed.shape[0], len(SETTINGS)))
    for k, section in enumerate(build.assumptions.sections.values()):
        if section.setting:
            table[:, SETTINGS.index(section.setting)] += employed[:, k] / total
    return table


def _value(
    build: Build, work: Floats, least_work: float, figures: Mapping[str, float]
) -> tuple[Floats, Floats]:
    """Value added a week by step (county, setting, step) and with everything closed (county,)."""
    weekly = build.province.weekly_value
    steps = np.zeros((weekly.shape[0], len(SETTINGS), STEPS))
    fixed = np.zeros(weekly.shape[0])
    for k, section in enumerate(build.assumptions.sections.values()):
        remote = min(1.0, section.remote * figures["remote_scale"])
        if not section.setting:
            fixed += weekly[:, k]
            continue
        present = weekly[:, k] * (1.0 - remote)
        fixed += weekly[:, k] * remote + present * least_work
        steps[:, SETTINGS.index(section.setting)] += present[:, None] * work
    return steps, fixed


def worth_by_step(build: Build, limits: Limits) -> Floats:
    """Worth of school and of community life by step, in the unit of value added (100 million)."""
    pack, people = build.assumptions, build.province.people
    table = np.zeros((people.shape[0], len(SETTINGS), STEPS))
    pupils = people[:, PUPILS].sum(axis=1).astype(np.float64)
    each = np.full(STEPS, 1.0 / STEPS)
    school = pack.value("worth_of_school_week") * limits.schools_first
    table[:, SETTINGS.index("schools")] += pupils[:, None] * each * school / 1e8
    life = pack.value("worth_of_community_week")
    table[:, SETTINGS.index("community")] += build.province.residents[:, None] * each * life / 1e8
    return table


def _workers(build: Build, work: Floats) -> Floats:
    """Workers whom a step brings to their place, shape (county, setting, step)."""
    employed = build.province.employed
    table = np.zeros((employed.shape[0], len(SETTINGS), STEPS))
    for k, section in enumerate(build.assumptions.sections.values()):
        if section.setting:
            present = employed[:, k] * (
                1.0 - section.remote * build.assumptions.value("remote_scale")
            )
            table[:, SETTINGS.index(section.setting)] += present[:, None] * work
    return table


def _bounds(build: Build, limits: Limits) -> tuple[Integers, Integers]:
    """Least and most level by county and setting, from the limits by tier."""
    tiers = build.province.tiers
    low = np.zeros((len(tiers), len(SETTINGS)), dtype=np.int64)
    high = np.full((len(tiers), len(SETTINGS)), STEPS, dtype=np.int64)
    for i, tier in enumerate(tiers):
        for name in ("all", tier):
            for setting, level in limits.least.get(name, {}).items():
                low[i, SETTINGS.index(setting)] = level
            for setting, level in limits.most.get(name, {}).items():
                high[i, SETTINGS.index(setting)] = level
    return low, np.maximum(high, low)
