"""County by county: the optimum, its like for everybody, and the one that chance does not break."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from yipan.engines.economy.chances import Chance
from yipan.engines.economy.tightening import Excess, Judge, Tried, as_good, chosen, tighten
from yipan.engines.openings.levels import Ordered, ordered, rounded
from yipan.engines.openings.question import Question, taken
from yipan.engines.openings.search import Plan, economy_alone, optimise, within_envelope
from yipan.engines.openings.shortage import cures, diagnose
from yipan.engines.openings.worth import worth_of_limits
from yipan.plan.scenarios.asking import Limits, question_of, staffed, worth_by_step
from yipan.plan.scenarios.assumptions import SETTINGS, at_central
from yipan.plan.scenarios.building import DAYS, Build
from yipan.plan.scenarios.openings import Levels, levels_of
from yipan.plan.scenarios.running import run_option
from yipan.plan.scenarios.summaries import quantiles

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Progress = Callable[[str, int, int], None]

CALIBRATION_MEMBERS = 64
SEARCH_MEMBERS = 400
VERIFY_MEMBERS = 2000
TRIES = 8
SEARCH_SEED, CALIBRATION_SEED = 1_000_003, 3_000_017
LOOSER = (0.08, 0.16)
"""How far the limit on R is loosened for the frontier's further points."""

KEYS = {"targeted": 4, "robust": 5, "uniform": 6}


