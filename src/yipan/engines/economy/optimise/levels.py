"""From an optimum to what people can order: four levels, rounded down, then raised again while beds hold.

A level is what is allowed. How much of it is used follows from goods, hands, masks and cash, so levels never
make an economy impossible; contacts, infections and beds are counted for all that is allowed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from yipan.engines.checks import Floats, Integers
from yipan.engines.economy.optimise.programme import build, by_group
from yipan.engines.economy.optimise.question import Question
from yipan.engines.economy.optimise.search import (
    METHOD,
    Plan,
    R_too_high,
    plan_of,
    point_of,
)
from yipan.engines.economy.optimise.slopes import local

STEPS = 3
"""Steps between closed and open: levels 0 to 3."""

HAIR = 1e-6
PASSES = 4
LITTLE_WORTH = 0.01
"""A bed where none lacks yet counts so much of the dearest in choosing what is raised: beds may lack there next."""

BLOCK = 256
"""So many candidates are tried at once; it changes the time taken, never who fits."""

ROUNDS = 3
"""How often levels that were not used are taken back and others raised in their stead."""


@dataclass(frozen=True)
class Ordered:
    """A plan in levels, and what rounding cost.

    `levels` (week, group, sector) and `setting_levels` (week, group, setting), 0 the least that is allowed to
    3 open; `plan` the same openings with output, stocks and cash solved again; `loss` the share of the
    relaxed plan's value that was lost.
    """

    levels: Floats
    setting_levels: Floats
    plan: Plan
    loss: float


def rounded(question: Question, plan: Plan) -> Ordered | None:
    """Return the plan in four levels that keeps the beds exactly; None where the economy itself cannot run.

    Every opening goes to the level below or above it, such that no place has more contacts in any week
    than in the relaxed plan: infections are then no more either (K is monotone), so the beds still hold.
    What that leaves is used to raise levels, those first that the optimum had begun, then those that add
    most value for the beds they fill at the plan's own prices, as long as the model's own trajectory
    keeps the beds. What is allowed but not used, because goods or hands lack, is taken back for others.
    The loss is reported, not bounded.
    """
    q = question
    low = np.concatenate(
        [
            np.floor(STEPS * _part(plan.x, q.least) + HAIR).ravel(),
            np.floor(STEPS * _part(plan.u, q.least_setting) + HAIR).ravel(),
        ]
    )
    order = _order(q, plan, low)
    best: Ordered | None = None
    flat = _nearest(q, plan, low)
    for _round in range(ROUNDS):
        for _step in range(STEPS):
            flat = _raise(q, plan, flat, order)
        ordered = in_levels(q, plan, *_split(q, flat))
        if ordered is None:
            return None
        if best is not None and ordered.plan.value <= best.plan.value * (1 + HAIR):
            break
        best = ordered
        used = _used(q, flat, ordered)
        unused = used < flat
        if not unused.any():
            break
        flat = used
        order = np.concatenate([order[~unused[order]], order[unused[order]]])
    return best


def in_levels(q: Question, plan: Plan, levels: Floats, setting_levels: Floats) -> Ordered | None:
    """Return what levels come to with the returns of a plan; None where the economy itself cannot run.

    Also for levels that somebody edited: `plan.over` then names the beds that lack.
    """
    x, u = openings_of(q, levels, setting_levels)
    solved = allowing(q, x, u, returns=plan.returns, bound=plan.bound)
    if solved is None:
        return None
    solved = replace(
        solved, seconds=plan.seconds + solved.seconds, prices=plan.prices, promised=plan.promised
    )
    return Ordered(levels, setting_levels, solved, 1.0 - solved.value / plan.value)


def allowing(
    q: Question,
    x: Floats,
    u: Floats,
    *,
    returns: Floats | None = None,
    bound: float | None = None,
) -> Plan | None:
    """Return the best use of given openings (week, group, …), whatever they do to the beds.

    Output, stocks, masks, cash and, up to `returns`, returning workers are chosen; contacts are those of all
    that is allowed. None where the economy cannot run. `plan.over` names the beds that lack.
    """
    started = perf_counter()
    b = build(q)
    programme = b.programme()
    lower, upper = programme.lower.copy(), programme.upper.copy()
    upper[b.columns["opened"]] = np.clip(x - q.least, 0.0, 1.0 - q.least)
    lower[b.columns["u"]] = upper[b.columns["u"]] = np.clip(u, q.least_setting, 1.0)
    if returns is not None:
        upper[b.columns["returns"]] = np.minimum(q.returning, returns)
    solution = replace(programme, lower=lower, upper=upper).solve(method=METHOD)
    if not solution.feasible:
        return None
    point = point_of(q, b, solution, x=np.maximum(x, q.least))
    whole = point.value if bound is None else bound
    return replace(plan_of(q, point, whole, 1, started), envelope=point.infectious)


def openings_of(q: Question, levels: Floats, setting_levels: Floats) -> tuple[Floats, Floats]:
    """Return openings of sectors and settings at their levels, in [least, 1]."""
    x = q.least + (1.0 - q.least) * levels / STEPS
    u = q.least_setting + (1.0 - q.least_setting) * setting_levels / STEPS
    return x, u


def _part(opening: Floats, least: Floats) -> Floats:
    room = np.maximum(1.0 - least, 1e-12)
    return np.asarray(np.clip((opening - least) / room, 0.0, 1.0))


def _split(q: Question, flat: Floats) -> tuple[Floats, Floats]:
    cut = q.weeks * q.groups * q.sectors
    return (
        flat[:cut].reshape(q.weeks, q.groups, q.sectors),
        flat[cut:].reshape(q.weeks, q.groups, q.settings),
    )


def _order(q: Question, plan: Plan, low: Floats) -> Integers:
    """Indices of all levels: those begun by the optimum, then the most value for the beds they fill."""
    around = local(q, q.contacts(plan.x, plan.u), plan.returns)
    worth = np.zeros((q.weeks, q.areas))
    of_R = sum(price.value for price in plan.prices if price.limit == "end_R")
    for price in plan.prices:
        if price.limit == "beds" and price.week is not None and price.index is not None:
            worth[price.week, price.index] = price.value
    if not worth.any() and of_R <= 0:
        worth[:] = 1.0
    worth = np.maximum(worth, LITTLE_WORTH * worth.max())
    cost = np.einsum("ta,tasp->sp", worth, around.d_contacts)  # value of the beds one contact fills
    cost[-1] += of_R * q.people / q.people.sum()
    spent_x = np.stack([by_group(q, q.work_contacts * week[:, None]) for week in cost])
    spent_u = np.stack([by_group(q, week) for week in cost])[..., None] * q.setting_contacts
    yields = by_group(q, q.capacity) * (1.0 - q.remote) * q.value_share * (1.0 - q.least)
    people = np.bincount(q.group, q.people, minlength=q.groups)
    kept = people[:, None] * q.setting_value * (1.0 - q.least_setting)
    ratio = np.concatenate(
        [
            (yields / np.maximum(spent_x * (1.0 - q.least), 1e-12)).ravel(),
            (kept / np.maximum(spent_u * (1.0 - q.least_setting), 1e-12)).ravel(),
        ]
    )
    whole = np.concatenate(
        [(STEPS * _part(plan.x, q.least)).ravel(), (STEPS * _part(plan.u, q.least_setting)).ravel()]
    )
    begun = whole - low > 1e-4
    return np.lexsort((-ratio, ~begun))


def _nearest(q: Question, plan: Plan, low: Floats) -> Floats:
    """Return levels at or one above `low`, the most begun first, without more contacts in any place and week."""
    steps_x = np.stack(
        [q.work_contacts * (1.0 - q.least) / STEPS] * q.weeks
    )  # (week, place, sector)
    steps_u = np.broadcast_to(
        q.setting_contacts * (1.0 - q.least_setting) / STEPS, (q.weeks, q.places, q.settings)
    )
    steps = np.concatenate([steps_x, steps_u], axis=2)
    begun = np.concatenate(
        [STEPS * _part(plan.x, q.least), STEPS * _part(plan.u, q.least_setting)], axis=2
    )
    levels = np.concatenate(_split(q, low), axis=2)
    part = begun - levels
    order = np.argsort(-part, axis=2, kind="stable")
    left = q.contacts(plan.x, plan.u) - q.contacts(*openings_of(q, *_split(q, low)))
    weeks, groups = np.ogrid[: q.weeks, : q.groups]
    for rank in range(order.shape[2]):
        chosen = order[:, :, rank]
        more = np.take_along_axis(steps, chosen[:, q.group, None], axis=2)[..., 0]
        tight = np.zeros((q.groups, q.weeks))
        np.add.at(tight, q.group, (more > left + 1e-12).T)
        fits = (
            (tight.T == 0)
            & (part[weeks, groups, chosen] > 1e-4)
            & (levels[weeks, groups, chosen] < STEPS)
        )
        levels[weeks, groups, chosen] += fits
        left -= np.where(fits[:, q.group], more, 0.0)
    return np.concatenate([levels[..., : q.sectors].ravel(), levels[..., q.sectors :].ravel()])


def _raise(q: Question, plan: Plan, flat: Floats, order: Integers) -> Floats:
    """Raise levels in order, one step each, as long as the model's own trajectory keeps the beds.

    Who fits is chosen by the slopes of beds needed and of R in the last week, with all that was chosen before
    counted; the choice is then run through the model and made smaller where it does not hold. Repeated
    until nothing more fits.
    """
    allowed = np.maximum(q.beds, plan.occupancy[1:])
    most_R = q.end_R + plan.over_R
    waiting = order[flat[order] < STEPS]
    for _pass in range(PASSES):
        if not waiting.size:
            break
        here = q.contacts(*openings_of(q, *_split(q, flat)))
        around = local(q, here, plan.returns)
        more = flat.copy()
        more[waiting] += 1.0
        rise = q.contacts(*openings_of(q, *_split(q, more))) - here
        room = (allowed - around.occupancy[1:]).ravel()
        slopes = around.d_contacts.reshape(room.size, q.weeks, q.places)
        # limits that all who wait could not fill together decide nothing
        tight = np.tensordot(slopes, rise, axes=2) > 0.1 * room
        of_R = np.zeros((1, q.weeks, q.places))
        of_R[0, -1] = q.people / q.people.sum()
        steps = _steps(q, np.concatenate([slopes[tight], of_R]), waiting)
        room = np.append(room[tight], most_R - q.R(here)[-1])
        chosen = np.zeros(waiting.size, dtype=bool)
        for share in (1.0, 0.9, 0.7, 0.4, 0.15):
            chosen = _fitting(steps, room * share)
            tried = flat.copy()
            tried[waiting[chosen]] += 1.0
            contacts = q.contacts(*openings_of(q, *_split(q, tried)))
            occupancy = q.occupancy(q.trajectory(contacts, plan.returns))
            if (occupancy[1:] <= allowed).all() and R_too_high(q, contacts) <= plan.over_R:
                flat = tried
                break
        else:
            chosen[:] = False
        if not chosen.any():
            break
        waiting = waiting[~chosen]
    return flat


def _steps(q: Question, slope: Floats, cells: Integers) -> Floats:
    """Return by how much one level more of each cell raises each limit's use, shape (cell, limit).

    `slope` (limit, week, place): by how much one contact more does.
    """
    cut = q.weeks * q.groups * q.sectors
    found = np.empty((cells.size, slope.shape[0]))
    members = [np.flatnonzero(q.group == g) for g in range(q.groups)]
    sectors = cells < cut
    week, group, sector = np.unravel_index(cells[sectors], (q.weeks, q.groups, q.sectors))
    places = np.flatnonzero(sectors)
    for g in np.unique(group):
        here = group == g
        by_cell = slope[:, week[here][:, None], members[g]]  # (limit, cell, place)
        work = q.work_contacts[members[g]][:, sector[here]].T
        found[places[here]] = np.einsum("rcp,cp->cr", by_cell, work)
    found[places] *= ((1.0 - q.least) / STEPS)[sector][:, None]
    week, group, kept = np.unravel_index(cells[~sectors] - cut, (q.weeks, q.groups, q.settings))
    places = np.flatnonzero(~sectors)
    for g in np.unique(group):
        here = group == g
        found[places[here]] = slope[:, week[here][:, None], members[g]].sum(axis=2).T
    found[places] *= (q.setting_contacts * (1.0 - q.least_setting) / STEPS)[kept][:, None]
    return found


def _fitting(steps: Floats, room: Floats) -> NDArray[np.bool_]:
    """Return who fits, first come first served."""
    chosen = np.zeros(steps.shape[0], dtype=bool)
    left = room.copy()
    for first in range(0, steps.shape[0], BLOCK):
        may = first + np.flatnonzero((steps[first : first + BLOCK] <= left).all(axis=1))
        while may.size:
            # the longest run of candidates that fits as a whole, then those after it that still fit alone
            filled = np.cumsum(steps[may], axis=0)
            whole = (filled <= left).all(axis=1)
            run = int(whole.argmin()) if not whole.all() else may.size
            chosen[may[:run]] = True
            if run:
                left = left - filled[run - 1]
            may = may[run:]
            may = may[(steps[may] <= left).all(axis=1)]
    return chosen


def _used(q: Question, flat: Floats, ordered: Ordered) -> Floats:
    """Return the levels that what was really at work would have needed."""
    used = flat.copy()
    cut = ordered.levels.size
    at_work = ordered.plan.goods["opened"] / np.maximum(1.0 - q.least, 1e-12)
    needed = np.ceil(STEPS * at_work - HAIR).ravel()
    used[:cut] = np.minimum(used[:cut], np.maximum(needed, 0.0))
    return used
