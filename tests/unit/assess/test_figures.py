"""Counts into figures: a gap is never a zero, a total never loses a case, windows add up."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yipan.assess.situation.figures import carried, daily_new, days_without, peak, window
from yipan.kernel.time import days

NAN = np.nan
gappy = st.lists(st.one_of(st.none(), st.integers(0, 500)), min_size=1, max_size=40)


def column(values: list[int | None]) -> np.ndarray:
    return np.array([[NAN if v is None else float(v)] for v in values])


@given(gappy)
def test_the_news_of_the_days_add_up_to_the_last_total_known(values: list[int | None]) -> None:
    totals = column(values)
    last = carried(totals)[-1, 0]
    new = daily_new(totals)
    assert np.isnan(new).ravel().tolist() == [v is None for v in values]
    assert np.isnan(last) or np.nansum(new) == last


@given(gappy)
def test_windows_side_by_side_hold_what_one_window_over_both_holds(
    values: list[int | None],
) -> None:
    new = column(values)
    assert window(new, 7)[0] + window(new, 7, back=7)[0] == window(new, 14)[0]


def test_a_fall_in_a_total_is_a_negative_day_not_a_lost_one() -> None:
    assert daily_new(column([3, 5, 4])).ravel().tolist() == [3, 2, -1]


@pytest.mark.parametrize(
    ("new", "quiet"),
    [([0, 0, 0], 3), ([1, 0, 0], 2), ([0, 0, 1], 0), ([1, NAN, 0], 1), ([0, NAN], 0)],
)
def test_an_unknown_day_is_no_day_without_a_case(new: list[float], quiet: int) -> None:
    assert days_without(np.array(new, dtype=float)) == quiet


def test_the_peak_is_the_first_of_equal_days() -> None:
    span = list(days(date(2020, 2, 1), date(2020, 2, 5)))
    assert peak(np.array([1.0, 4.0, NAN, 4.0]), span) == {"day": "2020-02-02", "n": 4}
    assert peak(np.array([0.0, NAN, 0.0, 0.0]), span) is None
