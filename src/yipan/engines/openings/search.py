"""Answers: the economy alone, a fixed envelope, the sequential programme; each with its multipliers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from yipan.engines.checks import Floats
from yipan.engines.economy.linear import LinearProgramme, NoOptimum, Solution
from yipan.engines.economy.optimise.programme import Builder
from yipan.engines.openings.programme import build, steps_of
from yipan.engines.openings.question import Question, taken

MOST_STEPS = 6
SETTLED = 2e-3
"""The search ends when a feasible step gains less than this share of what openings can add."""

FIRST_TRUST = 1.6
NEAR = 2e-3
"""A plan is taken to meet a limit that its own trajectory exceeds by no more than this share."""

SLACK_VALUES = 20.0
"""Price of a bed too many in the search, in values of an average bed's share of the whole."""


@dataclass(frozen=True)
class Plan:
    """An answer before rounding.

    `x` (week, group, setting, step) in [0, 1]; `returns` (week, place); `infectious` (week + 1, place) and
    `occupancy` (week + 1, area) by the model's own trajectory; `R` by week. `value` over all weeks,
    money; `bound` what the economy alone would allow. `over` (week, area, beds too many); `over_R` how far
    R of the last week stays above its limit. `multipliers` by row name: what one unit more of that limit
    adds. `programme` and `builder` are the last linear programme, for prices.
    """

    x: Floats
    returns: Floats
    infectious: Floats
    occupancy: Floats
    R: Floats
    value: float
    bound: float
    over: tuple[tuple[int, int, float], ...]
    over_R: float
    multipliers: dict[str, Floats]
    programme: LinearProgramme
    builder: Builder
    steps: int
    seconds: float

    @property
    def feasible(self) -> bool:
        """Whether every limit of the epidemic is met."""
        return not self.over and self.over_R <= 0

    @property
    def excess(self) -> float:
        """Beds too many, summed over weeks and areas; R too high counts as a hundred beds for each whole one."""
        return sum(beds for _week, _area, beds in self.over) + 100.0 * self.over_R

    @property
    def gap(self) -> float:
        """Share by which the value stays below the bound of the economy alone."""
        return 1.0 - self.value / self.bound if self.bound > 0 else 0.0


def solved(programme: LinearProgramme) -> Solution:
    """Return the optimum by the interior point method; where it ends undecided, by the simplex method."""
    try:
        return programme.solve(method="ipm", crossover=False)
    except NoOptimum:
        return programme.solve(method="simplex")


def value_of(q: Question, x: Floats) -> float:
    """Return the value of steps taken over all weeks, money."""
    return float(
        q.weeks * q.always_value.sum() + np.einsum("tgsl,gsl->", x, q.by_group(q.step_value))
    )


def economy_alone(q: Question) -> Plan | None:
    """Return the best plan without an epidemic, an upper bound for all; None where hands or masks lack."""
    started = perf_counter()
    b = build(q, envelope=None)
    programme = b.programme()
    solution = solved(programme)
    if not solution.feasible:
        return None
    return _plan(q, b, programme, solution, np.inf, 1, started)


def within_envelope(q: Question, envelope: Floats) -> Plan | None:
    """Return the optimum for a fixed envelope (week + 1, place), global for it; None where it allows none.

    Every plan it allows keeps I ≤ envelope in the weekly model, because K never falls with contacts.
    """
    started = perf_counter()
    b = build(q, envelope=envelope)
    programme = b.programme()
    solution = solved(programme)
    if not solution.feasible:
        return None
    return _plan(q, b, programme, solution, np.inf, 1, started)


