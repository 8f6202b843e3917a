"""Small provinces where the optimum is known by another way: written out again, and moved by differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from invented import invented
from yipan.engines.economy.optimise import search
from yipan.engines.economy.optimise.question import Question
from yipan.engines.economy.optimise.search import Plan, optimise, within_envelope
from yipan.engines.economy.optimise.slopes import local


def rich(seed: int, **changed: Any) -> Question:
    """A province of 4 places, 3 sectors and 3 weeks in which every kind of limit is there."""
    q = invented(
        places=4, sectors=3, weeks=3, areas=2, seed=seed,
        margin=0.16, fixed_cost=0.1, cash=0.12, stay=0.5, bed_delay=np.array([0.3, 0.6, 0.1]),
        arrivals=np.full(4, 0.02),
    )  # fmt: skip
    return q.but(
        relief=0.01 * float(q.capacity.sum()),
        trains=0.02 * float(q.workers.sum()),
        protective_stock=0.01 * float(q.workers.sum()),
        **changed,
    )


def envelope_of(q: Question, share: float = 0.7) -> np.ndarray:
    x = np.tile(q.least + share * (1 - q.least), (q.weeks, q.groups, 1))
    u = np.tile(q.least_setting + share * (1 - q.least_setting), (q.weeks, q.groups, 1))
    return q.trajectory(q.contacts(x, u), np.zeros((q.weeks, q.places)))


def bedded(q: Question, envelope: np.ndarray, share: float = 0.97) -> Question:
    """The question with beds that bind a little before the envelope does."""
    return q.but(beds=q.occupancy(envelope)[1:].max(axis=0) * share)


# ---- the same problem written out, equation by equation


class Written:
    """The fixed-envelope problem in its plain form: one unknown for every symbol of the manual."""

    def __init__(self, q: Question, envelope: np.ndarray) -> None:
        self.q, self.Ibar = q, envelope
        self.names: dict[tuple[Any, ...], int] = {}
        self.low: list[float] = []
        self.high: list[float | None] = []
        self.cost: list[float] = []
        self.upper: list[tuple[dict[int, float], float]] = []
        self.equal: list[tuple[dict[int, float], float]] = []
        self.caused: list[list[tuple[dict[int, float], float]]] = []

    def new(
        self, *name: Any, low: float = 0.0, high: float | None = None, gain: float = 0.0
    ) -> int:
        self.names[name] = len(self.low)
        self.low.append(low)
        self.high.append(high)
        self.cost.append(-gain)
        return self.names[name]

    def value(self) -> float:
        self.unknowns()
        for t in range(self.q.weeks):
            self.week(t)
        A_ub, b_ub = self.dense(self.upper)
        A_eq, b_eq = self.dense(self.equal)
        found = linprog(
            self.cost, A_ub=A_ub, b_ub=b_ub, A_eq=A_eq, b_eq=b_eq,
            bounds=list(zip(self.low, self.high, strict=True)), method="highs-ds",
        )  # fmt: skip
        assert found.status == 0, found.message
        relief = sum(found.x[i] for name, i in self.names.items() if name[0] == "relief")
        return float(-found.fun + 1e-3 * relief)

    def dense(self, rows: list[tuple[dict[int, float], float]]) -> tuple[np.ndarray, np.ndarray]:
        table = np.zeros((len(rows), len(self.low)))
        for k, (row, _limit) in enumerate(rows):
            for column, value in row.items():
                table[k, column] += value
        return table, np.array([limit for _row, limit in rows])

    def unknowns(self) -> None:
        q = self.q
        for t in range(q.weeks):
            for p in range(q.places):
                for s in range(q.sectors):
                    self.new("x", t, p, s, low=q.least[s], high=1.0)
                    self.new("y", t, p, s, gain=q.value_share[s])
                    self.new("relief", t, p, s, gain=-1e-3)
                    self.new("cash", t, p, s)
                for k in range(q.settings):
                    gain = q.people[p] * q.setting_value[k]
                    self.new("u", t, p, k, low=q.least_setting[k], high=1.0, gain=gain)
                self.new("r", t, p, high=q.returning[p])
            for s in range(q.sectors):
                self.new("final", t, s, high=q.final_use[s])
                self.new("import", t, s, high=q.imports[s], gain=-q.import_cost[s])
                low = q.least_stock[s] if t == q.weeks - 1 else 0.0
                self.new("stock", t, s, low=low, high=q.most_stock[s])
            self.new("masks", t)
            self.new("bought", t, high=q.protective_bought)
            for a in range(q.areas):
                self.new("B", t, a, high=q.beds[a])

    def week(self, t: int) -> None:
        q, at = self.q, self.names
        P, S = q.places, q.sectors
        for p in range(P):
            labour = {at["r", w, p]: -1.0 for w in range(t + 1)}
            for s in range(S):
                present = q.capacity[p, s] * (1 - q.remote[s])
                row = {at["y", t, p, s]: 1.0, at["x", t, p, s]: -present}
                self.upper.append((row, q.capacity[p, s] * q.remote[s]))
                labour[at["x", t, p, s]] = (1 - q.remote[s]) * q.workers[p, s]
                cash = {
                    at["cash", t, p, s]: 1.0,
                    at["y", t, p, s]: -q.margin,
                    at["relief", t, p, s]: -1.0,
                }
                start = q.cash * q.capacity[p, s] if t == 0 else 0.0
                if t > 0:
                    cash[at["cash", t - 1, p, s]] = -1.0
                self.upper.append((cash, start - q.fixed_cost * q.capacity[p, s]))
            self.upper.append((labour, q.residents_at_work[p]))
        for s in range(S):
            goods = {at["stock", t, s]: -1.0, at["import", t, s]: 1.0, at["final", t, s]: -1.0}
            for p in range(P):
                for j in range(S):
                    net = (1.0 if j == s else 0.0) - q.needs[s, j]
                    goods[at["y", t, p, j]] = goods.get(at["y", t, p, j], 0.0) + net
            if t > 0:
                goods[at["stock", t - 1, s]] = 1.0
            self.equal.append((goods, -q.stock[s] if t == 0 else 0.0))
        self.upper.append(({at["r", t, p]: 1.0 for p in range(P)}, q.trains))
        relief = {at["relief", t, p, s]: 1.0 for p in range(P) for s in range(S)}
        self.upper.append((relief, q.relief))
        if t == q.weeks - 1:
            for p in range(P):
                self.upper.append(({at["r", w, p]: 1.0 for w in range(t + 1)}, q.returning[p]))
        masks = {at["masks", t]: 1.0, at["bought", t]: -1.0}
        for p in range(P):
            for s in range(S):
                used = (1 - q.remote[s]) * q.workers[p, s] * q.protective_use
                masks[at["x", t, p, s]] = used
            made = at["y", t, p, q.protective_sector]
            masks[made] = masks.get(made, 0.0) - q.protective_made
        if t > 0:
            masks[at["masks", t - 1]] = -1.0
        self.equal.append((masks, q.protective_stock if t == 0 else 0.0))
        self.infections(t)

    def infections(self, t: int) -> None:
        q, at = self.q, self.names
        caused = []
        M = q.mixing.toarray().T @ q.people
        pi = q.mixing.toarray()
        for i in range(q.places):
            row: dict[int, float] = {}
            constant = q.household * self.Ibar[t, i] + q.arrivals[i]
            for c in range(q.places):
                met = sum(pi[j, c] * self.Ibar[t, j] for j in range(q.places))
                weight = q.people[i] * pi[i, c] * met / M[c]
                for s in range(q.sectors):
                    row[at["x", t, c, s]] = weight * q.work_contacts[c, s]
                for k in range(q.settings):
                    row[at["u", t, c, k]] = weight * q.setting_contacts[k]
            row[at["r", t, i]] = q.infectious_per_return
            caused.append((row, constant))
            self.upper.append((row, self.Ibar[t + 1, i] - constant))
        self.caused.append(caused)
        for a in range(q.areas):
            beds = {at["B", t, a]: -1.0}
            fixed = q.stay * q.in_care[a] if t == 0 else 0.0
            if t > 0:
                beds[at["B", t - 1, a]] = q.stay
            for i in np.flatnonzero(q.area == a):
                for k, share in enumerate(q.bed_delay):  # infected k weeks before: I[t + 1 − k]
                    if t + 1 - k == 0:
                        fixed += q.bed_share * share * q.infectious[i]
                    if t + 1 - k <= 0:
                        continue
                    row, constant = self.caused[t - k][i]
                    fixed += q.bed_share * share * constant
                    for column, value in row.items():
                        beds[column] = beds.get(column, 0.0) + q.bed_share * share * value
            self.equal.append((beds, -fixed))


@pytest.mark.parametrize("seed", range(5))
def test_the_programme_equals_the_manuals_equations_written_out(seed: int) -> None:
    """Another formulation, without eliminated unknowns, gives the same optimum to seven digits."""
    q = rich(seed)
    envelope = envelope_of(q)
    q = bedded(q, envelope)
    plan = within_envelope(q, envelope, bound=1.0)
    assert plan is not None
    assert plan.value == pytest.approx(Written(q, envelope).value(), rel=1e-7)


# ---- prices


LIMITS = {
    "beds": "beds", "trains": "trains", "protective_stock": "protective",
    "protective_bought": "purchases", "relief": "relief", "imports": "imports",
}  # fmt: skip


def scarce(seed: int) -> tuple[Question, np.ndarray]:
    """The same with so few masks and trains that they bind beside the beds."""
    q = rich(seed)
    hands = float(q.workers.sum())
    masks = (q.workers * (1 - q.remote)).sum() * q.protective_use
    q = q.but(
        trains=0.004 * hands,
        residents_at_work=q.workers.sum(axis=1) * 0.5,
        protective_stock=1.5 * masks,
        protective_bought=0.1 * masks,
        protective_made=0.01 * q.protective_made,
    )
    envelope = envelope_of(q, 0.9)
    return bedded(q, envelope, 0.9), envelope


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("field", list(LIMITS))
def test_a_price_lies_between_the_one_sided_differences(
    field: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "LEAST_PRICE", 0.0)
    q, envelope = scarce(seed)
    held = getattr(q, field)
    step = 1e-4 * max(float(np.mean(held)), 1.0)

    def value(change: float) -> float:
        plan = within_envelope(q.but(**{field: held + change}), envelope, bound=1.0)
        assert plan is not None
        return plan.value

    plan = within_envelope(q, envelope, bound=1.0)
    assert plan is not None
    prices = [p for p in plan.prices if p.limit == LIMITS[field]]
    if field == "protective_stock":  # one more at the start is there in the first week
        prices = [p for p in prices if p.week == 0]
    price = sum(p.value for p in prices)
    up, down = (value(step) - plan.value) / step, (plan.value - value(-step)) / step
    slack = 2e-3 * max(abs(up), abs(down)) + 1e-9 * plan.value / step
    assert up - slack <= price <= down + slack


def test_some_prices_are_not_nothing() -> None:
    """The brackets above would hold of a programme in which nothing binds."""
    limits = set()
    for seed in (0, 3):
        q, envelope = scarce(seed)
        plan = within_envelope(q, envelope, bound=1.0)
        assert plan is not None
        limits |= {p.limit for p in plan.prices}
    assert {"beds", "protective", "purchases", "trains"} <= limits


# ---- slopes


def test_slopes_of_beds_equal_differences() -> None:
    q = rich(1)
    rng = np.random.default_rng(0)
    e, r = rng.uniform(0.3, 1.2, (q.weeks, q.places)), rng.uniform(0, 900, (q.weeks, q.places))
    found = local(q, e, r)
    np.testing.assert_allclose(found.occupancy, q.occupancy(q.trajectory(e, r)))
    for s in range(q.weeks):
        for c in range(q.places):
            step = np.zeros_like(e)
            step[s, c] = 1e-6
            up, down = q.trajectory(e + step, r), q.trajectory(e - step, r)
            change = (q.occupancy(up) - q.occupancy(down))[1:] / 2e-6
            np.testing.assert_allclose(found.d_contacts[:, :, s, c], change, rtol=1e-6, atol=1e-9)
            up, down = q.trajectory(e, r + step * 1e6), q.trajectory(e, r)
            change = (q.occupancy(up) - q.occupancy(down))[1:]
            slope = found.d_arrivals[:, :, s, c] * q.infectious_per_return
            np.testing.assert_allclose(slope, change, rtol=1e-6, atol=1e-12)


# ---- the sequential programme against global search


@pytest.mark.parametrize("seed", range(3))
def test_the_sequential_programme_reaches_the_best_of_a_fine_search(seed: int) -> None:
    """Two places, two weeks, one setting that matters: every opening on a grid of hundredths."""
    q = invented(places=2, sectors=1, weeks=2, areas=2, seed=seed)
    q = q.but(
        work_contacts=np.zeros((2, 1)),
        setting_contacts=np.array([1.4, 0.0, 0.0]),
        setting_value=np.array([1e-3, 0.0, 0.0]),
    )
    plan = optimise(q)
    assert plan is not None
    fixed = plan.value - float((plan.u[..., 0] * q.people * 1e-3).sum())
    grid = np.linspace(0.0, 1.0, 41)
    first, second, third, fourth = (g.ravel() for g in np.meshgrid(grid, grid, grid, grid))
    best = 0.0
    u = np.stack([np.stack([first, second]), np.stack([third, fourth])])  # (week, place, point)
    ill = np.repeat(q.infectious[:, None], first.size, axis=1)
    kept = np.ones(first.size, dtype=bool)
    for t in range(2):
        met = (q.mixing.T @ ill) * (1.4 * u[t] / q.present[:, None])
        ill = q.household * ill + q.people[:, None] * (q.mixing @ met)
        kept &= (q.bed_share * ill <= q.beds[:, None]).all(axis=0)
    worth = 1e-3 * (q.people[:, None] * u.sum(axis=0)).sum(axis=0)
    best = float(worth[kept].max()) + fixed
    assert plan.value >= best * (1 - 1e-3)


# ---- more is never worse, whatever else binds


def value_of(plan: Plan | None) -> float:
    return -np.inf if plan is None else plan.value


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("field", ["beds", "trains", "protective_stock", "protective_bought", "cash", "relief", "imports", "stock"])  # fmt: skip
def test_more_never_lowers_the_optimum(field: str, seed: int) -> None:
    q = rich(seed)
    envelope = envelope_of(q)
    q = bedded(q, envelope)
    base = within_envelope(q, envelope, bound=1.0)
    richer = within_envelope(q.but(**{field: getattr(q, field) * 1.3}), envelope, bound=1.0)
    assert value_of(richer) >= value_of(base) * (1 - 1e-9)
