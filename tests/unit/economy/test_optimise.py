"""The two hands as programmes: bounds, envelopes, prices, levels, many futures, and answers to the impossible."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from invented import invented
from yipan.engines.economy.optimise.levels import STEPS, rounded
from yipan.engines.economy.optimise.question import Question
from yipan.engines.economy.optimise.robust import chance_of_excess, futures, robust
from yipan.engines.economy.optimise.search import (
    Plan,
    certificate,
    economy_alone,
    optimise,
    within_envelope,
)
from yipan.engines.economy.optimise.shortage import cure, of_beds, of_the_economy
from yipan.engines.economy.supply import Economy, simulate
from yipan.engines.errors import OutOfRange, ShapeMismatch


def small(**changed) -> Question:  # type: ignore[no-untyped-def]
    return invented(**{"places": 4, "sectors": 3, "weeks": 3, "areas": 2, **changed})


def plan_of(question: Question) -> Plan:
    found = optimise(question)
    assert found is not None
    return found


def even_envelope(q: Question, share: float = 0.4) -> np.ndarray:
    x = np.tile(q.least + share * (1 - q.least), (q.weeks, q.groups, 1))
    u = np.tile(q.least_setting + share * (1 - q.least_setting), (q.weeks, q.groups, 1))
    return q.trajectory(q.contacts(x, u), np.zeros((q.weeks, q.places)))


def simple(rng: np.random.Generator, places: int = 2, weeks: int = 2) -> Question:
    """One sector, no needs of others, no settings that count: the openings are all there is."""
    base = invented(places=places, sectors=1, weeks=weeks, seed=int(rng.integers(1000)))
    total = base.capacity.sum(axis=0)
    return base.but(
        needs=np.zeros((1, 1)),
        value_share=np.ones(1),
        final_use=2 * total,
        imports=np.zeros(1),
        setting_value=np.zeros(3),
        setting_contacts=np.zeros(3),
        returning=np.zeros(places),
        residents_at_work=base.workers.sum(axis=1),
        protective_stock=1e12,
        stock=np.zeros(1),
        least_stock=np.zeros(1),
    )


# ---- refusals


def test_a_table_of_another_shape_is_refused() -> None:
    with pytest.raises(ShapeMismatch):
        small(remote=np.zeros(5))


def test_a_risk_of_nothing_is_refused() -> None:
    with pytest.raises(OutOfRange):
        robust(small(), risk=0.0)


# ---- the model


def test_the_operator_is_affine_in_contacts_and_never_negative() -> None:
    q = small()
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 4))
    left = q.operator(0.3 * a + 0.7 * b).toarray()
    right = 0.3 * q.operator(a).toarray() + 0.7 * q.operator(b).toarray()
    np.testing.assert_allclose(left, right)
    assert left.min() >= 0


def test_its_slope_equals_differences() -> None:
    q = small()
    rng = np.random.default_rng(0)
    e, ill = rng.random(4), rng.random(4) * 100
    for c in range(4):
        step = np.zeros(4)
        step[c] = 1e-6
        change = (q.operator(e + step) @ ill - q.operator(e - step) @ ill) / 2e-6
        np.testing.assert_allclose(q.slope(ill).toarray()[:, c], change, rtol=1e-6)


# ---- the economy alone


def test_the_economy_alone_bounds_every_plan() -> None:
    q = small()
    alone = economy_alone(q)
    assert alone is not None
    assert plan_of(q).value <= alone.value * (1 + 1e-9)
    assert 0 <= plan_of(q).gap < 1


def test_what_the_simulator_makes_the_programme_could_make() -> None:
    """The same balance of goods: a simulated path is one the programme may choose, so it adds no more."""
    base = invented(places=1, sectors=5, weeks=6)
    total = base.capacity.sum(axis=0)
    final = np.maximum(total - base.needs @ total, 0.0)
    output = np.linalg.solve(np.eye(5) - base.needs, np.minimum(final, total) * 0.3)
    assert (output <= total).all()
    e = Economy(
        needs=base.needs, output=output, value_share=base.value_share, stock_steps=np.full(5, 2.0)
    )
    opening = np.random.default_rng(3).uniform(0.4, 1.0, (6, 5))
    run = simulate(e, opening=opening)
    q = base.but(
        capacity=output[None, :],
        remote=np.zeros(5),
        final_use=e.final_use,
        stock=run.stock[0],
        most_stock=np.full(5, 1e9),
        least_stock=np.zeros(5),
        imports=np.zeros(5),
        setting_value=np.zeros(3),
        residents_at_work=base.workers.sum(axis=1),
        protective_stock=1e12,
    )
    alone = economy_alone(q)
    assert alone is not None
    assert alone.value >= run.value_added.sum() - 1e-6
    rest = simulate(e, opening=np.ones((6, 5)))
    assert alone.value >= rest.value_added.sum() - 1e-6


# ---- a fixed envelope


@pytest.mark.parametrize("seed", range(4))
def test_a_fixed_envelope_equals_exhaustive_search(seed: int) -> None:
    q = simple(np.random.default_rng(seed))
    envelope = even_envelope(q)
    plan = within_envelope(q, envelope)
    assert plan is not None
    grid = np.linspace(q.least[0], 1.0, 41)
    points = np.array(list(itertools.product(grid, repeat=q.places)))
    added = (q.capacity[:, 0] * (q.remote[0] + (1 - q.remote[0]) * points)).sum(axis=1)
    best = 0.0
    for week in range(q.weeks):  # weeks are apart once the envelope is fixed and nothing is stored
        spread = q.slope(envelope[week]).toarray() @ (q.work_contacts[:, 0] * points).T
        caused = q.household * envelope[week][:, None] + spread
        kept = (caused <= envelope[week + 1][:, None] * (1 + 1e-9)).all(axis=0)
        best += float(added[kept].max())
    step = (1.0 - q.least[0]) / 40 * q.capacity.sum() * q.weeks
    assert best <= plan.value + 1e-6
    assert best >= plan.value - step


def test_the_trajectory_under_the_plan_stays_below_the_envelope() -> None:
    q = small()
    envelope = even_envelope(q)
    plan = within_envelope(q, envelope)
    assert plan is not None
    assert (plan.infectious <= envelope * (1 + 1e-6)).all()


def test_an_envelope_that_even_the_least_openings_break_has_no_plan() -> None:
    q = small()
    falling = np.stack([q.infectious * 0.1**t for t in range(q.weeks + 1)])
    assert within_envelope(q, falling) is None


# ---- the sequential programme


@pytest.mark.parametrize("tiers", [0, 4])
def test_a_plan_keeps_every_areas_beds_and_beats_an_even_opening(tiers: int) -> None:
    q = invented(places=12, sectors=4, weeks=4, areas=3, tiers=tiers)
    plan = plan_of(q)
    assert plan.feasible
    assert (plan.occupancy[1:] <= q.beds).all()
    known = certificate(q, plan)
    assert known is not None
    assert -1e-9 <= known.envelope_gap < 0.01
    assert known.bound_gap == pytest.approx(plan.gap)
    assert plan.promised < 2e-3


def test_tiers_never_do_better_than_places_apart() -> None:
    apart = plan_of(invented(places=12, sectors=4, weeks=3, areas=3))
    tiers = plan_of(invented(places=12, sectors=4, weeks=3, areas=3, tiers=4))
    assert tiers.value <= apart.value * 1.01  # local optima: a hundredth of play


def test_who_arrives_from_outside_is_counted_in_the_trajectory_and_in_the_programme() -> None:
    q = small(arrivals=np.full(4, 2.0))
    nobody = np.zeros((q.weeks, q.places))
    closed = q.trajectory(np.zeros((q.weeks, q.places)), nobody)
    np.testing.assert_allclose(closed[1], q.household * q.infectious + 2.0)
    plan = plan_of(q.but(beds=q.beds * 5))
    assert plan.feasible
    envelope = even_envelope(q)
    fixed = within_envelope(q, envelope, beds=False)
    assert fixed is not None
    assert (fixed.infectious <= envelope * (1 + 1e-6)).all()


# ---- levels


def test_levels_keep_the_beds_and_tell_what_they_cost() -> None:
    q = invented(places=6, sectors=4, weeks=4, areas=2)
    plan = plan_of(q)
    ordered = rounded(q, plan)
    assert ordered is not None
    assert set(np.unique(ordered.levels)) <= set(range(STEPS + 1))
    assert (ordered.plan.occupancy[1:] <= q.beds).all()
    assert ordered.plan.value <= ordered.plan.bound
    assert ordered.loss < 0.2


@pytest.mark.parametrize("seed", range(3))
def test_levels_come_close_to_the_best_of_all_levels(seed: int) -> None:
    q = simple(np.random.default_rng(seed), places=2, weeks=2)
    plan = plan_of(q)
    ordered = rounded(q, plan)
    assert ordered is not None
    best = 0.0
    for levels in itertools.product(range(STEPS + 1), repeat=4):
        x = q.least + (1 - q.least) * np.array(levels).reshape(2, 2, 1) / STEPS
        path = q.trajectory(q.contacts(x, np.zeros((2, 2, 3))), np.zeros((2, 2)))
        if (q.occupancy(path)[1:] <= q.beds).all():
            added = q.capacity * (q.remote + (1 - q.remote) * x)
            best = max(best, float(added.sum()))
    assert ordered.plan.value <= best * (1 + 1e-9)
    assert ordered.plan.value >= 0.85 * best


def test_where_R_at_the_end_binds_rounding_does_not_close_everything() -> None:
    """Beds for all: only R of the last week is scarce, and it must not keep earlier weeks shut."""
    q = invented(places=6, sectors=4, weeks=6, areas=2, end_R=0.8)
    q = q.but(beds=q.beds * 50)
    plan = plan_of(q)
    ordered = rounded(q, plan)
    assert ordered is not None
    assert ordered.plan.feasible
    assert ordered.plan.R[-1] <= q.end_R * (1 + 1e-9)
    assert ordered.loss < 0.05


# ---- many futures


def test_the_mean_of_the_futures_is_the_trajectory() -> None:
    q = small(infectious=np.full(4, 500.0))
    plan = plan_of(q.but(beds=q.beds * 1000))
    needed = futures(q, plan, members=4000, seed=1, spread=0.0)
    mean = needed.mean(axis=0)
    error = needed.std(axis=0) / np.sqrt(4000)
    assert (np.abs(mean - plan.occupancy) < 5 * error + 1e-9).all()


def test_the_deterministic_optimum_breaks_often_and_the_robust_plan_seldom() -> None:
    q = invented(places=6, sectors=4, weeks=4, areas=2)
    q = q.but(infectious=q.infectious * 20, beds=q.beds * 20)
    plain = plan_of(q)
    assert chance_of_excess(q, plain, members=1000, seed=9).low > 0.3
    safe = robust(q, risk=0.1, members=1000, seed=4, steps=4, tries=6)
    assert safe is not None
    assert safe.reached
    assert safe.factor > 1
    assert safe.chance.high <= 0.1
    assert 0 < safe.price_of_safety < 0.6
    assert safe.plan.value < plain.value
    again = chance_of_excess(q, safe.plan, members=4000, seed=77)
    assert again.share < 0.15


def test_a_risk_that_cannot_be_met_is_answered_with_the_frontier() -> None:
    q = small()
    tight = q.but(beds=q.beds * 0.4, infectious=np.full(4, 1.0))
    found = robust(tight, risk=0.001, members=200, tries=4, steps=2)
    assert found is not None
    assert not found.reached
    assert len(found.frontier) >= 2
    assert found.chance.high > 0.001


# ---- the impossible


def test_no_beds_are_answered_with_what_lacks_and_what_would_cure_it() -> None:
    q = small().but(beds=np.zeros(2))
    plan = plan_of(q)
    assert not plan.feasible
    assert of_beds(plan)[0].limit == "beds"
    healed = cure(q, plan)
    assert set(healed.beds) == {0, 1}
    enough = q.but(beds=np.array([healed.beds[0], healed.beds[1]]) * 1.01)
    assert plan_of(enough).feasible


def test_transmission_above_one_with_everything_shut_is_answered_with_a_factor() -> None:
    q = small(household=1.6)
    plan = plan_of(q)
    assert not plan.feasible
    factor = cure(q, plan).transmission
    assert factor is not None
    assert 0 < factor < 1
    milder = q.but(
        household=q.household * factor * 0.999,
        work_contacts=q.work_contacts * factor * 0.999,
        setting_contacts=q.setting_contacts * factor * 0.999,
    )
    assert plan_of(milder).feasible


def test_too_few_hands_are_named_with_how_many_lack() -> None:
    q = small()
    idle = q.but(residents_at_work=q.residents_at_work * 0.01, returning=np.zeros(4))
    assert economy_alone(idle) is None
    assert optimise(idle) is None
    shortages = of_the_economy(idle)
    assert {s.limit for s in shortages} == {"hands"}
    present = (idle.workers * (1 - idle.remote) * idle.least).sum(axis=1)
    week0 = {s.index: s.amount for s in shortages if s.week == 0}
    for place, amount in week0.items():
        assert amount == pytest.approx(present[place] - idle.residents_at_work[place], rel=1e-3)
    assert of_the_economy(q) == []
