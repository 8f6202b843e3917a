"""From an optimum to what people can order: four levels, rounded down, then raised again while beds hold."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from yipan.engines.checks import Floats
from yipan.engines.economy.optimise.programme import build
from yipan.engines.economy.optimise.question import Question
from yipan.engines.economy.optimise.search import Plan, _plan

STEPS = 3
"""Steps between closed and open: levels 0 to 3."""

HAIR = 1e-6


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
    """Return the plan in four levels that keeps the beds; None where the economy cannot run in levels.

    Rounding down never adds infections (K is monotone), so the beds still hold; then levels are raised,
    those first that add most value for the contacts they add, as long as the model's own trajectory
    keeps the beds and hands suffice.
    """
    q = question
    x_level = np.floor(STEPS * _part(plan.x, q.least) + HAIR)
    u_level = np.floor(STEPS * _part(plan.u, q.least_setting) + HAIR)
    order = _order(q, plan)
    low = np.concatenate([x_level.ravel(), u_level.ravel()])
    flat = low
    for _round in range(STEPS):
        flat = _raise(q, plan, flat, [i for i in order if flat[i] < STEPS])
    for levels in (
        flat,
        low,
    ):  # raised levels may lack goods that the check of hands and masks cannot see
        x_level, u_level = _split(q, levels)
        solved = _solved(q, plan, x_level, u_level)
        if solved is not None:
            return Ordered(x_level, u_level, solved, 1.0 - solved.value / plan.value)
    return None


def _part(opening: Floats, least: Floats) -> Floats:
    room = np.maximum(1.0 - least, 1e-12)
    return np.asarray(np.clip((opening - least) / room, 0.0, 1.0))


def _openings(q: Question, x_level: Floats, u_level: Floats) -> tuple[Floats, Floats]:
    x = q.least + (1.0 - q.least) * x_level / STEPS
    u = q.least_setting + (1.0 - q.least_setting) * u_level / STEPS
    return x, u


def _split(q: Question, flat: Floats) -> tuple[Floats, Floats]:
    cut = q.weeks * q.groups * q.sectors
    return (
        flat[:cut].reshape(q.weeks, q.groups, q.sectors),
        flat[cut:].reshape(q.weeks, q.groups, q.settings),
    )


def _order(q: Question, plan: Plan) -> list[int]:
    """Indices of all levels, the most value for the contacts added first."""
    capacity = np.zeros((q.groups, q.sectors))
    np.add.at(capacity, q.group, q.capacity * (1.0 - q.remote) * q.value_share)
    people = np.bincount(q.group, q.people, minlength=q.groups)
    spread = np.zeros((q.weeks, q.groups, q.sectors))
    ill = np.zeros((q.weeks, q.groups))
    for t in range(q.weeks):
        here = plan.infectious[t]
        np.add.at(spread[t], q.group, q.work_contacts * here[:, None])
        ill[t] = np.bincount(q.group, here, minlength=q.groups)
    worth = np.concatenate(
        [
            (capacity / np.maximum(spread, 1e-12)).ravel(),
            (
                people[:, None] * q.setting_value
                / np.maximum(q.setting_contacts * ill[..., None], 1e-12)
            ).ravel(),
        ]
    )  # fmt: skip
    return [int(i) for i in np.argsort(-worth, kind="stable")]


def _raise(q: Question, plan: Plan, flat: Floats, waiting: list[int]) -> Floats:
    """Raise as many levels as hold, in order; a block that does not hold is halved and tried again."""
    blocks = [waiting]
    while blocks:
        block = blocks.pop()
        if not block:
            continue
        tried = flat.copy()
        tried[block] += 1.0
        if _holds(q, plan, tried):
            flat = tried
        elif len(block) > 1:
            half = len(block) // 2
            blocks += [block[half:], block[:half]]
    return flat


def _holds(q: Question, plan: Plan, flat: Floats) -> bool:
    x, u = _openings(q, *_split(q, flat))
    occupancy = q.occupancy(q.trajectory(q.contacts(x, u), plan.returns))
    if (occupancy[1:] > np.maximum(q.beds, plan.occupancy[1:])).any():
        return False
    hands = q.residents_at_work + np.cumsum(plan.returns, axis=0)
    busy = np.einsum("tps,ps->tp", x[:, q.group], q.workers * (1.0 - q.remote))
    if (busy > hands).any():
        return False
    return _masks_last(q, plan, x)


def _masks_last(q: Question, plan: Plan, x: Floats) -> bool:
    """Whether protective equipment lasts, counting of what is made only what the plan made."""
    workers = np.zeros((q.groups, q.sectors))
    np.add.at(workers, q.group, q.workers * (1.0 - q.remote))
    used = np.cumsum((x * workers).sum(axis=(1, 2))) * q.protective_use
    made = plan.output[:, :, q.protective_sector].sum(axis=1) * q.protective_made
    there = q.protective_stock + np.cumsum(made * 0.999 + q.protective_bought)
    return bool((used <= there).all())


def _solved(q: Question, plan: Plan, x_level: Floats, u_level: Floats) -> Plan | None:
    x, u = _openings(q, x_level, u_level)
    b = build(q, envelope=None)
    programme = b.programme()
    lower, upper = programme.lower.copy(), programme.upper.copy()
    for name, value in (("x", x), ("u", u)):
        lower[b.columns[name]] = upper[b.columns[name]] = value
    # No more people return than the plan's trajectory has counted; a hair for the solver's tolerance.
    upper[b.columns["returns"]] = np.minimum(q.returning, plan.returns * (1 + HAIR) + HAIR)
    solution = replace(programme, lower=lower, upper=upper).solve(method="ipm")
    if not solution.feasible:
        return None
    solved = _plan(q, b, solution, plan.envelope, plan.bound, plan.steps, 0.0)
    return replace(solved, seconds=plan.seconds + solution.seconds, prices=plan.prices)