@dataclass(frozen=True)
class Found:
    """One option that was searched for: levels (week, county, setting), and what is told of it beside its runs."""

    key: str
    levels: Levels
    told: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a search came to: options, and what the page says about them all (plain data)."""

    options: tuple[Found, ...]
    told: Mapping[str, Any]


@dataclass(frozen=True)
class Effort:
    """How many runs each part of a search takes."""

    search: int = SEARCH_MEMBERS
    verify: int = VERIFY_MEMBERS
    calibration: int = CALIBRATION_MEMBERS
    tries: int = TRIES
    frontier: bool = True
    prices: bool = True


def stage_labels() -> dict[str, str]:
    """Return the stages of a search in words."""
    return {
        "ask": _("Best openings by county"),
        "calibrate": _("Set the weekly model against the engine"),
        "targeted": _("Best openings by county"),
        "uniform": _("Best openings alike for all"),
        "robust": _("Tighten until the risk is met"),
        "frontier": _("Further points of the frontier"),
        "verify": _("Measure the risk on fresh runs"),
        "prices": _("What each limit is worth"),
        "options": _("Run the options side by side"),
    }


class _Steps:
    """Counts the stages of a search for the progress bar."""

    def __init__(self, progress: Progress | None, labels: Mapping[str, str], total: int) -> None:
        self.progress, self.labels, self.total, self.done = progress, labels, total, 0

    def __call__(self, name: str) -> None:
        if self.progress is not None:
            self.progress(self.labels.get(name, name), self.done, self.total)
        self.done = min(self.done + 1, self.total - 1)


def search(
    build: Build,
    limits: Limits,
    *,
    seed: int,
    effort: Effort | None = None,
    progress: Progress | None = None,
    labels: Mapping[str, str] | None = None,
) -> Answer:
    """Search the best openings county by county, the best uniform one, and the one within the accepted risk.

    The weekly model is first set against the epidemic engine (`calibrated`); the optimum is a local one of
    the sequential programme, rounded to levels; the robust plan is planned for no more transmission than
    it takes until the Wilson upper bound of the chance of too few beds, on at most `search` members drawn for it,
    is within the accepted risk, then measured on `verify` members used for nothing else, and the next
    safer one if it fails. Plans alike for a tier or for all are taken where they add more and are as safe.
    Where even the least levels break a limit, the answer says which, by how much and what would cure it.
    """
    effort = effort or Effort()
    steps = _Steps(progress, labels or {}, total=8 + effort.tries)
    q = question_of(build, limits)
    steps("ask")
    diagnosis = diagnose(q)
    told: dict[str, Any] = {
        "limits": limits.as_record(),
        "accepted_risk": limits.accepted_risk,
        "impossible": None if diagnosis.possible else _impossible(build, q, diagnosis),
        "frontier": [],
        "prices": [],
    }
    alone = economy_alone(q)
    first = optimise(q) if alone is not None else None
    if alone is None or first is None:
        return Answer((), told)
    steps("calibrate")
    start = rounded(q, first)
    factor = calibrated(build, q, start, members=effort.calibration)
    steps("targeted")
    plan = first
    if abs(factor - 1.0) > 0.02:
        plan = optimise(q.inflated(factor), start=first.x, steps=4) or first
    tight = q.inflated(factor)
    best = rounded(tight, plan)
    told["factor"] = round(factor, 4)
    told["bound_100m"] = round(alone.value, 2)
    options = [Found("targeted", best.levels, _told(tight, plan, best, factor=factor))]
    steps("uniform")
    options += _uniform(build, limits, factor)
    if told["impossible"] is None:
        robust, frontier = _robust(build, limits, q, tight, plan, best, factor, seed, effort, steps)
        told["frontier"] = frontier
        options.append(robust)
    if effort.prices and plan.feasible:
        steps("prices")
        told["prices"] = _prices(build, limits, tight, plan)
    return Answer(tuple(sorted(options, key=lambda o: KEYS[o.key])), told)


# --- setting the weekly model against the engine


def calibrated(build: Build, q: Question, start: Ordered, *, members: int) -> float:
    """Return the factor on all transmission with which the weekly model lies on or above the engine's mean.

    The engine runs `members` times at the central figures under the same levels; the factor is the least in
    [0.7, 2] with which infections summed from the start, and beds at the end of every week, are at least
    the engine's means in every week but the first. So the envelope bounds the engine's mean course, up to
    the chance left in that mean.
    """
    mean = engine_mean(build, start.levels, members=members)
    infected, beds = np.cumsum(mean["infections"]), mean["beds"]

    def above(factor: float) -> bool:
        milder = q.inflated(factor)
        path = milder.trajectory(milder.contacts(taken(start.levels)))
        own = np.cumsum(path[1:].sum(axis=1))
        held = milder.occupancy(path)[1:].sum(axis=1)
        return bool((own[1:] >= infected[1:]).all() and (held[1:] >= beds[1:]).all())

    low, high = 0.7, 2.0
    if above(low) or q.weeks < 2:
        return low if q.weeks > 1 else 1.0
    if not above(high):
        return high
    for _step in range(12):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if above(middle) else (middle, high)
    return high


def engine_mean(build: Build, levels: Levels, *, members: int) -> dict[str, Floats]:
    """Return the engine's mean infections and beds by week for the province, at the central figures."""
    central = replace(build, assumptions=at_central(build.assumptions))
    ran = run_option(central, levels, members=members, seed=CALIBRATION_SEED)
    return {
        "infections": ran.infections_by_week.sum(axis=2).mean(axis=0),
        "beds": ran.hospital[:, DAYS - 1 :: DAYS].sum(axis=2).mean(axis=0),
    }


# --- one option


def _uniform(build: Build, limits: Limits, factor: float) -> list[Found]:
    everybody = np.zeros(len(build.province.counties), dtype=np.int64)
    q = question_of(build, limits, group=everybody).inflated(factor)
    plan = optimise(q, steps=3)
    if plan is None:
        return []
    best = rounded(q, plan)
    told = _told(q, plan, best, factor=factor)
    return [Found("uniform", best.levels[:, everybody], told)]


def _told(q: Question, plan: Plan, best: Ordered, *, factor: float) -> dict[str, Any]:
    """What is said of an optimised option: the two numbers of its certificate, its needs, R by week."""
    envelope = best.infectious * (1 + 1e-7)
    ideal = within_envelope(q, envelope)
    for_envelope = max(ideal.value, best.value) if ideal is not None else plan.value
    return {
        "certificate": {
            "value_100m": round(best.value, 2),
            "envelope_optimum_100m": round(for_envelope, 2),
            "envelope_gap": round(1.0 - best.value / for_envelope, 5),
            "bound_100m": round(plan.bound, 2),
            "bound_gap": round(1.0 - best.value / plan.bound, 5),
            "rounding_loss": round(best.loss, 5),
        },
        "factor": round(factor, 4),
        "R_model": [round(float(r) / factor, 4) for r in best.R],
        "envelope": [round(float(i), 2) for i in best.infectious.sum(axis=1)],
        "over": [[w, a, round(n, 1)] for w, a, n in best.over[:20]],
        "over_R": round(best.over_R / factor, 4),
        "steps": plan.steps,
        "seconds": round(plan.seconds, 2),
    }


