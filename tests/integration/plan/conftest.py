"""The small province with what a plan stands on: ages, contacts, beds, employment, value added, tiers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.utils import timezone

from cast import GRANTED, NOON, Province
from yipan.access.actions import create_incident
from yipan.access.models import Incident, User
from yipan.assess.models import Assessment, UnitSituation
from yipan.places.models import AgePopulation, ContactTables, Figure, TravelLink
from yipan.places.schema import AGE_GROUPS, SETTINGS
from yipan.plan.actions import make_scenario
from yipan.plan.models import Scenario
from yipan.plan.scenarios.building import Build
from yipan.plan.scenarios.openings import Levels
from yipan.plan.scenarios.summaries import Members

TIERS = {"100101": "low", "100102": "medium", "100201": "undecided"}
PEOPLE_PER_AGE = 2_000
MEMBERS = 20


def confirm(client: Client, *, method: str = "password", seconds_ago: float = 1.0) -> None:
    """Write into the session that the person confirmed that it is them."""
    session = client.session
    at = timezone.now().timestamp() - seconds_ago
    session["account_authentication_methods"] = [
        {"method": method, "at": at, "reauthenticated": True}
    ]
    session["account_authentication_methods_user"] = session["_auth_user_id"]
    session.save()


@pytest.fixture
def plannable(province: Province) -> Province:
    """The small province, complete."""
    package = province.package
    ages = len(AGE_GROUPS)
    table = [[0.5] * ages for _ in range(ages)]
    ContactTables.objects.create(
        package=package, by_area={"overall": dict.fromkeys(SETTINGS, table)}
    )
    counties = [province[code] for code in TIERS]
    AgePopulation.objects.bulk_create(
        AgePopulation(unit=county, age_group=age, population=PEOPLE_PER_AGE)
        for county in counties
        for age in range(ages)
    )
    figures = {"beds": 200.0, "value_added:primary": 10.0, "value_added:secondary": 50.0, "value_added:tertiary": 40.0}  # fmt: skip
    Figure.objects.bulk_create(
        Figure(
            unit=province[code],
            name=name,
            period="2019",
            value=value,
            unit_of_measure="",
            source="s",
        )
        for code in ("1001", "1002")
        for name, value in figures.items()
    )
    Figure.objects.bulk_create(
        Figure(
            unit=county, name=f"employment:{key}", period="2020", value=1000, unit_of_measure="persons", source="s"
        )
        for county in counties
        for key in ("A", "C", "F", "P", "Q")
    )  # fmt: skip
    TravelLink.objects.bulk_create(
        TravelLink(origin=a, destination=b, trips_per_day=500, basis="a survey")
        for a in counties
        for b in counties
        if a != b
    )
    return province


@pytest.fixture
def drill(plannable: Province) -> Incident:
    """An exercise over the whole province whose clock stands still at noon."""
    return create_incident(
        package=plannable.package,
        slug="drill",
        name_zh="演练",
        name_en="Drill",
        disease="sars_cov_2_wild",
        places=[plannable["10"]],
        response_level=1,
        exercise=True,
        at=GRANTED,
        clock_at=NOON,
        clock_set_at=timezone.now() + timedelta(days=1),
    )


@pytest.fixture
def assessment(drill: Incident, plannable: Province) -> Assessment:
    """What was known three hours before noon: a few cases, one county of each tier."""
    made = Assessment.objects.create(
        incident=drill,
        known_at=NOON - timedelta(hours=3),
        data_day=date(2020, 2, 23),
        made_at=NOON,
        method={},
        province={
            "confirmed": 60, "confirmed_7d": 14, "active": 25,
            "not_yet_reported": {"median": 6, "q05": 2, "q95": 12, "days": 10},
            "rt": {"median": 0.8, "q05": 0.5, "q95": 1.1},
        },
        series={"expected": [None, {"lo": 1, "mid": 2, "hi": 4}]},
        seconds=0.1,
    )  # fmt: skip
    UnitSituation.objects.bulk_create(
        UnitSituation(
            assessment=made,
            unit=plannable[code],
            tier=tier,
            confirmed=20 * (i + 1),
            confirmed_14d=10 * i,
        )
        for i, (code, tier) in enumerate(TIERS.items())
    )
    return made


@pytest.fixture
def told_members(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members made up instead of run, for tests of pages and signatures: opening more adds more."""

    def made_up(
        build: Build,
        levels: Levels,
        *,
        members: int,
        seed: int,
        first: int = 0,
        progress: Any = None,
    ) -> Members:
        weeks, counties, _settings = levels.shape
        rng = np.random.default_rng([seed, first])
        open_share = float(levels.mean()) / 3
        infections = rng.poisson(1 + 4 * open_share, (members, weeks, counties)).astype(np.int32)
        hospital = rng.poisson(1 + open_share, (members, weeks * 7, 2)).astype(np.int32)
        value = rng.uniform(0.9, 1.0, (members, weeks, counties)) * open_share
        return Members(infections, hospital, np.zeros(members, dtype=np.int64), value)

    for module in ("actions", "edits", "searches", "scenarios.targeting", "resumption.schools"):
        monkeypatch.setattr(f"yipan.plan.{module}.run_option", made_up)


@pytest.fixture
def scenario(assessment: Assessment, told_members: None) -> Scenario:
    """Three options side by side, their members made up."""
    return make_scenario(assessment=assessment, at=NOON, members=MEMBERS, seed=7)


@pytest.fixture
def as_person(drill: Incident) -> Callable[[User], Client]:
    """A client signed in as somebody who confirmed a moment ago that it is them."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        confirm(client)
        return client

    return sign_in
