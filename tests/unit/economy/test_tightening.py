"""The search for the least tightening: right side of the risk, no more members than decide, no plan run twice."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from yipan.engines.economy.chances import wilson
from yipan.engines.economy.tightening import (
    LARGEST,
    Judge,
    Tried,
    as_good,
    chosen,
    most_borne,
    tighten,
)

RISK = 0.1


class Futures:
    """A plan is its factor; member m exceeds where its own level lies above the factor: paired by number."""

    def __init__(self, *, steep: float = 0.25, floor: float = 0.0) -> None:
        self.steep, self.floor = steep, floor
        self.calls: list[tuple[float, int, int]] = []

    def over(self, plan: float, members: int, first: int) -> np.ndarray:
        self.calls.append((plan, members, first))
        numbers = np.arange(first, first + members)
        draws = np.array([np.random.default_rng([5, n]).random(2) for n in numbers])
        level = 1.2 + self.steep * np.log(1.0 / np.maximum(draws[:, 0], 1e-12) - 1.0)
        return np.asarray((level > plan) | (draws[:, 1] < self.floor))

    def judge(self, most: int = 1000) -> Judge[float]:
        return Judge(self.over, lambda plan: np.float64(plan).tobytes(), risk=RISK, most=most)


def by_factor(factor: float) -> tuple[float, float]:
    return factor, 100.0 - 10.0 * factor


def test_the_factor_found_is_close_to_the_least_that_holds() -> None:
    world = Futures()
    judge = world.judge()
    tried = tighten(by_factor, judge, family="own", tries=10)
    one, chance, reached = chosen(tried, judge, members=2000)
    # one in ten lies above 1.2 + 0.25 ln 9 = 1.749
    assert reached
    assert chance.members == 2000
    assert chance.high <= RISK
    assert 1.74 < one.factor < 1.90
    assert any(t.chance.high > RISK and t.factor > one.factor - 0.1 for t in tried)


def test_members_are_run_only_until_they_decide() -> None:
    world = Futures()
    judge = world.judge()
    assert judge.chance(1.0).members == 100
    assert judge.chance(3.0).members == 100
    assert judge.chance(1.75).members > 300
    before = judge.run
    judge.chance(1.75)
    assert judge.run == before, "a plan seen before is not run again"


def test_the_proof_uses_members_that_the_search_never_did() -> None:
    world = Futures()
    judge = world.judge(most=400)
    tried = tighten(by_factor, judge, family="own", tries=8)
    searched = list(world.calls)
    chosen(tried, judge, members=500)
    assert all(first + n <= 400 for _p, n, first in searched)
    proofs = world.calls[len(searched) :]
    assert min(first for _p, _n, first in proofs) >= 400
    spans = sorted((first, first + n) for _p, n, first in proofs)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))


def test_a_risk_that_no_factor_keeps_is_told_with_the_safest() -> None:
    world = Futures(floor=0.3)
    judge = world.judge(most=300)
    tried = tighten(by_factor, judge, family="own", tries=8)
    one, chance, reached = chosen(tried, judge, members=600)
    assert not reached
    assert chance.members == 600
    assert chance.low > RISK
    assert max(t.factor for t in tried) == LARGEST
    assert one.chance.high == min(t.chance.high for t in tried)


def test_a_plan_that_keeps_the_risk_as_it_is_is_not_tightened() -> None:
    world = Futures(steep=0.01)
    tried = tighten(lambda f: (f + 1.0, 1.0), world.judge(), family="own", tries=8)
    assert [t.factor for t in tried] == [1.0]


@pytest.mark.parametrize(("extra", "wins"), [(3.0, True), (-3.0, False)])
def test_another_family_is_taken_only_where_it_adds_more_and_holds(
    extra: float, wins: bool
) -> None:
    world = Futures()
    judge = world.judge()
    tried = tighten(by_factor, judge, family="own", tries=8)
    more = as_good(
        lambda f: (f, 100.0 + extra - 10.0 * f), judge, tried, family="tiers", tries=4
    )  # as safe at the same factor, worth more or less
    one, _chance, reached = chosen(tried + more, judge, members=2000)
    assert reached
    assert (one.family == "tiers") == wins
    assert one.value >= max(t.value for t in tried if t.chance.high <= RISK) - 1.0


def test_another_family_that_breaks_at_equal_value_costs_one_run() -> None:
    world = Futures()
    judge = world.judge()
    own = Tried("own", 1.0, 3.0, 80.0, wilson(0, 100))
    more = as_good(lambda f: (0.5, 90.0 - f), judge, [own], family="uniform", tries=4)
    assert len(more) == 1
    assert more[0].chance.low > RISK


def test_members_too_few_to_prove_a_risk_are_told_as_not_kept() -> None:
    judge = Judge(
        lambda _plan, n, _first: np.zeros(n, dtype=bool), lambda _p: b"", risk=0.1, most=100
    )
    _one, chance, reached = chosen(
        tighten(by_factor, judge, family="own", tries=2), judge, members=20
    )
    assert not reached
    assert (chance.happened, chance.members) == (0, 20)


def test_the_search_is_too_trusting_by_as_much_as_it_says() -> None:
    rng, trials, called_safe = np.random.default_rng(1), 1000, 0
    for _trial in range(trials):
        exceeds = rng.random(500) < RISK
        judge = Judge(
            lambda _p, n, first, e=exceeds: e[first : first + n],
            lambda _p: b"",
            risk=RISK,
            most=500,
        )
        called_safe += judge.chance(0.0).high <= RISK
    assert 0.03 < called_safe / trials < 0.08


@pytest.mark.parametrize(("members", "risk"), [(2000, 0.1), (300, 0.05), (50, 0.2)])
def test_the_most_that_a_risk_bears_is_the_most(members: int, risk: float) -> None:
    most = most_borne(members, risk)
    assert wilson(most, members).high <= risk < wilson(most + 1, members).high
