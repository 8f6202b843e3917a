"""One province for both engines: the epidemic engine's specification, and the planning question it stands for.

The question's weekly law is set to the engine's own growth: one place with the province's people is run at
two even openings in the deterministic limit, and the weekly growth between them is taken as affine in
what is open, split over settings by their slopes of R. Sectors bring workers together, and some also
customers or passengers; schools and gatherings are opened apart. A plan goes back to the engine as its
controls, week by week, so what was planned on the weekly law is judged by the engine, day by day.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from yipan.engines.checks import Floats, Integers, as_floats
from yipan.engines.economy.optimise.search import Plan
from yipan.engines.epidemic.course import MEASURES, Redirect
from yipan.engines.epidemic.ensemble import processors, run_ensemble, simulator
from yipan.engines.epidemic.laws import reproduction_number
from yipan.engines.epidemic.specification import Specification
from yipan.engines.errors import OutOfRange

DAYS = 7
SCALE = 1_000
"""People and seeds are so many times as many in the deterministic limit: chance is then a few in ten thousand."""

LOW, HIGH = 0.2, 0.7
"""The two even openings at which the weekly growth is measured."""

SETTLING_WEEKS = 3
HOME = "home"
WORK = "work"


def as_one_place(base: Specification, *, times: int = 1) -> Specification:
    """Return the same people, contacts and responses in one place, `times` as many, nobody infected.

    Everybody transmits alike and responses take their mean share, so that runs of many people are the
    deterministic limit.
    """
    return Specification(
        places=("all",),
        ages=base.ages,
        population=base.population.sum(axis=0, keepdims=True) * times,
        settings=base.settings,
        course=base.course,
        days=base.days,
        transmission=base.transmission,
        susceptibility=base.susceptibility,
        age_infectivity=base.age_infectivity,
        redirects=tuple(
            Redirect(r.at, r.to, np.asarray(float(np.mean(r.share)))) for r in base.redirects
        ),
    )


@dataclass(frozen=True)
class WeeklyLaw:
    """Growth a week: what is left at home, and what each setting adds when it is fully open.

    K = `household` + Σ `added`[setting] · opening; affine, as the planning question needs it.
    """

    household: float
    added: Mapping[str, float]

    def growth(self, openings: Mapping[str, float]) -> float:
        """Return the growth a week under openings by setting."""
        return self.household + sum(self.added[k] * openings[k] for k in self.added)


@dataclass(frozen=True)
class Hospital:
    """Who is admitted and for how long: of those found, `admitted_share`, each `days_in_bed` on average.

    `beds` (area,) staffed for the outbreak; `in_care` (place,) known cases in a bed at the start.
    """

    area: Integers
    beds: Floats
    in_care: Floats
    days_in_bed: float
    admitted_share: float = 1.0

    def occupancy(self, found: Floats, severe: Floats) -> Floats:
        """Return beds taken at the end of each day by area, the start first, shape (day + 1, area).

        `found`, `severe` (day, place): newly found, and in hospital by the engine's own severity. A stay
        is memoryless; whoever is severely ill has a bed whatever was found.
        """
        stay = float(np.exp(-1.0 / self.days_in_bed))
        here = self.in_care.astype(np.float64)
        table = np.empty((found.shape[0] + 1, self.beds.size))
        table[0] = np.bincount(self.area, here, minlength=self.beds.size)
        for day in range(found.shape[0]):
            here = here * stay + self.admitted_share * found[day]
            taken = np.maximum(here, severe[day])
            table[day + 1] = np.bincount(self.area, taken, minlength=self.beds.size)
        return table


@dataclass(frozen=True)
class Draws:
    """How members differ: what nobody knows exactly, drawn anew in each from its own number.

    `transmission_sd` of the logarithm of transmission (mean 1); `shares` stage → (low, central, high) of
    the share of those who would enter it that is redirected, triangular, as `redirects` of the engine.
    """

    transmission_sd: float = 0.15
    shares: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Joint:
    """A province for both engines.

    `base` holds everything but controls and seeds, its redirects at their central shares. `expected`
    stage → (place, age): expected infected people at the start. `work_shares` (place, sector) of a place's
    contacts at work, rows sum to 1; `public` setting → (place, sector) shares of that setting's contacts
    that opening a sector brings; `apart` settings that are opened by themselves. `home_left` and
    `masks`: what is left of contacts at home and of all others, whatever is open.
    """

    base: Specification
    expected: Mapping[str, Floats]
    work_shares: Floats
    public: Mapping[str, Floats]
    apart: tuple[str, ...]
    hospital: Hospital
    home_left: float = 1.0
    masks: float = 1.0
    draws: Draws = field(default_factory=Draws)

    def __post_init__(self) -> None:
        """Refuse settings that nobody opens and shares that do not sum to one."""
        P = len(self.base.places)
        for name, table in ((WORK, self.work_shares), *self.public.items()):
            shares = as_floats(table, f"shares of {name}", shape=(P, None), high=1.0)
            if np.abs(shares.sum(axis=1) - 1.0).max() > 1e-6:
                raise OutOfRange(f"Shares of {name} do not sum to 1 in every place.", where=name)
        opened = {HOME, WORK, *self.public, *self.apart}
        if opened != set(self.base.setting_names):
            odd = sorted(opened ^ set(self.base.setting_names))
            raise OutOfRange(
                f"Settings that only one side knows: {', '.join(odd)}.", where="settings"
            )

    # --- from the engine to the question

    @cached_property
    def one_place(self) -> Specification:
        """The province as one place, many times as large, for growth and R."""
        return as_one_place(self.base, times=SCALE)

    def _even(self, share: float) -> Floats:
        left = [
            self.home_left if name == HOME else self.masks * share
            for name in self.base.setting_names
        ]
        return np.array(left)[None, None, :]

    def _weekly_growth(self, share: float) -> float:
        one = self.one_place
        seeds = np.zeros_like(one.population)
        seeds[0] = np.round(one.population[0] / one.population.sum() * 1e6)
        spec = one.but(
            days=(SETTLING_WEEKS + 2) * DAYS,
            controls=self._even(share),
            control_days=(SETTLING_WEEKS + 2) * DAYS,
            seeds={one.course.entry: seeds},
        )
        ran = run_ensemble(spec, members=1, seed=1, back_end="cells", summaries=("infections",))
        weeks = ran.daily["infections"][0].reshape(-1, DAYS).sum(axis=1)
        return float(weeks[-1] / weeks[-2])

    @cached_property
    def law(self) -> WeeklyLaw:
        """The weekly growth, affine in the openings, exact at LOW and HIGH everywhere."""
        low, high = self._weekly_growth(LOW), self._weekly_growth(HIGH)
        middle = self._even(0.5 * (LOW + HIGH))
        whole = reproduction_number(self.one_place.but(controls=middle))
        slopes = {}
        for k, name in enumerate(self.base.setting_names):
            if name == HOME:
                continue
            moved = middle.copy()
            moved[..., k] *= 0.9
            less = reproduction_number(self.one_place.but(controls=moved))
            slopes[name] = (whole - less) / 0.1
        total = (high - low) / (HIGH - LOW)
        added = {name: total * slope / sum(slopes.values()) for name, slope in slopes.items()}
        return WeeklyLaw(max(0.0, low - LOW * total), added)

    def work_contacts(self) -> Floats:
        """Return what a fully open sector adds to the weekly growth, shape (place, sector)."""
        added = self.law.added
        table = added[WORK] * self.work_shares
        for name, shares in self.public.items():
            table = table + added[name] * shares
        return np.asarray(table)

    def setting_contacts(self) -> Floats:
        """Return what a fully open setting adds, in the order of `apart`."""
        return np.array([self.law.added[name] for name in self.apart])

    def infectious(self) -> Floats:
        """Return expected infected people at the start by place."""
        total: Floats = sum(
            (table.sum(axis=1) for table in self.expected.values()),
            np.zeros(len(self.base.places)),
        )
        return total

    def bed_law(self) -> tuple[float, Floats, float]:
        """Return beds a week's infection takes, by delay in weeks, and the share still in bed a week later.

        From the same deterministic limit: who is found, and when, after one week's infections.
        """
        one = self.one_place
        seeds = np.zeros_like(one.population)
        seeds[0] = np.round(one.population[0] / one.population.sum() * 1e6)
        spec = one.but(
            days=6 * DAYS,
            controls=np.zeros((1, 1, len(one.settings))),
            control_days=6 * DAYS,
            seeds={one.course.entry: seeds},
        )
        ran = run_ensemble(spec, members=1, seed=1, back_end="cells", summaries=("detected",))
        found = ran.daily["detected"][0].astype(np.float64) / float(seeds.sum())
        # infections are spread evenly over a week; who is found on a day stays with a memoryless chance
        spread = np.convolve(found, np.full(DAYS, 1.0 / DAYS))[: found.size]
        daily = np.exp(-1.0 / self.hospital.days_in_bed)
        weeks = spread.reshape(-1, DAYS)
        left = daily ** np.arange(DAYS - 1, -1, -1.0)
        new = (weeks * left).sum(axis=1) * self.hospital.admitted_share
        return float(new.sum()), new / new.sum(), float(daily**DAYS)

    # --- from the plan to the engine

    def controls(self, plan: Plan, group: Integers) -> Floats:
        """Return the engine's controls under a plan, shape (week, place, setting), in [0, 1]."""
        x, u = plan.x[:, group], plan.u[:, group]
        left = np.empty((x.shape[0], len(self.base.places), len(self.base.settings)))
        for k, name in enumerate(self.base.setting_names):
            if name == HOME:
                left[..., k] = self.home_left
            elif name in self.apart:
                left[..., k] = self.masks * u[..., self.apart.index(name)]
            else:
                shares = self.work_shares if name == WORK else self.public[name]
                left[..., k] = self.masks * np.einsum("tps,ps->tp", x, shares)
        return np.clip(left, 0.0, 1.0)

    def member(self, number: int, *, seed: int) -> Specification:
        """Return what one member knows before any plan: its transmission, responses and infected people.

        Everything comes from `seed` and the number alone, so plans are compared on paired members.
        """
        rng = np.random.default_rng([seed, number])
        sd = self.draws.transmission_sd
        level = float(np.exp(sd * rng.standard_normal() - sd**2 / 2))
        redirects = []
        for turn in self.base.redirects:
            low, central, high = self.draws.shares.get(turn.at, (0.0, 0.0, 0.0))
            drawn = rng.triangular(low, central, high) if high > low else float(turn.share.mean())
            redirects.append(Redirect(turn.at, turn.to, np.asarray(drawn)))
        return self.base.but(
            transmission=self.base.transmission * level,
            redirects=tuple(redirects),
            seeds=self._seeds(rng),
        )

    def _seeds(self, rng: np.random.Generator) -> dict[str, Integers]:
        free = self.base.population.copy()
        seeds = {}
        for stage, expected in self.expected.items():
            drawn = np.minimum(rng.poisson(expected), free)
            free = free - drawn
            seeds[stage] = drawn
        return seeds

    def beds(self, plan: Plan, group: Integers, *, members: int, first: int, seed: int) -> Floats:
        """Return beds needed by member, day and area under a plan, shape (member, day + 1, area)."""
        controls = self.controls(plan, group)
        found, severe = MEASURES.index("detected"), MEASURES.index("hospital")
        table = np.empty((members, self.base.days + 1, self.hospital.beds.size), dtype=np.float32)

        def run(m: int) -> None:
            spec = self.member(first + m, seed=seed).but(controls=controls, control_days=DAYS)
            counts = simulator(spec, seed=seed)(first + m)
            table[m] = self.hospital.occupancy(counts[found], counts[severe])

        run(0)  # compiles what all share before threads ask for it at once
        with ThreadPoolExecutor(processors()) as pool:
            for _done in pool.map(run, range(1, members)):
                pass
        return np.asarray(table)
