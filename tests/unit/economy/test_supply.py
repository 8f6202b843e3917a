"""The supply chain: goods are conserved, and the three findings of Pichler et al. (2020) hold."""

from __future__ import annotations

import numpy as np
import pytest

from yipan.engines.economy.supply import (
    Conditions,
    Economy,
    Protective,
    balance,
    hands_present,
    simulate,
)
from yipan.engines.errors import OutOfRange


def economy(seed: int = 0, n: int = 12, **changed) -> Economy:  # type: ignore[no-untyped-def]
    """A random economy of `n` sectors whose final use is positive everywhere."""
    rng = np.random.default_rng(seed)
    needs = rng.gamma(0.4, 1.0, (n, n)) * (rng.random((n, n)) < 0.5)
    needs *= 0.5 / np.maximum(needs.sum(axis=0), 1e-9)
    final = rng.uniform(1.0, 10.0, n)
    output = np.linalg.solve(np.eye(n) - needs, final)
    given = {
        "needs": needs,
        "output": output,
        "value_share": 1.0 - needs.sum(axis=0),
        "stock_steps": np.full(n, 4.0),
    }
    return Economy(**{**given, **changed})


def steady(e: Economy, level: float, steps: int = 30) -> np.ndarray:
    return np.full((steps, e.output.size), level)


def shut(e: Economy, sectors: list[int], level: float = 0.2, steps: int = 30) -> np.ndarray:
    opening = steady(e, 1.0, steps)
    opening[:, sectors] = level
    return opening


# ---- refusals


def test_a_sector_that_makes_less_than_others_need_is_refused() -> None:
    with pytest.raises(OutOfRange, match="sector 0"):
        Economy(
            needs=np.array([[0.0, 0.9], [0.0, 0.0]]),
            output=np.array([1.0, 10.0]),
            value_share=np.ones(2),
            stock_steps=np.ones(2),
        )


def test_an_unknown_production_function_is_refused() -> None:
    with pytest.raises(OutOfRange, match="cobb"):
        simulate(economy(), opening=steady(economy(), 1.0), production="cobb")  # type: ignore[arg-type]


# ---- laws