def optimise(
    q: Question,
    *,
    steps: int = MOST_STEPS,
    start: Floats | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> Plan | None:
    """Return the best plan found by sequential linear programming: a local optimum, and it says so.

    From `start`, steps taken (week, group, setting, step), or else the largest even opening that all
    limits bear. Each step linearises K(e) I there and lets infections move within a factor. Where no plan
    meets the limits the answer is the one that exceeds them least, with `over` and `over_R`. None where
    hands or masks lack even for the least levels.
    """
    started = perf_counter()
    alone = economy_alone(q)
    if alone is None:
        return None
    cost = SLACK_VALUES * alone.value / max(float(q.beds.sum()), 1.0) / q.weeks
    room = max(alone.value - value_of(q, _even(q, 0.0)), 1e-12)
    x = largest_even(q) if start is None else start
    contacts = q.contacts(x)
    envelope = q.trajectory(contacts)
    held = q.but(beds=q.beds * (1.0 - NEAR / 2))
    best: Plan | None = None
    trust = FIRST_TRUST
    for done in range(1, steps + 1):
        b = build(held, envelope=envelope, contacts=contacts, trust=trust, slack_cost=cost)
        programme = b.programme()
        solution = solved(programme)
        if not solution.feasible:
            trust = 1.0 + (trust - 1.0) * 2.0
            continue
        plan = _plan(q, b, programme, solution, alone.value, done, started)
        if progress is not None:
            progress(done, plan.value)
        gain = np.inf if best is None else _merit(q, plan, cost) - _merit(q, best, cost)
        if gain > 1e-6 * room:
            settled = best is not None and gain < SETTLED * room
            best, contacts, envelope = plan, q.contacts(plan.x), plan.infectious
            if settled:
                break
        elif gain > -SETTLED * room or trust < 1.05:
            break
        else:
            trust = 1.0 + (trust - 1.0) * 0.35
    return best


def _merit(q: Question, plan: Plan, cost: float) -> float:
    beds = sum(beds for _w, _a, beds in plan.over)
    return plan.value - cost * (beds + 100 * plan.over_R * max(1.0, 0.1 * float(q.beds.sum())))


def _even(q: Question, share: float) -> Floats:
    """Return every step opened by the same share from the first week, within the least and most levels."""
    low, high = taken(q.group_least), taken(q.group_most)
    return np.tile(low + share * (high - low), (q.weeks, 1, 1, 1))


def largest_even(q: Question) -> Floats:
    """Return the largest even opening that all limits of the epidemic bear, the least if none does."""
    low, high = 0.0, 1.0
    for _step in range(16):
        middle = 0.5 * (low + high)
        e = q.contacts(_even(q, middle))
        borne = (q.occupancy(q.trajectory(e))[1:] <= q.beds).all() and (
            q.end_R is None or q.R(e)[-1] <= q.end_R
        )
        low, high = (middle, high) if borne else (low, middle)
    return _even(q, low)


def _plan(
    q: Question, b: Builder, programme: LinearProgramme, solution: Solution, bound: float,
    steps: int, started: float,
) -> Plan:  # fmt: skip
    x = steps_of(q, solution, b)
    returns = np.maximum(solution.x[b.columns["returns"]], 0.0)
    e = q.contacts(x)
    infectious = q.trajectory(e, returns)
    value = value_of(q, x)
    plan = Plan(
        x=x,
        returns=returns,
        infectious=infectious,
        occupancy=q.occupancy(infectious),
        R=q.R(e),
        value=value,
        bound=value if not np.isfinite(bound) else bound,
        over=(),
        over_R=0.0,
        multipliers={name: solution.row_prices[rows] for name, rows in b.rows.items()},
        programme=programme,
        builder=b,
        steps=steps,
        seconds=perf_counter() - started,
    )
    if "beds" not in b.rows:
        return plan
    over, over_R = exceeded(q, plan.occupancy, plan.R)
    return replace(plan, over=over, over_R=over_R)


def exceeded(
    q: Question, occupancy: Floats, R: Floats, *, near: float = NEAR
) -> tuple[tuple[tuple[int, int, float], ...], float]:
    """Return (week, area, beds too many) and how far the last R is above its limit; within `near` counts as met."""
    over = tuple(
        (int(t) + 1, int(a), float(occupancy[t + 1, a] - q.beds[a]))
        for t, a in np.argwhere(occupancy[1:] > q.beds * (1 + near) + 1e-6)
    )
    if q.end_R is None or R[-1] <= q.end_R * (1 + near):
        return over, 0.0
    return over, float(R[-1] - q.end_R)
