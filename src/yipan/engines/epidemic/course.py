"""The course of a disease as data: stages, how long each lasts, where it leads, what it counts as."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

import numpy as np
from scipy.linalg import expm

from yipan.engines.checks import Floats, Integers, as_floats
from yipan.engines.errors import MalformedCourse, OutOfRange

MEASURES = ("infections", "onsets", "detected", "deaths", "hospital", "icu")
"""What a run counts by day and place, in this order: new infections, entries into stages, who is in stages."""

FLOWS = MEASURES[:4]
"""Measures that count entries in a day [d, d + 1); persons per day."""

STOCKS = MEASURES[4:]
"""Measures that count who is in such a stage at the end of the day; persons. ICU is part of hospital."""

FAMILIES = ("erlang", "gamma", "lognormal", "fixed")


@dataclass(frozen=True)
class Delay:
    """How long a stage lasts, in days.

    `family` erlang: a sum of `steps` exponentials of equal rate, so the coefficient of variation is
    1/√steps; gamma and lognormal: given by `sd_days`; fixed: exactly the mean. Only erlang has no
    memory between steps; the other families run on the event-driven back-end.
    """

    mean_days: float
    steps: int = 1
    family: str = "erlang"
    sd_days: float = 0.0

    def __post_init__(self) -> None:
        """Raise OutOfRange (E802) for a mean that is not positive, or a spread that means nothing."""
        spread = self.family in {"gamma", "lognormal"}
        fits = (
            self.family in FAMILIES
            and np.isfinite(self.mean_days)
            and self.mean_days > 0
            and 1 <= self.steps <= 64
            and (not spread or (np.isfinite(self.sd_days) and self.sd_days > 0))
        )
        if not fits:
            raise OutOfRange(
                f"A {self.family} delay of mean {self.mean_days:g} d, {self.steps} steps, "
                f"sd {self.sd_days:g} d is undefined.",
                where="delay",
                remedy=f"Families are {', '.join(FAMILIES)}; mean and, for gamma and lognormal, "
                "sd must be positive; steps from 1 to 64.",
            )


@dataclass(frozen=True)
class Branch:
    """One way out of a stage: to which stage, and with which probability (one number, or one an age)."""

    to: str
    share: float | tuple[float, ...] = 1.0


@dataclass(frozen=True)
class Stage:
    """One stage of the course. A stage without a delay is the end of the course.

    `infectivity`: relative to the other stages, ≥ 0; 1 means each contact transmits with the full
    transmission probability. `presence`: setting → share in [0, 1] of that setting's contacts still
    made in this stage (1 where not given). `counts`: what it counts as, among MEASURES but
    infections: onsets, detected, deaths count on entry; hospital and icu while there.
    """

    name: str
    delay: Delay | None = None
    branches: tuple[Branch, ...] = ()
    infectivity: float = 0.0
    presence: Mapping[str, float] = field(default_factory=dict)
    counts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Redirect:
    """A response that sends persons to another stage: tracing, detection, early admission.

    Whoever would enter stage `at` enters `to` instead with probability `share[day, place]`, in
    [0, 1], shape (day, place), taken on the day of entry.
    """

    at: str
    to: str
    share: Floats


@dataclass(frozen=True)
class Course:
    """All stages, and the one where an infection begins.

    Raises MalformedCourse (E811) where stages are unknown, repeated, circular, or shares do not sum
    to one; OutOfRange (E802) for a negative infectivity or a presence outside [0, 1].

    >>> sir = Course((Stage("infectious", Delay(5.0), (Branch("recovered"),), 1.0), Stage("recovered")))
    >>> sir.entry, sir.names
    ('infectious', ('infectious', 'recovered'))
    """

    stages: tuple[Stage, ...]
    start: str = ""

    def __post_init__(self) -> None:
        """Check names, shares, ranges, and that no stage leads back to itself."""
        if not self.stages or len(set(self.names)) != len(self.names):
            raise MalformedCourse(
                f"Stages must be named once each, found {list(self.names)}.", where="course"
            )
        for stage in self.stages:
            self._check(stage)
        self.index(self.entry)
        try:
            TopologicalSorter({s.name: [b.to for b in s.branches] for s in self.stages}).prepare()
        except CycleError as error:
            raise MalformedCourse(
                f"The course runs in a circle: {' → '.join(error.args[1])}.", where="course"
            ) from error

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the stages, in order."""
        return tuple(s.name for s in self.stages)

    @property
    def entry(self) -> str:
        """The stage an infection begins in: the first, unless `start` names another."""
        return self.start or self.stages[0].name

    def index(self, name: str) -> int:
        """Return the position of a stage; raises MalformedCourse (E811) if there is none."""
        if name not in self.names:
            raise MalformedCourse(
                f"There is no stage “{name}”.",
                where="course",
                remedy=f"Stages are {', '.join(self.names)}.",
            )
        return self.names.index(name)

    def shares(self, branch: Branch, ages: int) -> Floats:
        """Return the probability of a branch by age, shape (age,)."""
        value = np.asarray(branch.share, dtype=np.float64)
        return np.full(ages, float(value)) if value.ndim == 0 else value

    def _check(self, stage: Stage) -> None:
        where = f"course.{stage.name}"
        if (stage.delay is None) != (not stage.branches):
            raise MalformedCourse(
                "A stage needs both a delay and where it leads, or neither.", where=where
            )
        if stage.delay is None and stage.infectivity:
            raise MalformedCourse(
                "The end of a course cannot be infectious: it would never stop.", where=where
            )
        as_floats(stage.infectivity, f"{where}.infectivity", shape=())
        for setting, share in stage.presence.items():
            as_floats(share, f"{where}.presence[{setting}]", shape=(), high=1.0)
        unknown = stage.counts - set(MEASURES[1:])
        if unknown:
            raise MalformedCourse(
                f"It counts as {sorted(unknown)}, which nothing reads.",
                where=where,
                remedy=f"Measures are {', '.join(MEASURES[1:])}.",
            )
        for branch in stage.branches:
            self.index(branch.to)
            as_floats(np.atleast_1d(branch.share), f"{where}.{branch.to}", shape=(None,), high=1.0)
        if stage.branches:
            self._check_sum(stage, where)

    def _check_sum(self, stage: Stage, where: str) -> None:
        sizes = {np.size(b.share) for b in stage.branches} - {1}
        if len(sizes) > 1:
            raise MalformedCourse(
                f"Its shares are given for {sorted(sizes)} ages: one number, or one an age.",
                where=where,
            )
        total = sum((np.asarray(b.share, dtype=np.float64) for b in stage.branches), np.zeros(1))
        if np.abs(total - 1).max() > 1e-9:
            raise MalformedCourse(
                f"The shares of its branches sum to {np.ravel(total)[np.abs(total - 1).argmax()]:g}, not 1.",
                where=where,
            )

    def check_ages(self, ages: int) -> None:
        """Raise MalformedCourse (E811) where shares are given by another number of ages."""
        for stage in self.stages:
            for branch in stage.branches:
                if np.size(branch.share) not in {1, ages}:
                    raise MalformedCourse(
                        f"Shares are given for {np.size(branch.share)} ages, the specification has {ages}.",
                        where=f"course.{stage.name}.{branch.to}",
                    )

    @property
    def memoryless(self) -> bool:
        """Whether every stage is Erlang, so that the cell-binomial back-end and the reference can run it."""
        return all(s.delay is None or s.delay.family == "erlang" for s in self.stages)


