"""Laws of the programme under a fixed envelope, on provinces that nobody chose."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from invented import invented
from yipan.engines.economy.optimise.question import Question
from yipan.engines.economy.optimise.search import within_envelope
from yipan.engines.economy.supply import Economy, balance, simulate

SEEDS = st.integers(0, 10_000)


def envelope_of(q: Question, share: float) -> np.ndarray:
    x = np.tile(q.least + share * (1 - q.least), (q.weeks, q.groups, 1))
    u = np.tile(q.least_setting + share * (1 - q.least_setting), (q.weeks, q.groups, 1))
    return q.trajectory(q.contacts(x, u), np.zeros((q.weeks, q.places)))


@settings(max_examples=25, deadline=None)
@given(
    seed=SEEDS,
    places=st.integers(1, 4),
    sectors=st.integers(1, 3),
    weeks=st.integers(1, 3),
    share=st.floats(0.1, 0.9),
    limit=st.sampled_from(["trains", "protective_stock", "protective_bought"]),
)
def test_more_never_lowers_the_optimum_and_the_plan_stays_below_its_envelope(
    seed: int, places: int, sectors: int, weeks: int, share: float, limit: str
) -> None:
    q = invented(places=places, sectors=sectors, weeks=weeks, seed=seed)
    envelope = envelope_of(q, share)
    plan = within_envelope(q, envelope, bound=1.0)
    if plan is None:
        return
    assert (plan.infectious <= envelope * (1 + 1e-5)).all()
    richer = q.but(**{limit: getattr(q, limit) * 2 + 1})
    more = within_envelope(richer, envelope, bound=1.0)
    assert more is not None
    assert more.value >= plan.value - 1e-5 * abs(plan.value)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, sectors=st.integers(1, 8), steps=st.integers(1, 30))
def test_supply_chains_conserve_goods(seed: int, sectors: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    needs = rng.gamma(0.4, 1.0, (sectors, sectors))
    needs *= 0.5 / needs.sum(axis=0)
    output = np.linalg.solve(np.eye(sectors) - needs, rng.uniform(1.0, 10.0, sectors))
    e = Economy(
        needs=needs,
        output=output,
        value_share=1.0 - needs.sum(axis=0),
        stock_steps=rng.uniform(0.0, 5.0, sectors),
        refill_steps=float(rng.uniform(1.0, 10.0)),
    )
    run = simulate(e, opening=rng.random((steps, sectors)), demand=rng.random((steps, sectors)))
    assert np.abs(balance(e, run)).max() <= 1e-9 * output.max()
    assert (run.delivered <= e.final_use + 1e-9).all()
