"""Run the members of one option through the epidemic engine and the economic account."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from yipan.engines.economy.account import absence, value_added_by_week
from yipan.engines.epidemic.ensemble import run_ensemble
from yipan.plan.scenarios.building import DAYS, Build
from yipan.plan.scenarios.openings import Levels, at_work
from yipan.plan.scenarios.summaries import Members

Floats = NDArray[np.float64]
THREADS = min(4, os.cpu_count() or 1)
"""The epidemic engine runs free of the interpreter's lock; more threads than this only wait for it."""

MEASURES = ("infections", "detected", "hospital", "deaths")


def run_option(
    build: Build,
    levels: Levels,
    *,
    members: int,
    seed: int,
    first: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Members:
    """Return what runs `first` … `first` + `members` − 1 of one course of openings come to.

    Member m draws its assumptions, its infections at the start and its chances from `seed` and m
    alone, on whichever thread, so that the same member of two options differs by what was ordered and
    nothing else. Memory grows with members × (weeks × counties + days × cities), never with the engine's own state.
    """
    province, pack = build.province, build.assumptions
    weeks, counties, _settings = levels.shape
    cities = len(province.cities)
    in_city = np.zeros((counties, cities))
    in_city[np.arange(counties), province.city_of] = 1.0
    infections = np.zeros((members, weeks, counties), dtype=np.int32)
    hospital = np.zeros((members, weeks * DAYS, cities), dtype=np.int32)
    deaths = np.zeros(members, dtype=np.int64)
    value = np.zeros((members, weeks, counties))
    remote = np.array([s.remote for s in pack.sections.values()])

    def run(m: int) -> None:
        number = first + m
        figures = pack.draw(seed=seed, member=number)
        specification = build.specification(
            levels, figures=figures, seeds=build.seeds(seed=seed, member=number, figures=figures)
        )
        ran = run_ensemble(
            specification, members=1, seed=seed + number, threads=1, summaries=MEASURES
        )
        by_day = ran.place_mean["infections"]
        infections[m] = by_day.reshape(weeks, DAYS, counties).sum(axis=1).round()
        beds = beds_occupied(
            admitted=ran.place_mean["detected"] * figures["admitted_share"],
            severe=ran.place_mean["hospital"],
            in_care=province.start.in_hospital,
            days_in_bed=figures["days_in_bed"],
        )
        hospital[m] = (beds @ in_city).round()
        deaths[m] = ran.total("deaths")[0]
        value[m] = value_added_by_week(
            weekly_value=province.weekly_value,
            remote_share=np.minimum(1.0, remote * figures["remote_scale"]),
            opening=at_work(levels, assumptions=pack, figures=figures),
            absent=absence(
                new_infections=infections[m],
                quarantined_per_infection=figures["contacts_traced_per_case"]
                * figures["found_share"],
                days_away=figures["days_away"],
                people=province.residents,
            ),
        )

    run(0)  # compiles, and fills what all members share, before threads ask for it at once
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        for done, _nothing in enumerate(pool.map(run, range(1, members)), start=2):
            if progress is not None:
                progress(done, members)
    return Members(infections, hospital, deaths, value)


def beds_occupied(
    *, admitted: Floats, severe: Floats, in_care: Floats, days_in_bed: float
) -> Floats:
    """Return beds occupied at the end of each day by county, shape (day, county).

    Every admission stays `days_in_bed` days on average, memoryless; who is in care at the start
    leaves at the same pace. Severe patients stay by the engine's own course, so the beds are never
    fewer than `severe`.

        bed[d] = bed[d − 1] · exp(−1 / days_in_bed) + admitted[d]

    >>> beds_occupied(
    ...     admitted=np.zeros((2, 1)), severe=np.zeros((2, 1)), in_care=np.array([100.0]), days_in_bed=10.0
    ... ).round().tolist()
    [[90.0], [82.0]]
    """
    stay = np.exp(-1.0 / days_in_bed)
    beds = np.empty_like(admitted)
    there = in_care
    for day in range(admitted.shape[0]):
        there = there * stay + admitted[day]
        beds[day] = np.maximum(there, severe[day])
    return beds
