"""The synthetic line list: what it must equal, and what it says it could not meet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yipan.demo.linelist import City, LineList, cluster_outbreaks, draw_line_list


def standing(cases: LineList, day: int) -> int:
    return int(
        np.sum((cases.report_day <= day) & ((cases.withdrawn < 0) | (cases.withdrawn > day)))
    )


@given(st.lists(st.integers(0, 60), min_size=1, max_size=40), st.integers(0, 2**32))
def test_every_day_equals_what_was_published_falls_included(totals: list[int], seed: int) -> None:
    cases = draw_line_list(cities=[City(np.array(totals), (0, 1, 2), (5.0, 3.0, 1.0))], seed=seed)
    assert [standing(cases, day) for day in range(len(totals))] == totals
    assert np.all(cases.onset_day <= cases.report_day)


def test_a_county_with_points_passes_through_them() -> None:
    city = City(np.array([0, 4, 9, 15, 18]), (7, 8), (1.0, 1.0), points={7: {1: 2, 3: 6, 4: 6}})
    cases = draw_line_list(cities=[city], seed=5)
    county = [int(np.sum((cases.county == 7) & (cases.report_day <= day))) for day in (1, 3, 4)]
    assert county == [2, 6, 6]
    assert cases.missed == ()


def test_a_point_that_cannot_be_met_is_named() -> None:
    city = City(np.array([0, 1]), (7,), (1.0,), points={7: {1: 3}})
    assert draw_line_list(cities=[city], seed=1).missed == ((7, 1, 3, 1),)


def test_the_same_seed_draws_the_same_list() -> None:
    city = City(np.arange(50), (0, 1), (1.0, 2.0))
    first, again, other = (draw_line_list(cities=[city], seed=s) for s in (3, 3, 4))
    assert np.array_equal(first.onset_day, again.onset_day)
    assert not np.array_equal(first.onset_day, other.onset_day)


def test_a_cluster_is_two_cases_within_the_window() -> None:
    cases = draw_line_list(cities=[City(np.arange(0, 200, 4), (0,), (1.0,))], seed=2)
    found = cluster_outbreaks(cases, counties=1, days=50)
    name = cases.cluster[cases.cluster >= 0][0]
    days = np.sort(cases.report_day[cases.cluster == name])
    assert not found[: days[0], 0].any()
    assert found[days[1], 0]


def test_onsets_lie_about_a_week_before() -> None:
    cases = draw_line_list(cities=[City(np.arange(0, 8000, 200), (0,), (1.0,))], seed=2)
    # Whole days are cut off below, so the mean lies half a day under the gamma's 7.0.
    assert np.mean(cases.report_day - cases.onset_day) == pytest.approx(6.5, abs=0.25)
