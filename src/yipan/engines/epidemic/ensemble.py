"""Many futures of one specification: one call, whatever back-end runs them, summarised as they come."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

import numpy as np

from yipan.engines.checks import Floats, Integers
from yipan.engines.epidemic import members as running
from yipan.engines.epidemic import reference, tallies
from yipan.engines.epidemic.course import FLOWS, MEASURES, STOCKS
from yipan.engines.epidemic.specification import Specification
from yipan.engines.epidemic.tallies import Tally
from yipan.engines.errors import OutOfRange, ShapeMismatch

BackEnd = Literal["auto", "events", "cells", "reference"]
BACK_ENDS = ("auto", "events", "cells", "reference")
Simulate = Callable[[int], Integers]
Progress = Callable[[int, int], None]

PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Ensemble:
    """What `members` runs of one specification had in common, and how far they differed.

    Each attribute is a dictionary by measure (course.MEASURES). Flows (infections, onsets, detected,
    deaths) are persons per day [d, d + 1); stocks (hospital, which includes icu, and icu) are persons
    at the end of the day. Seeds are not counted as infections; imports are.

    `daily` (member, day): the whole area, kept for every member, so quantiles of any statistic of the
    whole are exact. `place_mean` (day, place): mean over members. `place_totals` (member, place): flows
    summed over the run, persons. `place_peaks` (member, place): the highest end-of-day stock, persons.
    `place_tallies`: for the measures asked for, what `place_quantiles` reads.
    """

    members: int
    seed: int
    days: int
    places: tuple[str, ...]
    back_end: str
    daily: dict[str, Integers]
    place_mean: dict[str, Floats]
    place_totals: dict[str, Integers]
    place_peaks: dict[str, Integers]
    place_tallies: dict[str, Tally] = field(default_factory=dict)

    def place_quantiles(
        self, measure: str, probabilities: Sequence[float] = PROBABILITIES
    ) -> Floats:
        """Return quantiles over the members by place and day, shape (probability, day, place), persons.

        Exact by nearest rank up to 50 persons, above at most 2 % off. Raises OutOfRange (E802) where the
        measure was not among the run's `place_quantiles`.
        """
        if measure not in self.place_tallies:
            raise OutOfRange(
                f"No quantiles by place were kept for {measure}.",
                where="place_quantiles",
                remedy="Name it in the place_quantiles of the run.",
            )
        return tallies.quantiles(self.place_tallies[measure], probabilities)

    def quantiles(self, measure: str, probabilities: Sequence[float] = PROBABILITIES) -> Floats:
        """Return quantiles by day over the members for the whole area, shape (probability, day)."""
        return np.asarray(np.quantile(self.daily[measure], probabilities, axis=0))

    def cumulative(self, measure: str, probabilities: Sequence[float] = PROBABILITIES) -> Floats:
        """Return quantiles by day of a flow summed from the start, shape (probability, day), persons."""
        return np.asarray(np.quantile(self.daily[measure].cumsum(axis=1), probabilities, axis=0))

    def total(self, measure: str) -> Integers:
        """Return a flow summed over the run for each member, shape (member,), persons."""
        summed: Integers = self.daily[measure].sum(axis=1)
        return summed

    def peak(self, measure: str) -> Integers:
        """Return the highest end-of-day stock of the whole area for each member, shape (member,)."""
        highest: Integers = self.daily[measure].max(axis=1)
        return highest


def run_ensemble(
    specification: Specification,
    *,
    members: int,
    seed: int,
    back_end: BackEnd = "auto",
    threads: int | None = None,
    summaries: Sequence[str] = MEASURES,
    place_quantiles: Sequence[str] = (),
    progress: Progress | None = None,
) -> Ensemble:
    """Run `members` independent futures and return their summaries.

    Member m depends on `seed` and m alone, never on `members`, the back-end's threads or the order of
    work; two specifications run with the same seed share their random numbers member by member, so
    their differences are paired. `summaries` names the measures to keep (course.MEASURES), and
    `place_quantiles` those of them whose quantiles by place and day are wanted, too.
    `progress(done, members)` is called now and then; it may raise to cancel the run.

    Raises OutOfRange (E802) for fewer than one member or an unknown measure, and what the
    specification raises.

    >>> from yipan.engines.epidemic.examples import one_town
    >>> result = run_ensemble(one_town(days=20), members=3, seed=1, back_end="reference")
    >>> result.daily["infections"].shape
    (3, 20)
    """
    check_ensemble(
        members=members, threads=threads, back_end=back_end, measures=(*summaries, *place_quantiles)
    )
    part = run_part(
        specification,
        first=0,
        members=members,
        seed=seed,
        back_end=back_end,
        threads=threads,
        summaries=summaries,
        place_quantiles=place_quantiles,
        progress=progress,
    )
    return joined(specification, [part], seed=seed, back_end=back_end)


def check_ensemble(
    *, members: int, threads: int | None, back_end: str, measures: Sequence[str]
) -> None:
    """Raise OutOfRange (E802) for fewer than one member or thread, an unknown measure or back-end."""
    if members < 1 or (threads is not None and threads < 1):
        raise OutOfRange(f"{members} members on {threads} threads cannot be run.", where="members")
    unknown = [m for m in measures if m not in MEASURES]
    if unknown:
        raise OutOfRange(
            f"There is no measure “{unknown[0]}”.",
            where="summaries",
            remedy=f"Measures are {', '.join(MEASURES)}.",
        )
    if back_end not in BACK_ENDS:
        raise OutOfRange(
            f"There is no back-end “{back_end}”.",
            where="back_end",
            remedy=f"Back-ends are {', '.join(BACK_ENDS)}.",
        )


@dataclass(frozen=True)
class Part:
    """What some members of an ensemble leave behind: members `first` … of a run cut into parts.

    As in Ensemble, but `place_sum` is not yet divided by the number of members.
    """

    first: int
    members: int
    daily: dict[str, Integers]
    place_sum: dict[str, Integers]
    place_totals: dict[str, Integers]
    place_peaks: dict[str, Integers]
    place_tallies: dict[str, Tally] = field(default_factory=dict)


def run_part(
    specification: Specification,
    *,
    first: int,
    members: int,
    seed: int,
    back_end: BackEnd = "auto",
    threads: int | None = None,
    summaries: Sequence[str] = MEASURES,
    place_quantiles: Sequence[str] = (),
    whole: int | None = None,
    progress: Progress | None = None,
) -> Part:
    """Run the members `first` … `first` + `members` − 1 of an ensemble of `whole`; parts may run anywhere."""
    simulate = simulator(specification, seed=seed, back_end=back_end)
    tallied = tallies.empty(
        days=specification.days,
        people=specification.population.sum(axis=1),
        members=whole or members,
        measures=place_quantiles,
    )
    keep = _Keeper(specification, first, members, tuple(summaries), tallied)
    _run_all(simulate, keep, members, threads or processors(), progress)
    return keep.part()


def joined(
    specification: Specification,
    parts: Sequence[Part],
    *,
    seed: int,
    back_end: str,
    tallied: dict[str, Tally] | None = None,
) -> Ensemble:
    """Join the parts of an ensemble, in whatever order they come; `tallied`: their tallies, if added up already.

    Raises ShapeMismatch (E801) where members are missing or there twice.
    """
    ordered = sorted(parts, key=lambda p: p.first)
    expected = 0
    for part in ordered:
        if part.first != expected:
            raise ShapeMismatch(f"Member {expected} is missing or there twice.", where="parts")
        expected += part.members

    def rows(tables: str) -> dict[str, Integers]:
        names = getattr(ordered[0], tables)
        return {m: np.concatenate([getattr(p, tables)[m] for p in ordered]) for m in names}

    sums = {m: sum(p.place_sum[m] for p in ordered) for m in ordered[0].place_sum}
    return Ensemble(
        members=expected,
        seed=seed,
        days=specification.days,
        places=specification.places,
        back_end=back_end,
        daily=rows("daily"),
        place_mean={m: np.asarray(s / expected) for m, s in sums.items()},
        place_totals=rows("place_totals"),
        place_peaks=rows("place_peaks"),
        place_tallies=added_up(parts) if tallied is None else tallied,
    )


def added_up(parts: Iterable[Part]) -> dict[str, Tally]:
    """Return the sum of the tallies of parts, measure by measure."""
    total: dict[str, Tally] = {}
    for part in parts:
        for measure, tally in part.place_tallies.items():
            total[measure] = total[measure] + tally if measure in total else tally
    return total


def simulator(
    specification: Specification, *, seed: int, back_end: BackEnd = "auto", steps_per_day: int = 1
) -> Simulate:
    """Return the function that runs one member, given its number, to counts (measure, day, place)."""
    if back_end == "reference":
        return lambda member: reference.simulate(specification, seed=seed, member=member)
    plan = running.make_ready(specification, back_end=back_end, steps_per_day=steps_per_day)
    return lambda member: running.simulate(plan, seed=seed, member=member)


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run_all(
    simulate: Simulate,
    keep: _Keeper,
    members: int,
    threads: int,
    progress: Progress | None,
) -> None:
    """Run every member; what a member counts is added at once, in whatever order they end."""
    lock, done = Lock(), [0]

    def one(member: int) -> None:
        counts = simulate(keep.first + member)
        with lock:
            keep.add(member, counts)
            done[0] += 1
            if progress is not None:
                progress(done[0], members)

    one(0)  # alone, so that nothing is compiled twice at once
    with ThreadPoolExecutor(threads) as pool:
        waiting = [pool.submit(one, m) for m in range(1, members)]
        try:
            ended, _ = wait(waiting, return_when=FIRST_EXCEPTION)
            for future in ended:
                future.result()
        except BaseException:  # Ctrl-C among them: what has not begun never does
            pool.shutdown(wait=True, cancel_futures=True)
            raise


class _Keeper:
    """Takes one member's counts at a time and keeps only what an Ensemble needs."""

    def __init__(
        self,
        spec: Specification,
        first: int,
        members: int,
        measures: tuple[str, ...],
        tallied: dict[str, Tally],
    ) -> None:
        P = len(spec.places)
        self.first, self.members, self.measures = first, members, measures
        self.tallies = tallied
        self.daily = {m: np.zeros((members, spec.days), dtype=np.int64) for m in measures}
        self.sums = {m: np.zeros((spec.days, P), dtype=np.int64) for m in measures}
        self.totals = {m: np.zeros((members, P), dtype=np.int64) for m in measures if m in FLOWS}
        self.peaks = {m: np.zeros((members, P), dtype=np.int64) for m in measures if m in STOCKS}

    def add(self, member: int, counts: Integers) -> None:
        """Take the counts of the member at position `member` of this part, shape (measure, day, place)."""
        for name in self.measures:
            by_place = counts[MEASURES.index(name)]
            self.daily[name][member] = by_place.sum(axis=1)
            self.sums[name] += by_place
            if name in self.totals:
                self.totals[name][member] = by_place.sum(axis=0)
            else:
                self.peaks[name][member] = by_place.max(axis=0)
        for name, tally in self.tallies.items():
            tallies.add(counts[MEASURES.index(name)], tally)

    def part(self) -> Part:
        """Return what was kept."""
        return Part(
            self.first, self.members, self.daily, self.sums, self.totals, self.peaks, self.tallies
        )