def needs(build: Build, q: Question, levels: Levels) -> dict[str, list[float]]:
    """Return by week what levels (week, county, setting) need beside what there is.

    `workers_back` who must have returned by then, persons; `workers_most` most who can have; `masks`
    used in the week; `masks_short` how many lack by its end; `train_loads` of that week.
    """
    x = taken(levels)
    busy = np.einsum("tpsl,psl->tp", x, q.step_workers)
    back = np.maximum(busy - q.hands, 0.0)
    total = back.sum(axis=1)
    use = np.einsum("tpsl,psl->t", x, q.step_workers * q.step_masks)
    weeks = np.arange(1, levels.shape[0] + 1)
    short = np.maximum(np.cumsum(use) - q.mask_stock - q.mask_supply * weeks, 0.0)
    new = np.maximum(np.diff(total, prepend=0.0), 0.0)
    per_train = build.assumptions.value("workers_per_train")
    return {
        "workers_back": [round(float(v)) for v in total],
        "workers_most": [round(float(v)) for v in np.minimum(q.trains * weeks, q.returning.sum())],
        "masks": [round(float(v)) for v in use],
        "masks_short": [round(float(v)) for v in short],
        "train_loads": [int(np.ceil(v / per_train)) for v in new],
    }


# --- within the accepted risk


@dataclass(frozen=True)
class _Made:
    """A plan made for a factor on all transmission, and what it comes to county by county."""

    ordered: Ordered
    plan: Plan
    question: Question
    inflated: float

    @property
    def R_last(self) -> float:
        """R of the last week at the transmission believed."""
        return float(self.ordered.R[-1]) / self.inflated


class _Runs:
    """The engine as judge of plans: who exceeds the beds, and what the members of the search add."""

    def __init__(self, build: Build, beds: Floats, seed: int) -> None:
        self.build, self.beds, self.seed = build, beds, seed
        self.values: dict[bytes, list[Floats]] = {}

    def over(self, made: _Made, members: int, first: int) -> Excess:
        """Run members of a plan and return which exceed any area's beds on any day."""
        ran = run_option(
            self.build, made.ordered.levels, members=members, seed=self.seed, first=first
        )
        self.values.setdefault(self.key(made), []).append(ran.value.sum(axis=(1, 2)))
        return np.asarray((ran.hospital > self.beds).any(axis=(1, 2)))

    @staticmethod
    def key(made: _Made) -> bytes:
        """Return what the runs of a plan depend on."""
        return made.ordered.levels.astype(np.int8).tobytes()

    def value(self, made: _Made) -> dict[str, float]:
        """Return quantiles of value added over all members of the plan run so far."""
        return quantiles(np.concatenate(self.values[self.key(made)]), digits=2)


class _Planner:
    """Plans for a factor on all transmission, of one grouping of the counties; none is made twice."""

    def __init__(self, q: Question, group: Integers, factor: float, start: Plan | None) -> None:
        self.q, self.group, self.factor = q, group, factor
        self.alike = not np.array_equal(group, q.group)
        self.asked = q.but(group=group) if self.alike else q
        self.start = start
        self.made: dict[float, tuple[_Made, float] | None] = {}

    def at(self, g: float) -> tuple[_Made, float] | None:
        """Return the plan for `g` times the calibrated factor and its value in the weekly model."""
        if g not in self.made:
            self.made[g] = self._plan(self.factor * g)
        return self.made[g]

    def _plan(self, inflated: float) -> tuple[_Made, float] | None:
        asked = self.asked.inflated(inflated)
        plan = None if self.start is None else optimise(asked, start=self.start.x, steps=3)
        if plan is None or not plan.feasible:
            # far from where the first plan stands: begin at the largest even opening that holds here
            again = optimise(asked, steps=4)
            if plan is None or (
                again is not None and (again.feasible or again.excess < plan.excess)
            ):
                plan = again
        if plan is None:
            return None
        own = rounded(asked, plan)
        if self.alike:
            wide = self.q.inflated(inflated)
            own = ordered(wide, own.levels[:, self.group], plan.returns, relaxed=plan.value)
            return _Made(own, plan, wide, inflated), own.value
        return _Made(own, plan, asked, inflated), own.value


