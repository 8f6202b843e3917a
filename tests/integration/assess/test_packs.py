"""Packs that need more than cases: undecided without their data, decided with it, by whom it came."""

from __future__ import annotations

import pytest
from django.db.models import F

from front import CLOCK, Front
from yipan.assess.models import UnitSituation
from yipan.assess.situation import picture
from yipan.assess.tiers.packs import pack_named
from yipan.places.models import Unit
from yipan.report.actions import Report
from yipan.report.models import Source

pytestmark = pytest.mark.django_db


@pytest.fixture
def week(front: Front) -> Front:
    """Two counties of 100,000 people with 10 cases a day for four weeks."""
    Unit.objects.filter(level="county").update(population=100_000)
    for n in range(1, 25):
        front.counties(n, c100101=10, c100102=10, c100201=0)
    return front


def use(front: Front, pack: str) -> None:
    front.incident.package.parameters["tier_pack"] = pack
    front.incident.package.save(update_fields=["parameters"])


def tell(front: Front, code: str, **values: float) -> None:
    """Tell the same values of one unit on each of the last ten days."""
    rows = [
        Report(front.province[code].pk, front.day(n), values, CLOCK.known_from(front.day(n)))
        for n in range(15, 25)
    ]
    front.send(rows, Source.API)


def tiers(front: Front) -> dict[str, UnitSituation]:
    made = front.assess(24)
    return {s.unit.code: s for s in made.units.filter(unit__level="county").select_related("unit")}


@pytest.mark.parametrize("pack", ["ecdc-2020-10", "ecdc-2021-06"])
def test_without_tests_the_european_map_is_undecided_and_says_what_it_needs(
    week: Front, pack: str
) -> None:
    use(week, pack)
    found = tiers(week)["100101"]
    assert found.tier == "undecided"
    unknown = [name for step in found.trace for name, v in step["values"].items() if v is None]
    assert "tests_7d_per_100k" in unknown


@pytest.mark.parametrize(
    ("tests", "positive", "tier"),
    [(30, 3, "no_data"), (1000, 5, "medium"), (1000, 60, "high")],
)
def test_with_tests_it_decides(week: Front, tests: float, positive: float, tier: str) -> None:
    use(week, "ecdc-2021-06")  # 140 cases in 14 days per 100,000
    tell(week, "100101", tests=tests, tests_positive=positive)
    found = tiers(week)
    assert found["100101"].tier == tier
    assert found["100102"].tier == "undecided"


@pytest.mark.parametrize(
    ("admissions", "beds", "tier"), [(1, 50, "low"), (2, 50, "medium"), (3, 50, "high"), (1, 80, "high")]
)  # fmt: skip
def test_with_admissions_and_beds_the_american_levels_decide(
    week: Front, admissions: float, beds: float, tier: str
) -> None:
    use(week, "cdc-2022-02")  # 70 cases in 7 days per 100,000: below 200
    tell(week, "100101", admissions=admissions, covid_inpatients=beds, staffed_beds=530)
    found = tiers(week)
    assert found["100101"].tier == tier
    assert found["100102"].tier == "undecided"


def test_a_countys_facilities_may_tell_it_but_only_all_of_them(week: Front) -> None:
    county = week.province["100101"]
    facility = Unit.objects.filter(lft__gt=county.lft, rgt__lt=county.rgt, rgt=F("lft") + 1)[0]
    facility.level = "facility"  # a village of the small province, made a fever clinic
    facility.save(update_fields=["level"])
    pack = pack_named("ecdc-2021-06")
    rows = [
        Report(facility.pk, week.day(n), {"tests": 500.0}, CLOCK.known_from(week.day(n)))
        for n in range(15, 24)
    ]
    week.send(rows, Source.API)
    known = picture.read(
        week.incident, known_at=CLOCK.known_from(week.day(24)), elements=pack.elements
    )
    mine = [u.code for u in known.counties].index("100101")
    assert known.flows["tests"][15, mine] == 500
    assert str(known.flows["tests"][-1, mine]) == "nan"  # one day is missing
