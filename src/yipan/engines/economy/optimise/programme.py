"""The question as one linear programme: columns and rows by name, so that prices can be named.

Opening a cell further than its output needs only adds contacts, so in an optimum output is either all
that the opening yields or the opening is the least allowed. That makes output and opening one unknown:

    opened = x − least in [0, 1 − least],     y = base + capacity (1 − remote) opened,
    base ≤ capacity (remote + (1 − remote) least)

which needs no row for output. `optimise` likewise carries no infections: `Local` has the slopes of beds
needed to contacts, and the logarithm of beds needed is held below that of the beds (`beds`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csr_array

from yipan.engines.checks import Floats
from yipan.engines.economy.linear import LinearProgramme
from yipan.engines.economy.optimise.question import Question
from yipan.engines.economy.optimise.slopes import Local

RELIEF_COST = 1e-3

Index = NDArray[np.int64]
LITTLE = 1e-9
LEAST_BEDS = 1e-3
"""Beds are taken as at least this share of what is needed, where the logarithm of none would be taken."""

FAINT = 1e-9
"""Returns whose infections, all of them together, would add less than this share of beds are left out of a row."""


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

    def limit(self, name: str, upper: Floats) -> None:
        """Set the upper limits of a block of rows that was added before."""
        whole = np.concatenate(self.row_upper)
        whole[self.rows[name].ravel()] = upper.ravel()
        self.row_upper = [whole]

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
    envelope: Floats | None = None,
    beds: bool = True,
    around: Local | None = None,
    slack_cost: float | None = None,
) -> Builder:
    """Return the programme of a question.

    Without `envelope` and `around` the economy stands alone. With an `envelope` (week + 1, place) that is
    fixed: K(e_t) Ī_t + ρ returns + arrivals ≤ Ī_{t+1}, and, with `beds`, what Ī would cause keeps each
    area's beds; the optimum is global for that envelope. With `around` beds needed are replaced by their
    slopes there: the sequential programme's step. `slack_cost` lets beds be exceeded at that price a
    bed, and R at that of all beds for one whole R, so that an infeasible question still answers.
    """
    b = Builder()
    _economy(question, b)
    if envelope is not None:
        _transmission(question, b, envelope, beds)
    if around is not None:
        _beds(question, b, around, slack_cost)
    if np.isfinite(question.end_R) and (envelope is not None or around is not None):
        _end_R(question, b, slack_cost)
    return b


def by_group(q: Question, of_place: Floats) -> Floats:
    """Return a table by place (place, …) summed over the places of each group."""
    table = np.zeros((q.groups, *of_place.shape[1:]))
    np.add.at(table, q.group, of_place)
    return table


def base_capacity(q: Question) -> Floats:
    """Return output by group and sector when everything is open the least, shape (group, sector)."""
    return by_group(q, q.capacity) * (q.remote + (1.0 - q.remote) * q.least)


def present_workers(q: Question) -> Floats:
    """Return workers who must be present when a cell is fully open, shape (place, sector)."""
    return (1.0 - q.remote) * q.workers


def _economy(q: Question, b: Builder) -> None:
    T, G, S, K, P = q.weeks, q.groups, q.sectors, q.settings, q.places
    yields = by_group(q, q.capacity) * (1.0 - q.remote)
    people = np.bincount(q.group, q.people, minlength=G)
    opened = b.column("opened", (T, G, S), 0.0, 1.0 - q.least, yields * q.value_share)
    b.column("u", (T, G, K), q.least_setting, 1.0, people[:, None] * q.setting_value)
    base_high = base_capacity(q)
    if q.margin <= 0:  # without cash nothing tells one group's base output from another's
        base_high = base_high.sum(axis=0, keepdims=True)
    base = b.column("base", (T, *base_high.shape), 0.0, base_high, q.value_share)
    r = b.column("returns", (T, P), 0.0, q.returning)
    final = b.column("final", (T, S), 0.0, q.final_use)
    imports = b.column("imports", (T, S), 0.0, q.imports, -q.import_cost)
    stock_low, stock_high = np.zeros((T + 1, S)), np.tile(q.most_stock, (T + 1, 1))
    stock_low[0] = stock_high[0] = q.stock
    stock_low[T] = q.least_stock
    stock = b.column("stock", (T + 1, S), stock_low, stock_high)
    made = b.column("made", (T, S), 0.0, np.inf)
    rows = b.row("sum", (T, S), 0.0, 0.0)
    b.put(rows, made, 1.0)
    b.put(rows[:, None, :], base, -1.0)
    b.put(rows[:, None, :], opened, -yields)
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
    present = present_workers(q)
    rows = b.row("labour", (T, P), -np.inf, q.residents_at_work - present @ q.least)
    b.put(rows[:, :, None], opened[:, q.group], present)
    for t in range(T):
        b.put(rows[t][None, :], r[: t + 1], -1.0)
    rows = b.row("returns", (P,), -np.inf, q.returning)
    b.put(rows[None, :], r, 1.0)
    rows = b.row("trains", (T,), -np.inf, q.trains)
    b.put(rows[:, None], r, 1.0)
    _protective(q, b, by_group(q, present))
    if q.margin > 0:
        _cash(q, b, yields)


def _protective(q: Question, b: Builder, present: Floats) -> None:
    T = q.weeks
    low, high = np.zeros(T + 1), np.full(T + 1, np.inf)
    low[0] = high[0] = q.protective_stock
    stock = b.column("protective", (T + 1,), low, high)
    bought = b.column("bought", (T,), 0.0, q.protective_bought)
    rows = b.row("protective", (T,), float((present @ q.least).sum() * q.protective_use), np.inf)
    b.put(rows, stock[:-1], 1.0)
    b.put(rows, stock[1:], -1.0)
    b.put(rows, bought, 1.0)
    b.put(rows, b.columns["made"][:, q.protective_sector], q.protective_made)
    b.put(rows[:, None, None], b.columns["opened"], -present * q.protective_use)


def _cash(q: Question, b: Builder, yields: Floats) -> None:
    T, G, S = q.weeks, q.groups, q.sectors
    capacity = by_group(q, q.capacity)
    base, opened = b.columns["base"], b.columns["opened"]
    # Relief has a small price, so that what is not needed is not paid.
    relief = b.column("relief", (T, G, S), 0.0, np.inf, -RELIEF_COST)
    # cash at the end of week t, written out: at the start + Σ (margin y + relief − fixed cost) ≥ 0
    weeks = np.arange(1, T + 1)[:, None, None]
    need = (weeks * q.fixed_cost - q.cash) * capacity
    rows = b.row("cash", (T, G, S), np.where(need > 0, need, -np.inf), np.inf)
    for t in range(T):
        if (need[t] > 0).any():
            b.put(rows[t][None], relief[: t + 1], 1.0)
            b.put(rows[t][None], base[: t + 1], q.margin)
            b.put(rows[t][None], opened[: t + 1], q.margin * yields)
    rows = b.row("relief", (T,), -np.inf, q.relief)
    b.put(rows[:, None, None], relief, 1.0)


def _contacts(q: Question, b: Builder) -> Index:
    """Add contacts by week and place, at least what the openings cause."""
    T, P = q.weeks, q.places
    always = q.work_contacts @ q.least
    e = b.column("contacts", (T, P), 0.0, np.inf)
    rows = b.row("contacts", (T, P), -np.inf, -always)
    b.put(rows, e, -1.0)
    b.put(rows[:, :, None], b.columns["opened"][:, q.group], q.work_contacts)
    b.put(rows[:, :, None], b.columns["u"][:, q.group], q.setting_contacts)
    return e


def _transmission(q: Question, b: Builder, envelope: Floats, beds: bool) -> None:
    T, P = q.weeks, q.places
    r, e = b.columns["returns"], _contacts(q, b)
    # Rows are scaled by the envelope: a place with a hundredth of a case counts like any other.
    scale = 1.0 / np.maximum(envelope[1:], LITTLE)
    limit = scale * (envelope[1:] - q.household * envelope[:-1] - q.arrivals)
    rows = b.row("transmission", (T, P), -np.inf, limit)
    slopes = [q.slope(envelope[t]) for t in range(T)]
    for t in range(T):
        slope = slopes[t].tocoo()
        b.put(rows[t][slope.row], e[t][slope.col], slope.data * scale[t][slope.row])
        b.put(rows[t], r[t], q.infectious_per_return * scale[t])
    if not beds:
        return
    # Beds that the envelope itself would fill, week by week; those infected before the start are given.
    always = np.vstack([envelope[:1], q.household * envelope[:-1] + q.arrivals])
    rows = b.row("beds", (T, q.areas), -np.inf, q.beds - q.occupancy(always)[1:])
    of_area = csr_array((np.ones(P), (q.area, np.arange(P))), shape=(q.areas, P))
    for s in range(T):
        of_contacts = csr_array(of_area @ slopes[s]).tocoo()
        for t in range(s, T):
            taken = q.bed_response[t - s]
            if taken < LITTLE * q.bed_share:
                continue
            b.put(rows[t][of_contacts.row], e[s][of_contacts.col], of_contacts.data * taken)
            b.put(rows[t][q.area], r[s], taken * q.infectious_per_return)


def _beds(q: Question, b: Builder, around: Local, slack_cost: float | None) -> None:
    """Beds: log B + ∇log B · (change of contacts and returns) ≤ log beds, in each week and area."""
    T, A, G, S, K = q.weeks, q.areas, q.groups, q.sectors, q.settings
    needed = np.maximum(around.occupancy[1:], LITTLE)
    slope = around.d_contacts / needed[:, :, None, None]
    by_return = around.d_arrivals * (q.infectious_per_return / needed[:, :, None, None])
    room = np.log(np.maximum(q.beds, LEAST_BEDS * needed) / needed)
    rows = b.row("beds", (T, A), -np.inf, 0.0)
    constant = np.einsum("tasp,sp->ta", slope, around.contacts)
    constant += np.einsum("tasp,sp->ta", by_return, around.returns)
    if q.groups < q.places:  # few groups: contacts are written out, and there is no column for them
        opened, u = b.columns["opened"], b.columns["u"]
        constant -= np.einsum("tasp,p->ta", slope, q.work_contacts @ q.least)
        of_group = np.zeros((q.places, G))
        of_group[np.arange(q.places), q.group] = 1.0
        for t in range(T):
            here = slope[t, :, : t + 1]
            cells = np.stack([(here * of_group[:, g]) @ q.work_contacts for g in range(G)], axis=2)
            b.put(rows[t][:, None, None, None], opened[None, : t + 1], cells)
            kept = (here @ of_group)[..., None] * q.setting_contacts
            b.put(rows[t][:, None, None, None], u[None, : t + 1], kept)
        assert cells.shape == (A, T, G, S)
        assert kept.shape == (A, T, G, K)
    else:
        e = _contacts(q, b)
        for t in range(T):
            b.put(rows[t][:, None, None], e[None, : t + 1], slope[t, :, : t + 1])
    r = b.columns["returns"]
    worth = by_return * q.returning > FAINT
    for t in range(T):
        area, week, place = np.nonzero(worth[t, :, : t + 1])
        b.put(rows[t][area], r[week, place], by_return[t, area, week, place])
    b.limit("beds", room + constant)
    if slack_cost is not None:
        over = b.column("over", (T, A), 0.0, np.inf, -slack_cost)
        b.put(rows, over, -1.0 / needed)


def _end_R(q: Question, b: Builder, slack_cost: float | None) -> None:
    share = q.people / q.people.sum()
    row = b.row("end_R", (1,), -np.inf, q.end_R - q.household - float(share @ (q.work_contacts @ q.least)))  # fmt: skip
    work = by_group(q, q.work_contacts * share[:, None])
    kept = by_group(q, share)[:, None] * q.setting_contacts
    b.put(row, b.columns["opened"][-1], work)
    b.put(row, b.columns["u"][-1], kept)
    if slack_cost is not None:
        cost = slack_cost * max(float(q.beds.sum()), 1.0)
        b.put(row, b.column("over_R", (1,), 0.0, np.inf, -cost), -1.0)