def _robust(
    build: Build, limits: Limits, q: Question, tight: Question, plan: Plan, best: Ordered,
    factor: float, seed: int, effort: Effort, steps: _Steps,
) -> tuple[Found, list[dict[str, Any]]]:  # fmt: skip
    """Return the plan of most value within the risk, and the frontier of all that were tried.

    County by county first; plans alike for a tier or for all are tried where they add as much and keep it,
    then the pack's own courses, so the answer adds no less than any of them in the weekly model; run through the
    engine a small difference may remain.
    """
    risk = limits.accepted_risk
    runs = _Runs(build, staffed(build, limits), seed + SEARCH_SEED)
    judge: Judge[_Made] = Judge(runs.over, runs.key, risk=risk, most=effort.search)

    def told(_one: Tried[_Made]) -> None:
        steps("robust")

    own = _Planner(q, q.group, factor, plan)
    own.made[1.0] = _Made(best, plan, tight, factor), best.value
    tried = tighten(own.at, judge, family="factor", tries=effort.tries, told=told)
    tiers = np.unique(np.array(build.province.tiers), return_inverse=True)[1]
    for name, group in (("tiers", tiers), ("alike", np.zeros_like(q.group))):
        family = _Planner(q, group, factor, None)
        tried += as_good(family.at, judge, tried, family=name, tries=max(2, effort.tries // 2), told=told)  # fmt: skip
    tried += _courses(build, tight, plan, factor, judge, tried)
    points = [_point(t.plan, runs, t.chance, t.family, t.factor) for t in tried]
    if effort.frontier:
        for more in LOOSER if limits.end_R is not None else ():
            steps("frontier")
            asked = question_of(build, replace(limits, end_R=(limits.end_R or 1.0) + more))
            found = optimise(asked.inflated(factor), start=plan.x, steps=2)
            if found is not None:
                made = _Made(rounded(asked.inflated(factor), found), found, asked, factor)
                points.append(_point(made, runs, judge.chance(made), "end_R", (limits.end_R or 1.0) + more))  # fmt: skip
    steps("verify")
    one, fresh, reached = chosen(tried, judge, members=effort.verify)
    made = one.plan
    facts = _told(made.question, replace(made.plan, bound=plan.bound), made.ordered, factor=made.inflated)  # fmt: skip
    facts |= {
        "reached": reached,
        "tightened": round(one.factor, 4),
        "family": one.family,
        "verified": fresh.as_dict(),
        "least_risk": min(t.chance.high for t in tried),
        "runs": judge.run,
    }
    points.sort(key=lambda p: (p["chance"]["share"], p["value"]["median"]))
    return Found("robust", made.ordered.levels, facts), points


def _courses(
    build: Build, tight: Question, plan: Plan, factor: float, judge: Judge[_Made], tried: list[Tried[_Made]]
) -> list[Tried[_Made]]:  # fmt: skip
    """Return the pack's own courses that keep every limit of the weekly model and add more than the best safe plan."""
    found: list[Tried[_Made]] = []
    for course in build.assumptions.courses:
        levels = levels_of(course, build.province.tiers)
        safe = [t.value for t in (*tried, *found) if t.chance.high <= judge.risk]
        own = ordered(tight, levels, needed_back(tight, levels), relaxed=plan.value)
        if own.value > max(safe, default=-np.inf) and kept(tight, own):
            made = _Made(own, plan, tight, factor)
            found.append(Tried(course.key, 1.0, made, own.value, judge.chance(made)))
    return found


def needed_back(q: Question, levels: Levels) -> Floats:
    """Return who must return in each week to each place for levels, shape (week, place): when they are needed."""
    busy = np.einsum("tpsl,psl->tp", taken(levels), q.step_workers)
    lacking = np.maximum.accumulate(np.maximum(busy - q.hands, 0.0), axis=0)
    return np.diff(lacking, axis=0, prepend=0.0)


def kept(q: Question, own: Ordered) -> bool:
    """Return whether levels keep beds, R, masks, workers, trains, least and most levels, and the stages."""
    x, levels = taken(own.levels), own.levels
    returns = needed_back(q, levels)
    use = np.einsum("tpsl,psl->t", x, q.step_workers * q.step_masks).cumsum()
    return bool(
        not own.over
        and own.over_R <= 0
        and (levels >= q.least).all()
        and (levels <= q.most).all()
        and (not q.staged or (np.diff(levels, axis=0) >= 0).all())
        and (use <= q.mask_stock + q.mask_supply * np.arange(1, q.weeks + 1)).all()
        and (returns.sum(axis=0) <= q.returning + 1e-6).all()
        and (returns.sum(axis=1) <= q.trains + 1e-6).all()
    )


def _point(made: _Made, runs: _Runs, chance: Chance, kind: str, at: float) -> dict[str, Any]:
    return {
        "kind": kind,
        "at": round(at, 4),
        "value": runs.value(made),
        "chance": chance.as_dict(),
        "R_last": round(made.R_last, 4),
    }


def delayed(levels: Levels, hold: Levels) -> Levels:
    """Return the same openings a week later: the first week as hold orders it."""
    return np.concatenate([hold[:1], levels[:-1]])


# --- prices and the impossible


def _prices(build: Build, limits: Limits, q: Question, plan: Plan) -> list[dict[str, Any]]:
    pack = build.assumptions
    found = worth_of_limits(
        q,
        plan,
        workers_per_train=pack.value("workers_per_train"),
        school=SETTINGS.index("schools"),
        welfare=worth_by_step(build, limits),
    )
    told: list[dict[str, Any]] = []
    for one in found:
        area = build.province.cities[one.index].code if one.limit == "bed" and one.index is not None else ""  # fmt: skip
        each = None if np.isnan(one.each) else round(one.each, 6)
        told.append(
            {"limit": one.limit, "area": area, "week": one.index if one.limit == "train" else None, "each_100m": each, "units": one.units}
        )  # fmt: skip
    beds = [one for one in told if one["limit"] == "bed" and one["each_100m"]]
    per_bed = pack.value("nurses_per_bed")
    if beds and per_bed > 0:
        told.append({**beds[0], "limit": "nurse", "each_100m": round(beds[0]["each_100m"] / per_bed, 6), "units": beds[0]["units"] * per_bed})  # fmt: skip
    return told


def _impossible(build: Build, q: Question, diagnosis: Any) -> dict[str, Any]:
    """What binds where nothing keeps the limits, and each cure alone with its cost, the cheapest first."""
    pack, cities = build.assumptions, build.province.cities
    ranked = cures(
        diagnosis, bed=pack.value("cost_of_staffed_bed"), mask=pack.value("price_of_mask")
    )
    return {
        "beds": [
            {"area": cities[a].code, "lacking": round(n, 1), "week": diagnosis.weeks[a],
             "staffed": round(float(q.beds[a]), 1), "in_care": round(float(q.in_care[a]), 1)}
            for a, n in sorted(diagnosis.beds.items(), key=lambda item: -item[1])
        ],
        "R_least": round(diagnosis.R_least, 4),
        "R_limit": diagnosis.R_limit,
        "over_R": diagnosis.over_R,
        "masks": round(diagnosis.masks),
        "hands": round(sum(diagnosis.hands.values())),
        "cures": [
            {
                "kind": c.kind,
                "amount": round(c.amount, 4),
                "cost_100m": None if c.cost is None else round(c.cost / 1e8, 4),
                **({} if c.R is None else {"R": round(c.R, 4)}),
            }
            for c in ranked
        ],
    }  # fmt: skip


def as_ordered(q: Question, levels: Levels) -> Ordered:
    """Return what any levels come to in the weekly model, nobody returning beyond what they need."""
    nobody = np.zeros((q.weeks, q.places))
    return ordered(q, levels, nobody, relaxed=0.0)
