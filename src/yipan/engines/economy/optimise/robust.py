"""Safe on the many futures, not only on the mean one: plans tightened until the chance of too few beds is met.

The deterministic optimum uses every bed, so chance alone breaks it more often than not. The plan is
solved again with all transmission inflated by a factor, and the factor is raised until Wilson's *upper*
bound of the chance of exceeding any area's beds in any week, on members not used before, is within the
accepted risk. If no factor reaches it, the answer is the frontier that can be reached.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from yipan.engines.checks import Floats
from yipan.engines.economy.chances import Chance, wilson
from yipan.engines.economy.optimise.question import Question
from yipan.engines.economy.optimise.search import Plan, optimise
from yipan.engines.errors import OutOfRange

DISPERSION = 0.3
SPREAD = 0.15
"""Standard deviation of the logarithm of transmission: nobody knows it better than that."""

LARGEST = 4.0
NEAR_FACTOR = 0.02


@dataclass(frozen=True)
class Robust:
    """A plan that meets the risk, or the safest that can be reached.

    `factor` is the inflation of transmission it was planned for; `chance` is measured on members used for
    nothing else; `frontier` lists (factor, value, chance in the search) of every plan tried, by factor;
    `price_of_safety` is the share of the deterministic optimum's value given up.
    """

    plan: Plan
    factor: float
    chance: Chance
    reached: bool
    frontier: tuple[tuple[float, float, Chance], ...]
    price_of_safety: float


def futures(
    question: Question,
    plan: Plan,
    *,
    members: int,
    seed: int,
    dispersion: float = DISPERSION,
    spread: float = SPREAD,
) -> Floats:
    """Return beds needed by member, week and area under a plan, shape (member, week + 1, area).

    A branching process: each generation is Poisson round a gamma of shape k · I and mean K(e) I, which is the
    sum of I negative-binomial offspring of dispersion k; transmission of a member is lognormal of mean 1.
    Raises OutOfRange (E802) without members.
    """
    if members < 1:
        raise OutOfRange(f"{members} members cannot be run.", where="members")
    rng = np.random.default_rng(seed)
    q = question
    level = np.exp(spread * rng.standard_normal(members) - spread**2 / 2)[:, None]
    e = q.contacts(plan.x, plan.u)
    ill = rng.poisson(np.tile(q.infectious, (members, 1))).astype(np.float64)
    beds = [q.occupancy(ill)]
    for t in range(q.weeks):
        mean = np.asarray((q.operator(e[t]) @ ill.T).T) * level
        brought = rng.poisson(q.infectious_per_return * plan.returns[t] + q.arrivals, mean.shape)
        # K I spreads over places: the shape follows the infections that caused them, k a person.
        shape = np.maximum(dispersion * mean / np.maximum(level, 1e-9), 1e-12)
        rate = rng.standard_gamma(shape) * (mean / shape)
        ill = rng.poisson(rate).astype(np.float64) + brought
        beds.append(q.occupancy(ill))
    return np.stack(beds, axis=1)


def chance_of_excess(
    question: Question, plan: Plan, *, members: int, seed: int, **law: float
) -> Chance:
    """Return the chance that any area needs more beds than it has in any week to come."""
    needed = futures(question, plan, members=members, seed=seed, **law)
    over = (needed[:, 1:] > question.beds).any(axis=(1, 2))
    return wilson(int(over.sum()), members)


def robust(
    question: Question,
    *,
    risk: float,
    members: int = 2000,
    seed: int = 1,
    steps: int = 4,
    tries: int = 7,
    progress: Callable[[int, float, Chance], None] | None = None,
    **law: float,
) -> Robust | None:
    """Return the plan of most value whose chance of excess lies within `risk`, by Wilson's upper bound.

    The factor is doubled away from 1 until the risk is met or LARGEST is reached, then halved in; the plan
    chosen is measured once more on members used for nothing else, and raised again if it fails there.
    `law` passes dispersion and spread to `futures`. None where the economy itself cannot run.
    Raises OutOfRange (E802) for a risk outside (0, 1).
    """
    if not 0 < risk < 1:
        raise OutOfRange(f"A risk of {risk:g} is not between 0 and 1.", where="risk")
    tried: dict[float, tuple[Plan, Chance]] = {}

    def at(factor: float) -> Chance | None:
        plan = optimise(_inflated(question, factor), steps=steps)
        if plan is None:
            return None
        chance = chance_of_excess(question, plan, members=members, seed=seed + 1, **law)
        tried[factor] = (plan, chance)
        if progress is not None:
            progress(len(tried), factor, chance)
        return chance

    if at(1.0) is None:
        return None
    _search(at, tried, risk, tries)
    safe = sorted(f for f, (_p, c) in tried.items() if c.high <= risk)
    frontier = tuple((f, tried[f][0].value, tried[f][1]) for f in sorted(tried))
    best = tried[1.0][0].value
    for factor in safe:
        fresh = chance_of_excess(question, tried[factor][0], members=members, seed=seed + 2, **law)
        if fresh.high <= risk:
            plan = tried[factor][0]
            return Robust(plan, factor, fresh, True, frontier, 1.0 - plan.value / best)
    factor = min(tried, key=lambda f: (tried[f][1].high, f))
    plan = tried[factor][0]
    fresh = chance_of_excess(question, plan, members=members, seed=seed + 2, **law)
    return Robust(plan, factor, fresh, False, frontier, 1.0 - plan.value / best)


def _search(
    at: Callable[[float], Chance | None],
    tried: dict[float, tuple[Plan, Chance]],
    risk: float,
    tries: int,
) -> None:
    low, high = 1.0, None
    if tried[1.0][1].high <= risk:
        return
    factor = 1.25
    while len(tried) < tries:
        chance = at(factor)
        if chance is not None and chance.high <= risk:
            high = factor
        else:
            low = factor
        if high is None:
            if factor >= LARGEST:
                return
            factor = min(LARGEST, 1.0 + 2.0 * (factor - 1.0))
        elif high - low <= NEAR_FACTOR:
            return
        else:
            factor = 0.5 * (low + high)


def _inflated(question: Question, factor: float) -> Question:
    return question.but(
        household=question.household * factor,
        work_contacts=question.work_contacts * factor,
        setting_contacts=question.setting_contacts * factor,
        infectious_per_return=question.infectious_per_return * factor,
    )
