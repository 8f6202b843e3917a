"""What one unit more of each limit is worth, and how far that price holds: re-solved, not only read off.

A multiplier of a degenerate programme is one of many; so each limit is moved by one unit and the programme
solved again from where it stood (a one-sided difference), then by 2, 4, 8 … units as long as the gain a
unit stays within a tenth of the first. Prices are those of the relaxed plan, linearised at it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from yipan.engines.checks import Floats, Integers
from yipan.engines.economy.linear import LinearProgramme, Solution
from yipan.engines.openings.question import Question
from yipan.engines.openings.search import Plan

HOLDS = 0.9
LARGEST = 64


@dataclass(frozen=True)
class Worth:
    """The price of one limit.

    `limit` bed, masks, train, end_R or school; `index` area (bed) or week (train); `each` money for one unit;
    `units` how many units the price holds for, to within a tenth (a power of two, at most LARGEST);
    0 where the limit does not bind.
    """

    limit: str
    index: int | None
    each: float
    units: float


class Standing:
    """A programme solved to a vertex, from which programmes with slightly other limits start."""

    def __init__(self, plan: Plan) -> None:
        """Solve the plan's last programme to a vertex."""
        self.programme = plan.programme
        self.builder = plan.builder
        self.vertex = plan.programme.solve(method="ipm")
        self.base = self.vertex.value

    def _again(self, programme: LinearProgramme) -> Solution:
        return programme.solve(method="simplex", start=self.vertex.basis)

    def with_rows(self, rows: Integers, more: float) -> float:
        """Return what the optimum gains with the upper limits of `rows` raised by `more`."""
        upper = self.programme.row_upper.copy()
        upper[np.asarray(rows).ravel()] += more
        return self._again(replace(self.programme, row_upper=upper)).value - self.base

    def forced(self, q: Question, setting: int, steps: int) -> Solution | None:
        """Return the optimum with the first `steps` of a setting taken everywhere by the last week."""
        allowed = (q.group_most[:, setting, None] > np.arange(steps)).ravel()
        if q.staged:
            rows = self.builder.rows["once"][:, setting, :steps].ravel()[allowed]
            lower = self.programme.row_lower.copy()
            lower[rows] = 1.0
            changed = replace(self.programme, row_lower=lower)
        else:
            columns = self.builder.columns["d"][-1, :, setting, :steps].ravel()[allowed]
            lower = self.programme.lower.copy()
            lower[columns] = 1.0
            changed = replace(self.programme, lower=lower)
        found = self._again(changed)
        return found if found.feasible else None


def worth_of_limits(
    q: Question,
    plan: Plan,
    *,
    workers_per_train: float,
    masks: float = 1000.0,
    areas: int = 3,
    school: int | None = None,
    school_steps: int = 2,
    welfare: Floats | None = None,
) -> list[Worth]:
    """Return the price of each limit of a plan, binding or not.

    `areas` how many hospital areas are priced, those of the largest multipliers first. `school` the
    index of the setting whose week is priced: what opening it everywhere in the last week costs in value
    added, `welfare` (place, setting, step) being the part of the value that is not value added.
    """
    standing = Standing(plan)
    rows = plan.builder.rows
    found: list[Worth] = []
    by_area = plan.multipliers["beds"].sum(axis=0)
    for area in np.argsort(-by_area, kind="stable")[:areas]:
        found.append(_priced("bed", int(area), standing, rows["beds"][:, area], 1.0, by_area[area]))
    found.append(
        _priced("masks", None, standing, rows["masks"], masks, plan.multipliers["masks"].sum())
    )
    by_week = plan.multipliers["trains"]
    week = int(by_week.argmax())
    found.append(
        _priced(
            "train",
            week,
            standing,
            rows["trains"][week : week + 1],
            workers_per_train,
            by_week[week],
        )
    )
    if "end_R" in rows:
        of_R = float(plan.multipliers["end_R"][0])
        found.append(_priced("end_R", None, standing, rows["end_R"], 0.01, of_R))
    if school is not None:
        found.append(_school(q, plan, standing, school, school_steps, welfare))
    return found


def _priced(
    limit: str,
    index: int | None,
    standing: Standing,
    rows: Integers,
    unit: float,
    multiplier: float,
) -> Worth:
    if multiplier * unit <= 1e-7 * abs(standing.base) and limit != "bed":
        return Worth(limit, index, 0.0, 0.0)
    return _ranged(limit, index, lambda n: standing.with_rows(rows, n * unit), standing.base)


def _ranged(limit: str, index: int | None, gain: Callable[[float], float], base: float) -> Worth:
    each = gain(1.0)
    if not each > 1e-9 * abs(base):
        return Worth(limit, index, 0.0, 0.0)
    units = 1.0
    while units < LARGEST and gain(2 * units) >= HOLDS * each * 2 * units:
        units *= 2
    return Worth(limit, index, each, units)


def _school(
    q: Question, plan: Plan, standing: Standing, school: int, steps: int, welfare: Floats | None
) -> Worth:
    open_now = plan.x[-1, :, school, :steps].mean()
    if open_now > 1 - 1e-3:
        return Worth("school", None, 0.0, 0.0)
    forced = standing.forced(q, school, steps)
    if forced is None:
        return Worth("school", None, float("nan"), 0.0)
    lost = standing.base - forced.value
    if welfare is not None:
        d = forced.x[plan.builder.columns["d"]]
        x = np.cumsum(d, axis=0) if q.staged else d
        lost += float(np.einsum("tgsl,gsl->", x - plan.x, q.by_group(welfare)))
    return Worth("school", None, max(0.0, lost), 1.0)
