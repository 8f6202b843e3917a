"""Answers to a question: the economy alone, a fixed envelope, the sequential programme; each with its price list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from yipan.engines.checks import Floats
from yipan.engines.economy.linear import Solution
from yipan.engines.economy.optimise.programme import Builder, build
from yipan.engines.economy.optimise.question import Question

MOST_STEPS = 6
SETTLED = 3e-3
"""The search ends when a feasible step gains less than this share."""

FIRST_TRUST = 1.5
SLACK_VALUES = 50.0
"""Price of a bed too many in the search, in average values of a bed's share of output: far above any found."""

NEAR = 2e-3
"""A plan is taken to meet the beds where its own trajectory exceeds none by more than this share; the
programme itself is held half as far below them."""


@dataclass(frozen=True)
class Price:
    """What one unit more of a limit is worth in value, and where: a marginal price of the relaxed plan."""

    limit: str  # beds, trains, protective, purchases, imports, returning, relief
    week: int | None
    index: int | None  # area, place or sector
    value: float


@dataclass(frozen=True)
class Plan:
    """An answer.

    `x` (week, group, sector), `u` (week, group, setting), `output` (week, group, sector), `returns`
    (week, place), `infectious` (week + 1, place) by the model's own trajectory, `occupancy` (week + 1,
    area). `value` is value added and welfare over the weeks, money; `bound` what the economy alone would
    allow; `envelope` the envelope it is optimal for. `over` lists (week, area, beds too many).
    """

    x: Floats
    u: Floats
    output: Floats
    returns: Floats
    infectious: Floats
    occupancy: Floats
    value: float
    bound: float
    envelope: Floats | None
    over: tuple[tuple[int, int, float], ...]
    prices: tuple[Price, ...]
    steps: int
    seconds: float
    notes: tuple[str, ...] = field(default=())

    @property
    def feasible(self) -> bool:
        """Whether no area needs more beds than it has."""
        return not self.over

    @property
    def gap(self) -> float:
        """Share by which the value stays below the bound of the economy alone."""
        return 1.0 - self.value / self.bound


def economy_alone(question: Question) -> Plan | None:
    """Return the plan without an epidemic, an upper bound for every other; None where the economy itself cannot run."""
    started = perf_counter()
    b = build(question, envelope=None)
    solution = b.programme().solve(method="ipm")
    if not solution.feasible:
        return None
    return _plan(question, b, solution, None, solution.value, 1, started)


def within_envelope(
    question: Question, envelope: Floats, *, bound: float | None = None
) -> Plan | None:
    """Return the optimum for a fixed envelope of infections (week + 1, place): global for that envelope.

    Every plan it allows keeps I ≤ envelope in the weekly model, because K is monotone. None where even
    the least openings break the envelope.
    """
    started = perf_counter()
    b = build(question, envelope=envelope)
    solution = b.programme().solve(method="ipm")
    if not solution.feasible:
        return None
    return _plan(
        question, b, solution, envelope, _bound(question) if bound is None else bound, 1, started
    )


def optimise(
    question: Question,
    *,
    steps: int = MOST_STEPS,
    progress: Callable[[int, float], None] | None = None,
) -> Plan | None:
    """Return the best plan found by the sequential programme: a local optimum, and it says so.

    Starts from the largest even opening that the beds bear; each step linearises K(e) I there, lets
    infections move within a factor, and limits them by each area's beds. Where no plan meets the beds the answer is
    the one that exceeds them least, with `over` naming area, week and number. None where the economy
    itself cannot run (goods, labour, cash).
    """
    started = perf_counter()
    alone = economy_alone(question)
    if alone is None:
        return None
    q = question
    cost = SLACK_VALUES * alone.bound / max(float(q.beds.sum()), 1.0) / q.weeks
    contacts, envelope = _even(q)
    held = q.but(beds=q.beds * (1.0 - NEAR / 2))
    best: Plan | None = None
    trust, done = FIRST_TRUST, 0
    # What the start itself exceeds: a first step that exceeds more has left what its slopes know.
    allowed = float(np.maximum(q.occupancy(envelope)[1:] - q.beds, 0.0).sum())
    stray: Plan | None = None
    while done < steps:
        done += 1
        b = build(held, envelope=envelope, contacts=contacts, trust=trust, slack_cost=cost)
        solution = b.programme().solve(method="ipm", crossover=False)
        if not solution.feasible:
            trust = 1.0 + (trust - 1.0) * 2.0
            continue
        plan = _plan(q, b, solution, envelope, alone.value, done, started)
        if progress is not None:
            progress(done, plan.value)
        exceeds = sum(beds for _w, _a, beds in plan.over)
        if best is None and exceeds > allowed * (1 + NEAR):
            stray = plan if stray is None or _merit(plan, cost) > _merit(stray, cost) else stray
            trust = 1.0 + (trust - 1.0) * 0.4
            continue
        better = best is None or _merit(plan, cost) > _merit(best, cost) * (1 + 1e-6)
        settled = best is not None and abs(plan.value - best.value) <= SETTLED * abs(best.value)
        if better:
            best, envelope = plan, plan.infectious
            contacts = q.contacts(plan.x, plan.u)
            if settled and not plan.over:
                break
        else:
            trust = 1.0 + (trust - 1.0) * 0.4
            if trust < 1.005:
                break
    return best or stray


