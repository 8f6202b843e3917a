"""Answers to a question: the economy alone, a fixed envelope, the sequential programme; each with its prices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np

from yipan.engines.checks import Floats
from yipan.engines.economy.linear import LinearProgramme, Solution
from yipan.engines.economy.optimise.programme import (
    LITTLE,
    Builder,
    base_capacity,
    build,
    by_group,
)
from yipan.engines.economy.optimise.question import Question
from yipan.engines.economy.optimise.slopes import local

MOST_STEPS = 14
SETTLED = 1e-3
"""The search ends when the next linear programme promises less than this share of the value."""

FIRST_TRUST, MOST_TRUST, LEAST_TRUST = 0.3, 0.5, 0.02
"""How far openings may move in one step: wider steps bend away from their tangents and are walked back."""

LEAST_GAIN = 1e-7
HALVINGS = 14
SMALL = 1500
"""Questions with at most so many openings are searched from every start."""

SLACK_VALUES = 50.0
"""Price of a bed too many in the search, in average values of a bed's share of output: far above any found."""

LEAST_PRICE = 1e-3
"""Prices below this share of the largest are not listed."""

METHOD = "simplex"
"""Ten to forty times faster than the interior-point method on these programmes, and its optimum is a vertex."""

KEPT = ("opened", "final", "imports", "stock", "made", "protective", "bought", "relief")


@dataclass(frozen=True)
class Price:
    """What one unit more of a limit is worth in value, and where: a marginal price of the relaxed plan."""

    limit: str  # beds, trains, protective, purchases, imports, returning, relief, hands, end_R
    week: int | None
    index: int | None  # area, place or sector
    value: float


@dataclass(frozen=True)
class Plan:
    """An answer.

    `x` (week, group, sector), `u` (week, group, setting), `output` (week, group, sector), `returns`
    (week, place), `infectious` (week + 1, place) by the model's own trajectory, `occupancy` (week + 1,
    area). `value` is value added and welfare over the weeks, money; `bound` what the economy alone would
    allow; `envelope` the envelope it is optimal for (of the sequential programme: its own trajectory).
    `over` lists (week, area, beds too many), `R` is the mean reproduction by week and `over_R` by how much the
    last exceeds its limit. `promised` is the share of the value that one more linear
    programme would still promise: how far the search had settled. `goods` holds what is at work above the least
    (`opened`), final use, imports, stocks, what was made, protective equipment, purchases and relief.
    """

    x: Floats
    u: Floats
    output: Floats
    returns: Floats
    infectious: Floats
    occupancy: Floats
    value: float
    bound: float
    envelope: Floats | None
    over: tuple[tuple[int, int, float], ...]
    prices: tuple[Price, ...]
    steps: int
    seconds: float
    notes: tuple[str, ...] = field(default=())
    promised: float = 0.0
    R: Floats = field(default_factory=lambda: np.zeros(0))
    over_R: float = 0.0
    goods: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def feasible(self) -> bool:
        """Whether no area needs more beds than it has, and R at the end keeps its limit."""
        return not self.over and self.over_R <= 0.0

    @property
    def gap(self) -> float:
        """Share by which the value stays below the bound of the economy alone."""
        return 1.0 - self.value / self.bound


@dataclass(frozen=True)
class Certificate:
    """How good a plan is known to be: two numbers, and no more is claimed.

    `envelope_value` is the global optimum for the plan's own infections as the envelope, `bound` what the
    economy alone would allow; no plan within that envelope, or at all, adds more.
    """

    value: float
    envelope_value: float
    bound: float

    @property
    def envelope_gap(self) -> float:
        """Share by which the plan stays below the optimum for its own envelope."""
        return 1.0 - self.value / self.envelope_value

    @property
    def bound_gap(self) -> float:
        """Share by which the plan stays below what the economy alone would allow."""
        return 1.0 - self.value / self.bound


def economy_alone(question: Question) -> Plan | None:
    """Return the plan without an epidemic, an upper bound for every other; None where the economy itself cannot run."""
    started = perf_counter()
    b = build(question)
    solution = b.programme().solve(method=METHOD)
    if not solution.feasible:
        return None
    point = point_of(question, b, solution)
    plan = plan_of(question, point, point.value, 1, started, over=False)
    return replace(plan, prices=prices_of(question, b, solution))


