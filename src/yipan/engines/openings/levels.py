"""From an optimum to what people can order: whole levels, rounded down, then raised while every limit holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yipan.engines.checks import Floats, Integers
from yipan.engines.openings.question import STEPS, Question, taken
from yipan.engines.openings.search import Plan, exceeded, value_of

FULL = 1.0 - 1e-4
HOPELESS = 1.5
"""A step whose contacts cost more than this times its value, at the optimum's own prices, is not tried."""


@dataclass(frozen=True)
class Ordered:
    """A plan in levels.

    `levels` (week, group, setting) 0–3; `value` money over the weeks; `loss` the share of the relaxed
    plan's value that rounding cost; `over`, `over_R` as in `Plan`, beyond what the relaxed plan exceeded.
    """

    levels: Integers
    value: float
    loss: float
    infectious: Floats
    occupancy: Floats
    R: Floats
    over: tuple[tuple[int, int, float], ...]
    over_R: float


def rounded(q: Question, plan: Plan) -> Ordered:
    """Return the plan in whole levels that keeps every limit which the relaxed plan kept.

    Rounding down never adds infections (K is monotone), so limits still hold; then levels are raised,
    first where the optimum had begun a step, then those that add most value for their contacts at the
    optimum's own prices, as long as the model's own trajectory, hands and masks hold. The loss is
    reported; it is not bounded.
    """
    full = (plan.x >= FULL).cumprod(axis=-1)
    low = np.maximum(full.sum(axis=-1), q.group_least).astype(np.int64)
    if q.staged:
        low = np.maximum.accumulate(low, axis=0)
    holder = _Holder(q, plan)
    levels = low
    for _step in range(STEPS):
        order = _order(q, plan, levels)
        if not order.size:
            break
        raised = _raise(q, holder, levels, order)
        if (raised == levels).all():
            break
        levels = raised
    return ordered(q, levels, plan.returns, relaxed=plan.value)


def ordered(q: Question, levels: Integers, returns: Floats, *, relaxed: float) -> Ordered:
    """Return what levels come to in the weekly model."""
    x = taken(levels)
    e = q.contacts(x)
    infectious = q.trajectory(e, returns)
    occupancy, R = q.occupancy(infectious), q.R(e)
    over, over_R = exceeded(q, occupancy, R)
    value = value_of(q, x)
    return Ordered(
        levels=levels,
        value=value,
        loss=1.0 - value / relaxed if relaxed > 0 else 0.0,
        infectious=infectious,
        occupancy=occupancy,
        R=R,
        over=over,
        over_R=over_R,
    )


class _Holder:
    """Whether levels hold every limit, counting as allowed what the relaxed plan itself exceeded."""

    def __init__(self, q: Question, plan: Plan) -> None:
        self.q, self.returns = q, plan.returns
        self.beds = np.maximum(q.beds, plan.occupancy[1:])
        self.end_R = np.inf if q.end_R is None else max(q.end_R, float(plan.R[-1]))
        self.hands = q.hands + np.cumsum(plan.returns, axis=0) + 1e-6
        self.masks = q.mask_stock + q.mask_supply * np.arange(1, q.weeks + 1) + 1e-6
        self.use = q.by_group(q.step_workers) * q.step_masks

    def __call__(self, levels: Integers) -> bool:
        q, x = self.q, taken(levels)
        e = q.contacts(x)
        if q.R(e)[-1] > self.end_R * (1 + 1e-9):
            return False
        if (np.einsum("tgsl,gsl->t", x, self.use).cumsum() > self.masks).any():
            return False
        busy = np.einsum("tpsl,psl->tp", x[:, q.group], q.step_workers)
        if (busy > self.hands).any():
            return False
        occupancy = q.occupancy(q.trajectory(e, self.returns))
        return bool((occupancy[1:] <= self.beds * (1 + 1e-9)).all())


def _order(q: Question, plan: Plan, levels: Integers) -> Integers:
    """Flat indices (week, group, setting) that can be raised, the most promising first."""
    price = np.maximum(-plan.multipliers.get("contacts", np.zeros((q.weeks, q.places))), 0.0)
    cost = np.zeros((q.weeks, q.groups, q.settings, STEPS))
    for t in range(q.weeks):
        cost[t] = q.by_group(q.step_contacts * price[t][:, None, None])
    at = np.minimum(levels, STEPS - 1)[..., None]
    value = np.take_along_axis(np.broadcast_to(q.by_group(q.step_value), cost.shape), at, -1)[
        ..., 0
    ]
    spent = np.take_along_axis(cost, at, -1)[..., 0]
    begun = np.take_along_axis(plan.x, at, -1)[..., 0]
    free = (levels < q.group_most) & ((begun > 1e-6) | (spent < HOPELESS * value))
    index = np.flatnonzero(free)
    ratio = (value / np.maximum(spent, 1e-12)).ravel()[index]
    best = np.lexsort((-ratio, -np.round(begun.ravel()[index], 3)))
    return np.asarray(index[best], dtype=np.int64)


def _raise(q: Question, holds: _Holder, levels: Integers, order: Integers) -> Integers:
    """Raise as many as hold, in order; a block that does not hold is halved and tried again."""
    here = levels
    blocks = [order]
    while blocks:
        block = blocks.pop()
        tried = _with(q, here, block)
        if holds(tried):
            here = tried
        elif block.size > 1:
            half = block.size // 2
            blocks += [block[half:], block[:half]]
    return here


def _with(q: Question, levels: Integers, block: Integers) -> Integers:
    flat = levels.ravel().copy()
    flat[block] += 1
    raised = np.minimum(flat.reshape(levels.shape), q.group_most)
    return np.maximum.accumulate(raised, axis=0) if q.staged else raised
