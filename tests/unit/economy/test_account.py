"""The first economic account: refusals, then what it must never do."""

from __future__ import annotations

import numpy as np
import pytest

from yipan.engines.economy.account import absence, spread_value_added, value_added_by_week
from yipan.engines.errors import OutOfRange, ShapeMismatch


def spread(**changed):  # type: ignore[no-untyped-def]
    given = {
        "region_value": [[10.0, 40.0], [6.0, 30.0]],
        "employment": [[2.0, 3.0, 5.0], [2.0, 1.0, 1.0], [4.0, 0.0, 2.0]],
        "region_of": [0, 0, 1],
        "branch_of": [0, 1, 1],
    }
    return spread_value_added(**{**given, **changed})


def test_a_place_of_an_unknown_region_is_refused() -> None:
    with pytest.raises(ShapeMismatch):
        spread(region_of=[0, 0, 2])


def test_negative_employment_is_refused_where_it_stands() -> None:
    with pytest.raises(OutOfRange, match="employment"):
        spread(employment=[[2.0, 3.0, 5.0], [2.0, -1.0, 1.0], [4.0, 0.0, 2.0]])


def test_a_branch_nobody_published_is_refused() -> None:
    with pytest.raises(OutOfRange, match="published"):
        spread(region_value=[[np.nan, 40.0], [np.nan, 30.0]])


def test_what_a_region_published_is_what_its_places_have() -> None:
    value = spread().value
    assert value[:2, 0].sum() == pytest.approx(10)
    assert value[:2, 1:].sum() == pytest.approx(40)
    assert value[2].sum() == pytest.approx(36)


def test_a_region_that_published_nothing_takes_the_others_value_per_head() -> None:
    made = spread(region_value=[[10.0, 40.0], [np.nan, np.nan]])
    assert made.estimated.tolist() == [False, True]
    assert made.value[2, 0] == pytest.approx(4 * 10 / 4)
    assert made.value[2, 2] == pytest.approx(2 * 40 / 10)
    np.testing.assert_allclose(made.value[:2], spread().value[:2])


def test_value_without_anybody_employed_is_not_lost() -> None:
    made = spread(employment=[[0.0, 3.0, 5.0], [0.0, 1.0, 1.0], [4.0, 0.0, 2.0]])
    assert made.value[:2, 0].tolist() == [5.0, 5.0]


def account(opening: float = 1.0, remote: float = 0.2, absent: float = 0.0) -> float:
    return float(
        value_added_by_week(
            weekly_value=[[3.0, 5.0], [7.0, 1.0]],
            remote_share=[remote, remote],
            opening=np.full((4, 2, 2), opening),
            absent=np.full((4, 2), absent),
        ).sum()
    )


def test_all_open_adds_an_ordinary_week_and_all_closed_what_is_done_at_a_distance() -> None:
    assert account(opening=1.0) == pytest.approx(4 * 16)
    assert account(opening=0.0) == pytest.approx(4 * 16 * 0.2)


def test_more_opening_more_home_working_and_less_absence_never_add_less() -> None:
    for more, less in [
        (account(opening=0.7), account(opening=0.6)),
        (account(opening=0.5, remote=0.4), account(opening=0.5, remote=0.3)),
        (account(absent=0.1), account(absent=0.2)),
    ]:
        assert more > less


def test_an_opening_above_one_is_refused_where_it_stands() -> None:
    with pytest.raises(OutOfRange, match="opening"):
        account(opening=1.01)


def test_every_day_away_is_counted_once() -> None:
    new = np.zeros((6, 1))
    new[0] = 30
    away = absence(
        new_infections=new, quarantined_per_infection=2.0, days_away=17.0, people=[1000.0]
    )
    assert (away * 7 * 1000).sum() == pytest.approx(30 * 3 * 17)


def test_no_more_than_everybody_is_absent() -> None:
    away = absence(
        new_infections=[[500.0]], quarantined_per_infection=9.0, days_away=14.0, people=[100.0]
    )
    assert away.tolist() == [[1.0]]
