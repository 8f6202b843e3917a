"""The optimum: equal to trying everything, never above its bound, and honest about what it cannot keep."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from towns import towns
from yipan.engines.openings.levels import rounded
from yipan.engines.openings.question import STEPS, Question, taken
from yipan.engines.openings.search import economy_alone, optimise, value_of, within_envelope
from yipan.engines.openings.shortage import diagnose
from yipan.engines.openings.worth import worth_of_limits


def every_plan(q: Question) -> list[np.ndarray]:
    """Return every table of levels (week, group, setting); small questions only."""
    shape = (q.weeks, q.groups, q.settings)
    found = []
    for flat in product(range(STEPS + 1), repeat=int(np.prod(shape))):
        levels = np.array(flat).reshape(shape)
        if not q.staged or (np.diff(levels, axis=0) >= 0).all():
            found.append(levels)
    return found


def holds(q: Question, levels: np.ndarray) -> bool:
    e = q.contacts(taken(levels))
    met = (q.occupancy(q.trajectory(e))[1:] <= q.beds + 1e-9).all()
    return bool(met and (q.end_R is None or q.R(e)[-1] <= q.end_R + 1e-9))


SMALL = {"places": 2, "settings": 1, "weeks": 2, "area": np.array([0, 1])}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("staged", [True, False])
def test_no_table_of_levels_beats_the_relaxed_optimum_and_rounding_is_near_the_best(
    seed: int, staged: bool
) -> None:
    q = towns(**SMALL, seed=seed, staged=staged, beds=np.array([9.0, 9.0]))
    plan = optimise(q, steps=8)
    assert plan is not None
    assert plan.feasible
    best = max((value_of(q, taken(t)) for t in every_plan(q) if holds(q, t)), default=-np.inf)
    assert plan.value >= best - 2e-3 * abs(best)
    done = rounded(q, plan)
    assert not done.over
    # A step here is a twentieth of everything: rounding may lose one or two of them.
    assert done.value >= best - 0.12 * (plan.bound - value_of(q, np.zeros_like(plan.x)))


@pytest.mark.parametrize("seed", range(3))
def test_a_fixed_envelope_is_solved_globally(seed: int) -> None:
    q = towns(**SMALL, seed=seed, staged=False)
    envelope = q.trajectory(q.contacts(np.full((2, 2, 1, STEPS), 0.6)))
    plan = within_envelope(q, envelope)
    assert plan is not None
    inside = [
        value_of(q, taken(levels))
        for levels in every_plan(q)
        if all(
            (q.step(e, envelope[t]) <= envelope[t + 1] + 1e-9).all()
            for t, e in enumerate(q.contacts(taken(levels)))
        )
    ]
    assert plan.value >= max(inside) - 1e-6
    # What it allows keeps below the envelope: K never falls with infections.
    assert (plan.infectious <= envelope * (1 + 1e-6)).all()


def test_the_economy_alone_is_a_bound() -> None:
    q = towns()
    alone, plan = economy_alone(q), optimise(q)
    assert alone is not None
    assert plan is not None
    assert plan.value <= alone.value + 1e-9
    assert alone.value == pytest.approx(value_of(q, np.ones_like(alone.x)))


@pytest.mark.parametrize("limit", ["beds", "mask_stock", "trains"])
def test_more_of_a_limit_never_lowers_the_optimum(limit: str) -> None:
    scarce = {
        "beds": {"beds": np.full(2, 6.0)},
        "mask_stock": {"mask_stock": 900.0},
        "trains": {"hands": np.full(3, 120.0), "returning": np.full(3, 400.0), "trains": 200.0},
    }[limit]
    values = []
    for factor in (1.0, 1.5, 2.5):
        q = towns(**scarce)
        q = q.but(**{limit: getattr(q, limit) * factor})
        plan = optimise(q, steps=6)
        assert plan is not None
        values.append(plan.value)
    assert values[1] >= values[0] - 2e-3
    assert values[2] >= values[1] - 2e-3
    assert values[2] > values[0]


def test_a_price_is_what_one_unit_more_brings_in_the_programme_it_is_read_from() -> None:
    q = towns(beds=np.full(2, 6.0), end_R=None)
    plan = optimise(q, steps=8)
    assert plan is not None
    bed = worth_of_limits(q, plan, workers_per_train=100, areas=1)[0]
    more = q.beds.copy()
    more[bed.index] += 1.0
    again = optimise(q.but(beds=more), steps=8, start=plan.x)
    assert again is not None
    assert bed.each > 0
    assert again.value - plan.value == pytest.approx(bed.each, rel=0.25)


def test_R_of_the_last_week_is_kept_and_priced() -> None:
    q = towns(beds=np.full(2, 1e4), end_R=0.8)
    plan = optimise(q, steps=6)
    assert plan is not None
    assert plan.R[-1] <= 0.8 * (1 + 2e-3)
    prices = {p.limit: p for p in worth_of_limits(q, plan, workers_per_train=100)}
    assert prices["end_R"].each > 0
    assert prices["bed"].each == 0


def test_floors_and_ceilings_are_kept() -> None:
    q = towns(least=np.full((3, 2), 1), most=np.full((3, 2), 2))
    plan = optimise(q)
    assert plan is not None
    levels = rounded(q, plan).levels
    assert levels.min() >= 1
    assert levels.max() <= 2


def test_staged_never_closes_again() -> None:
    q = towns(weeks=4, beds=np.full(2, 8.0))
    plan = optimise(q)
    assert plan is not None
    assert (np.diff(rounded(q, plan).levels, axis=0) >= 0).all()


# ---- the impossible is an answer


def test_without_beds_the_diagnosis_names_them() -> None:
    q = towns(beds=np.zeros(2))
    found = diagnose(q)
    assert not found.possible
    assert set(found.beds) == {0, 1}
    cured = q.but(beds=q.beds + np.array([found.beds[0], found.beds[1]]) + 1e-6)
    assert diagnose(cured).possible


def test_transmission_above_one_with_everything_closed_says_how_much_less_would_do() -> None:
    q = towns(always=np.full(3, 1.0), end_R=1.0, beds=np.full(2, 1e6))
    found = diagnose(q)
    assert found.over_R
    assert found.transmission is not None
    milder = q.but(
        household=q.household * found.transmission,
        always=q.always * found.transmission,
        step_contacts=q.step_contacts * found.transmission,
    )
    assert diagnose(milder).possible


def test_patients_already_there_cannot_be_cured_by_less_transmission() -> None:
    found = diagnose(towns(in_care=np.full(2, 100.0), stay=0.9))
    assert found.transmission is None