def test_an_economy_at_rest_stays_at_rest() -> None:
    e = economy()
    run = simulate(e, opening=steady(e, 1.0))
    np.testing.assert_allclose(run.output, np.tile(e.output, (30, 1)), rtol=1e-9)
    np.testing.assert_allclose(run.stock, np.tile(run.stock[0], (31, 1)), rtol=1e-9)
    assert (run.limit == 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_goods_are_conserved(seed: int) -> None:
    e = economy(seed)
    rng = np.random.default_rng(seed)
    run = simulate(e, opening=rng.random((40, 12)), demand=rng.uniform(0.5, 1.2, (40, 12)))
    assert np.abs(balance(e, run)).max() < 1e-9 * e.output.max()
    assert (run.stock >= -1e-12).all()


@pytest.mark.parametrize("production", ["leontief", "critical", "linear"])
def test_nobody_makes_more_than_hands_allow(production: str) -> None:
    e = economy(3)
    opening = np.random.default_rng(1).random((30, 12))
    run = simulate(e, opening=opening, production=production)  # type: ignore[arg-type]
    assert (run.output <= opening * e.output + 1e-12).all()


def test_an_economy_without_needs_makes_what_hands_and_demand_allow() -> None:
    e = economy(needs=np.zeros((12, 12)), value_share=np.ones(12))
    opening = np.random.default_rng(1).random((30, 12))
    run = simulate(e, opening=opening)
    np.testing.assert_allclose(run.output, np.minimum(opening * e.output, e.final_use))


def test_scaling_money_scales_everything() -> None:
    e = economy()
    big = economy(output=e.output * 7.0)
    opening = np.random.default_rng(1).random((30, 12))
    np.testing.assert_allclose(
        simulate(big, opening=opening).output, 7.0 * simulate(e, opening=opening).output
    )


def test_a_shut_supplier_stops_its_user_when_stocks_are_gone_and_is_named() -> None:
    e = Economy(
        needs=np.array([[0.0, 0.5], [0.0, 0.0]]),
        output=np.array([50.0, 100.0]),
        value_share=np.array([1.0, 0.5]),
        stock_steps=np.array([0.0, 3.0]),
    )
    run = simulate(e, opening=np.tile([0.0, 1.0], (6, 1)))
    assert run.output[:, 1].tolist() == [100.0, 100.0, 100.0, 0.0, 0.0, 0.0]
    assert run.bottlenecks() == [(0, 300.0)]
    assert run.limit[3:, 1].tolist() == [2, 2, 2]


def test_larger_stocks_never_stop_earlier() -> None:
    lengths = []
    for steps in (1.0, 2.0, 5.0):
        e = economy(stock_steps=np.full(12, steps))
        run = simulate(e, opening=shut(e, [0, 1]))
        lengths.append(run.value_added.sum())
    assert lengths == sorted(lengths)


def test_cash_is_margin_less_fixed_cost_plus_relief() -> None:
    e = economy(margin=np.full(12, 0.1), fixed_cost=np.ones(12), cash=np.full(12, 3.0))
    closed = simulate(e, opening=steady(e, 0.0, 5))
    assert closed.short_of_cash() == dict.fromkeys(range(12), 3)
    helped = simulate(e, opening=steady(e, 0.0, 5), relief=np.ones((5, 12)))
    assert helped.short_of_cash() == {}
    np.testing.assert_allclose(helped.cash, 3.0)


# ---- what an epidemic takes away


def test_returning_workers_lift_capacity_step_by_step() -> None:
    e = economy()
    needed = np.full(12, 100.0)
    returned = np.zeros((30, 12))
    returned[5:10] = 8.0
    hands = hands_present(np.full(12, 60.0), returned, needed)
    run = simulate(e, opening=steady(e, 1.0), conditions=Conditions(hands=hands))
    assert run.capacity[0] == pytest.approx(0.6 * e.output)
    assert run.capacity[7] == pytest.approx(0.84 * e.output)
    assert run.capacity[-1] == pytest.approx(e.output)
    assert run.value_added[-1] > run.value_added[4]


def test_what_is_done_at_a_distance_goes_on_when_all_is_shut() -> None:
    e = economy()
    run = simulate(e, opening=steady(e, 0.0), conditions=Conditions(remote=np.full(12, 0.3)))
    assert run.capacity == pytest.approx(np.tile(0.3 * e.output, (30, 1)))
    assert run.output.sum() > 0


def masks(e: Economy, *, stock: float, bought: float, made: float = 0.0) -> Conditions:
    use = np.full(e.output.size, 10.0)
    return Conditions(
        protective=Protective(stock, np.full(30, bought), use, sector=0, made=made / e.output[0])
    )


def test_without_masks_nobody_is_present_and_own_production_carries_on() -> None:
    e = economy()
    none = simulate(e, opening=steady(e, 1.0), conditions=masks(e, stock=600.0, bought=0.0))
    assert none.output[4].sum() == pytest.approx(e.output.sum())  # five days of 120
    assert none.output[5].sum() == pytest.approx(0.0)
    assert none.protective is not None
    assert none.protective[5] == pytest.approx(0.0)
    own = simulate(
        e, opening=steady(e, 1.0), conditions=masks(e, stock=600.0, bought=0.0, made=130.0)
    )
    assert own.output[-1].sum() == pytest.approx(e.output.sum())
    assert own.protective is not None
    assert (own.protective >= 0).all()


def test_masks_are_neither_lost_nor_invented() -> None:
    e = economy()
    run = simulate(
        e, opening=steady(e, 0.8), conditions=masks(e, stock=50.0, bought=40.0, made=60.0)
    )
    assert run.protective is not None
    worn = 50.0 + 30 * 40.0 + 60.0 / e.output[0] * run.output[:, 0].sum() - run.protective[-1]
    assert 0 < worn <= 30 * 12 * 10.0 * 0.8 + 1e-6


def test_goods_bought_outside_take_the_place_of_a_shut_supplier() -> None:
    e = economy(2)
    alone = simulate(e, opening=shut(e, [3], 0.1))
    much = np.zeros((30, 12))
    much[:, 3] = 10 * e.output[3]
    helped = simulate(e, opening=shut(e, [3], 0.1), conditions=Conditions(imports=much))
    assert helped.imported[:, 3].sum() > 0
    assert helped.output[:, [k for k in range(12) if k != 3]].sum() > alone.output.sum() - alone.output[:, 3].sum()  # fmt: skip
    assert np.abs(balance(e, helped)).max() <= 1e-9 * e.output.max()


def test_who_has_no_cash_stops_until_relief_comes() -> None:
    e = economy(
        margin=np.full(12, 0.1), fixed_cost=0.2 * economy().output, cash=0.35 * economy().output
    )
    broke = simulate(e, opening=steady(e, 1.0), conditions=Conditions(cash_binds=True))
    assert broke.cash[4].max() < 0  # 0.35 − 4 × 0.1
    assert broke.output[4].sum() == 0
    relief = np.tile(0.12 * e.output, (30, 1))
    kept = simulate(
        e, opening=steady(e, 1.0), relief=relief, conditions=Conditions(cash_binds=True)
    )
    assert kept.output[-1] == pytest.approx(e.output)
    assert not kept.short_of_cash()


# ---- what Pichler et al. (2020) found


def test_opening_only_a_few_sectors_can_lower_total_output() -> None:
    """A reopened user takes the scarce good from one that makes more of it (rationing in proportion)."""
    needs = np.array([[0.0, 0.10, 0.60], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    e = Economy(
        needs=needs,
        output=np.array([70.0, 100.0, 100.0]),
        value_share=np.array([1.0, 0.9, 0.05]),
        stock_steps=np.array([0.0, 1.0, 1.0]),
        refill_steps=1.0,
    )
    before = np.tile([0.15, 1.0, 0.0], (40, 1))
    after = np.tile([0.15, 1.0, 1.0], (40, 1))
    # demand for what the shut sector makes is gone while it is shut
    wanted = np.tile([1.0, 1.0, 0.0], (40, 1))
    held = simulate(e, opening=before, demand=wanted)
    opened = simulate(e, opening=after)
    assert (after >= before).all()
    assert opened.value_added[-10:].mean() < held.value_added[-10:].mean()


def test_output_depends_strongly_on_the_production_function() -> None:
    e = economy(5, critical=np.random.default_rng(2).random((12, 12)) < 0.3)
    opening = shut(e, [0, 3, 7])
    total = {
        p: simulate(e, opening=opening, production=p).value_added.sum()  # type: ignore[arg-type]
        for p in ("leontief", "critical", "linear")
    }
    assert total["leontief"] < total["critical"] <= total["linear"]
    assert total["leontief"] < 0.8 * total["linear"]


def test_multipliers_tell_only_mildly_which_sector_to_open() -> None:
    """Leontief multipliers correlate with what opening a sector really adds, and far from perfectly."""
    found = []
    for seed in range(8):
        e = economy(seed)
        multiplier = np.linalg.inv(np.eye(12) - e.needs).sum(axis=0)
        low = steady(e, 0.5)
        base = simulate(e, opening=low).value_added.sum()
        gains = []
        for s in range(12):
            opened = low.copy()
            opened[:, s] = 1.0
            gains.append(simulate(e, opening=opened).value_added.sum() - base)
        per_unit = np.array(gains) / (e.output * e.value_share)
        found.append(np.corrcoef(multiplier, per_unit)[0, 1])
    assert abs(np.mean(found)) < 0.7
    assert np.std(found) > 0.1