def within_envelope(
    question: Question, envelope: Floats, *, bound: float | None = None, beds: bool = True
) -> Plan | None:
    """Return the optimum for a fixed envelope of infections (week + 1, place): global for that envelope.

    Every plan it allows keeps I ≤ envelope in the weekly model, because K is monotone, and, with `beds`,
    every area's beds. None where even the least openings break either.
    """
    started = perf_counter()
    b = build(question, envelope=envelope, beds=beds)
    solution = b.programme().solve(method=METHOD)
    if not solution.feasible:
        return None
    whole = _bound(question) if bound is None else bound
    plan = plan_of(question, point_of(question, b, solution), whole, 1, started)
    return replace(plan, envelope=envelope, prices=prices_of(question, b, solution))


def certificate(question: Question, plan: Plan) -> Certificate | None:
    """Return what is known of a plan's quality; None where its own infections are no envelope of a plan.

    One linear programme: the global optimum for the plan's own infections. A plan in levels counts the
    contacts of what it allows, so its own infections always are an envelope of it.
    """
    found = within_envelope(question, plan.infectious * (1.0 + 1e-9), bound=plan.bound, beds=False)
    if found is None:
        return None
    return Certificate(plan.value, max(found.value, plan.value), plan.bound)


def optimise(
    question: Question,
    *,
    steps: int = MOST_STEPS,
    start: Plan | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> Plan | None:
    """Return the best plan found by the sequential programme: a local optimum, and it says so.

    Starts from the best of a few courses that the beds bear: even, rising, or nearly shut for half of the
    time and then open (what is opened late infects fewer). Small questions are searched from all of
    them, large ones from the best. Each step replaces the logarithm of the beds
    needed by its tangent, solves one linear programme within a trust region, solves it once more with the
    beds truly needed at its answer (second-order correction), and goes as far towards either as the
    weekly model's own trajectory keeps every bed: whatever lies between two plans meets all other limits,
    so beds are kept exactly at every step, and value only rises. Where no plan meets the beds the answer
    is the one that exceeds them least, with `over` naming area, week and number. None where the economy
    itself cannot run (goods, labour, masks, cash). `start`, a plan of this search for the same economy
    under other beds or another transmission, is where it begins instead: a few steps then do.
    """
    started = perf_counter()
    bound = _bound(question) if start is None else start.bound
    if np.isnan(bound):
        return None
    q = question
    cost = SLACK_VALUES * bound / max(float(q.beds.sum()), 1.0) / q.weeks
    starts = _starts(q, cost) if start is None else [_again(q, start)]
    if q.weeks * q.groups * q.sectors > SMALL:
        starts = starts[:1]
    best: tuple[float, _Search, Point] | None = None
    done = 0
    for first in starts:
        search = _Search(q, cost)
        here, taken = search.run(first, steps, progress)
        done += taken
        merit = merit_of(q, here, cost)
        if best is None or merit > best[0]:
            best = (merit, search, here)
    assert best is not None
    _merit, search, here = best
    plan = plan_of(q, here, bound, done, started)
    return replace(
        plan,
        envelope=plan.infectious,
        prices=prices_of(q, *search.last()),
        promised=search.promised / max(abs(plan.value), 1e-12),
    )


class _Search:
    """The sequential programme: where it is, how far it trusts its slopes, and the last programme solved."""

    def __init__(self, q: Question, cost: float) -> None:
        self.q, self.cost = q, cost
        self.trust, self.promised = FIRST_TRUST, 0.0
        self.builder: Builder | None = None
        self.solution: Solution | None = None

    def last(self) -> tuple[Builder, Solution]:
        """Return the last programme, whose prices are the plan's."""
        assert self.builder is not None
        assert self.solution is not None
        return self.builder, self.solution

    def run(
        self, here: Point, steps: int, progress: Callable[[int, float], None] | None
    ) -> tuple[Point, int]:
        """Return where the search ends, and after how many steps."""
        done, value = 0, max(abs(here.value), 1e-12)
        while done < steps and self.trust >= LEAST_TRUST:
            done += 1
            there, share = self._step(here)
            if self.promised <= SETTLED * value:
                break
            gained = self._merit(there) - self._merit(here)
            if gained > LEAST_GAIN * value:
                here, value = there, max(abs(there.value), 1e-12)
            if gained > 0.7 * self.promised:
                self.trust = min(MOST_TRUST, 1.6 * self.trust)
            elif gained < 0.3 * self.promised or share < 0.3:
                self.trust *= 0.4
            if progress is not None:
                progress(done, here.value)
        return here, done

    def _step(self, here: Point) -> tuple[Point, float]:
        q = self.q
        around = local(q, here.contacts, here.returns)
        b = build(q, around=around, slack_cost=self.cost)
        programme = near(b, here.blocks, self.trust)
        solution = programme.solve(method=METHOD, start=self.solution and self.solution.basis)
        self.builder, self.solution = b, solution
        aim = point_of(q, b, solution)
        over = float(solution.x[b.columns["over"]].sum())
        if "over_R" in b.columns:
            over += float(solution.x[b.columns["over_R"]].sum()) * max(float(q.beds.sum()), 1.0)
        self.promised = max(0.0, aim.value - self.cost * over - self._merit(here))
        there, share = self._towards(here, aim)
        if share < 1.0:  # the beds bend away: once more, with what was truly needed there
            needed = np.maximum(around.occupancy[1:], LITTLE)
            moved = np.einsum("tasp,sp->ta", around.d_contacts, aim.contacts - here.contacts)
            moved += q.infectious_per_return * np.einsum(
                "tasp,sp->ta", around.d_arrivals, aim.returns - here.returns
            )
            bent = np.log(np.maximum(aim.occupancy[1:], LITTLE) / needed) - moved / needed
            upper = programme.row_upper.copy()
            upper[b.rows["beds"]] -= bent
            again = replace(programme, row_upper=upper).solve(method=METHOD, start=solution.basis)
            corrected, part = self._towards(here, point_of(q, b, again))
            if self._merit(corrected) > self._merit(there):
                return corrected, part
        return there, share

    def _merit(self, point: Point) -> float:
        return merit_of(self.q, point, self.cost)

    def _towards(self, here: Point, aim: Point) -> tuple[Point, float]:
        """Return the point furthest towards `aim` that keeps the beds, and which share of the way that is.

        Where the beds are exceeded from the start, the point of most merit among a few.
        """
        q = self.q
        if excess(q, aim) <= 0.0:
            return aim, 1.0
        if excess(q, here) > 0.0:
            tried = [(s, _between(q, here, aim, s)) for s in (1.0, 0.8, 0.6, 0.4, 0.2, 0.1, 0.03)]
            share, best = max(tried, key=lambda pair: self._merit(pair[1]))
            return best, share
        low, high, best = 0.0, 1.0, here
        for _halving in range(HALVINGS):
            middle = 0.5 * (low + high)
            point = _between(q, here, aim, middle)
            if excess(q, point) <= 0.0:
                low, best = middle, point
            else:
                high = middle
        return best, low


# --- points: everything a plan is, as linear quantities between which one may go


@dataclass(frozen=True)
class Point:
    """Values of every block of the economy's unknowns, and what they come to in the weekly model."""

    blocks: Mapping[str, Floats]
    x: Floats
    u: Floats
    returns: Floats
    contacts: Floats
    infectious: Floats
    occupancy: Floats
    value: float


def point_at(q: Question, blocks: Mapping[str, Floats], *, x: Floats | None = None) -> Point:
    """Return what blocks of unknowns come to; `x` are the openings allowed where they are more than at work."""
    x = np.clip(q.least + blocks["opened"], 0.0, 1.0) if x is None else x
    u, returns = np.clip(blocks["u"], 0.0, 1.0), np.maximum(blocks["returns"], 0.0)
    contacts = q.contacts(x, u)
    infectious = q.trajectory(contacts, returns)
    return Point(
        blocks, x, u, returns, contacts, infectious, q.occupancy(infectious), value_of(q, blocks)
    )


def point_of(q: Question, b: Builder, solution: Solution, *, x: Floats | None = None) -> Point:
    """Return the point that a solution is."""
    names = ("u", "base", "returns", *(name for name in KEPT if name in b.columns))
    return point_at(q, {name: solution.x[b.columns[name]] for name in names}, x=x)


def _again(q: Question, plan: Plan) -> Point:
    """Return what a plan comes to under this question."""
    return point_at(q, {**plan.goods, "u": plan.u, "returns": plan.returns})


def _between(q: Question, here: Point, aim: Point, share: float) -> Point:
    mixed = {k: here.blocks[k] + share * (aim.blocks[k] - here.blocks[k]) for k in here.blocks}
    return point_at(q, mixed)


def excess(q: Question, point: Point) -> float:
    """Return beds too many, summed over weeks and areas; R too high counts as all beds for one whole R."""
    beds = float(np.maximum(point.occupancy[1:] - q.beds, 0.0).sum())
    return beds + R_too_high(q, point.contacts) * max(float(q.beds.sum()), 1.0)


def R_too_high(q: Question, contacts: Floats) -> float:
    """Return by how much the mean reproduction of the last week exceeds its limit."""
    return max(0.0, float(q.R(contacts)[-1]) - q.end_R * (1 + 1e-9))


def merit_of(q: Question, point: Point, cost: float) -> float:
    """Return the value less the price of what exceeds beds and R."""
    return point.value - cost * excess(q, point)


def near(b: Builder, at: Mapping[str, Floats], trust: float) -> LinearProgramme:
    """Return the programme with openings (`opened`, `u`) held within `trust` of given ones."""
    programme = b.programme()
    if trust >= 1.0:
        return programme
    lower, upper = programme.lower.copy(), programme.upper.copy()
    for name in ("opened", "u"):
        columns = b.columns[name]
        lower[columns] = np.maximum(lower[columns], at[name] - trust)
        upper[columns] = np.minimum(upper[columns], at[name] + trust)
    return replace(programme, lower=lower, upper=upper)


def _starts(q: Question, cost: float) -> list[Point]:
    """Return the economy's best within each course that the beds bear, the best first.

    Where the economy cannot run within any of them, the plan of least infections that it can.
    """
    middle = (np.arange(q.weeks) + 0.5) / q.weeks
    courses = [np.ones(q.weeks)]
    if q.weeks > 1:
        courses += [2.0 * middle, np.where(middle > 0.5, 1.0, 0.05)]
    b = build(q)
    programme = b.programme()
    found: list[Point] = []
    for course in courses:
        openings = course_openings(q, course, course_share(q, course))
        upper = programme.upper.copy()
        upper[b.columns["opened"]] = openings[0] - q.least
        upper[b.columns["u"]] = openings[1]
        upper[b.columns["returns"]] = 0.0
        solution = replace(programme, upper=upper).solve(method=METHOD)
        if solution.feasible:
            found.append(point_of(q, b, solution))
    if not found:
        gain = np.zeros_like(programme.gain)
        gain[b.columns["opened"]] = -by_group(q, q.work_contacts * q.infectious[:, None])
        ill = np.bincount(q.group, q.infectious, minlength=q.groups)
        gain[b.columns["u"]] = -ill[:, None] * q.setting_contacts
        gain[b.columns["returns"]] = -q.infectious_per_return
        found.append(point_of(q, b, replace(programme, gain=gain).solve(method=METHOD)))
    return sorted(found, key=lambda point: -merit_of(q, point, cost))


def course_openings(q: Question, course: Floats, share: float) -> tuple[Floats, Floats]:
    """Return openings that are the same everywhere: `share` of a course by week, from the least to all."""
    opened = np.clip(share * course, 0.0, 1.0)[:, None, None]
    x = q.least + opened * (1.0 - q.least) * np.ones((1, q.groups, 1))
    u = q.least_setting + opened * (1.0 - q.least_setting) * np.ones((1, q.groups, 1))
    return x, u


def course_share(q: Question, course: Floats) -> float:
    """Return the largest share of a course by week that the beds and R bear; 0 if none is."""
    nobody = np.zeros((q.weeks, q.places))

    def borne(share: float) -> bool:
        contacts = q.contacts(*course_openings(q, course, share))
        occupancy = q.occupancy(q.trajectory(contacts, nobody))
        return bool((occupancy[1:] <= q.beds).all()) and R_too_high(q, contacts) <= 0.0

    high = 1.0 / float(course.min())
    if borne(high):
        return high
    low = 0.0
    for _step in range(HALVINGS + 4):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if borne(middle) else (low, middle)
    return low


def even_share(q: Question) -> float:
    """Return the largest even opening that the beds bear, in [0, 1] from the least to all; 0 if none is."""
    return course_share(q, np.ones(q.weeks))


def _bound(question: Question) -> float:
    alone = economy_alone(question)
    return alone.value if alone is not None else np.nan


def plan_of(
    q: Question, point: Point, bound: float, steps: int, started: float, *, over: bool = True
) -> Plan:
    """Return a point as a plan, without prices."""
    exceeded = tuple(
        (int(t) + 1, int(a), float(point.occupancy[t + 1, a] - q.beds[a]))
        for t, a in np.argwhere(point.occupancy[1:] > q.beds * (1 + 1e-9) + 1e-9)
    )
    return Plan(
        x=point.x,
        u=point.u,
        output=output_of(q, point.blocks),
        returns=point.returns,
        infectious=point.infectious,
        occupancy=point.occupancy,
        value=point.value,
        bound=bound,
        envelope=None,
        over=exceeded if over else (),
        over_R=R_too_high(q, point.contacts) if over else 0.0,
        R=q.R(point.contacts),
        prices=(),
        steps=steps,
        seconds=perf_counter() - started,
        goods={name: point.blocks[name] for name in ("base", *KEPT) if name in point.blocks},
    )


def output_of(q: Question, blocks: Mapping[str, Floats]) -> Floats:
    """Return output (week, group, sector); base output that no group owns is shared by capacity."""
    yields = by_group(q, q.capacity) * (1.0 - q.remote)
    most = base_capacity(q)
    base = blocks["base"]
    if base.shape[1] != q.groups:
        whole = most.sum(axis=0)
        base = base * np.divide(most, whole, out=np.zeros_like(most), where=whole > 0)
    return np.asarray(base + yields * blocks["opened"])


def value_of(q: Question, blocks: Mapping[str, Floats]) -> float:
    """Return value added, welfare of settings, less imports; beds too many and relief are no value."""
    people = np.bincount(q.group, q.people, minlength=q.groups)
    yields = by_group(q, q.capacity) * (1.0 - q.remote)
    added = (blocks["base"] * q.value_share).sum()
    added += (blocks["opened"] * (yields * q.value_share)).sum()
    welfare = (blocks["u"] * (people[:, None] * q.setting_value)).sum()
    return float(added + welfare - (blocks["imports"] * q.import_cost).sum())


ROW_LIMITS = (
    ("beds", "beds"),
    ("trains", "trains"),
    ("returns", "returning"),
    ("relief", "relief"),
    ("labour", "hands"),
    ("end_R", "end_R"),
)
COLUMN_LIMITS = (("imports", "imports"), ("bought", "purchases"))


def row_worth(q: Question, b: Builder, name: str, duals: Floats) -> Floats:
    """Return the prices of a block of rows, in value for one unit of the limit itself.

    Beds of the sequential programme are limited by their logarithm, so a bed is worth the dual over the beds.
    """
    if name == "beds" and "transmission" not in b.rows:
        return np.asarray(duals / np.maximum(q.beds, 1e-9))
    return duals


def prices_of(q: Question, b: Builder, solution: Solution) -> tuple[Price, ...]:
    """Return prices above LEAST_PRICE times the largest, the largest first."""
    found: list[Price] = []
    for name, limit in ROW_LIMITS:
        if name in b.rows:
            found += _listed(limit, row_worth(q, b, name, solution.row_prices[b.rows[name]]))
    for name, limit in COLUMN_LIMITS:
        found += _listed(limit, solution.column_prices[b.columns[name]])
    worth = solution.row_prices[b.rows["protective"]]
    found += _listed("protective", -worth)
    top = max((price.value for price in found), default=0.0)
    kept = [price for price in found if price.value > LEAST_PRICE * top and price.value > 0]
    return tuple(sorted(kept, key=lambda p: (-p.value, p.limit, p.week or 0, p.index or 0)))


def _listed(limit: str, values: Floats) -> list[Price]:
    by_week = limit != "returning"
    return [
        Price(
            limit,
            int(at[0]) if by_week else None,
            int(at[-1]) if len(at) > 1 or not by_week else None,
            float(values[tuple(at)]),
        )
        for at in np.argwhere(values > 0)
    ]
