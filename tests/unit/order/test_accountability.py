"""What may be shown of a unit's figures, and the laws of the figures."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yipan.order.accountability.rules import enough, seven_one_seven, spread, unreached

minutes = st.lists(st.floats(0, 10_000), min_size=1, max_size=50)


@pytest.mark.parametrize(
    ("posts", "deliveries", "shown"),
    [(5, 20, True), (4, 20, False), (5, 19, False), (0, 0, False), (50, 200, True)],
)
def test_few_posts_or_deliveries_are_not_shown(posts: int, deliveries: int, shown: bool) -> None:
    assert enough(posts=posts, deliveries=deliveries) == shown


@given(minutes)
def test_a_spread_rises_and_stays_within_what_was_seen(seen: list[float]) -> None:
    found = spread(seen)
    assert found is not None
    assert found.n == len(seen)
    assert min(seen) <= found.median <= found.p90 <= found.p99 <= max(seen)


def test_nothing_has_no_spread() -> None:
    assert spread([]) is None
    assert unreached([], [], within=15) is None


@given(st.lists(st.one_of(st.none(), st.floats(0, 200)), min_size=1, max_size=50))
def test_more_time_never_reaches_fewer(read: list[float | None]) -> None:
    ages = [1000.0] * len(read)
    at_15, at_60 = (unreached(read, ages, within=w) for w in (15, 60))
    assert at_15 is not None
    assert at_60 is not None
    assert 0 <= at_60 <= at_15 <= 1


def test_a_delivery_too_young_to_tell_does_not_count() -> None:
    assert unreached([None, 5.0], [10.0, 100.0], within=15) == 0.0


@given(st.lists(st.integers(0, 30), min_size=3, max_size=3))
def test_seven_one_seven_is_met_only_when_all_three_are(steps: list[int]) -> None:
    onset = date(2020, 1, 20)
    days = [onset + timedelta(sum(steps[: i + 1])) for i in range(3)]
    found = seven_one_seven(onset=onset, detected=days[0], notified=days[1], responded=days[2])
    assert [found.detect, found.notify, found.respond] == steps
    assert found.met == (steps[0] <= 7 and steps[1] <= 1 and steps[2] <= 7)


def test_an_unknown_date_is_not_a_failure() -> None:
    found = seven_one_seven(onset=None, detected=date(2020, 1, 20), notified=None, responded=None)
    assert (found.detect, found.met) == (None, None)
