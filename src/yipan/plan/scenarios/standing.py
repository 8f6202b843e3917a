"""Where a scenario starts: the province as the assessment found it, as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from yipan.access.scope import Scope
from yipan.assess.models import Assessment, Tier, UnitSituation
from yipan.assess.queries import situations
from yipan.engines.economy.account import WEEKS_PER_YEAR, spread_value_added
from yipan.places import queries as places
from yipan.places.models import Level, Unit
from yipan.places.schema import AGE_GROUPS
from yipan.plan.errors import NothingToPlan
from yipan.plan.scenarios.assumptions import BRANCHES, Assumptions

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

INCUBATION_TO_REPORT_DAYS = 12.0
"""Infection to report in this outbreak: about 5 days of incubation and 7 from onset to report."""

ELSEWHERE_SHARE = 0.05
"""Part of the unseen infections placed by population alone: a county without cases is not proven free."""


@dataclass(frozen=True)
class Start:
    """Infections at the start by county, expected numbers; each run draws its own whole numbers."""

    incubating: Floats  # infected, not yet ill
    ill: Floats  # ill and not yet reported
    in_hospital: Floats  # known cases still in care


@dataclass(frozen=True)
class Province:
    """One province at one moment, county by county, in the order of `counties`."""

    counties: tuple[Unit, ...]
    city_codes: tuple[str, ...]  # of each county
    cities: tuple[Unit, ...]
    city_of: Integers  # index into `cities` of each county
    tiers: tuple[str, ...]
    people: Integers  # (county, age)
    employed: Floats  # (county, section)
    weekly_value: Floats  # (county, section), 100 million of the package's currency
    value_estimated: tuple[str, ...]  # codes of cities whose value added was inferred
    beds: Floats  # (city,): all hospital beds, NaN where not published
    contacts: dict[str, Floats]  # setting -> (age, age), participant by contact
    trips: Any  # sparse (county, county), trips a day
    travel_basis: str
    start: Start

    @property
    def residents(self) -> Floats:
        """People by county."""
        residents: Floats = self.people.sum(axis=1).astype(np.float64)
        return residents


def read_province(*, assessment: Assessment, scope: Scope, assumptions: Assumptions) -> Province:
    """Read what a scenario stands on from the assessment and the loaded package.

    Raises NothingToPlan (P303) where counties, ages or contacts are missing.
    """
    package = assessment.incident.package
    day = assessment.data_day
    counties = tuple(places.counties(package, on=day))
    cities = tuple(places.cities(package, on=day))
    contacts = places.contacts(package)
    missing = [
        word
        for word, there in (
            (_("counties"), counties),
            (_("cities"), cities),
            (_("contacts by age"), contacts),
        )
        if not there
    ]
    if missing:
        raise _nothing(missing)
    by_pk = {city.pk: i for i, city in enumerate(cities)}
    above = [by_pk.get(county.parent_id or 0, -1) for county in counties]
    if -1 in above:
        raise _nothing([_("the city of %s") % counties[above.index(-1)].name])
    city_of = np.array(above, dtype=np.int64)
    people = _people(counties, cities, city_of)
    employed = _employed(counties, assumptions)
    spread, estimated = _value(cities, employed, city_of, assumptions)
    beds = places.figures(cities, ["beds"])["beds"]
    rows = {s.unit_id: s for s in situations(assessment, scope=scope, level=Level.COUNTY)}
    here = [rows.get(county.pk) for county in counties]
    return Province(
        counties=counties,
        city_codes=tuple(cities[i].code for i in city_of),
        cities=cities,
        city_of=city_of,
        tiers=tuple(row.tier if row and row.tier else Tier.NO_DATA.value for row in here),
        people=people,
        employed=employed,
        weekly_value=spread / WEEKS_PER_YEAR,
        value_estimated=tuple(estimated),
        beds=np.array([beds.get(city.code, np.nan) for city in cities]),
        contacts=contacts,
        trips=places.travel_matrix(counties),
        travel_basis=places.travel_basis(package),
        start=starting(
            assessment,
            here,
            people.sum(axis=1).astype(np.float64),
            infections_per_case=assumptions.value("infections_per_case"),
        ),
    )


def _nothing(missing: Sequence[str]) -> NothingToPlan:
    return NothingToPlan(
        _("A plan needs %s, and the province has none.") % ", ".join(missing),
        where="package",
        remedy=_("Load a data package that has them: ages.csv, contacts.csv, units.csv."),
    )


def _people(
    counties: Sequence[Unit], cities: Sequence[Unit], city_of: Integers
) -> NDArray[np.int64]:
    """People by county and age; who lives elsewhere in a city is shared out over its counties.

    A county without published ages takes those of its city, else of the province.
    """
    table = places.age_matrix(counties)
    of_city = places.age_matrix(cities)
    top = places.age_matrix([places.province(counties[0].package)])[0]
    known = np.array([float(county.population or 0) for county in counties])
    for i, county in enumerate(counties):
        if table[i].sum() > 0:
            continue
        shape = of_city[city_of[i]] if of_city[city_of[i]].sum() > 0 else top
        if shape.sum() <= 0:
            raise _nothing([_("ages of %s") % county.name])
        table[i] = shape / shape.sum() * known[i]
    whole = np.array([float(city.population or 0) for city in cities])
    inside = np.bincount(city_of, weights=table.sum(axis=1), minlength=len(cities))
    factor = np.where((whole > inside) & (inside > 0), whole / np.maximum(inside, 1.0), 1.0)
    return whole_people(table * factor[city_of][:, None])


def whole_people(table: Floats) -> NDArray[np.int64]:
    """Round a table to whole people, each row keeping its rounded sum (largest remainders)."""
    low = np.floor(table).astype(np.int64)
    short = np.rint(table.sum(axis=1)).astype(np.int64) - low.sum(axis=1)
    order = np.argsort(-(table - low), axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    whole: NDArray[np.int64] = low + (rank < short[:, None])
    return whole


def _employed(counties: Sequence[Unit], assumptions: Assumptions) -> Floats:
    """People employed by county and section; where nobody counted them, residents stand in evenly."""
    published = places.sector_figures(counties, "employment")
    table = np.array(
        [
            [published.get(county.code, {}).get(key, 0.0) for key in assumptions.sections]
            for county in counties
        ]
    )
    counted = table.sum(axis=1) > 0
    if not counted.all():
        shape = table[counted].sum(axis=0) if counted.any() else np.ones(table.shape[1])
        per_head = 0.5 * shape / shape.sum()
        for i in np.flatnonzero(~counted):
            table[i] = per_head * float(counties[int(i)].population or 0)
    return table


def _value(
    cities: Sequence[Unit], employed: Floats, city_of: Integers, assumptions: Assumptions
) -> tuple[Floats, list[str]]:
    """Value added a year by county and section, and the cities whose own figure was not published."""
    published = places.sector_figures(cities, "value_added")
    table = np.array(
        [[published.get(city.code, {}).get(b, np.nan) for b in BRANCHES] for city in cities]
    )
    absent = ~np.isfinite(table).any(axis=0)
    table[:, absent] = 0.0  # a branch nobody published adds nothing, and the page says so
    branch_of = [BRANCHES.index(s.branch) for s in assumptions.sections.values()]
    spread = spread_value_added(
        region_value=table, employment=employed, region_of=city_of, branch_of=branch_of
    )
    return spread.value, [
        city.code for city, guessed in zip(cities, spread.estimated, strict=True) if guessed
    ]


def starting(
    assessment: Assessment,
    rows: Sequence[UnitSituation | None],
    residents: Floats,
    *,
    infections_per_case: float,
) -> Start:
    """Return who is infected at the start, county by county, from onsets and what is not yet reported.

    The province's expected onsets a day over the last week (the nowcast where there is one, reports
    otherwise) times the days from infection to report, times infections for each case. They stand
    where cases were confirmed in the last 14 days, a part by population: a county without cases is
    not proven free. Known cases still in care lie where cases were confirmed.
    """
    recent = np.array([float(row.confirmed_14d or 0) if row else 0.0 for row in rows])
    ever = np.array([float(row.confirmed or 0) if row else 0.0 for row in rows])
    by_people = residents / residents.sum()
    seen = recent / recent.sum() if recent.sum() > 0 else by_people
    where = (1.0 - ELSEWHERE_SHARE) * seen + ELSEWHERE_SHARE * by_people
    figures: dict[str, Any] = assessment.province
    onsets = _onsets_a_day(assessment)
    waiting = figures.get("not_yet_reported") or {}
    ill = float(waiting.get("median") or onsets * INCUBATION_TO_REPORT_DAYS / 2)
    incubating = onsets * INCUBATION_TO_REPORT_DAYS / 2
    active = float(figures.get("active") or 0)
    care = ever / ever.sum() if ever.sum() > 0 else by_people
    return Start(
        incubating=where * incubating * infections_per_case,
        ill=where * ill * infections_per_case,
        in_hospital=care * active,
    )


def _onsets_a_day(assessment: Assessment) -> float:
    """Expected onsets a day over the last seven days, at least what was confirmed in them."""
    expected = assessment.series.get("expected") or []
    week = [point["mid"] for point in expected[-7:] if point]
    confirmed = float(assessment.province.get("confirmed_7d") or 0) / 7
    return max(sum(week) / len(week) if week else 0.0, confirmed)


def first_day(assessment: Assessment) -> date:
    """Return the first day the options act on: the day after the moment the assessment knew."""
    zone = places.board_time(assessment.incident.package)
    known: date = zone.local_day(assessment.known_at)
    return date.fromordinal(known.toordinal() + 1)


AGES = len(AGE_GROUPS)
