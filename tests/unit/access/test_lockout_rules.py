"""When the door closes and when it opens again; time is given, never asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from yipan.access.rules import PER_ACCOUNT, PER_ADDRESS, Tally, after_failure, is_locked

START = datetime(2020, 2, 24, 8, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def fail(times: int, *, at: datetime = START, tally: Tally | None = None) -> Tally:
    tally = tally or Tally()
    for _number in range(times):
        tally = after_failure(tally, PER_ACCOUNT, at)
    return tally


def test_one_failure_fewer_leaves_the_door_open() -> None:
    assert not is_locked(fail(PER_ACCOUNT.failures - 1), START)


def test_the_last_failure_closes_it_for_the_stated_time_and_not_a_second_longer() -> None:
    tally = fail(PER_ACCOUNT.failures)
    opens = START + PER_ACCOUNT.lock
    assert tally.locked_until == opens
    assert is_locked(tally, opens - SECOND)
    assert not is_locked(tally, opens)


def test_failures_far_apart_never_close_it() -> None:
    tally = Tally()
    for number in range(50):
        tally = after_failure(tally, PER_ACCOUNT, START + number * PER_ACCOUNT.window)
        assert not is_locked(tally, START + number * PER_ACCOUNT.window)


def test_each_further_time_it_closes_for_twice_as_long_up_to_the_longest() -> None:
    tally, at, lengths = Tally(), START, []
    for _time in range(7):
        tally = fail(PER_ACCOUNT.failures, at=at, tally=tally)
        assert tally.locked_until is not None
        lengths.append(tally.locked_until - at)
        at = tally.locked_until
    assert lengths[:3] == [PER_ACCOUNT.lock, 2 * PER_ACCOUNT.lock, 4 * PER_ACCOUNT.lock]
    assert max(lengths) == lengths[-1] == PER_ACCOUNT.longest


def test_a_quiet_day_is_forgiven() -> None:
    closed_once = fail(PER_ACCOUNT.failures)
    assert closed_once.locked_until is not None
    later = closed_once.locked_until + PER_ACCOUNT.forget
    assert after_failure(closed_once, PER_ACCOUNT, later) == Tally(1, later, None, 0)


def test_an_office_behind_one_address_has_more_room_than_an_account() -> None:
    assert PER_ADDRESS.failures > PER_ACCOUNT.failures


@given(st.lists(st.integers(0, 3600), max_size=60))
def test_whatever_the_rhythm_no_more_guesses_than_the_rule_allows(gaps: list[int]) -> None:
    """However somebody spaces the guesses, each window holds at most `failures` let through."""
    tally, at, let_through = Tally(), START, []
    for gap in gaps:
        at += timedelta(seconds=gap)
        if not is_locked(tally, at):
            let_through.append(at)
            tally = after_failure(tally, PER_ACCOUNT, at)
    for first in let_through:
        within = [t for t in let_through if first <= t < first + PER_ACCOUNT.window]
        # One window may straddle two of the rule's own: never more than twice the bound.
        assert len(within) <= 2 * PER_ACCOUNT.failures
