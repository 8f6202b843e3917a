"""What happens when openings, hands and inputs run short: a supply-chain simulator with inventories.

After A. Pichler, M. Pangallo, R. M. del Rio-Chanona, F. Lafond and J. D. Farmer (2020), "Production
networks and epidemic spreading: how to restart the UK economy?", arXiv:2005.10585, and (2022), Journal
of Economic Dynamics and Control 144:104527. Sectors hold stocks of every input, order to refill
them, and make no more than hands, inputs and orders allow; who cannot deliver rations in proportion.
The same balance of goods is the linear model's (`balance`), so the two can be compared.
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
    | `stock_steps` | (sector,) | steps of its own inputs a sector keeps at rest |
    | `imported` | (sector, sector) | input i for one unit of j, from outside; always met |
    | `critical` | (sector, sector) | whether j stops without i; only for production "critical" |
    | `refill_steps` | | steps in which a missing stock is ordered back |
    | `margin`, `fixed_cost`, `cash` | (sector,) | for one unit of output; a step; at the start |

    At rest output covers needs and final use: f = output − needs · output ≥ 0.
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

    def __post_init__(self) -> None:
        """Check shapes and that final use at rest is not negative; raises E801 and E802."""
        keep = object.__setattr__
        output = as_floats(self.output, "output", shape=(None,))
        n = output.size
        keep(self, "output", output)
        keep(self, "needs", as_floats(self.needs, "needs", shape=(n, n), high=1.0))
        for name, high in (("value_share", 1.0), ("stock_steps", np.inf)):
            keep(self, name, as_floats(getattr(self, name), name, shape=(n,), high=high))
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
        if (self.final_use < -1e-9 * max(1.0, float(output.max(initial=0.0)))).any():
            worst = int(self.final_use.argmin())
            raise OutOfRange(
                f"Others need more of sector {worst} than it makes at rest.",
                where=f"output[{worst}]",
                remedy="Give the region's imports, or its own output.",
            )

    @property
    def final_use(self) -> Floats:
        """What is left at rest for consumers, investment and export, a step, shape (sector,)."""
        left: Floats = self.output - self.needs @ self.output
        return left


@dataclass(frozen=True)
class Run:
    """What happened, step by step.

    `output`, `capacity`, `delivered` (final use met), (step, sector); `stock` (step + 1, sector): pooled stock of
    each good with its users; `limit` (step, sector): 0 nothing but demand, 1 hands, 2 inputs; `lacking`
    (step, sector): the scarcest input where inputs limit, −1 elsewhere; `cash` (step + 1, sector).
    """

    output: Floats
    capacity: Floats
    delivered: Floats
    stock: Floats
    limit: NDArray[np.int8]
    lacking: NDArray[np.int64]
    cash: Floats
    value_share: Floats

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
    step before. Raises ShapeMismatch (E801) and OutOfRange (E802).

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
    return _simulate(economy, at_work, wanted, given, production)


def _simulate(
    economy: Economy, at_work: Floats, wanted: Floats, relief: Floats, production: Production
) -> Run:
    steps, n = at_work.shape
    A, final = economy.needs, np.maximum(economy.final_use, 0.0)
    target = A * (economy.output * economy.stock_steps)[None, :]
    Z = target.copy()
    asked = economy.output.copy()
    capacity = at_work * economy.output
    out = np.empty((steps, n))
    delivered = np.empty((steps, n))
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
        made = np.minimum(np.minimum(capacity[t], by_inputs), asked)
        limit[t] = np.where(
            made < asked - 1e-12, np.where(by_inputs < capacity[t], 2, 1), 0
        ).astype(np.int8)
        lacking[t] = np.where(limit[t] == 2, scarce, -1)
        share = np.divide(made, asked, out=np.zeros(n), where=asked > 0)
        Z = np.maximum(Z - A * made[None, :], 0.0) + orders * share[:, None]
        out[t], delivered[t] = made, consumers * share
        stock[t + 1] = Z.sum(axis=1)
        cash[t + 1] = cash[t] + economy.margin * made - economy.fixed_cost + relief[t]
    return Run(out, capacity, delivered, stock, limit, lacking, cash, economy.value_share)


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

        stock[t + 1] − stock[t] = output − delivered − needs · output

    Zero for Leontief production; with other production functions inputs may be used that were not
    there, which shows as a surplus ≥ 0.
    """
    change = np.diff(run.stock, axis=0)
    made = run.output - run.delivered - run.output @ economy.needs.T
    missed: Floats = change - made
    return missed
