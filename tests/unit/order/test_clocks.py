"""When a clock runs and whom it calls: laws of duty time and of the way up."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yipan.order.clocks.rules import ANSWER_WITHIN, Called, Hours, add_duty_time, alone, next_call
from yipan.order.models import Priority

ZONE = ZoneInfo("Asia/Shanghai")
HOURS = Hours(time(8), time(18), frozenset(range(5)), frozenset({date(2020, 2, 25)}))
NOON = datetime(2020, 2, 24, 4, 0, tzinfo=UTC)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2020, 12, 31)).map(
    lambda d: d.replace(tzinfo=ZONE)
)
lengths = st.timedeltas(timedelta(minutes=1), timedelta(days=5))


@given(moments, lengths)
def test_without_hours_the_clock_runs_round_the_clock(start: datetime, length: timedelta) -> None:
    assert add_duty_time(start, length, None, ZONE) == start + length


@given(moments, lengths)
def test_duty_time_ends_on_duty_and_never_earlier(start: datetime, length: timedelta) -> None:
    end = add_duty_time(start, length, HOURS, ZONE)
    assert end >= start + length
    assert HOURS.on(end.date())
    assert HOURS.opens <= end.timetz().replace(tzinfo=None) <= HOURS.closes


@given(moments, lengths, lengths)
def test_two_lengths_one_after_the_other_are_their_sum(
    start: datetime, a: timedelta, b: timedelta
) -> None:
    once = add_duty_time(start, a + b, HOURS, ZONE)
    twice = add_duty_time(add_duty_time(start, a, HOURS, ZONE), b, HOURS, ZONE)
    assert once == twice


def test_a_holiday_and_a_weekend_are_skipped() -> None:
    monday = datetime(2020, 2, 24, 17, tzinfo=ZONE)
    assert add_duty_time(monday, timedelta(hours=2), HOURS, ZONE) == datetime(
        2020, 2, 26, 9, tzinfo=ZONE
    )


def test_nobody_ever_on_duty_is_an_error() -> None:
    with pytest.raises(ValueError, match="nobody"):
        add_duty_time(NOON, timedelta(hours=1), Hours(time(8), time(18), frozenset()), ZONE)


spans = st.tuples(moments, lengths).map(lambda span: (span[0], span[0] + span[1]))


@given(st.lists(spans, min_size=1, max_size=5), st.randoms())
def test_outages_give_back_the_hours_of_their_union_in_whatever_order_they_end(
    every: list[tuple[datetime, datetime]], rng: Random
) -> None:
    """Each ended outage gives back what no other has yet; together that is what they cover."""
    rng.shuffle(every)
    given_back = sum((alone(span, every[:n]) for n, span in enumerate(every)), timedelta(0))
    edges = sorted({edge for span in every for edge in span})
    covered = sum(
        (
            last - first
            for first, last in pairwise(edges)
            if any(a <= first and last <= b for a, b in every)
        ),
        timedelta(0),
    )
    assert given_back == covered


# ---- the way up --------------------------------------------------------------------------------------------

ABOVE = [3, 2, 1]  # county, city, province


def called(step: int, unit: int, *, answered: bool = False, assisted: bool = False) -> Called:
    return Called(
        step,
        unit,
        NOON + ANSWER_WITHIN[Priority.P1],
        NOON if answered else None,
        assisted,
    )


def call(last: Called | None, minutes: int, above: list[int] = ABOVE) -> tuple[int, int] | None:
    at = NOON + timedelta(minutes=minutes)
    return next_call(last, above=above, priority=Priority.P1, at=at)


def test_the_parent_is_called_first() -> None:
    assert call(None, 0) == (1, 3)


def test_it_has_its_time_to_answer_then_the_office_above_is_called() -> None:
    assert call(called(1, 3), 30) is None
    assert call(called(1, 3), 31) == (2, 2)
    assert call(called(2, 2), 31) == (3, 1)


def test_never_beyond_the_issuer() -> None:
    assert call(called(3, 1), 999) is None
    assert call(None, 0, above=[]) is None


def test_answered_and_late_again_the_parent_once_more() -> None:
    assert call(called(2, 2, answered=True), 1) == (3, 3)


def test_help_is_given_its_time() -> None:
    assert call(called(1, 3, answered=True, assisted=True), 30) is None
    assert call(called(1, 3, answered=True, assisted=True), 31) == (2, 3)
