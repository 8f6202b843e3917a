"""A synthetic line list whose daily city totals equal the published ones; no real person is in it.

County line lists of Henan were never published. This one is drawn: each city's new cases of each day
are given to its counties at random, unevenly, except that a county with published points passes
through them exactly. Onset, import, age, sex and clusters are drawn from the assumptions below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

# Onset to confirmation: gamma, mean 7.0 d (Henan, public case notices of early 2020), sd 4.2 d assumed.
DELAY_MEAN_DAYS, DELAY_SD_DAYS = 7.0, 4.2
UNEVENNESS = 0.6  # shape of the gamma that multiplies a county's people: smaller is less even
IMPORTED_FIRST, IMPORTED_HALVES_DAYS = 0.9, 12.0  # share with travel to the source, halving
JOINS_CLUSTER, CLUSTER_WINDOW_DAYS = 0.35, 7
AGE_BANDS = ("0-14", "15-29", "30-44", "45-59", "60-74", "75+")
AGE_SHARES = (0.03, 0.18, 0.33, 0.28, 0.14, 0.04)  # assumed: few children, most in working age


@dataclass(frozen=True)
class City:
    """A city's published totals and its counties, by their index in the caller's order."""

    cumulative: NDArray[np.int64]  # [day], published confirmed
    counties: tuple[int, ...]
    people: tuple[float, ...]  # residents of each county
    points: Mapping[int, Mapping[int, int]] = field(
        default_factory=dict
    )  # county -> day -> cumulative


@dataclass(frozen=True)
class LineList:
    """Synthetic cases as parallel arrays [case]; days are indices into the series.

    `withdrawn` is the day from which a case no longer counts (a published total that fell), or −1.
    `missed` lists points no draw could meet: (county, day, published, drawn).
    """

    county: NDArray[np.int64]
    report_day: NDArray[np.int64]
    onset_day: NDArray[np.int64]
    imported: NDArray[np.bool_]
    cluster: NDArray[np.int64]  # −1: none
    age_band: NDArray[np.int64]
    sex: NDArray[np.int64]  # 0 female, 1 male
    withdrawn: NDArray[np.int64]
    missed: tuple[tuple[int, int, int, int], ...]


def draw_line_list(*, cities: Sequence[City], seed: int) -> LineList:
    """Return a line list whose new cases by city and day equal the published differences.

    Where a published total falls, the latest drawn cases of that city are withdrawn that day. The
    same seed gives the same list. Counts before the first day stand on day 0.
    """
    streams = np.random.default_rng(seed).spawn(len(cities))
    parts = [_draw_city(city, rng) for city, rng in zip(cities, streams, strict=True)]
    county = np.concatenate([p[0] for p in parts])
    day = np.concatenate([p[1] for p in parts])
    withdrawn = np.concatenate([p[2] for p in parts])
    rng = np.random.default_rng([seed, 1])
    n = len(county)
    shape = (DELAY_MEAN_DAYS / DELAY_SD_DAYS) ** 2
    delay = np.floor(rng.gamma(shape, DELAY_MEAN_DAYS / shape, n)).astype(np.int64)
    imported = rng.random(n) < IMPORTED_FIRST * 0.5 ** (day / IMPORTED_HALVES_DAYS)
    return LineList(
        county=county,
        report_day=day,
        onset_day=day - delay,
        imported=imported,
        cluster=_clusters(county, day, imported, rng),
        age_band=rng.choice(len(AGE_BANDS), size=n, p=AGE_SHARES),
        sex=rng.integers(0, 2, n),
        withdrawn=withdrawn,
        missed=tuple(m for p in parts for m in p[3]),
    )


Drawn = tuple[
    NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], list[tuple[int, int, int, int]]
]


def _draw_city(city: City, rng: np.random.Generator) -> Drawn:
    new = np.diff(city.cumulative, prepend=0)
    day = np.repeat(np.arange(len(new)), np.maximum(new, 0))
    withdrawn = _withdrawals(new, day)
    county = np.full(len(day), -1, dtype=np.int64)
    missed: list[tuple[int, int, int, int]] = []
    for which, points in sorted(city.points.items()):
        before = -1
        for until, total in sorted(points.items()):
            have = int(np.sum((county == which) & (day <= until) & (withdrawn < 0)))
            open_ = np.flatnonzero((county < 0) & (day > before) & (day <= until) & (withdrawn < 0))
            take = min(max(0, total - have), len(open_))
            county[rng.choice(open_, size=take, replace=False)] = which
            if have + take != total:
                missed.append((which, until, total, have + take))
            before = until
    rest = [i for i, c in enumerate(city.counties) if c not in city.points]
    free = np.flatnonzero(county < 0)
    if len(free):
        named = rest or list(range(len(city.counties)))
        weights = np.array([city.people[i] for i in named]) * rng.gamma(UNEVENNESS, size=len(named))
        chosen = rng.choice(len(named), size=len(free), p=weights / weights.sum())
        county[free] = np.array([city.counties[i] for i in named])[chosen]
    return county, day, withdrawn, missed


def _withdrawals(new: NDArray[np.int64], day: NDArray[np.int64]) -> NDArray[np.int64]:
    withdrawn = np.full(len(day), -1, dtype=np.int64)
    for fall in np.flatnonzero(new < 0):
        standing = np.flatnonzero((day < fall) & (withdrawn < 0))
        withdrawn[standing[len(standing) + new[fall] :]] = fall
    return withdrawn


def _clusters(
    county: NDArray[np.int64],
    day: NDArray[np.int64],
    imported: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Let a local case join the case before it in its county, where that is at most a week old."""
    cluster = np.full(len(day), -1, dtype=np.int64)
    joins = rng.random(len(day)) < JOINS_CLUSTER
    following = 0
    last: dict[int, int] = {}  # county -> index of its latest case
    for i in np.lexsort((np.arange(len(day)), day)):
        previous = last.get(int(county[i]))
        near = previous is not None and day[i] - day[previous] <= CLUSTER_WINDOW_DAYS
        if previous is not None and near and joins[i] and not imported[i]:
            if cluster[previous] < 0:
                cluster[previous] = following
                following += 1
            cluster[i] = cluster[previous]
        last[int(county[i])] = int(i)
    return cluster


def cluster_outbreaks(
    cases: LineList, *, counties: int, days: int, window_days: int = 14
) -> NDArray[np.bool_]:
    """Return [day, county]: whether two or more cases of one cluster were confirmed in the window."""
    found = np.zeros((days, counties), dtype=np.bool_)
    for name in np.unique(cases.cluster[cases.cluster >= 0]):
        mine = np.flatnonzero((cases.cluster == name) & (cases.withdrawn < 0))
        for at in range(days):
            recent = mine[
                (cases.report_day[mine] <= at) & (cases.report_day[mine] > at - window_days)
            ]
            if len(recent) >= 2:
                found[at, cases.county[recent]] = True
    return found
