"""From members to intervals and chances."""

from __future__ import annotations

import numpy as np
import pytest

from yipan.plan.scenarios.summaries import (
    Members,
    by_member,
    county_results,
    paired,
    summarise,
    wilson,
)


def members(
    *, hospital: int = 5, infections: int = 2, value: float = 3.0, count: int = 40
) -> Members:
    return Members(
        infections_by_week=np.full((count, 2, 3), infections, dtype=np.int32),
        hospital=np.full((count, 14, 2), hospital, dtype=np.int32),
        deaths=np.zeros(count, dtype=np.int64),
        value=np.full((count, 2, 3), value),
    )


def summary(m: Members, staffed: float = 5.0) -> dict:  # type: ignore[type-arg]
    return summarise(
        m,
        ordinary_week=np.full(3, 4.0),
        staffed=np.full(2, staffed),
        cities={0: "1001", 1: "1002"},
    )


def kept(m: Members) -> dict:  # type: ignore[type-arg]
    return by_member(m, staffed=np.full(2, 5.0))


def test_other_members_are_not_paired() -> None:
    assert paired(kept(members()), kept(members(count=30))) == {}


@pytest.mark.parametrize(("happened", "n"), [(0, 10), (3, 10), (10, 10), (1, 2000)])
def test_a_chance_lies_within_its_interval_and_never_leaves_0_to_1(happened: int, n: int) -> None:
    chance = wilson(happened, n)
    assert 0 <= chance.low <= chance.share <= chance.high <= 1
    assert chance.high - chance.low > 0


def test_the_interval_is_the_one_of_the_textbook() -> None:
    chance = wilson(15, 148)  # Newcombe (1998), Statistics in Medicine 17:857, table I: 15/148
    assert (round(chance.low, 4), round(chance.high, 4)) == (0.0624, 0.1605)


def test_more_runs_narrow_the_interval() -> None:
    assert wilson(10, 200).high > wilson(100, 2000).high


def test_totals_are_summed_over_weeks_and_places() -> None:
    found = summary(members())["summary"]
    assert found["infections"]["median"] == 2 * 2 * 3
    assert found["value_added_100m_cny"]["median"] == 3.0 * 2 * 3
    assert found["share_of_ordinary"]["median"] == pytest.approx(3 / 4)
    assert found["peak_beds"]["median"] == 10


def test_beds_are_exceeded_only_above_what_is_staffed_in_one_city() -> None:
    assert summary(members(hospital=5))["summary"]["beds_exceeded"]["happened"] == 0
    m = members(hospital=5)
    m.hospital[7, 3, 1] = 6  # one city, one day, one run
    found = summary(m)
    assert found["summary"]["beds_exceeded"]["happened"] == 1
    assert [a["exceeded"]["happened"] for a in found["areas"]] == [0, 1]


def test_the_same_members_differ_by_nothing() -> None:
    same = paired(kept(members()), kept(members()))
    assert set(same["value_added_100m_cny"].values()) == {0.0}


def test_paired_differences_are_narrower_than_what_they_come_from() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 10, (40, 1, 1))
    low, high = members(), members()
    low.value[:] += noise
    high.value[:] += noise + 1
    gain = paired(kept(high), kept(low))["value_added_100m_cny"]
    assert gain["q05"] == pytest.approx(gain["q95"], abs=0.01)
    assert summary(low)["summary"]["value_added_100m_cny"]["q95"] > gain["q95"]


def test_counties_sum_to_the_province() -> None:
    m = members()
    rows = county_results(m, ordinary_week=np.full(3, 4.0))
    assert sum(r["infections"]["median"] for r in rows) == 12
    assert all(r["share_without_infection"] == 0 for r in rows)
