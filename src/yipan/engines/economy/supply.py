"""What happens when openings, hands and inputs run short: a supply-chain simulator with inventories.

After A. Pichler, M. Pangallo, R. M. del Rio-Chanona, F. Lafond and J. D. Farmer (2020), "Production
networks and epidemic spreading: how to restart the UK economy?", arXiv:2005.10585, and (2022), Journal
of Economic Dynamics and Control 144:104527. Sectors hold stocks of every input, order to refill
them, and make no more than hands, inputs and orders allow; who cannot deliver rations in proportion.
The same balance of goods is the linear model's (`balance`), so the two can be compared.

`Conditions` adds what an epidemic takes away: hands that are elsewhere, work done at a distance, protective
equipment with own production, goods bought outside, and cash that runs out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from yipan.engines.checks import Floats, as_floats
from yipan.engines.errors import OutOfRange

Production = Literal["leontief", "critical", "linear"]
PRODUCTIONS = ("leontief", "critical", "linear")


@dataclass(frozen=True)
class Economy:
    """One economy at rest: what each sector needs, makes and keeps in stock.

    | field | shape | meaning |
    |---|---|---|
    | `needs` | (sector, sector) | input i for one unit of output j, from inside |
    | `output` | (sector,) | output a step at rest, money |
    | `value_share` | (sector,) | value added for one unit of output |
    | `stock_steps` | (sector,) or (sector, sector) | steps of its own inputs a sector keeps at rest; by input i and user j where given so |
    | `imported` | (sector, sector) | input i for one unit of j, from outside; always met |
    | `critical` | (sector, sector) | whether j stops without i; only for production "critical" |
    | `refill_steps` | | steps in which a missing stock is ordered back |
    | `margin`, `fixed_cost`, `cash` | (sector,) | for one unit of output; a step; at the start |
    | `final` | (sector,) | final use at rest, money a step; output − needs · output where not given |

    At rest output covers needs and final use: f = output − needs · output ≥ 0, unless `final` is given:
    then others may need more than is made, and the rest is bought outside (`Conditions.imports`).
    """

    needs: Floats
    output: Floats
    value_share: Floats
    stock_steps: Floats
    imported: Floats = field(default=None)  # type: ignore[arg-type]  # set in __post_init__
    critical: NDArray[np.bool_] = field(default=None)  # type: ignore[arg-type]  # set below
    refill_steps: float = 10.0
    margin: Floats = field(default=None)  # type: ignore[arg-type]  # set in __post_init__
    fixed_cost: Floats = field(default=None)  # type: ignore[arg-type]  # set in __post_init__
    cash: Floats = field(default=None)  # type: ignore[arg-type]  # set in __post_init__
    final: Floats | None = None

    def __post_init__(self) -> None:
        """Check shapes and that final use at rest is not negative; raises E801 and E802."""
        keep = object.__setattr__
        output = as_floats(self.output, "output", shape=(None,))
        n = output.size
        keep(self, "output", output)
        keep(self, "needs", as_floats(self.needs, "needs", shape=(n, n), high=1.0))
        keep(self, "value_share", as_floats(self.value_share, "value_share", shape=(n,), high=1.0))
        shape = (n, n) if np.ndim(self.stock_steps) == 2 else (n,)
        keep(self, "stock_steps", as_floats(self.stock_steps, "stock_steps", shape=shape))
        for name, low in (("margin", 0.0), ("fixed_cost", 0.0), ("cash", 0.0)):
            given = getattr(self, name)
            value = np.full(n, np.inf if name == "cash" else 0.0) if given is None else given
            if given is not None:
                value = as_floats(given, name, shape=(n,), low=low)
            keep(self, name, value)
        imported = np.zeros((n, n)) if self.imported is None else self.imported
        keep(self, "imported", as_floats(imported, "imported", shape=(n, n), high=1.0))
        critical = self.needs > 0 if self.critical is None else np.asarray(self.critical, bool)
        keep(self, "critical", critical)
        if self.refill_steps < 1:
            raise OutOfRange("Stocks cannot be refilled in less than a step.", where="refill_steps")
        if self.final is not None:
            keep(self, "final", as_floats(self.final, "final", shape=(n,)))
        elif (self.final_use < -1e-9 * max(1.0, float(output.max(initial=0.0)))).any():
            worst = int(self.final_use.argmin())
            raise OutOfRange(
                f"Others need more of sector {worst} than it makes at rest.",
                where=f"output[{worst}]",
                remedy="Give the region's imports, or its own output.",
            )

    @property
    def final_use(self) -> Floats:
        """What is left at rest for consumers, investment and export, a step, shape (sector,)."""
        if self.final is not None:
            return self.final
        left: Floats = self.output - self.needs @ self.output
        return left


@dataclass(frozen=True)
class Protective:
    """Protective equipment: who is present wears it, and without it nobody is.

    `use` (sector,): pieces a step when all who must be present are; `stock` pieces at the start, `bought`
    (step,) pieces a step, `sector` makes `made` pieces for one unit of its output.
    """

    stock: float
    bought: Floats
    use: Floats
    sector: int
    made: float


@dataclass(frozen=True)
class Conditions:
    """What an epidemic takes away beside the openings; what is not given is not short.

    `hands` (step, sector): share of those who must be present who are there, residents and returned, in
    [0, 1]; `remote` (sector,): share of the work done at a distance; `imports` (step, sector): most that
    can be bought outside where goods lack, money; `protective`; `cash_binds`: who has no cash left does
    not work in the next step, until relief comes.
    """

    hands: Floats | None = None
    remote: Floats | None = None
    imports: Floats | None = None
    protective: Protective | None = None
    cash_binds: bool = False


def hands_present(residents: ArrayLike, returned: ArrayLike, needed: ArrayLike) -> Floats:
    """Return the share of needed hands that are there, shape (step, …), from who came back step by step.

    `residents` who are there from the start, `returned` (step, …) who come in each step, `needed` when all
    is open; persons.

    >>> hands_present(60.0, [[0.0], [20.0], [40.0]], 100.0).ravel().tolist()
    [0.6, 0.8, 1.0]
    """
    back = as_floats(returned, "returned", shape=(None,) * np.ndim(returned))
    there = np.asarray(residents, dtype=np.float64) + np.cumsum(back, axis=0)
    whole = np.asarray(needed, dtype=np.float64)
    share = np.divide(there, whole, out=np.ones_like(there), where=whole > 0)
    return np.asarray(np.minimum(share, 1.0))


@dataclass(frozen=True)
class Run:
    """What happened, step by step.

    `output`, `capacity`, `delivered` (final use met), (step, sector); `stock` (step + 1, sector): pooled stock of
    each good with its users; `limit` (step, sector): 0 nothing but demand, 1 hands, 2 inputs; `lacking`
    (step, sector): the scarcest input where inputs limit, −1 elsewhere; `cash` (step + 1, sector);
    `imported` (step, sector) bought outside; `protective` (step + 1,) pieces left, none where it is not counted.
    """

    output: Floats
    capacity: Floats
    delivered: Floats
    stock: Floats
    limit: NDArray[np.int8]
    lacking: NDArray[np.int64]
    cash: Floats
    value_share: Floats
    imported: Floats
    protective: Floats | None = None

    @property
    def value_added(self) -> Floats:
        """Value added by step, shape (step,)."""
        total: Floats = self.output @ self.value_share
        return total

    def bottlenecks(self) -> list[tuple[int, float]]:
        """Return (sector, output that lacked it) of the inputs that stopped most, the gravest first."""
        lost: dict[int, float] = {}
        for step, user in np.argwhere(self.limit == 2):
            good = int(self.lacking[step, user])
            missing = float(self.capacity[step, user] - self.output[step, user])
            lost[good] = lost.get(good, 0.0) + max(0.0, missing)
        return sorted(lost.items(), key=lambda item: (-item[1], item[0]))

    def short_of_cash(self) -> dict[int, int]:
        """Return sector → first step at whose end its cash is below zero."""
        below = self.cash[1:] < 0
        return {int(s): int(below[:, s].argmax()) for s in np.flatnonzero(below.any(axis=0))}


def simulate(
    economy: Economy,
    *,
    opening: ArrayLike,
    demand: ArrayLike | None = None,
    relief: ArrayLike | None = None,
    production: Production = "leontief",
    conditions: Conditions | None = None,
) -> Run:
    """Return what happens under `opening` (step, sector), the share of capacity at work, in [0, 1].

    `demand` (step, sector): final demand as a share of that at rest (1 where not given), ≥ 0; `relief`
    (step, sector): money. `production`: "leontief", every input is needed; "critical", only critical
    ones; "linear", inputs stand in for one another. Each step, with Z stocks by input and user,

        orders_ij = needs_ij · asked_j + (target_ij − Z_ij) / refill      (not negative)
        asked_i = Σ_j orders_ij + demand_i · f_i
        output_j = min(opening_j · capacity_j, what inputs allow, asked_j)
        delivered to each who asked in proportion; Z += deliveries − needs · output

    where the stocks at the step's beginning bound what inputs allow, and `asked_j` on the right is the
    step before. Under `conditions` capacity is output · (remote + (1 − remote) · min(opening, hands)),
    fewer are present where protective equipment lacks, and what was asked and not made is bought outside
    as far as `imports` go. Raises ShapeMismatch (E801) and OutOfRange (E802).

    >>> pair = Economy(needs=np.array([[0.0, 0.5], [0.0, 0.0]]), output=np.array([50.0, 100.0]),
    ...     value_share=np.array([1.0, 0.5]), stock_steps=np.array([2.0, 2.0]))
    >>> run = simulate(pair, opening=np.tile([0.0, 1.0], (4, 1)))  # the supplier is shut
    >>> run.output[:, 1].tolist()
    [100.0, 100.0, 0.0, 0.0]
    """
    n = economy.output.size
    at_work = as_floats(opening, "opening", shape=(None, n), high=1.0)
    steps = at_work.shape[0]
    wanted = as_floats(
        np.ones((steps, n)) if demand is None else demand, "demand", shape=(steps, n)
    )
    given = as_floats(
        np.zeros((steps, n)) if relief is None else relief, "relief", shape=(steps, n)
    )
    if production not in PRODUCTIONS:
        raise OutOfRange(
            f"There is no production function “{production}”.",
            where="production",
            remedy=f"There are {', '.join(PRODUCTIONS)}.",
        )
    there = _There(economy, at_work, conditions)
    return _simulate(economy, there, wanted, given, production)


class _There:
    """Capacity by step under openings and conditions; keeps the account of protective equipment."""

    def __init__(self, economy: Economy, at_work: Floats, given: Conditions | None) -> None:
        steps, n = at_work.shape
        self.output = economy.output
        said = given or Conditions()
        present = at_work
        if said.hands is not None:
            hands = as_floats(said.hands, "hands", shape=(steps, n), high=1.0)
            present = np.minimum(at_work, hands)
        self.present = present
        self.remote = np.zeros(n)
        if said.remote is not None:
            self.remote = as_floats(said.remote, "remote", shape=(n,), high=1.0)
        self.capacity: Floats = self.output * (self.remote + (1.0 - self.remote) * present)
        self.imports: Floats | None = None
        if said.imports is not None:
            self.imports = as_floats(said.imports, "imports", shape=(steps, n))
        self.cash_binds = said.cash_binds
        self.masks = said.protective
        self.left = np.zeros(steps + 1)
        if self.masks is not None:
            as_floats(self.masks.use, "use", shape=(n,))
            self.bought = as_floats(self.masks.bought, "bought", shape=(steps,))
            self.left[0] = self.masks.stock

    def with_masks(self, t: int, made: Floats) -> Floats:
        """Return capacity again where those present have too few masks, own production of the step counted."""
        assert self.masks is not None
        m = self.masks
        need = float(m.use @ self.present[t])
        own = m.made * float(made[m.sector])
        there = self.left[t] + self.bought[t]
        share = 1.0
        if need > there + own:  # who is absent makes no masks either: own production shrinks alike
            share = there / (need - own)
        self.used = share * need
        return np.asarray(
            self.output * (self.remote + (1.0 - self.remote) * self.present[t] * share)
        )

    def close(self, t: int, made: Floats) -> None:
        """Count what is left at the end of a step."""
        if self.masks is not None:
            made_here = self.masks.made * float(made[self.masks.sector])
            self.left[t + 1] = max(0.0, self.left[t] + self.bought[t] + made_here - self.used)


def _simulate(
    economy: Economy, there: _There, wanted: Floats, relief: Floats, production: Production
) -> Run:
    steps, n = there.present.shape
    A, final = economy.needs, np.maximum(economy.final_use, 0.0)
    target = A * (economy.output[None, :] * economy.stock_steps)
    Z = target.copy()
    asked = economy.output.copy()
    capacity = there.capacity.copy()
    out = np.empty((steps, n))
    delivered = np.empty((steps, n))
    imported = np.zeros((steps, n))
    stock = np.empty((steps + 1, n))
    stock[0] = Z.sum(axis=1)
    limit = np.zeros((steps, n), dtype=np.int8)
    lacking = np.full((steps, n), -1, dtype=np.int64)
    cash = np.empty((steps + 1, n))
    cash[0] = economy.cash
    allowed = _Inputs(economy, production)
    for t in range(steps):
        orders = np.maximum(A * asked[None, :] + (target - Z) / economy.refill_steps, 0.0)
        consumers = wanted[t] * final
        asked = orders.sum(axis=1) + consumers
        by_inputs, scarce = allowed(Z)
        if there.cash_binds:
            capacity[t] = np.where(cash[t] < 0.0, 0.0, capacity[t])
        made = np.minimum(np.minimum(capacity[t], by_inputs), asked)
        if there.masks is not None:
            capacity[t] = np.minimum(capacity[t], there.with_masks(t, made))
            made = np.minimum(made, capacity[t])
            there.close(t, made)
        limit[t] = np.where(
            made < asked - 1e-12, np.where(by_inputs < capacity[t], 2, 1), 0
        ).astype(np.int8)
        lacking[t] = np.where(limit[t] == 2, scarce, -1)
        come = made
        if there.imports is not None:
            imported[t] = np.minimum(there.imports[t], asked - made)
            come = made + imported[t]
        share = np.divide(come, asked, out=np.zeros(n), where=asked > 0)
        Z = np.maximum(Z - A * made[None, :], 0.0) + orders * share[:, None]
        out[t], delivered[t] = made, consumers * share
        stock[t + 1] = Z.sum(axis=1)
        cash[t + 1] = cash[t] + economy.margin * made - economy.fixed_cost + relief[t]
    masks = there.left if there.masks is not None else None
    return Run(
        out, capacity, delivered, stock, limit, lacking, cash, economy.value_share, imported, masks
    )


def simulate_announced(
    economy: Economy,
    *,
    announced: ArrayLike,
    demand: ArrayLike,
    imports: ArrayLike | None = None,
    cover_steps: int = 7,
) -> Run:
    """Return what happens where firms are told a plan and order for it, and not for what they used before.

    `announced` (step, sector): output planned; `demand` (step, sector): final use planned, as a share of that
    at rest; `imports` (step, sector): goods bought outside, all of which come. Each firm orders what it
    will need of each input for this and the next `cover_steps` steps and does not have; what nobody asked for
    is kept with its users. Stocks at the start are with those who will need them.

        orders_ij = needs_ij · Σ_{k ≤ cover} announced_j[t + k] − Z_ij       (not negative)
        output_j = min(announced_j, what inputs at the step's beginning allow)

    Inputs ordered in a step can be used from the next, where the linear model lets them be used at once:
    that is all that separates the two, and it shrinks with the step. Raises E801 and E802.

    >>> pair = Economy(needs=np.array([[0.0, 0.5], [0.0, 0.0]]), output=np.array([50.0, 100.0]),
    ...     value_share=np.array([1.0, 0.5]), stock_steps=np.array([1.0, 1.0]))
    >>> plan = np.tile([50.0, 100.0], (3, 1))
    >>> simulate_announced(pair, announced=plan, demand=np.ones((3, 2))).output.tolist()
    [[50.0, 100.0], [50.0, 100.0], [50.0, 100.0]]
    """
    n, A = economy.output.size, economy.needs
    planned = as_floats(announced, "announced", shape=(None, n))
    steps = planned.shape[0]
    wanted = as_floats(demand, "demand", shape=(steps, n))
    bought = as_floats(
        np.zeros((steps, n)) if imports is None else imports, "imports", shape=(steps, n)
    )
    final = np.maximum(economy.final_use, 0.0)
    will_use = A * planned.sum(axis=0)[None, :]
    whole = will_use.sum(axis=1, keepdims=True)
    users = np.divide(will_use, whole, out=np.full((n, n), 1.0 / n), where=whole > 0)
    there = (A * (economy.output[None, :] * economy.stock_steps)).sum(axis=1)
    Z = there[:, None] * users
    so_far = np.vstack([np.zeros(n), np.cumsum(planned, axis=0)])
    allowed = _Inputs(economy, "leontief")
    out, delivered = np.empty((steps, n)), np.empty((steps, n))
    stock = np.empty((steps + 1, n))
    stock[0] = Z.sum(axis=1)
    limit = np.zeros((steps, n), dtype=np.int8)
    lacking = np.full((steps, n), -1, dtype=np.int64)
    cash = np.empty((steps + 1, n))
    cash[0] = economy.cash
    for t in range(steps):
        ahead = so_far[min(steps, t + 1 + cover_steps)] - so_far[t]
        orders = np.maximum(A * ahead[None, :] - Z, 0.0)
        consumers = wanted[t] * final
        asked = orders.sum(axis=1) + consumers
        by_inputs, scarce = allowed(Z)
        made = np.minimum(planned[t], by_inputs)
        limit[t] = np.where(made < planned[t] - 1e-12, 2, 0).astype(np.int8)
        lacking[t] = np.where(limit[t] == 2, scarce, -1)
        come = made + bought[t]
        share = np.minimum(1.0, np.divide(come, asked, out=np.ones(n), where=asked > 0))
        over = np.maximum(come - asked, 0.0)
        Z = np.maximum(Z - A * made[None, :], 0.0) + orders * share[:, None] + over[:, None] * users
        out[t], delivered[t] = made, consumers * share
        stock[t + 1] = Z.sum(axis=1)
        cash[t + 1] = cash[t] + economy.margin * made - economy.fixed_cost
    return Run(out, planned, delivered, stock, limit, lacking, cash, economy.value_share, bought)


class _Inputs:
    """What the stocks allow each sector to make, and which input is scarcest."""

    def __init__(self, economy: Economy, production: Production) -> None:
        A = economy.needs
        self.linear = production == "linear"
        counted = (A > 0) & (economy.critical if production == "critical" else True)
        self.free = ~counted.any(axis=0)
        self.per_unit = np.where(counted, A, 1.0)
        self.blocked = np.where(counted, 0.0, np.inf)
        self.total = np.where(self.free, 1.0, (A * counted).sum(axis=0))

    def __call__(self, Z: Floats) -> tuple[Floats, NDArray[np.int64]]:
        """Return output allowed by sector, and the index of its scarcest input."""
        reach = Z / self.per_unit + self.blocked
        scarce = reach.argmin(axis=0)
        if self.linear:
            allowed = np.where(self.free, np.inf, Z.sum(axis=0) / self.total)
        else:
            allowed = np.where(self.free, np.inf, reach.min(axis=0))
        return allowed, scarce


def balance(economy: Economy, run: Run) -> Floats:
    """Return how far a run misses the linear model's balance of goods, shape (step, sector), money.

        stock[t + 1] − stock[t] = output + imports − delivered − needs · output

    Zero for Leontief production; with other production functions inputs may be used that were not
    there, which shows as a surplus ≥ 0.
    """
    change = np.diff(run.stock, axis=0)
    made = run.output + run.imported - run.delivered - run.output @ economy.needs.T
    missed: Floats = change - made
    return missed
