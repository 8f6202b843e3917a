"""Infections that travel: refusals, laws, and agreement with a simulation."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from yipan.engines.errors import OutOfRange, ShapeMismatch, ZeroPopulation
from yipan.engines.surveillance.importation import (
    chance_of_dying_out,
    effect_of_control,
    expected_travelling,
    undetected_infected,
)

TRAVEL = np.array([[0.0, 300.0, 40.0], [200.0, 0.0, 10.0], [30.0, 20.0, 0.0]])
SHARE = np.linspace(0.0005, 0.004, 20)[:, None] * np.array([1.0, 0.2, 0.0])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"travellers": -TRAVEL}, OutOfRange),
        ({"travellers": TRAVEL[:2]}, ShapeMismatch),
        ({"infected_share": SHARE + 1}, OutOfRange),
        ({"control": 1.2}, OutOfRange),
        ({"control": np.zeros(7)}, ShapeMismatch),
        ({"dispersion": 0.0}, OutOfRange),
    ],
)
def test_what_cannot_travel_is_refused(change: dict, error: type[Exception]) -> None:
    call = {"travellers": TRAVEL, "infected_share": SHARE, "seed": 1, **change}
    with pytest.raises(error):
        expected_travelling(call.pop("travellers"), call.pop("infected_share"), **call)


def test_nobody_lives_there_is_refused() -> None:
    with pytest.raises(ZeroPopulation, match=r"population\[1\]"):
        undetected_infected(np.ones((4, 2)), [0.0, 1.0], [10.0, 0.0])


def test_who_leaves_arrives() -> None:
    found = expected_travelling(TRAVEL, SHARE, seed=1)
    np.testing.assert_allclose(found.arrivals.sum(axis=1), found.departures.sum(axis=1))


def test_a_closed_border_gives_exactly_nothing() -> None:
    found = expected_travelling(TRAVEL, SHARE, control=1.0, seed=1)
    assert found.arrivals.max() == 0
    assert found.at_least_one.max() == 0
    assert found.taking_hold.max() == 0


def test_only_the_route_controlled_changes() -> None:
    control = np.zeros((3, 3))
    control[0, 1] = 0.8
    free = expected_travelling(TRAVEL, SHARE, seed=1)
    limited = expected_travelling(TRAVEL, SHARE, control=control, seed=1)
    np.testing.assert_allclose(limited.pairs[:, 0, 1], 0.2 * free.pairs[:, 0, 1])
    free.pairs[:, 0, 1] = limited.pairs[:, 0, 1] = 0
    np.testing.assert_array_equal(limited.pairs, free.pairs)


def test_a_control_from_a_day_acts_on_that_day() -> None:
    control = (np.arange(20) >= 9)[:, None, None] * 0.5
    free = expected_travelling(TRAVEL, SHARE, seed=1)
    limited = expected_travelling(TRAVEL, SHARE, control=control, seed=1)
    np.testing.assert_array_equal(limited.arrivals[:9], free.arrivals[:9])
    np.testing.assert_allclose(limited.arrivals[9:], free.arrivals[9:] / 2)


def test_chance_and_uncertainty_agree_with_a_simulation() -> None:
    found = expected_travelling(TRAVEL, SHARE, share_cv=0.6, Rt=1.8, dispersion=0.5, seed=1)
    rng = np.random.default_rng(7)
    shape, runs = 1 / 0.6**2, 4000
    arrived = np.zeros((runs, 3))
    for run in range(runs):
        factor = rng.gamma(shape, 1 / shape, 3)
        arrived[run] = rng.poisson(found.pairs * factor[:, None]).sum(axis=(0, 1))
    for i, level in enumerate(found.probabilities):
        np.testing.assert_allclose(
            found.arrivals_quantiles[i], np.quantile(arrived, level, axis=0), atol=1.5, rtol=0.08
        )
    some = (arrived > 0).mean(axis=0)
    np.testing.assert_allclose(found.at_least_one[-1], some, atol=0.03)
    lives = 1 - chance_of_dying_out(1.8, 0.5) ** arrived
    np.testing.assert_allclose(found.taking_hold, lives.mean(axis=0), atol=0.03)


def test_the_chance_of_dying_out_is_that_of_simulated_chains() -> None:
    rng = np.random.default_rng(3)
    alive = np.ones(20_000, dtype=np.int64)
    for _ in range(25):
        small = (alive > 0) & (alive < 200)
        alive[small] = rng.negative_binomial(0.5 * alive[small], 0.5 / (0.5 + 1.8))
    assert (alive == 0).mean() == pytest.approx(chance_of_dying_out(1.8, 0.5), abs=0.012)


def test_superspreading_makes_more_chains_die() -> None:
    chances = [chance_of_dying_out(2.0, k) for k in (0.1, 0.5, 5.0)]
    assert chances == sorted(chances, reverse=True)


def test_more_control_never_brings_more() -> None:
    effects = [effect_of_control(TRAVEL, SHARE, control=c, Rt=2.0, seed=1) for c in (0.0, 0.3, 0.9)]
    assert effects[0].avoided.max() == 0
    assert (np.nan_to_num(effects[0].delay_days) == 0).all()
    for less, more in pairwise(effects):
        assert (more.avoided >= less.avoided).all()
        assert (more.taking_hold_with <= less.taking_hold_with + 1e-12).all()


def test_a_control_delays_more_than_it_prevents_while_the_source_grows() -> None:
    growing = 1e-6 * np.exp(0.1 * np.arange(120))[:, None] * np.array([1.0, 0.0, 0.0])
    found = effect_of_control(TRAVEL, growing, control=0.9, Rt=2.0, seed=1)
    # Growth e^(0.1 t) regains a factor of ten in 23 days.
    assert found.delay_days[1] == pytest.approx(np.log(10) / 0.1, abs=3)
    assert found.taking_hold_with[1] > 0.9


def test_who_is_detected_at_once_does_not_travel() -> None:
    assert undetected_infected(np.ones((9, 2)), [1.0], [50.0, 50.0]).max() == 0
