"""The question as one linear programme, columns and rows by name so that prices can be named."""

from __future__ import annotations

import numpy as np

from yipan.engines.checks import Floats
from yipan.engines.economy.linear import Solution
from yipan.engines.economy.optimise.programme import Builder
from yipan.engines.openings.question import STEPS, Question

LITTLE = 1e-9
RETURN_COST = 1e-9
"""A hair, so that nobody travels who is not needed."""


def build(
    q: Question,
    *,
    envelope: Floats | None,
    contacts: Floats | None = None,
    trust: float | None = None,
    slack_cost: float | None = None,
) -> Builder:
    """Return the programme of a question.

    Unknowns `d` (week, group, setting, step): with `staged` what is opened in that week and stays open,
    otherwise what is open in it. Without `envelope` the economy stands alone. With one (week + 1, place)
    and no `trust` it is fixed: K(e_t) Ī_t + … ≤ Ī_{t+1}; the optimum is global for that envelope. With
    `trust` infections are unknowns within that factor of it, and K(e) I is linearised at `contacts`.
    `slack_cost` lets beds and R be exceeded at that price (a bed; a hundredth of R).
    """
    b = Builder()
    _openings(q, b)
    _hands(q, b)
    if envelope is not None:
        _transmission(q, b, envelope, contacts, trust, slack_cost)
    return b


def steps_of(q: Question, solution: Solution, b: Builder) -> Floats:
    """Return the steps taken (week, group, setting, step) of a solution, in [0, 1]."""
    d = solution.x[b.columns["d"]]
    x = np.cumsum(d, axis=0) if q.staged else d
    return np.clip(x, 0.0, 1.0)


def _openings(q: Question, b: Builder) -> None:
    T, G, S = q.weeks, q.groups, q.settings
    step = np.arange(STEPS)
    low = (q.group_least[..., None] > step).astype(np.float64)
    high = (q.group_most[..., None] > step).astype(np.float64)
    gain = q.by_group(q.step_value)
    if q.staged:
        lower = np.zeros((T, G, S, STEPS))
        lower[0] = low
        left = np.arange(T, 0, -1)[:, None, None, None]  # weeks that a step opened now still counts
        d = b.column("d", (T, G, S, STEPS), lower, high, gain * left)
        rows = b.row("once", (G, S, STEPS), -np.inf, 1.0)
        b.put(rows[None], d, 1.0)
    else:
        b.column("d", (T, G, S, STEPS), low, high, gain)


def _summed(q: Question, t: int) -> slice:
    """The weeks whose `d` count in week t."""
    return slice(0, t + 1) if q.staged else slice(t, t + 1)


def _hands(q: Question, b: Builder) -> None:
    T, P = q.weeks, q.places
    d = b.columns["d"]
    r = b.column("returns", (T, P), 0.0, q.returning, -RETURN_COST * max(1.0, float(q.step_value.max(initial=0.0))))  # fmt: skip
    rows = b.row("labour", (T, P), -np.inf, q.hands)
    masks = b.row("masks", (T,), -np.inf, q.mask_stock + q.mask_supply * np.arange(1, T + 1))
    use = q.by_group(q.step_workers) * q.step_masks
    for t in range(T):
        of_place = d[_summed(q, t)][:, q.group]
        b.put(rows[t][None, :, None, None], of_place, q.step_workers[None])
        b.put(rows[t][None, :], r[: t + 1], -1.0)
        # stock at the end of week t: every week's use up to t is taken from stock and supply
        left = (
            np.arange(t + 1, 0, -1)[:, None, None, None] if q.staged else np.ones((t + 1, 1, 1, 1))
        )
        b.put(masks[t], d[: t + 1], use[None] * left)
    rows = b.row("returning", (P,), -np.inf, q.returning)
    b.put(rows[None, :], r, 1.0)
    rows = b.row("trains", (T,), -np.inf, q.trains)
    b.put(rows[:, None], r, 1.0)


def _transmission(
    q: Question,
    b: Builder,
    envelope: Floats,
    contacts: Floats | None,
    trust: float | None,
    slack_cost: float | None,
) -> None:
    T, P = q.weeks, q.places
    d, r = b.columns["d"], b.columns["returns"]
    e = b.column("contacts", (T, P), 0.0, np.inf)
    rows = b.row("contacts", (T, P), q.always, q.always)
    b.put(rows, e, 1.0)
    for t in range(T):
        of_place = d[_summed(q, t)][:, q.group]
        b.put(rows[t][None, :, None, None], of_place, -q.step_contacts[None])
    free = trust is not None
    # Rows are scaled by the envelope: a place with a hundredth of a case counts like any other.
    scale = 1.0 / np.maximum(envelope[1:], LITTLE)
    right = scale * (envelope[1:] - q.household * envelope[:-1] - q.arrivals)
    if free:
        assert contacts is not None
        for t in range(T):
            constant = q.arrivals - np.asarray(q.slope(envelope[t]) @ contacts[t])
            if t == 0:
                constant = constant + q.step(contacts[0], envelope[0])
            right[t] = -scale[t] * constant
    rows = b.row("transmission", (T, P), -np.inf, right)
    for t in range(T):
        slope = q.slope(envelope[t]).tocoo()
        b.put(rows[t][slope.row], e[t][slope.col], slope.data * scale[t][slope.row])
        b.put(rows[t], r[t], q.infectious_per_return * scale[t])
    if not free:
        return
    assert trust is not None
    assert contacts is not None
    ahead = envelope[1:]
    infectious = b.column("infectious", (T, P), ahead / trust, ahead * trust)
    for t in range(T):
        b.put(rows[t], infectious[t], -scale[t])
        if t > 0:
            K = q.operator(contacts[t]).tocoo()
            b.put(rows[t][K.row], infectious[t - 1][K.col], K.data * scale[t][K.row])
    _limits(q, b, slack_cost)


def _limits(q: Question, b: Builder, slack_cost: float | None) -> None:
    T = q.weeks
    infectious, e = b.columns["infectious"], b.columns["contacts"]
    # B[t + 1] ≥ stay · B[t] + a Σ I[t + 1], and B within the staffed beds: one row each
    occupied = b.column("occupied", (T, q.areas), 0.0, np.inf)
    carried = np.zeros((T, q.areas))
    carried[0] = -q.stay * q.in_care
    rows = b.row("admitted", (T, q.areas), -np.inf, carried)
    b.put(rows, occupied, -1.0)
    if T > 1:
        b.put(rows[1:], occupied[:-1], q.stay)
    b.put(rows[:, q.area], infectious, q.admitted)
    beds = b.row("beds", (T, q.areas), -np.inf, q.beds)
    b.put(beds, occupied, 1.0)
    if slack_cost is not None:
        b.put(beds, b.column("over", (T, q.areas), 0.0, np.inf, -slack_cost), -1.0)
    if q.end_R is not None:
        row = b.row("end_R", (1,), -np.inf, q.end_R - q.household)
        b.put(row, e[T - 1], q.people / q.people.sum())
        if slack_cost is not None:
            over = b.column("over_R", (1,), 0.0, np.inf, -100.0 * slack_cost * _beds_of_R(q))
            b.put(row, over, -1.0)


def _beds_of_R(q: Question) -> float:
    """How many beds a hundredth of R is weighed as, where both cannot be had: a tenth of them all."""
    return max(1.0, 0.1 * float(q.beds.sum()))
