"""What a held-back firm would unlock downstream: a weekly programme of goods, with one-sided differences.

Sections make goods for one another and for final use; stocks carry over a week's end. With v value added for
one unit of output, A needs from inside, f most final use:

    maximise   Σ_t v · y_t
    subject to y_t ≤ capacity_t,   stock_t + y_t − A y_t − final_t = stock_{t+1},   0 ≤ final_t ≤ f_t

Firms of a register work at a share z of ordinary, on top of what the rest of their section can make:

    y_t[s] ≤ rest_t[s] + Σ_{f in s} output_f · z_f,   z_f ≤ own_f,   z_f ≤ parts_f + (1 − parts_f) · z_supplier(f)

Inputs from outside are always met. Releasing a firm raises what it can do, what its customers can do, and what
the sections can that lacked its goods: its gain is the difference of two optima.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from yipan.engines.checks import Floats, Integers, as_floats
from yipan.engines.economy.linear import LinearProgramme, Solution
from yipan.engines.economy.optimise.programme import Builder
from yipan.engines.errors import OutOfRange


@dataclass(frozen=True)
class Chain:
    """An economy of sections at rest.

    `needs` (section, section) input i from inside for one unit of output j; `value_share` (section,) in
    [0, 1]; `output` (section,) a week at rest, money; `stock_weeks` weeks of ordinary needs kept in stock.
    """

    needs: Floats
    value_share: Floats
    output: Floats
    stock_weeks: float

    @property
    def final(self) -> Floats:
        """Most final use a week: what is left at rest, never negative."""
        return np.maximum(self.output - self.needs @ self.output, 0.0)


@dataclass(frozen=True)
class Firms:
    """Firms of a register, first axis firm.

    `section` index; `output` ordinary output a week, money; `own` share of ordinary work that everything but parts
    allows; `parts` share that parts in stock allow alone; `supplier` index of the firm its parts come from,
    −1 where they are bought of nobody in the register.
    """

    section: Integers
    output: Floats
    own: Floats
    parts: Floats
    supplier: Integers


@dataclass(frozen=True)
class Unlocked:
    """What the goods allow, and what each firm's release would unlock.

    `output` (week, section); `value` over all weeks; `share` (firm,) of ordinary work; `gain` (firm,) value added that
    all gain if the firm is released; `direct` (firm,) the part of it that the firm's own output can bring.
    """

    output: Floats
    value: float
    share: Floats
    gain: Floats
    direct: Floats


def unlock(
    chain: Chain,
    *,
    rest: Floats,
    firms: Firms,
    own_after: Floats,
    parts_after: Floats,
    exactly: int = 25,
) -> Unlocked:
    """Return what releasing each firm brings: `own` raised to `own_after` (firm,) and `parts` to `parts_after`.

    `rest` (week, section) is what can be made without the register's firms. The `exactly` firms with the largest gain
    by multipliers are solved again one by one, so that their gain is a true difference; the others keep
    the multiplier's, an upper bound as the programme is concave. Raises E801 and E802.

    >>> pair = Chain(needs=np.zeros((2, 2)), value_share=np.array([1.0, 0.5]),
    ...     output=np.array([50.0, 100.0]), stock_weeks=0.0)
    >>> firms = Firms(section=np.array([0, 1]), output=np.array([10.0, 100.0]), own=np.array([0.2, 1.0]),
    ...     parts=np.array([1.0, 0.0]), supplier=np.array([-1, 0]))  # the second lives on the first
    >>> found = unlock(pair, rest=np.array([[40.0, 0.0]]), firms=firms, own_after=np.array([1.0, 1.0]),
    ...     parts_after=np.array([1.0, 0.0]))
    >>> found.share.tolist(), found.gain.round(6).tolist(), found.direct.tolist()
    ([0.2, 0.2], [48.0, 0.0], [8.0, 0.0])
    """
    S = chain.output.size
    most = as_floats(rest, "rest", shape=(None, S))
    F, T = firms.section.size, most.shape[0]
    for name in ("output", "own", "parts"):
        as_floats(getattr(firms, name), name, shape=(F,))
    if (chain.needs.sum(axis=0) > 1.0).any():
        raise OutOfRange("A section needs more than it makes.", where="needs")
    b, programme = _programme(chain, most, firms)
    base = programme.solve(method="simplex")
    own, parts = b.rows["own"], b.rows["parts"]
    by_price = np.maximum(base.row_prices[own], 0.0) * (own_after - firms.own)
    by_price = by_price + np.maximum(base.row_prices[parts], 0.0) * (parts_after - firms.parts)
    gain = np.maximum(by_price, 0.0)
    for firm in np.argsort(-gain, kind="stable")[:exactly]:
        gain[firm] = _released(b, programme, base, firms, int(firm), own_after, parts_after)
    z = base.x[b.columns["z"]]
    after = np.minimum(own_after, 1.0)
    direct = T * chain.value_share[firms.section] * firms.output * np.maximum(after - z, 0.0)
    return Unlocked(
        output=base.x[b.columns["y"]],
        value=base.value,
        share=z,
        gain=np.maximum(gain, 0.0),
        direct=np.minimum(direct, np.maximum(gain, 0.0)),
    )


def _programme(chain: Chain, rest: Floats, firms: Firms) -> tuple[Builder, LinearProgramme]:
    T, S = rest.shape
    F = firms.section.size
    b = Builder()
    y = b.column("y", (T, S), 0.0, np.inf, chain.value_share)
    z = b.column("z", (F,), 0.0, 1.0)
    final = b.column("final", (T, S), 0.0, chain.final)
    kept = chain.stock_weeks * (chain.needs @ chain.output)
    low, high = np.zeros((T + 1, S)), np.tile(2.0 * kept + chain.final, (T + 1, 1))
    low[0] = high[0] = kept
    stock = b.column("stock", (T + 1, S), low, high)
    rows = b.row("capacity", (T, S), -np.inf, rest)
    b.put(rows, y, 1.0)
    if F:
        b.put(rows[:, firms.section], z[None, :], -firms.output[None, :])
    own = b.row("own", (F,), -np.inf, firms.own)
    b.put(own, z, 1.0)
    parts = b.row("parts", (F,), -np.inf, np.where(firms.supplier >= 0, firms.parts, 1.0))
    b.put(parts, z, 1.0)
    fed = np.flatnonzero(firms.supplier >= 0)
    b.put(parts[fed], z[firms.supplier[fed]], -(1.0 - np.minimum(firms.parts[fed], 1.0)))
    rows = b.row("goods", (T, S), 0.0, 0.0)
    for columns, sign in ((stock[:-1], 1.0), (y, 1.0), (final, -1.0), (stock[1:], -1.0)):
        b.put(rows, columns, sign)
    b.put(rows[:, :, None], y[:, None, :], -chain.needs)
    return b, b.programme()


def _released(
    b: Builder, programme: LinearProgramme, base: Solution, firms: Firms, firm: int,
    own_after: Floats, parts_after: Floats,
) -> float:  # fmt: skip
    upper = programme.row_upper.copy()
    upper[b.rows["own"][firm]] = own_after[firm]
    if firms.supplier[firm] >= 0:
        upper[b.rows["parts"][firm]] = parts_after[firm]
    again = replace(programme, row_upper=upper).solve(method="simplex", start=base.basis)
    return again.value - base.value
