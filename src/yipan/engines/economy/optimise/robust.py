"""Safe on the many futures, not only on the mean one: plans tightened until the chance of too few beds is met.

The deterministic optimum uses every bed, so chance alone breaks it more often than not. The plan is
solved again with all transmission inflated by a factor, the least with which Wilson's *upper* bound of the
chance of exceeding any area's beds at any time is within the accepted risk; then it is measured on
members not used before. If no factor reaches it, the answer is the frontier that can be reached.

The futures are those of `futures`, a branching process of the weekly model, or any others that the
caller runs: the epidemic engine's own ensemble, day by day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from yipan.engines.checks import Floats, Integers
from yipan.engines.economy.chances import Chance, wilson
from yipan.engines.economy.optimise.levels import allowing, rounded
from yipan.engines.economy.optimise.question import Question
from yipan.engines.economy.optimise.search import Plan, optimise
from yipan.engines.economy.tightening import (
    Excess,
    Judge,
    Tried,
    as_good,
    chosen,
    tighten,
)
from yipan.engines.errors import OutOfRange

DISPERSION = 0.3
SPREAD = 0.15
"""Standard deviation of the logarithm of transmission: nobody knows it better than that."""

COUNTIES = "own"
"""The family of plans in the question's own grouping."""

AGAIN = 3
"""Steps of a search that begins at a plan for another factor."""

Futures = Callable[[Plan, int, int], Floats]
"""From a plan, a number of members and the first member's number to beds needed (member, time, area).

Members with the same number share their chances in every plan, so plans are compared on paired futures."""