def _even(q: Question) -> tuple[Floats, Floats]:
    """Return contacts and trajectory of the largest even opening that the beds bear, the least if none does."""
    nobody = np.zeros((q.weeks, q.places))

    def at(share: float) -> tuple[Floats, Floats]:
        x = np.tile(q.least + share * (1.0 - q.least), (q.weeks, q.groups, 1))
        u = np.tile(q.least_setting + share * (1.0 - q.least_setting), (q.weeks, q.groups, 1))
        contacts = q.contacts(x, u)
        return contacts, q.trajectory(contacts, nobody)

    low, high = 0.0, 1.0
    for _step in range(20):
        middle = 0.5 * (low + high)
        borne = (q.occupancy(at(middle)[1])[1:] <= q.beds).all()
        low, high = (middle, high) if borne else (low, middle)
    return at(low)


def _merit(plan: Plan, cost: float) -> float:
    return plan.value - cost * sum(beds for _w, _a, beds in plan.over)


def _bound(question: Question) -> float:
    alone = economy_alone(question)
    return alone.value if alone is not None else np.nan


def _plan(
    q: Question,
    b: Builder,
    solution: Solution,
    envelope: Floats | None,
    bound: float,
    steps: int,
    started: float,
) -> Plan:
    x, u, y, returns = (solution.x[b.columns[name]] for name in ("x", "u", "y", "returns"))
    infectious = q.trajectory(q.contacts(x, u), returns)
    occupancy = q.occupancy(infectious)
    over = tuple(
        (int(t), int(a), float(occupancy[t, a] - q.beds[a]))
        for t, a in np.argwhere(occupancy > q.beds * (1 + NEAR) + 1e-9)
        if t > 0
    )
    return Plan(
        x=x,
        u=u,
        output=y,
        returns=returns,
        infectious=infectious,
        occupancy=occupancy,
        value=_value(q, b, solution),
        bound=bound,
        envelope=envelope,
        over=over if envelope is not None else (),
        prices=_prices(q, b, solution),
        steps=steps,
        seconds=perf_counter() - started,
    )


def _value(q: Question, b: Builder, solution: Solution) -> float:
    """Value added, welfare of settings, less imports; beds too many and relief are no value."""
    people = np.bincount(q.group, q.people, minlength=q.groups)
    welfare = solution.x[b.columns["u"]] * (people[:, None] * q.setting_value)
    added = solution.x[b.columns["y"]] * q.value_share
    bought = solution.x[b.columns["imports"]] * q.import_cost
    return float(added.sum() + welfare.sum() - bought.sum())


ROW_LIMITS = (
    ("beds", "beds"),
    ("trains", "trains"),
    ("returns", "returning"),
    ("relief", "relief"),
)
COLUMN_LIMITS = (("imports", "imports"), ("bought", "purchases"))


def _prices(q: Question, b: Builder, solution: Solution) -> tuple[Price, ...]:
    """Return prices above a thousandth of the largest, the largest first."""
    found: list[Price] = []
    for name, limit in ROW_LIMITS:
        if name in b.rows:
            found += _listed(limit, solution.row_prices[b.rows[name]])
    for name, limit in COLUMN_LIMITS:
        found += _listed(limit, solution.column_prices[b.columns[name]])
    worth = solution.row_prices[b.rows["protective"]]
    found += _listed("protective", -worth)
    top = max((price.value for price in found), default=0.0)
    kept = [price for price in found if price.value > 1e-3 * top and price.value > 0]
    return tuple(sorted(kept, key=lambda p: (-p.value, p.limit, p.week or 0, p.index or 0)))


def _listed(limit: str, values: Floats) -> list[Price]:
    by_week = limit != "returning"
    return [
        Price(
            limit,
            int(at[0]) if by_week else None,
            int(at[-1]) if len(at) > 1 or not by_week else None,
            float(values[tuple(at)]),
        )
        for at in np.argwhere(values > 0)
    ]
