"""The question as one linear programme: columns and rows by name, so that prices can be named."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csr_array

from yipan.engines.checks import Floats
from yipan.engines.economy.linear import LinearProgramme
from yipan.engines.economy.optimise.question import Question

Index = NDArray[np.int64]
LITTLE = 1e-9


@dataclass
class Builder:
    """Collects columns, rows and entries; every block keeps its name and shape."""

    columns: dict[str, Index] = field(default_factory=dict)
    rows: dict[str, Index] = field(default_factory=dict)
    lower: list[Floats] = field(default_factory=list)
    upper: list[Floats] = field(default_factory=list)
    gain: list[Floats] = field(default_factory=list)
    row_lower: list[Floats] = field(default_factory=list)
    row_upper: list[Floats] = field(default_factory=list)
    entries: list[tuple[Index, Index, Floats]] = field(default_factory=list)
    width: int = 0
    height: int = 0

    def column(
        self, name: str, shape: tuple[int, ...], lower: ArrayLike, upper: ArrayLike, gain: ArrayLike = 0.0
    ) -> Index:  # fmt: skip
        """Add a block of columns and return their indices in its shape."""
        size = int(np.prod(shape))
        index = np.arange(self.width, self.width + size).reshape(shape)
        self.columns[name], self.width = index, self.width + size
        for where, value in ((self.lower, lower), (self.upper, upper), (self.gain, gain)):
            where.append(np.broadcast_to(np.asarray(value, np.float64), shape).ravel())
        return index

    def row(self, name: str, shape: tuple[int, ...], lower: ArrayLike, upper: ArrayLike) -> Index:
        """Add a block of rows and return their indices in its shape."""
        size = int(np.prod(shape))
        index = np.arange(self.height, self.height + size).reshape(shape)
        self.rows[name], self.height = index, self.height + size
        for where, value in ((self.row_lower, lower), (self.row_upper, upper)):
            where.append(np.broadcast_to(np.asarray(value, np.float64), shape).ravel())
        return index

    def put(self, rows: Index, columns: Index, values: ArrayLike) -> None:
        """Add entries; the three are broadcast against one another."""
        r, c, v = np.broadcast_arrays(rows, columns, np.asarray(values, dtype=np.float64))
        self.entries.append((r.ravel(), c.ravel(), v.ravel()))

    def programme(self) -> LinearProgramme:
        """Return the programme."""
        r, c, v = (np.concatenate([entry[i] for entry in self.entries]) for i in range(3))
        matrix = coo_array((v, (r, c)), shape=(self.height, self.width))
        return LinearProgramme(
            gain=np.concatenate(self.gain),
            lower=np.concatenate(self.lower),
            upper=np.concatenate(self.upper),
            rows=csr_array(matrix),
            row_lower=np.concatenate(self.row_lower),
            row_upper=np.concatenate(self.row_upper),
        )


def build(
    question: Question,
    *,
    envelope: Floats | None,
    contacts: Floats | None = None,
    trust: float | None = None,
    slack_cost: float | None = None,
) -> Builder:
    """Return the programme of a question.

    Without an `envelope` the economy stands alone. With one (week + 1, place) and no `trust` the
    envelope is fixed: K(e_t) Ī_t + ρ returns ≤ Ī_{t+1}; the optimum is global for that envelope. With
    `trust` > 1 infections are variables within a factor `trust` of it, K(e) I is linearised at
    `contacts` (week, place), and the beds of each area limit them: the sequential programme's step.
    `slack_cost` lets beds be exceeded at that price a bed, so that an infeasible question still answers.
    """
    b = Builder()
    _economy(question, b)
    if envelope is not None:
        _transmission(question, b, envelope, contacts, trust, slack_cost)
    return b


def _economy(q: Question, b: Builder) -> None:
    T, G, S, K, P = q.weeks, q.groups, q.sectors, q.settings, q.places
    capacity = np.zeros((G, S))
    np.add.at(capacity, q.group, q.capacity)
    people = np.bincount(q.group, q.people, minlength=G)
    x = b.column("x", (T, G, S), q.least, 1.0)
    b.column("u", (T, G, K), q.least_setting, 1.0, people[:, None] * q.setting_value)
    y = b.column("y", (T, G, S), 0.0, np.inf, q.value_share)
    r = b.column("returns", (T, P), 0.0, q.returning)
    final = b.column("final", (T, S), 0.0, q.final_use)
    imports = b.column("imports", (T, S), 0.0, q.imports, -q.import_cost)
    stock_low, stock_high = np.zeros((T + 1, S)), np.tile(q.most_stock, (T + 1, 1))
    stock_low[0] = stock_high[0] = q.stock
    stock_low[T] = q.least_stock
    stock = b.column("stock", (T + 1, S), stock_low, stock_high)
    made = b.column("made", (T, S), 0.0, np.inf)
    # output ≤ capacity · (remote + (1 − remote) x)
    rows = b.row("output", (T, G, S), -np.inf, capacity * q.remote)
    b.put(rows, y, 1.0)
    b.put(rows, x, -capacity * (1.0 - q.remote))
    rows = b.row("sum", (T, S), 0.0, 0.0)
    b.put(rows, made, 1.0)
    b.put(rows[:, None, :], y, -1.0)
    # goods: stock + made + imports = needs of others + final use + stock of next week
    rows = b.row("goods", (T, S), 0.0, 0.0)
    for columns, sign in (
        (stock[:-1], 1.0),
        (made, 1.0),
        (imports, 1.0),
        (final, -1.0),
        (stock[1:], -1.0),
    ):
        b.put(rows, columns, sign)
    b.put(rows[:, :, None], made[:, None, :], -q.needs)
    # labour: who must be present is there, or has returned
    present = (1.0 - q.remote) * q.workers
    rows = b.row("labour", (T, P), -np.inf, q.residents_at_work)
    b.put(rows[:, :, None], x[:, q.group], present)
    for t in range(T):
        b.put(rows[t][None, :], r[: t + 1], -1.0)
    rows = b.row("returns", (P,), -np.inf, q.returning)
    b.put(rows[None, :], r, 1.0)
    rows = b.row("trains", (T,), -np.inf, q.trains)
    b.put(rows[:, None], r, 1.0)
    _protective(q, b, x, made)
    if q.margin > 0:
        _cash(q, b, y, capacity)


def _protective(q: Question, b: Builder, x: Index, made: Index) -> None:
    T = q.weeks
    low, high = np.zeros(T + 1), np.full(T + 1, np.inf)
    low[0] = high[0] = q.protective_stock
    stock = b.column("protective", (T + 1,), low, high)
    bought = b.column("bought", (T,), 0.0, q.protective_bought)
    workers = np.zeros((q.groups, q.sectors))
    np.add.at(workers, q.group, q.workers * (1.0 - q.remote))
    rows = b.row("protective", (T,), 0.0, np.inf)
    b.put(rows, stock[:-1], 1.0)
    b.put(rows, stock[1:], -1.0)
    b.put(rows, bought, 1.0)
    b.put(rows, made[:, q.protective_sector], q.protective_made)
    b.put(rows[:, None, None], x, -workers * q.protective_use)


def _cash(q: Question, b: Builder, y: Index, capacity: Floats) -> None:
    T, G, S = y.shape
    low, high = np.zeros((T + 1, G, S)), np.full((T + 1, G, S), np.inf)
    low[0] = high[0] = capacity * q.cash
    cash = b.column("cash", (T + 1, G, S), low, high)
    # Relief has a small price, so that what is not needed is not paid.
    relief = b.column("relief", (T, G, S), 0.0, np.inf, -1e-3)
    rows = b.row("cash", (T, G, S), -np.inf, -capacity * q.fixed_cost)
    b.put(rows, cash[1:], 1.0)
    b.put(rows, cash[:-1], -1.0)
    b.put(rows, y, -q.margin)
    b.put(rows, relief, -1.0)
    rows = b.row("relief", (T,), -np.inf, q.relief)
    b.put(rows[:, None, None], relief, 1.0)


def _transmission(
    q: Question,
    b: Builder,
    envelope: Floats,
    contacts: Floats | None,
    trust: float | None,
    slack_cost: float | None,
) -> None:
    T, P = q.weeks, q.places
    x, u, r = b.columns["x"], b.columns["u"], b.columns["returns"]
    e = b.column("contacts", (T, P), 0.0, np.inf)
    rows = b.row("contacts", (T, P), 0.0, 0.0)
    b.put(rows, e, 1.0)
    b.put(rows[:, :, None], x[:, q.group], -q.work_contacts)
    b.put(rows[:, :, None], u[:, q.group], -q.setting_contacts)
    free = trust is not None
    # Rows are scaled by the envelope: a place with a hundredth of a case counts like any other.
    scale = 1.0 / np.maximum(envelope[1:], LITTLE)
    limit = scale * (envelope[1:] - q.household * envelope[:-1] - q.arrivals)
    rows = b.row("transmission", (T, P), -np.inf, 0.0 if free else limit)
    for t in range(T):
        slope = q.slope(envelope[t]).tocoo()
        b.put(rows[t][slope.row], e[t][slope.col], slope.data * scale[t][slope.row])
        b.put(rows[t], r[t], q.infectious_per_return * scale[t])
    if trust is None:
        return
    assert contacts is not None
    ahead = envelope[1:]
    infectious = b.column("infectious", (T, P), ahead / trust, ahead * trust)
    for t in range(T):
        b.put(rows[t], infectious[t], -scale[t])
        constant = scale[t] * (q.arrivals - np.asarray(q.slope(envelope[t]) @ contacts[t]))
        if t > 0:
            K = q.operator(contacts[t]).tocoo()
            b.put(rows[t][K.row], infectious[t - 1][K.col], K.data * scale[t][K.row])
        else:
            constant = constant + scale[t] * np.asarray(q.operator(contacts[0]) @ envelope[0])
        _shift(b, rows[t], -constant)
    beds = b.row("beds", (T, q.areas), -np.inf, q.beds)
    b.put(beds[:, q.area], infectious, q.bed_share)
    if slack_cost is not None:
        over = b.column("over", (T, q.areas), 0.0, np.inf, -slack_cost)
        b.put(beds, over, -1.0)


def _shift(b: Builder, rows: Index, by: Floats) -> None:
    """Set the upper limits of some rows of the last block."""
    start = b.height - b.row_upper[-1].size
    limits = b.row_upper[-1].copy()
    limits[rows - start] = by
    b.row_upper[-1] = limits
