"""The demonstration's province on the evening of 24 February 2020: 1,271, and five tiers by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pytest
from django.db import transaction

from yipan.access.actions import create_incident, start_installation
from yipan.access.scope import system_scope
from yipan.assess import queries
from yipan.assess.actions import assess
from yipan.assess.models import Assessment, UnitSituation
from yipan.demo.reports import fill
from yipan.places import actions as placing
from yipan.places import queries as places
from yipan.places.packages import path_of
from yipan.report.models import Case, Value

LAST = date(2020, 2, 23)


def quiet(_label: str, _done: int, _total: int) -> None:
    """Draw no bar."""


@pytest.fixture(scope="module")
def henan(django_db_setup: None, django_db_blocker: object) -> Iterator[Assessment]:
    """The demonstration's province, filled and assessed once for this file, undone afterwards."""
    with django_db_blocker.unblock(), transaction.atomic():  # type: ignore[attr-defined]
        package = placing.load_package(
            path=path_of("henan-2020"),
            at=datetime.fromisoformat("2026-01-01T00:00:00+00:00"),
            villages=0,
            boundaries=False,
            progress=quiet,
        )
        clock = places.board_time(package)
        at = clock.day_bounds(date(2020, 2, 24))[0] + timedelta(hours=18)
        start_installation(at=at, demo=True)
        incident = create_incident(
            package=package,
            slug="henan",
            name_zh="疫情",
            name_en="Outbreak",
            disease="sars_cov_2_wild",
            places=[places.province(package)],
            response_level=1,
            exercise=True,
            at=clock.day_bounds(date(2020, 1, 21))[0],
            clock_at=at,
        )
        fill(incident, until=at, seed=20200224, progress=quiet)
        yield assess(incident=incident, known_at=at, made_at=at)
        transaction.set_rollback(True)


def test_the_province_shows_1271_on_the_data_day_of_23_february(henan: Assessment) -> None:
    assert henan.data_day == LAST
    assert henan.province["confirmed"] == 1271
    assert henan.province["unallocated"]["confirmed"] == 0
    assert henan.province["deaths"] == 19
    assert henan.province["cured"] == 930


def test_every_county_has_one_tier_and_three_are_silent(henan: Assessment) -> None:
    counted = queries.tier_counts(henan)
    assert sum(units for units, _people in counted.values()) == 158
    assert counted["no_data"][0] == 3 == len(henan.province["silent"])
    assert counted["undecided"][0] == 1


def _by_hand(row: UnitSituation) -> str:
    """Return the tier from the reported counts alone, by the four rules written out."""
    incident = row.assessment.incident
    values = Value.objects.filter(incident=incident, unit=row.unit, day__lte=LAST)
    told = dict(values.filter(element="confirmed_new").values_list("day", "value"))
    if LAST not in told:
        return "no_data"
    recent = sum(n for day, n in told.items() if day > LAST - timedelta(days=14))
    total = sum(told.values())
    if recent == 0:
        return "low"
    if total <= 50:
        return "medium"
    cluster = values.filter(element="cluster_14d", day=LAST).values_list("value", flat=True).first()
    return {1.0: "high", 0.0: "medium", None: "undecided"}[cluster]


@pytest.mark.parametrize("tier", ["low", "medium", "high", "undecided", "no_data"])
def test_a_county_of_each_tier_checked_by_hand(henan: Assessment, tier: str) -> None:
    rows = queries.situations(henan, scope=system_scope(), level="county").filter(tier=tier)
    row = rows.select_related("assessment__incident", "unit")[0]
    assert _by_hand(row) == tier


def test_all_counties_agree_with_the_rules_written_out(henan: Assessment) -> None:
    rows = queries.situations(henan, scope=system_scope(), level="county")
    for row in rows.select_related("assessment__incident", "unit"):
        assert row.tier == _by_hand(row), row.unit


def test_cities_add_up_to_the_province_and_counties_are_marked_synthetic(
    henan: Assessment,
) -> None:
    cities = queries.situations(henan, scope=system_scope(), level="city")
    assert sum(row.confirmed or 0 for row in cities) == 1271
    counties = queries.situations(henan, scope=system_scope(), level="county")
    assert all(row.synthetic for row in counties)
    assert not any(row.synthetic for row in cities)


def test_the_curve_by_onset_holds_the_line_list_known_then(henan: Assessment) -> None:
    known = Case.objects.filter(incident=henan.incident, report_day__lte=LAST)
    standing = known.values("pseudonym").distinct().count() - known.filter(outcome="void").count()
    early = known.filter(onset_day__lt=date.fromisoformat(henan.series["dates"][0])).count()
    assert sum(henan.series["onset"]) == standing - early
    assert 0 <= henan.province["not_yet_reported"]["median"] < 40


def test_rt_of_the_province_is_below_one_and_most_cities_have_too_few(henan: Assessment) -> None:
    assert henan.province["rt"]["q95"] < 1
    cities = queries.situations(henan, scope=system_scope(), level="city")
    notes = [row.rt["note"] for row in cities if row.rt and "note" in row.rt]
    assert len(notes) >= 15
    assert set(notes) == {"too_few_cases"}