@dataclass(frozen=True)
class Robust:
    """A plan that meets the risk, or the safest that can be reached.

    `factor` is the inflation of transmission it was planned for; `chance` is measured on members used for
    nothing else; `frontier` lists (factor, value, chance in the search) of every plan tried, by factor;
    `price_of_safety` is the share of the deterministic optimum's value given up. `tried` holds the plans, the
    deterministic optimum first; `family` says of which grouping the plan is; `members_run` how many
    members were run in all.
    """

    plan: Plan
    factor: float
    family: str
    chance: Chance
    reached: bool
    frontier: tuple[tuple[float, float, Chance], ...]
    price_of_safety: float
    tried: tuple[Tried[Plan], ...] = ()
    members_run: int = 0


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
    alike: Mapping[str, Integers] | None = None,
    run: Futures | None = None,
    progress: Callable[[int, float, Chance], None] | None = None,
    **law: float,
) -> Robust | None:
    """Return the plan of most value whose chance of excess lies within `risk`, by Wilson's upper bound.

    The factor is raised from 1 until the risk is met, then searched between (`tightening`); the plan of most
    value that met it is measured once more on members used for nothing else, and the next if it fails
    there. `alike` names coarser groupings (place → group): where their optimum that adds as much as the best
    plan found keeps the risk too, the best of theirs is searched as well, so the answer is no worse than
    they are. `orderable` rounds every plan to levels before it is
    measured. `run` gives other futures than the branching process; members 0 … search_members − 1 serve the
    search, as many of them as decide, and those after them the proof. `law` passes dispersion and spread to
    `futures`. None where the economy itself cannot run. Raises OutOfRange (E802) for a risk outside (0, 1).
    """
    if not 0 < risk < 1:
        raise OutOfRange(f"A risk of {risk:g} is not between 0 and 1.", where="risk")
    searching = members if search_members is None else search_members

    def over(plan: Plan, size: int, first: int) -> Excess:
        if run is not None:
            needed = run(plan, size, first)
        else:  # every stretch of members of the branching process has its own seed
            needed = futures(question, plan, members=size, seed=seed + 1 + first, **law)
        return np.asarray((needed[:, 1:] > question.beds).any(axis=(1, 2)))

    count = 0

    def told(one: Tried[Plan]) -> None:
        nonlocal count
        count += 1
        if progress is not None:
            progress(count, one.factor, one.chance)

    judge: Judge[Plan] = Judge(over, _key, risk=risk, most=searching)
    own = _Family(question, question.group, steps=steps, orderable=orderable)
    tried = tighten(own.at, judge, family=COUNTIES, tries=tries, told=told)
    if not tried:
        return None
    for name, group in (alike or {}).items():
        family = _Family(question, group, steps=steps, orderable=orderable)
        tried += as_good(family.at, judge, tried, family=name, tries=max(2, tries // 2), told=told)
    one, chance, reached = chosen(tried, judge, members=members)
    return Robust(
        plan=one.plan,
        factor=one.factor,
        family=one.family,
        chance=chance,
        reached=reached,
        frontier=tuple((t.factor, t.value, t.chance) for t in sorted(tried, key=_by_factor)),
        price_of_safety=1.0 - one.value / tried[0].value,
        tried=tuple(tried),
        members_run=judge.run,
    )


def _by_factor(one: Tried[Plan]) -> tuple[float, str]:
    return one.factor, one.family


def _key(plan: Plan) -> bytes:
    return b"".join(np.round(table, 9).tobytes() for table in (plan.x, plan.u, plan.returns))


class _Family:
    """Plans of one grouping by the factor they are planned for, each begun from the nearest safer one."""

    def __init__(self, question: Question, group: Integers, *, steps: int, orderable: bool) -> None:
        self.question, self.group = question, group
        self.steps, self.orderable = steps, orderable
        self.same = bool(np.array_equal(group, question.group))
        self._relaxed: dict[float, Plan] = {}
        self._made: dict[float, tuple[Plan, float] | None] = {}

    def at(self, factor: float) -> tuple[Plan, float] | None:
        """Return the best plan for transmission inflated by a factor, and its value; None where none runs."""
        if factor not in self._made:
            plan = self._plan(factor)
            self._made[factor] = None if plan is None else (plan, plan.value)
        return self._made[factor]

    def _plan(self, factor: float) -> Plan | None:
        asked = self.question if self.same else self.question.but(group=self.group)
        safer = [f for f in self._relaxed if f > factor]
        start = self._relaxed[min(safer)] if safer else None
        inflated = _inflated(asked, factor)
        plan = optimise(inflated, steps=AGAIN if start is not None else self.steps, start=start)
        if plan is None:
            return None
        self._relaxed[factor] = plan
        if self.orderable:
            ordered = rounded(inflated, plan)
            if ordered is None:
                return None
            plan = ordered.plan
        if not self.same:  # the same openings, place by place
            plan = allowing(
                self.question, plan.x[:, self.group], plan.u[:, self.group],
                returns=plan.returns, bound=plan.bound,
            )  # fmt: skip
            if plan is None:
                return None
        return _shown(self.question, plan)


def planned_for(
    question: Question,
    factor: float,
    *,
    steps: int,
    orderable: bool = False,
    group: Integers | None = None,
) -> Plan | None:
    """Return the best plan for transmission inflated by a factor, shown in the question's own model.

    `group` (place,) orders places alike; the plan still names openings place by place.
    """
    alike = question.group if group is None else group
    found = _Family(question, alike, steps=steps, orderable=orderable).at(factor)
    return None if found is None else found[0]


def _shown(question: Question, plan: Plan) -> Plan:
    """Return a plan with the infections and beds of the question's own transmission."""
    infectious = question.trajectory(question.contacts(plan.x, plan.u), plan.returns)
    return replace(plan, infectious=infectious, occupancy=question.occupancy(infectious))


def _inflated(question: Question, factor: float) -> Question:
    return question.but(
        household=question.household * factor,
        work_contacts=question.work_contacts * factor,
        setting_contacts=question.setting_contacts * factor,
        infectious_per_return=question.infectious_per_return * factor,
        arrivals=question.arrivals * factor,
        end_R=question.end_R * factor,  # the limit on R is one of the transmission believed
    )
