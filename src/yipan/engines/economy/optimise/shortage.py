"""Why no plan meets the limits, and what would cure it: which limit, by how much, and the cheapest cures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array, hstack

from yipan.engines.economy.optimise.programme import Builder, build
from yipan.engines.economy.optimise.question import Question
from yipan.engines.economy.optimise.search import METHOD, Plan

ELASTIC = {
    "goods": "goods",
    "labour": "hands",
    "protective": "protective equipment",
    "cash": "cash",
}
LITTLE = 1e-6


@dataclass(frozen=True)
class Shortage:
    """One limit that cannot be met: at least `amount` more would be needed, in its own unit."""

    limit: str  # beds, goods, hands, protective equipment, cash
    week: int | None
    index: int | None  # area, sector or place
    amount: float


@dataclass(frozen=True)
class Cure:
    """What alone would make the question answerable."""

    beds: dict[int, float]  # area -> beds more
    transmission: float | None  # factor on all transmission; None: no factor in (0, 1] helps


def of_the_economy(question: Question) -> list[Shortage]:
    """Return the least shortages with which the economy could run; empty where it runs.

    The smallest sum of shortages, each measured in its own unit relative to what the limit holds.
    """
    b = build(question)
    programme = b.programme()
    if programme.solve(method=METHOD).feasible:
        return []
    slack, names = _slack(question, b)
    width = b.width
    relaxed = replace(
        programme,
        gain=np.concatenate([np.zeros(width), -1.0 / slack.unit]),
        lower=np.concatenate([programme.lower, np.zeros(slack.unit.size)]),
        upper=np.concatenate([programme.upper, np.full(slack.unit.size, np.inf)]),
        rows=csr_array(hstack([programme.rows, slack.entries])),
    )
    solution = relaxed.solve(method=METHOD)
    found = []
    for i, amount in enumerate(solution.x[width:]):
        if amount > LITTLE * slack.unit[i]:
            name, week, index = names[i]
            found.append(Shortage(name, week, index, float(amount)))
    return sorted(found, key=lambda s: (s.limit, s.week or 0, s.index or 0))


@dataclass(frozen=True)
class _Slack:
    entries: csr_array
    unit: np.ndarray


def _slack(question: Question, b: Builder) -> tuple[_Slack, list[tuple[str, int, int | None]]]:
    rows, signs, units, names = [], [], [], []
    total = question.capacity.sum(axis=0)
    capacity = np.zeros((question.groups, question.sectors))
    np.add.at(capacity, question.group, question.capacity)
    held = {
        "goods": np.tile(total, (question.weeks, 1)),
        "labour": np.tile(np.maximum(question.residents_at_work, 1.0), (question.weeks, 1)),
        "protective": np.full(question.weeks, max(question.protective_stock, 1.0)),
        "cash": np.tile(capacity, (question.weeks, 1, 1)),
    }
    for name, limit in ELASTIC.items():
        if name not in b.rows:
            continue
        # goods, masks and cash lack on the side of supply; labour rows exceed an upper limit
        sign = -1.0 if name == "labour" else 1.0
        for at, row in np.ndenumerate(b.rows[name]):
            rows.append(int(row))
            signs.append(sign)
            units.append(max(float(held[name][at]), 1e-9))
            names.append((limit, int(at[0]), int(at[-1]) if len(at) > 1 else None))
    entries = csr_array(
        (signs, (rows, np.arange(len(rows)))), shape=(b.height, len(rows)), dtype=np.float64
    )
    return _Slack(entries, np.array(units)), names


def of_beds(plan: Plan) -> list[Shortage]:
    """Return the beds that even the best plan lacks, by week and area, the largest first."""
    return sorted(
        (Shortage("beds", week, area, amount) for week, area, amount in plan.over),
        key=lambda s: -s.amount,
    )


def cure(question: Question, plan: Plan) -> Cure:
    """Return what alone would let the least openings keep the beds: beds more, or less transmission."""
    least = _least_occupancy(question, 1.0)
    lacking = np.maximum(least[1:].max(axis=0) - question.beds, 0.0)
    beds = {int(a): float(lacking[a]) for a in np.flatnonzero(lacking > LITTLE)}
    if not beds and plan.feasible:
        return Cure({}, 1.0)
    return Cure(beds, _enough(question))


def _least_occupancy(question: Question, factor: float) -> np.ndarray:
    q = question
    x = np.tile(q.least, (q.weeks, q.groups, 1))
    u = np.tile(q.least_setting, (q.weeks, q.groups, 1))
    milder = q.but(household=q.household * factor)
    nobody = np.zeros((q.weeks, q.places))
    return q.occupancy(milder.trajectory(factor * q.contacts(x, u), nobody))


def _enough(question: Question) -> float | None:
    def borne(factor: float) -> bool:
        return bool((_least_occupancy(question, factor)[1:] <= question.beds).all())

    if borne(1.0):
        return 1.0
    if not borne(0.0):
        return None
    low, high = 0.0, 1.0
    for _step in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if borne(middle) else (low, middle)
    return low
