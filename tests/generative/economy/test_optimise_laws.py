"""Laws of the programme under a fixed envelope, on provinces that nobody chose."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from invented import invented
from yipan.engines.economy.optimise.question import Question
from yipan.engines.economy.optimise.search import optimise, within_envelope
from yipan.engines.economy.supply import Economy, balance, simulate

SEEDS = st.integers(0, 10_000)
SCARCE = ["beds", "trains", "protective_stock", "protective_bought", "cash", "relief"]


def province(seed: int, places: int, sectors: int, weeks: int) -> Question:
    """A province with cash, stays in bed, and few masks and trains."""
    q = invented(
        places=places, sectors=sectors, weeks=weeks, areas=min(2, places), seed=seed,
        margin=0.16, fixed_cost=0.1, cash=0.12, stay=0.4, bed_delay=np.array([0.3, 0.7]),
    )  # fmt: skip
    hands = float(q.workers.sum())
    return q.but(relief=0.01 * float(q.capacity.sum()), trains=0.01 * hands, protective_stock=0.02 * hands)  # fmt: skip


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
    limit=st.sampled_from(SCARCE),
)
def test_more_never_lowers_the_optimum_and_the_plan_stays_below_its_envelope(
    seed: int, places: int, sectors: int, weeks: int, share: float, limit: str
) -> None:
    q = province(seed, places, sectors, weeks)
    envelope = envelope_of(q, share)
    q = q.but(beds=q.occupancy(envelope)[1:].max(axis=0) * 0.98)
    plan = within_envelope(q, envelope, bound=1.0)
    if plan is None:
        return
    assert (plan.infectious <= envelope * (1 + 1e-5)).all()
    assert (plan.occupancy[1:] <= q.beds * (1 + 1e-5)).all()
    richer = q.but(**{limit: getattr(q, limit) * 2 + 1})
    more = within_envelope(richer, envelope, bound=1.0)
    assert more is not None
    assert more.value >= plan.value - 1e-7 * abs(plan.value)


def renamed(q: Question, P: list[int], S: list[int]) -> Question:
    """The same question with places and sectors in another order."""
    return q.but(
        people=q.people[P], group=np.arange(len(P)), area=q.area[P], infectious=q.infectious[P],
        mixing=csr_array(q.mixing.toarray()[np.ix_(P, P)]),
        work_contacts=q.work_contacts[np.ix_(P, S)], capacity=q.capacity[np.ix_(P, S)],
        workers=q.workers[np.ix_(P, S)], remote=q.remote[S], least=q.least[S],
        value_share=q.value_share[S], needs=q.needs[np.ix_(S, S)], final_use=q.final_use[S],
        stock=q.stock[S], most_stock=q.most_stock[S], least_stock=q.least_stock[S],
        imports=q.imports[S], import_cost=q.import_cost[S],
        residents_at_work=q.residents_at_work[P], returning=q.returning[P],
        arrivals=q.arrivals[P], protective_sector=S.index(q.protective_sector),
    )  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(
    seed=SEEDS,
    places=st.permutations(range(4)),
    sectors=st.permutations(range(3)),
    weeks=st.integers(1, 3),
    share=st.floats(0.2, 0.9),
)
def test_relabelling_places_and_sectors_changes_nothing(
    seed: int, places: list[int], sectors: list[int], weeks: int, share: float
) -> None:
    q = province(seed, 4, 3, weeks)
    envelope = envelope_of(q, share)
    q = q.but(beds=q.occupancy(envelope)[1:].max(axis=0))
    plain = within_envelope(q, envelope, bound=1.0)
    other = within_envelope(renamed(q, places, sectors), envelope[:, places], bound=1.0)
    assert (plain is None) == (other is None)
    if plain is not None and other is not None:
        assert abs(other.value - plain.value) <= 1e-7 * abs(plain.value)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, places=st.integers(1, 6), sectors=st.integers(1, 4), weeks=st.integers(1, 5))
def test_a_plan_that_meets_the_beds_meets_them_exactly(
    seed: int, places: int, sectors: int, weeks: int
) -> None:
    q = province(seed, places, sectors, weeks)
    plan = optimise(q, steps=4)
    if plan is None or not plan.feasible:
        return
    assert (plan.occupancy[1:] <= q.beds).all()
    assert plan.value <= plan.bound * (1 + 1e-9)


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
