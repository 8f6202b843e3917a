"""What things are worth, in units people plan in, each with the range over which its price holds.

Prices are multipliers of the linear programme at a plan: at the margin, of the relaxed plan, and of that plan's
own week by week. The range is the solver's for that vertex, with openings within a tenth of the plan's: the
limit may move so far, alone, before another price applies; where the optimum is degenerate the range may
be narrower than the truth, never wider.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from yipan.engines.checks import Floats
from yipan.engines.economy.linear import LinearProgramme, Solution
from yipan.engines.economy.optimise.programme import LEAST_BEDS, LITTLE, Builder, build
from yipan.engines.economy.optimise.question import Question
from yipan.engines.economy.optimise.search import METHOD, SLACK_VALUES, Plan, near
from yipan.engines.economy.optimise.slopes import Local, local

TRUST = 0.1
"""Openings may move so far from the plan's while its prices are taken."""

LEAST = 1e-4
"""Prices below this share of the largest of their kind are left out."""

R_STEPS = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
LINEAR = 0.05
"""A price of R holds as far as the value moves within this share of what the price says."""


@dataclass(frozen=True)
class Units:
    """Natural units: `nurses_per_icu_bed` who staff one bed, `seats` of a train, `masks` of a batch.

    Three nurses a bed is the least that China's guideline for intensive care units asks for (Ministry of
    Health, 2009); a train of sixteen cars seats about a thousand.
    """

    nurses_per_icu_bed: float = 3.0
    seats: float = 1000.0
    masks: float = 1000.0


@dataclass(frozen=True)
class Worth:
    """One price in plain words.

    `limit`: bed, icu_nurse, train, thousand_masks, relief, school_week, R; `week`, `index` (area, group)
    where it applies, None for all; `value` money that one unit more adds; `fewer` and `more` units by which the
    limit may move, alone, with the price unchanged.
    """

    limit: str
    week: int | None
    index: int | None
    value: float
    fewer: float
    more: float

    def sentence(self, money: str = "money") -> str:
        """Return the price as an English sentence; pages say it in the reader's own language."""
        where = "" if self.week is None else f" in week {self.week + 1}"
        where += "" if self.index is None else f" in {PLACES.get(self.limit, 'place')} {self.index}"
        verb = "costs" if self.value < 0 else "is worth"
        return (
            f"{WORDS[self.limit]}{where} {verb} {abs(self.value):,.3g} {money}; so from "
            f"{self.fewer:,.3g} fewer to {self.more:,.3g} more."
        )


WORDS = {
    "bed": "One more bed",
    "icu_nurse": "One more intensive-care nurse",
    "train": "One more train of returning workers",
    "thousand_masks": "A thousand more masks",
    "relief": "One more unit of relief",
    "school_week": "A week of open schools",
    "R": "An R higher by 0.01",
}
PLACES = {"bed": "hospital area", "icu_nurse": "hospital area", "school_week": "group"}


def worths(
    q: Question, plan: Plan, *, units: Units | None = None, school: int | None = 0
) -> tuple[Worth, ...]:
    """Return what beds, nurses, trains, masks, relief, school weeks and R are worth under a plan.

    `school` is the index of the setting that is a school, None for none. Prices of nothing are left out;
    a week of school is worth what opening it would add, less than nothing where it costs more infections
    than it is valued at.
    """
    said = units or Units()
    around = local(q, q.contacts(plan.x, plan.u), plan.returns)
    cost = SLACK_VALUES * plan.bound / max(float(q.beds.sum()), 1.0) / q.weeks
    b = build(q, around=around, slack_cost=cost)
    programme = near(b, {"opened": np.maximum(plan.x - q.least, 0.0), "u": plan.u}, TRUST)
    solution = programme.solve(method=METHOD, ranging=True)
    found = _of_rows(q, b, solution, programme.row_lower, programme.row_upper, around, said)
    if school is not None:
        found += _of_school(b, solution, school)
    found += _of_R(q, b, solution, around, programme)
    return tuple(sorted(found, key=lambda w: (w.limit, -abs(w.value), w.week or 0, w.index or 0)))


