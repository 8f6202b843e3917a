"""Early warning: what the tests promise of small counts, and what they do not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from yipan.engines.errors import OutOfRange
from yipan.engines.surveillance.aberration import chance_of_zeros, ears, excess, streaks

small = arrays(
    np.int64, st.tuples(st.integers(8, 25), st.integers(1, 6)), elements=st.integers(0, 6)
)


@given(small, st.integers(0, 5), st.integers(1, 5))
def test_more_cases_are_never_less_surprising(counts: np.ndarray, place: int, more: int) -> None:
    table = counts.astype(float)
    j = place % table.shape[1]
    grown = table.copy()
    grown[-1, j] += more
    assert excess(grown).p_value[j] <= excess(table).p_value[j] + 1e-12


@given(small)
def test_no_case_is_no_surprise(counts: np.ndarray) -> None:
    table = counts.astype(float)
    table[-3:] = 0
    assert excess(table).p_value == pytest.approx(1)


@given(small, st.permutations(range(6)))
def test_renaming_places_changes_nothing(counts: np.ndarray, order: list[int]) -> None:
    table = counts.astype(float)
    moved = [j for j in order if j < table.shape[1]]
    assert excess(table[:, moved]).p_value == pytest.approx(excess(table).p_value[moved])
    assert streaks(table[:, moved]).tolist() == streaks(table)[moved].tolist()


def test_under_the_null_alarms_are_as_rare_as_promised() -> None:
    rng = np.random.default_rng(1)
    a = 0.5
    for mean in (0.02, 0.2, 2.0):
        rate = rng.gamma(a, mean / a, 20_000)
        counts = rng.poisson(rate, (17, 20_000)).astype(float)
        p = excess(counts, prior_shape=a).p_value
        for alpha in (0.001, 0.01, 0.05):
            assert (p <= alpha).mean() <= alpha * 1.15 + 0.0007


def test_the_false_alarms_told_are_those_that_come() -> None:
    rng = np.random.default_rng(4)
    before = rng.poisson(rng.gamma(0.5, 0.6, 4000), (14, 4000)).astype(float)
    told = excess(np.vstack([before, np.zeros((3, 4000))]))
    come = 0
    for _ in range(20):
        rate = rng.gamma(told.size, (1 - told.success) / told.success / 3)
        window = rng.poisson(rate, (3, 4000)).astype(float)
        come += int((excess(np.vstack([before, window])).p_value <= 0.01).sum())
    assert come / 20 == pytest.approx(told.false_alarms(0.01), rel=0.15)


def test_a_step_up_is_found() -> None:
    rng = np.random.default_rng(2)
    counts = rng.poisson(0.3, (17, 500)).astype(float)
    counts[-3:] += rng.poisson(3.0, (3, 500))
    assert (excess(counts).p_value < 0.001).mean() > 0.8


def test_what_was_not_reported_is_no_answer() -> None:
    counts = np.ones((20, 3))
    counts[-1, 0] = np.nan
    counts[:17, 1] = np.nan
    found = excess(counts)
    assert np.isnan(found.p_value).tolist() == [True, True, False]


def test_ears_agrees_with_its_definition_day_by_day() -> None:
    rng = np.random.default_rng(3)
    x = rng.poisson(5, 30).astype(float)
    c1, c2, c3 = (ears(x[:, None], method=m)[:, 0] for m in ("C1", "C2", "C3"))
    for t in range(11, 30):
        near, far = x[t - 7 : t], x[t - 9 : t - 2]
        assert c1[t] == pytest.approx((x[t] - near.mean()) / near.std(ddof=1))
        assert c2[t] == pytest.approx((x[t] - far.mean()) / far.std(ddof=1))
        assert c3[t] == pytest.approx(sum(max(0, c2[t - i] - 1) for i in range(3)))
    with pytest.raises(OutOfRange):
        ears(x[:, None], method="C9")


def test_a_streak_counts_back_from_the_last_day() -> None:
    counts = np.array([[2.0, 3, np.nan, 0], [5, 3, 3, 0], [5, 3, 3, 0], [5, 3, 3, 1]])
    assert streaks(counts).tolist() == [3, 4, 3, 1]


def test_zeros_among_active_neighbours_are_a_question() -> None:
    touch = np.array([[0, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]])
    counts = np.zeros((10, 4))
    counts[:, 1:3] = 3
    chance = chance_of_zeros(counts, touch, np.full(4, 1e5))
    assert chance[0] < 1e-4
    assert np.isnan(chance[1])
    assert chance[3] == 1  # nobody touches it
    small = chance_of_zeros(counts, touch, np.array([1e3, 1e5, 1e5, 1e5]))
    assert small[0] > 0.5  # few people: nothing strange


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(OutOfRange, match="negative"):
        excess(np.full((20, 1), -1.0))
