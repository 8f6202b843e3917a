"""A day's counts are known from the next morning, in the province's own zone, not before."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from yipan.kernel.time import BoardTime, days

HENAN = BoardTime(ZoneInfo("Asia/Shanghai"))
NEW_YORK = BoardTime(ZoneInfo("America/New_York"), publication_hour=17)
MOMENTS = st.datetimes(
    datetime(2020, 1, 1), datetime(2021, 12, 31), timezones=st.just(ZoneInfo("UTC"))
)


def test_nothing_of_a_day_is_known_before_eight_the_next_morning() -> None:
    zone = HENAN.zone
    before = datetime(2020, 2, 24, 7, 59, tzinfo=zone)
    assert HENAN.last_data_day(before) == date(2020, 2, 22)
    assert HENAN.last_data_day(before + timedelta(minutes=1)) == date(2020, 2, 23)


@given(MOMENTS)
def test_the_last_data_day_is_the_latest_whose_publication_has_come(at: datetime) -> None:
    for clock in (HENAN, NEW_YORK):
        last = clock.last_data_day(at)
        assert clock.known_from(last) <= at < clock.known_from(last + timedelta(days=1))


@given(st.dates(date(2020, 1, 1), date(2021, 12, 31)))
def test_the_bounds_of_a_day_meet_and_hold_all_its_moments(day: date) -> None:
    for clock in (HENAN, NEW_YORK):
        start, end = clock.day_bounds(day)
        assert end == clock.day_bounds(day + timedelta(days=1))[0]
        assert clock.local_day(start) == day
        assert clock.local_day(end - timedelta(microseconds=1)) == day


def test_a_period_is_half_open() -> None:
    assert list(days(date(2020, 2, 28), date(2020, 3, 1))) == [date(2020, 2, 28), date(2020, 2, 29)]
    assert list(days(date(2020, 3, 1), date(2020, 3, 1))) == []