@dataclass(frozen=True)
class Chain:
    """A course as a Markov chain of Erlang steps ("substages"), for one number of ages.

    `stage_of` (substage,): the stage each belongs to; `first` (stage,): the first substage of a stage;
    `rate` (substage,): rate of leaving, per day, 0 at the end of the course; `infectivity`
    (substage,); `presence` (substage, setting); `enters` / `stays` (measure, substage): whether
    entering / being there counts as the measure.
    """

    course: Course
    ages: int
    settings: tuple[str, ...]
    stage_of: Integers
    first: Integers
    rate: Floats

    @classmethod
    def of(cls, course: Course, *, ages: int, settings: Sequence[str]) -> Chain:
        """Return the chain of a course; raises OutOfRange (E802) if a delay is not Erlang."""
        steps: list[int] = []
        for stage in course.stages:
            if stage.delay is not None and stage.delay.family != "erlang":
                raise OutOfRange(
                    f"A {stage.delay.family} delay has no chain of steps.",
                    where=f"course.{stage.name}",
                    remedy="Use the event-driven back-end, or give it Erlang steps of the same mean.",
                )
            steps.append(1 if stage.delay is None else stage.delay.steps)
        rate = [
            0.0 if s.delay is None else s.delay.steps / s.delay.mean_days for s in course.stages
        ]
        return cls(
            course=course,
            ages=ages,
            settings=tuple(settings),
            stage_of=np.repeat(np.arange(len(steps)), steps).astype(np.int64),
            first=np.concatenate([[0], np.cumsum(steps)[:-1]]).astype(np.int64),
            rate=np.repeat(rate, steps).astype(np.float64),
        )

    @property
    def size(self) -> int:
        """Number of substages."""
        return int(self.stage_of.size)

    @cached_property
    def infectivity(self) -> Floats:
        """Relative infectivity of each substage, shape (substage,)."""
        by_stage = np.array([s.infectivity for s in self.course.stages], dtype=np.float64)
        return by_stage[self.stage_of]

    @cached_property
    def presence(self) -> Floats:
        """Share of each setting's contacts made in each substage, shape (substage, setting)."""
        by_stage = np.array(
            [[s.presence.get(k, 1.0) for k in self.settings] for s in self.course.stages],
            dtype=np.float64,
        ).reshape(len(self.course.stages), len(self.settings))
        return by_stage[self.stage_of]

    @cached_property
    def active(self) -> Integers:
        """Substages that somebody leaves: the course is not over there."""
        return np.flatnonzero(self.rate > 0)

    @cached_property
    def counts(self) -> Integers:
        """Whether a stage counts as a measure, 0 or 1, shape (measure, stage)."""
        return np.array(
            [[m in s.counts for s in self.course.stages] for m in MEASURES], dtype=np.int64
        )

    @cached_property
    def carries(self) -> Integers:
        """Whether a substage keeps its persons' own infectiousness, 0 or 1, shape (substage,).

        It does from the first infectious stage on, as long as an infectious stage may still follow.
        """
        order = list(
            TopologicalSorter(
                {s.name: [b.to for b in s.branches] for s in self.course.stages}
            ).static_order()
        )
        ahead: set[str] = set()
        for name in order:
            stage = self.course.stages[self.course.index(name)]
            if stage.infectivity > 0 or any(b.to in ahead for b in stage.branches):
                ahead.add(name)
        return np.array([n in ahead for n in self.course.names], dtype=np.int64)[self.stage_of]

    def generator(self, redirects: Iterable[tuple[str, str, float]] = ()) -> Floats:
        """Return the rates between substages, shape (age, from, to), per day; rows sum to zero.

        `redirects` are (at, to, share): entries into stage `at` go to `to` with that probability.
        """
        Q = np.zeros((self.ages, self.size, self.size))
        turned = {at: (to, share) for at, to, share in redirects}
        for i in self.active:
            stage = self.course.stages[self.stage_of[i]]
            Q[:, i, i] -= self.rate[i]
            if i + 1 < self.size and self.stage_of[i + 1] == self.stage_of[i]:
                Q[:, i, i + 1] += self.rate[i]
                continue
            for branch in stage.branches:
                flow = self.rate[i] * self.course.shares(branch, self.ages)
                to, share = turned.get(branch.to, (branch.to, 0.0))
                Q[:, i, self.first[self.course.index(branch.to)]] += flow * (1 - share)
                Q[:, i, self.first[self.course.index(to)]] += flow * share
        return Q

    def transition(self, days: float, redirects: Iterable[tuple[str, str, float]] = ()) -> Floats:
        """Return the probability of being in `to` after `days` from `from`, shape (age, from, to).

        The matrix exponential of the generator: exact for any number of days.
        """
        P = np.asarray(expm(self.generator(redirects) * days), dtype=np.float64)
        P = np.clip(P, 0.0, 1.0)
        normal: Floats = P / P.sum(axis=2, keepdims=True)
        return normal
