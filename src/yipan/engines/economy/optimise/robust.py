"""Safe on the many futures, not only on the mean one: plans tightened until the chance of too few beds is met.

The deterministic optimum uses every bed, so chance alone breaks it more often than not. The plan is
solved again with all transmission inflated by a factor, and the factor is raised until Wilson's *upper*
bound of the chance of exceeding any area's beds at any time, on members not used before, is within the
accepted risk. If no factor reaches it, the answer is the frontier that can be reached.

The futures are those of `futures`, a branching process of the weekly model, or any others that the
caller runs: the epidemic engine's own ensemble, day by day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from yipan.engines.checks import Floats
from yipan.engines.economy.chances import Chance, wilson
from yipan.engines.economy.optimise.levels import rounded
from yipan.engines.economy.optimise.question import Question
from yipan.engines.economy.optimise.search import Plan, optimise
from yipan.engines.errors import OutOfRange

DISPERSION = 0.3
SPREAD = 0.15
"""Standard deviation of the logarithm of transmission: nobody knows it better than that."""

LARGEST = 4.0
FIRST = 1.25
NEAR_FACTOR = 0.03

Futures = Callable[[Plan, int, int], Floats]
"""From a plan, a number of members and the first member's number to beds needed (member, time, area).

Members with the same number share their chances in every plan, so plans are compared on paired futures."""


@dataclass(frozen=True)
class Tried:
    """A plan for transmission inflated by `factor`, and its chance of too few beds in the search."""

    factor: float
    plan: Plan
    chance: Chance


@dataclass(frozen=True)
class Robust:
    """A plan that meets the risk, or the safest that can be reached.

    `factor` is the inflation of transmission it was planned for; `chance` is measured on members used for
    nothing else; `frontier` lists (factor, value, chance in the search) of every plan tried, by factor;
    `price_of_safety` is the share of the deterministic optimum's value given up. `tried` holds the plans.
    """

    plan: Plan
    factor: float
    chance: Chance
    reached: bool
    frontier: tuple[tuple[float, float, Chance], ...]
    price_of_safety: float
    tried: tuple[Tried, ...] = ()


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
    path = [ill]
    beds = [_beds(q, ill) if q.stay == 0.0 else np.tile(q.in_care, (members, 1))]
    for t in range(q.weeks):
        mean = np.asarray((q.operator(e[t]) @ path[-1].T).T) * level
        brought = rng.poisson(q.infectious_per_return * plan.returns[t] + q.arrivals, mean.shape)
        # K I spreads over places: the shape follows the infections that caused them, k a person.
        shape = np.maximum(dispersion * mean / np.maximum(level, 1e-9), 1e-12)
        rate = rng.standard_gamma(shape) * (mean / shape)
        path.append(rng.poisson(rate).astype(np.float64) + brought)
        new = sum(w * path[t + 1 - k] for k, w in enumerate(q.bed_delay[: t + 2]))
        beds.append(q.stay * beds[-1] + _beds(q, np.asarray(new)))
    return np.stack(beds, axis=1)


def _beds(q: Question, ill: Floats) -> Floats:
    table = np.zeros((q.areas, q.places))
    table[q.area, np.arange(q.places)] = q.bed_share
    return np.asarray(ill @ table.T)


def exceeds(question: Question, needed: Floats) -> Chance:
    """Return how often any area needs more beds than it has, after the start, with Wilson's interval.

    `needed` (member, time, area), the first time being the start, over which no plan has power.
    """
    over = (needed[:, 1:] > question.beds).any(axis=(1, 2))
    return wilson(int(over.sum()), over.size)


def chance_of_excess(
    question: Question, plan: Plan, *, members: int, seed: int, **law: float
) -> Chance:
    """Return the chance that any area needs more beds than it has in any week to come."""
    return exceeds(question, futures(question, plan, members=members, seed=seed, **law))


def robust(
    question: Question,
    *,
    risk: float,
    members: int = 2000,
    search_members: int | None = None,
    seed: int = 1,
    steps: int = 8,
    tries: int = 7,
    orderable: bool = False,
    run: Futures | None = None,
    progress: Callable[[int, float, Chance], None] | None = None,
    **law: float,
) -> Robust | None:
    """Return the plan of most value whose chance of excess lies within `risk`, by Wilson's upper bound.

    The factor is doubled away from 1 until the risk is met or LARGEST is reached, then halved in; the plan
    chosen is measured once more on members used for nothing else, and the next safer one if it fails there.
    `orderable` rounds every plan to levels before it is measured. `run` gives other futures than the
    branching process; members 0 … search_members − 1 are used for the search, those after them for the proof.
    `law` passes dispersion and spread to `futures`. None where the economy itself cannot run.
    Raises OutOfRange (E802) for a risk outside (0, 1).
    """
    if not 0 < risk < 1:
        raise OutOfRange(f"A risk of {risk:g} is not between 0 and 1.", where="risk")
    searching = members if search_members is None else search_members
    tried: dict[float, Tried] = {}

    def measure(plan: Plan, size: int, first: int) -> Chance:
        if run is not None:
            return exceeds(question, run(plan, size, first))
        # every stretch of members of the branching process has its own seed
        return chance_of_excess(question, plan, members=size, seed=seed + 1 + first, **law)

    def at(factor: float) -> Chance | None:
        plan = planned_for(question, factor, steps=steps, orderable=orderable)
        if plan is None:
            return None
        chance = measure(plan, searching, 0)
        tried[factor] = Tried(factor, plan, chance)
        if progress is not None:
            progress(len(tried), factor, chance)
        return chance

    if at(1.0) is None:
        return None
    _search(at, tried, risk, tries)
    found = tuple(tried[f] for f in sorted(tried))
    best = tried[1.0].plan.value

    def answer(one: Tried, chance: Chance) -> Robust:
        return Robust(
            plan=one.plan,
            factor=one.factor,
            chance=chance,
            reached=chance.high <= risk,
            frontier=tuple((t.factor, t.plan.value, t.chance) for t in found),
            price_of_safety=1.0 - one.plan.value / best,
            tried=found,
        )

    proofs = 0
    for one in found:
        if one.chance.high <= risk:
            chance = measure(one.plan, members, searching + proofs * members)
            proofs += 1
            if chance.high <= risk:
                return answer(one, chance)
    safest = min(found, key=lambda t: (t.chance.high, t.factor))
    return answer(safest, measure(safest.plan, members, searching + proofs * members))


def planned_for(
    question: Question, factor: float, *, steps: int, orderable: bool = False
) -> Plan | None:
    """Return the best plan for transmission inflated by a factor, shown in the question's own model."""
    inflated = _inflated(question, factor)
    plan = optimise(inflated, steps=steps)
    if plan is None:
        return None
    if orderable:
        ordered = rounded(inflated, plan)
        if ordered is None:
            return None
        plan = ordered.plan
    infectious = question.trajectory(question.contacts(plan.x, plan.u), plan.returns)
    return replace(plan, infectious=infectious, occupancy=question.occupancy(infectious))


def _search(
    at: Callable[[float], Chance | None], tried: dict[float, Tried], risk: float, tries: int
) -> None:
    low, high = 1.0, None
    if tried[1.0].chance.high <= risk:
        return
    factor = FIRST
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
        arrivals=question.arrivals * factor,
        end_R=question.end_R * factor,  # the limit on R is one of the transmission believed
    )