def _of_rows(
    q: Question, b: Builder, solution: Solution, lower: Floats, upper: Floats, around: Local,
    units: Units,
) -> list[Worth]:  # fmt: skip
    found: list[Worth] = []
    ranges = solution.row_ranges
    duals = solution.row_prices
    needed = np.maximum(around.occupancy[1:], LITTLE)
    for at in np.argwhere(duals[b.rows["beds"]] > 0):
        week, area = int(at[0]), int(at[1])
        if q.beds[area] < LEAST_BEDS * needed[week, area]:
            continue  # there are as good as no beds, and no logarithm of them to have a price
        row = b.rows["beds"][week, area]
        price = float(duals[row] / q.beds[area])
        low, high = _range(ranges, row, upper[row])
        fewer = q.beds[area] * (1.0 - np.exp(-low)) if np.isfinite(low) else q.beds[area]
        more = q.beds[area] * (np.exp(min(high, 50.0)) - 1.0) if np.isfinite(high) else np.inf
        found.append(Worth("bed", week, area, price, float(fewer), float(more)))
        n = units.nurses_per_icu_bed
        found.append(Worth("icu_nurse", week, area, price / n, float(fewer) * n, float(more) * n))
    for week, row in enumerate(b.rows["trains"]):
        low, high = _range(ranges, row, upper[row])
        n = units.seats
        found.append(Worth("train", week, None, float(duals[row]) * n, low / n, high / n))
    for week, row in enumerate(b.rows["protective"]):
        # a lower limit: one mask more in that week is one less that is asked of the row
        low, high = _range(ranges, row, lower[row])
        n = units.masks
        found.append(Worth("thousand_masks", week, None, -float(duals[row]) * n, high / n, low / n))
    for week, row in enumerate(b.rows.get("relief", np.zeros(0, dtype=np.int64))):
        low, high = _range(ranges, row, upper[row])
        found.append(Worth("relief", week, None, float(duals[row]), low, high))
    return _kept(found)


def _range(ranges: Floats | None, row: int, limit: float) -> tuple[float, float]:
    """Return how far a limit may fall and rise with its price unchanged; nothing where no vertex told."""
    if ranges is None:
        return 0.0, 0.0
    return max(0.0, limit - float(ranges[row, 0])), max(0.0, float(ranges[row, 1]) - limit)


def _kept(found: list[Worth]) -> list[Worth]:
    top: dict[str, float] = {}
    for one in found:
        top[one.limit] = max(top.get(one.limit, 0.0), abs(one.value))
    return [w for w in found if abs(w.value) > max(LEAST * top[w.limit], 1e-12)]


def _of_school(b: Builder, solution: Solution, school: int) -> list[Worth]:
    found = []
    ranges = solution.column_ranges
    for at in np.ndindex(b.columns["u"].shape[:2]):
        column = b.columns["u"][at][school]
        held = float(solution.x[column])
        low, high = _range(ranges, column, held)
        value = float(solution.column_prices[column])
        found.append(Worth("school_week", int(at[0]), int(at[1]), value, min(low, held), min(high, 1 - held)))  # fmt: skip
    return _kept(found)


def _of_R(
    q: Question, b: Builder, solution: Solution, around: Local, programme: LinearProgramme
) -> list[Worth]:
    """Return what 0.01 of R is worth: as much transmission more or less, everywhere and in every week.

    An R higher by 0.01 fills beds as contacts higher by 0.01 would, so it lowers the room of every bed row;
    the value is less than nothing where beds bind. The range is found by solving again.
    """
    needed = np.maximum(around.occupancy[1:], LITTLE)
    slope = around.d_contacts.sum(axis=(2, 3)) / needed  # of log beds to R
    rows = b.rows["beds"].ravel()
    per_unit = -float(solution.row_prices[rows] @ slope.ravel())
    if abs(per_unit) <= 1e-12:
        return []
    holds = []
    for sign in (-1.0, 1.0):
        reach = 0.0
        for step in R_STEPS:
            upper = programme.row_upper.copy()
            upper[rows] -= sign * step * slope.ravel()
            moved = replace(programme, row_upper=upper).solve(method=METHOD, start=solution.basis)
            if moved.feasible and abs(moved.value - solution.value - sign * step * per_unit) <= (
                LINEAR * abs(step * per_unit)
            ):
                reach = step
                break
        holds.append(reach)
    return [Worth("R", None, None, 0.01 * per_unit, holds[0] / 0.01, holds[1] / 0.01)]
