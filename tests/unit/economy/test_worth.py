"""Prices in plain words: each holds over the range it names, and has the sign common sense gives it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from invented import invented
from yipan.engines.economy.optimise.programme import build
from yipan.engines.economy.optimise.question import Question
from yipan.engines.economy.optimise.search import METHOD, SLACK_VALUES, Plan, near, optimise
from yipan.engines.economy.optimise.slopes import local
from yipan.engines.economy.optimise.worth import TRUST, Units, Worth, worths


@pytest.fixture(scope="module", params=["train", "thousand_masks"])
def case(request: pytest.FixtureRequest) -> tuple[Question, Plan, tuple[Worth, ...]]:
    """A province short of trains, and one short of masks."""
    masks = 0.006 if request.param == "thousand_masks" else 0.03
    q = invented(
        places=6, sectors=4, weeks=4, areas=2, margin=0.16, fixed_cost=0.1, cash=0.12, stay=0.4
    )
    q = q.but(
        relief=0.01 * float(q.capacity.sum()),
        trains=0.01 * float(q.workers.sum()),
        protective_stock=masks * float(q.workers.sum()),
        protective_bought=masks * float(q.workers.sum()),
        protective_made=0.4 * q.protective_made,
        infectious=q.infectious * 20,
        in_care=q.in_care * 20,
        beds=q.beds * 20,
    )
    plan = optimise(q)
    assert plan is not None
    return q, plan, worths(q, plan)


def value_with(q: Question, plan: Plan, **moved: tuple[int, float]) -> float:
    """The plan's own linear programme with one limit moved: row block → (flat index, by how much)."""
    around = local(q, q.contacts(plan.x, plan.u), plan.returns)
    cost = SLACK_VALUES * plan.bound / float(q.beds.sum()) / q.weeks
    b = build(q, around=around, slack_cost=cost)
    programme = near(b, {"opened": np.maximum(plan.x - q.least, 0.0), "u": plan.u}, TRUST)
    upper, lower = programme.row_upper.copy(), programme.row_lower.copy()
    for name, (index, by) in moved.items():
        row = b.rows[name].ravel()[index]
        if np.isfinite(upper[row]):
            upper[row] += by
        else:
            lower[row] += by
    return replace(programme, row_lower=lower, row_upper=upper).solve(method=METHOD).value


def test_everything_that_binds_is_named(
    case: tuple[Question, Plan, tuple[Worth, ...]], request: pytest.FixtureRequest
) -> None:
    _q, _plan, found = case
    short = request.node.callspec.params["case"]
    assert {"bed", "icu_nurse", "school_week", "R", short} <= {w.limit for w in found}


def test_a_bed_keeps_its_price_over_its_range(
    case: tuple[Question, Plan, tuple[Worth, ...]],
) -> None:
    q, plan, found = case
    base = value_with(q, plan)
    beds = [w for w in found if w.limit == "bed"]
    assert beds
    for w in beds:
        assert w.week is not None
        assert w.index is not None
        row = w.week * q.areas + w.index
        for beds_more in (0.9 * w.more, -0.9 * w.fewer):
            by = float(np.log1p(beds_more / q.beds[w.index]))
            gained = value_with(q, plan, beds=(row, by)) - base
            # the price is per logarithm of beds, so per bed it bends by half the relative change
            assert gained == pytest.approx(w.value * q.beds[w.index] * by, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(("limit", "row", "unit"), [("train", "trains", 1000.0), ("thousand_masks", "protective", -1000.0)])  # fmt: skip
def test_trains_and_masks_keep_their_price_over_their_range(
    limit: str, row: str, unit: float, case: tuple[Question, Plan, tuple[Worth, ...]]
) -> None:
    q, plan, found = case
    base = value_with(q, plan)
    for w in [w for w in found if w.limit == limit]:
        assert w.week is not None
        assert w.value > 0
        for more in (0.9 * min(w.more, 1e3), -0.9 * min(w.fewer, 1e3)):
            gained = value_with(q, plan, **{row: (w.week, more * unit)}) - base
            assert gained == pytest.approx(w.value * more, rel=1e-4, abs=1e-5)


def test_a_nurse_is_worth_a_bed_over_the_nurses_it_needs(
    case: tuple[Question, Plan, tuple[Worth, ...]],
) -> None:
    q, plan, _found = case
    found = worths(q, plan, units=Units(nurses_per_icu_bed=2.5))
    beds = {(w.week, w.index): w for w in found if w.limit == "bed"}
    for w in [w for w in found if w.limit == "icu_nurse"]:
        assert w.value == pytest.approx(beds[w.week, w.index].value / 2.5)
        assert w.more == pytest.approx(beds[w.week, w.index].more * 2.5)


def test_more_transmission_is_worth_less_than_nothing_and_is_what_solving_again_gives(
    case: tuple[Question, Plan, tuple[Worth, ...]],
) -> None:
    q, _plan, found = case
    (R,) = [w for w in found if w.limit == "R"]
    assert R.value < 0
    more = optimise(q.but(household=q.household + 0.01))
    less = optimise(q.but(household=q.household - 0.01))
    assert more is not None
    assert less is not None
    assert (more.value - less.value) / 2 == pytest.approx(R.value, rel=0.35)


def test_every_price_has_a_sentence(case: tuple[Question, Plan, tuple[Worth, ...]]) -> None:
    _q, _plan, found = case
    for w in found:
        assert w.sentence("CNY").endswith("more.")
    assert any("A week of open schools in week" in w.sentence() for w in found)
