"""Severity: refusals, intervals that always exist and hold what they promise, the published figure."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from yipan.engines.errors import OutOfRange, ShapeMismatch
from yipan.engines.surveillance.delays import interval_censored_delay
from yipan.engines.surveillance.severity import fatality, fatality_by_day, outcomes

DELAY = interval_censored_delay(family="lognormal", parameters=(2.577, 0.440), days=80)


@pytest.fixture(scope="module")
def kingdom(shared: Path) -> tuple[np.ndarray, np.ndarray]:
    """Daily cases and deaths of the United Kingdom in 2020."""
    path = shared / "reference" / "cfr" / "cfr_input_uk.csv"
    with path.open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["date"] <= "2020-12-31"]
    return (
        np.array([float(row["cases"]) for row in rows]),
        np.array([float(row["deaths"]) for row in rows]),
    )


@pytest.mark.parametrize(
    ("cases", "deaths"), [([5, -1], [0, 0]), ([5, 2.5], [0, 0]), ([5, 5], [1, -1])]
)
def test_counts_that_cannot_be_are_refused(cases: list[float], deaths: list[float]) -> None:
    with pytest.raises(OutOfRange, match="E802"):
        fatality(cases, deaths, DELAY)


def test_series_of_different_lengths_are_refused() -> None:
    with pytest.raises(ShapeMismatch, match="deaths"):
        fatality([1, 2], [0], DELAY)


def test_a_delay_that_is_no_probability_is_refused() -> None:
    with pytest.raises(OutOfRange, match="E802"):
        fatality([10], [1], [0.9, 0.9])


def test_the_published_figure(kingdom: tuple[np.ndarray, np.ndarray]) -> None:
    found = fatality(*kingdom, DELAY)
    assert found.naive == pytest.approx(0.0364013183224429, abs=1e-12)
    assert found.estimate == pytest.approx(0.0465, abs=5e-4)
    assert found.low == pytest.approx(0.0462, abs=5e-4)
    assert found.high == pytest.approx(0.0467, abs=5e-4)


def test_every_prefix_has_a_finite_interval(kingdom: tuple[np.ndarray, np.ndarray]) -> None:
    for day in fatality_by_day(*kingdom, DELAY):
        assert 0 <= day.low <= day.high <= 1
        if day.note != "no_information":
            assert day.low <= day.estimate <= day.high


@pytest.mark.parametrize(("cases", "deaths"), [([0, 0], [0, 0]), ([], []), ([9], [0])])
def test_without_information_it_is_anything(cases: list[int], deaths: list[int]) -> None:
    found = fatality(cases, deaths, [0.0, 1.0])
    assert (found.low, found.high, found.note) == (0.0, 1.0, "no_information")
    assert np.isnan(found.estimate)


@pytest.mark.parametrize(("cases", "deaths"), [([1, 1], [2, 1]), ([0, 0], [1, 0])])
def test_deaths_of_others_than_the_cases_are_an_answer(cases: list[int], deaths: list[int]) -> None:
    found = fatality(cases, deaths, DELAY)
    assert (found.low, found.high, found.note) == (0.0, 1.0, "more_deaths_than_cases")
    assert np.isnan(found.estimate)


def test_deaths_faster_than_the_delay_leave_the_naive_lower_end() -> None:
    found = fatality([100, 0], [0, 40], [0.0] * 10 + [1.0])
    assert found.note == "faster_than_delay"
    assert 0.25 < found.low < 0.4
    assert found.high == 1


def test_with_no_delay_it_is_the_naive_one() -> None:
    found = fatality([50, 50], [3, 2], [1.0])
    assert found.estimate == found.naive == 0.05


@pytest.mark.parametrize(("risk", "cases"), [(0.02, 40), (0.1, 300), (0.5, 12), (0.003, 5000)])
def test_the_interval_covers_at_least_what_it_promises(risk: float, cases: int) -> None:
    seen = 0.6  # so much of the delay has passed
    chance = binom.pmf(np.arange(cases + 1), cases, risk * seen)
    covers = [
        (found := fatality([cases, 0], [0, dead], [0.0, seen])).low <= risk <= found.high
        for dead in range(cases + 1)
    ]
    assert chance @ covers >= 0.95


def stays(*, people: int, risk: float, until: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Stays of people admitted evenly over `until` days and followed to its end: death takes longer."""
    rng = np.random.default_rng(seed)
    dies = rng.random(people) < risk
    stay = np.where(dies, rng.gamma(4, 4.5, people), rng.gamma(6, 2.2, people))
    left = rng.uniform(0, until, people)
    over = stay <= left
    return np.floor(np.minimum(stay, left)).astype(int), np.where(over, np.where(dies, 1, 2), 0)


def test_fatality_with_competing_risks_is_recovered_where_the_ratio_of_the_ended_is_not() -> None:
    covered, ours, ratio = [], [], []
    for seed in range(40):
        stay, ended = stays(people=600, risk=0.15, until=40, seed=seed)
        found = outcomes(stay, ended, days=60, seed=1)
        covered.append(found.fatality[1] <= 0.15 <= found.fatality[2])
        ours.append(found.fatality[0])
        ratio.append((ended == 1).sum() / (ended > 0).sum())
    assert np.mean(covered) >= 0.9
    assert abs(np.mean(ours) - 0.15) < 0.5 * abs(np.mean(ratio) - 0.15)


def test_everybody_is_somewhere() -> None:
    stay, ended = stays(people=200, risk=0.2, until=25, seed=3)
    found = outcomes(stay, ended, days=40, seed=1)
    np.testing.assert_allclose(found.died + found.cured + found.still_in, 1)
    assert (np.diff(found.died) >= 0).all()
    assert found.stay_median_days <= 40


def test_the_interval_of_the_stay_holds_what_it_promises() -> None:
    held = []
    for seed in range(40):
        stay, ended = stays(people=300, risk=0.15, until=60, seed=seed)
        found = outcomes(stay, ended, days=60, seed=1)
        long, _ = stays(people=20_000, risk=0.15, until=10_000, seed=99)
        low, high = found.stay_interval
        held.append(low <= np.minimum(long, 59).mean() <= high)
        assert found.days_to_cure[1] < found.days_to_cure[0] < found.days_to_cure[2]
    assert np.mean(held) >= 0.85


def test_nobody_ended_leaves_every_fatality_possible() -> None:
    found = outcomes([3, 4], [0, 0], days=10, seed=1)
    assert found.fatality[1:] == (0.0, 1.0)


def test_with_complete_follow_up_the_stay_is_the_mean() -> None:
    found = outcomes([2, 4, 6], [2, 2, 1], days=20, seed=1)
    assert found.stay_mean_days == pytest.approx(4)
    assert found.stay_median_days == 4
