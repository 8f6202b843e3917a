"""Simulator and programme agree: each one's course is the other's, but for the simulator's step."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from invented import invented
from yipan.engines.economy.optimise.question import Question
from yipan.engines.economy.optimise.replay import announced, as_programme, replay
from yipan.engines.economy.optimise.search import Plan, economy_alone, optimise

PROVINCES = [
    {"places": 1, "sectors": 5, "weeks": 6},
    {"places": 4, "sectors": 3, "weeks": 3, "areas": 2},
    {"places": 8, "sectors": 8, "weeks": 6, "areas": 3},
]


@lru_cache
def solved(seed: int, which: int, *, epidemic: bool) -> tuple[Question, Plan]:
    q = invented(seed=seed, **PROVINCES[which])
    plan = optimise(q, steps=4) if epidemic else economy_alone(q)
    assert plan is not None
    return q, plan


def planned(seed: int, sizes: dict[str, int], *, epidemic: bool) -> tuple[Question, Plan]:
    return solved(seed, PROVINCES.index(sizes), epidemic=epidemic)


@pytest.mark.parametrize("sizes", PROVINCES)
@pytest.mark.parametrize("epidemic", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_an_announced_plan_reaches_what_was_planned(
    seed: int, epidemic: bool, sizes: dict[str, int]
) -> None:
    """94 % with steps of a quarter of a day, and nearer with every finer step."""
    q, plan = planned(seed, sizes, epidemic=epidemic)
    fine = announced(q, plan)
    assert 0.94 <= fine.reached <= 1.0 + 1e-9
    assert announced(q, plan, steps_a_week=14).reached <= fine.reached + 1e-3
    assert announced(q, plan, steps_a_week=112).reached >= 0.98
    assert (fine.output <= fine.planned * (1 + 1e-9) + 1e-9).all()


@pytest.mark.parametrize("sizes", PROVINCES)
@pytest.mark.parametrize("seed", range(3))
def test_what_the_simulator_does_the_programme_could_choose(
    seed: int, sizes: dict[str, int]
) -> None:
    """Output, final use, imports and stocks of a simulated course are feasible in the programme."""
    q, plan = planned(seed, sizes, epidemic=True)
    for played in (replay(q, plan), announced(q, plan)):
        assert as_programme(q, played)
        assert 0.0 < played.reached <= 1.0 + 1e-9


def test_a_course_that_breaks_the_balance_is_not_one_the_programme_could_choose() -> None:
    q, plan = planned(0, PROVINCES[0], epidemic=True)
    played = replay(q, plan)
    played.delivered[2] += 0.05 * q.final_use
    assert not as_programme(q, played)


def test_firms_that_do_not_see_the_horizon_reach_less_than_those_who_are_told() -> None:
    for sizes in PROVINCES:
        q, plan = planned(1, sizes, epidemic=True)
        assert replay(q, plan).reached <= announced(q, plan).reached + 1e-9


def test_stocks_carry_a_plan_over_a_week_without_a_supplier() -> None:
    q, plan = planned(2, PROVINCES[0], epidemic=False)
    assert np.isfinite(announced(q, plan).stock).all()
    bare = q.but(stock=np.zeros(5), least_stock=np.zeros(5))
    poor = economy_alone(bare)
    assert poor is not None
    assert (
        replay(bare, poor).output[0].sum() < 1e-9
    )  # no stock, and firms only order what they used
