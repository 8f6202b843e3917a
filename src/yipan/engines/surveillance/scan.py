"""Space-time clusters: the prospective scan statistic, with the null hypothesis always named.

A cluster is a zone of neighbouring places over the latest days in which more cases fell than the
null expects. Three nulls answer three questions: *expectation* (more than this place's own
baseline?), *population* (more than its people's share of all cases?), *permutation* (more than
place and day, each alone, explain?).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from yipan.engines.checks import Floats, Integers, as_counts, as_floats, check_shape
from yipan.engines.errors import OutOfRange, UnknownPlace, ZeroPopulation
from yipan.engines.surveillance.compiled import compiled

Null = Literal["expectation", "population", "permutation"]
NULLS: tuple[Null, ...] = ("expectation", "population", "permutation")

EARTH_RADIUS_KM = 6371.0
SEEDS = 2**32
SAME = 1e-9
"""Two likelihood ratios closer than this are the same: sums in another order differ by rounding."""


@dataclass(frozen=True)
class Cluster:
    """One cluster: places (indices), half-open days `[t_start, t_end)`, and its evidence.

    `p_value` is the share of simulated maxima, the observed one among them, that reach its
    log-likelihood ratio; for all but the first cluster it is conservative.
    """

    places: tuple[int, ...]
    t_start: int
    t_end: int
    observed: int
    expected: float
    relative_risk: float
    log_likelihood_ratio: float
    p_value: float


@dataclass(frozen=True)
class Scan:
    """The clusters, best first, none sharing a place with a better one; and the null they stand against."""

    null: Null
    clusters: tuple[Cluster, ...]
    simulated_maxima: Floats  # (simulations,)


def circular_zones(lon: ArrayLike, lat: ArrayLike, *, max_places: int) -> Integers:
    """Return for each place the places nearest to it, itself first, shape (place, max_places).

    A zone is any row's first k entries. `lon`, `lat` are degrees, shape (place,). Ties go to the
    lower index. Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> circular_zones([0.0, 1.0, 5.0], [0.0, 0.0, 0.0], max_places=2).tolist()
    [[0, 1], [1, 0], [2, 1]]
    """
    distance = distances_km(lon, lat)
    keep = _keep(max_places, distance.shape[0])
    return np.argsort(distance, axis=1, kind="stable")[:, :keep].astype(np.int64)


def adjacency_zones(
    neighbours: ArrayLike, lon: ArrayLike, lat: ArrayLike, *, max_places: int
) -> Integers:
    """Return for each place a connected zone grown from it, shape (place, max_places), −1 = no more.

    `neighbours` is a symmetric 0/1 matrix (place, place). The zone grows by the place nearest to its
    centre among those that touch it, so every prefix of a row is connected: what a boundary or a
    river parts is not joined. Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> touching = np.array([[0, 0, 1], [0, 0, 1], [1, 1, 0]])
    >>> adjacency_zones(touching, [0.0, 0.1, 5.0], [0.0, 0.0, 0.0], max_places=3).tolist()
    [[0, 2, 1], [1, 2, 0], [2, 1, 0]]
    """
    distance = distances_km(lon, lat)
    places = distance.shape[0]
    touch = as_floats(neighbours, "neighbours", shape=(places, places), high=1.0) > 0
    if (touch != touch.T).any():
        a, b = (int(i) for i in np.argwhere(touch != touch.T)[0])
        raise OutOfRange(
            f"Place {a} touches {b}, but not the other way round.",
            where=f"neighbours[{a}, {b}]",
            remedy="Give each touching pair both ways.",
        )
    zones = np.full((places, _keep(max_places, places)), -1, dtype=np.int64)
    for centre in range(places):
        inside = np.zeros(places, dtype=bool)
        reach = np.zeros(places, dtype=bool)
        reach[centre] = True
        for k in range(zones.shape[1]):
            if not reach.any():
                break
            chosen = int(np.argmin(np.where(reach, distance[centre], np.inf)))
            zones[centre, k] = chosen
            inside[chosen] = True
            reach = (reach | touch[chosen]) & ~inside
    return zones


def distances_km(lon: ArrayLike, lat: ArrayLike) -> Floats:
    """Return great-circle distances between places in kilometres, shape (place, place).

    >>> distances_km([0.0, 0.0], [0.0, 1.0]).round(1).tolist()
    [[0.0, 111.2], [111.2, 0.0]]
    """
    east = np.radians(as_floats(lon, "lon", shape=(None,), low=-180.0, high=360.0))
    north = np.radians(as_floats(lat, "lat", shape=east.shape, low=-90.0, high=90.0))
    half = np.sin((north[:, None] - north) / 2) ** 2
    half = half + np.cos(north[:, None]) * np.cos(north) * np.sin((east[:, None] - east) / 2) ** 2
    distance: Floats = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    return distance


def baseline_from_history(counts: ArrayLike, *, history_days: int) -> Floats:
    """Return expected counts of the days after the first `history_days`, shape (time − history, place).

    Each place's mean over the history, with one imagined day at the mean of all places, so that a
    place that never had a case is not expected to have exactly none.
    Raises ShapeMismatch (E801), OutOfRange (E802).

    >>> baseline_from_history([[2, 0], [4, 0], [9, 9]], history_days=2).tolist()
    [[2.5, 0.5]]
    """
    seen = as_counts(counts, "counts", shape=(None, None))
    if not 1 <= history_days < seen.shape[0]:
        raise OutOfRange(
            f"{history_days} days of history in {seen.shape[0]} days.",
            where="history_days",
            remedy="Give more days before those scanned, or expected counts.",
        )
    past = seen[:history_days]
    mean = (past.sum(axis=0) + past.mean()) / (history_days + 1)
    return np.repeat(mean[None, :], seen.shape[0] - history_days, axis=0)


def scan(
    counts: ArrayLike,
    zones: Integers,
    *,
    null: Null,
    max_duration_days: int,
    simulations: int,
    seed: int,
    expected: ArrayLike | None = None,
    population: ArrayLike | None = None,
    most: int = 10,
) -> Scan:
    """Return the clusters alive on the last day, each with its log-likelihood ratio and p value.

    `counts` are daily cases, shape (time, place); `zones` as made by `circular_zones` or
    `adjacency_zones`. All durations from 1 to `max_duration_days`, ending on the last day. With C
    observed and E expected in zone and days, N cases in all,

        expectation   C log(C/E) + E − C                                       C > E
        population,   C log(C/E) + (N − C) log((N − C)/(N − E))                C > E
        permutation

    E sums `expected` (time, place) for *expectation*; N × the share of `population` (place,) or
    (time, place) for *population*; row total × column total / N for *permutation*. Under the null,
    counts are Poisson(`expected`); N cases fall by population; the days of the N cases are shuffled.
    The same seed gives the same maxima.

    Source: Neill et al. (2005), KDD; Kulldorff (2001), JRSS A 164:61; Kulldorff et al. (2005), PLoS
    Medicine 2:e59. Raises ShapeMismatch (E801), OutOfRange (E802), UnknownPlace (E803),
    ZeroPopulation (E804).

    >>> cases = np.ones((4, 3)); cases[-1, 0] = 9
    >>> near = circular_zones([0.0, 1.0, 5.0], [0.0, 0.0, 0.0], max_places=2)
    >>> best = scan(cases, near, null="expectation", max_duration_days=2, simulations=99, seed=1,
    ...             expected=np.ones((4, 3))).clusters[0]
    >>> best.places, best.t_start, best.t_end, best.observed, round(best.log_likelihood_ratio, 2)
    ((0,), 3, 4, 9, 11.78)
    """
    cases = as_counts(counts, "counts", shape=(None, None))
    time, places = cases.shape
    _check_scan(zones, places, time, max_duration_days, simulations, most)
    duration = min(max_duration_days, time)
    total = float(cases.sum())
    mean = _expected(cases, null, expected, population)
    conditional = null != "expectation"
    running_mean = _latest_sums(mean, duration)
    ratio = _ratios(
        _latest_sums(cases.astype(np.float64), duration), running_mean, zones, total, conditional
    )
    maxima = np.zeros(simulations)
    if simulations and total > 0:
        stream = int(np.random.SeedSequence(seed).generate_state(1)[0])
        if null == "expectation":
            maxima = _poisson_maxima(
                mean[time - duration :], running_mean, zones, simulations, stream
            )
        elif null == "population":
            weight = np.cumsum(mean.ravel()) / mean.sum()
            maxima = _multinomial_maxima(
                int(total), weight, time, places, running_mean, zones, simulations, stream
            )
        else:
            when, where = np.nonzero(cases)
            copies = cases[when, where]
            maxima = _permutation_maxima(
                np.repeat(when, copies), np.repeat(where, copies), time, places,
                running_mean, zones, simulations, stream,
            )  # fmt: skip
    clusters = _pick(ratio, maxima, cases, mean, zones, most, total, conditional)
    return Scan(null, clusters, maxima)


def _keep(max_places: int, places: int) -> int:
    if max_places < 1:
        raise OutOfRange(f"A zone of {max_places} places is none.", where="max_places")
    return min(max_places, places)


def _check_scan(
    zones: Integers, places: int, time: int, duration: int, simulations: int, most: int
) -> None:
    check_shape(zones, "zones", (places, None))
    if zones.max() >= places:
        raise UnknownPlace(f"Zones speak of place {zones.max()} of {places}.", where="zones")
    if duration < 1 or simulations < 0 or most < 1 or time < 1:
        raise OutOfRange(
            f"max_duration_days {duration}, simulations {simulations}, most {most}, {time} days.",
            where="settings",
            remedy="Days, clusters and durations must be at least 1, simulations at least 0.",
        )


def _expected(
    cases: Integers, null: Null, expected: ArrayLike | None, population: ArrayLike | None
) -> Floats:
    if (expected is not None) != (null == "expectation"):
        raise OutOfRange(
            "Give `expected` for the null `expectation`, and only for it.", where="null"
        )
    if (population is not None) != (null == "population"):
        raise OutOfRange(
            "Give `population` for the null `population`, and only for it.", where="null"
        )
    if null == "expectation":
        mean = as_floats(np.asarray(expected), "expected", shape=cases.shape)
    elif null == "population":
        people = np.asarray(population, dtype=np.float64)
        if people.ndim == 1:
            people = np.broadcast_to(people, (cases.shape[0], people.size))
        people = as_floats(people, "population", shape=cases.shape)
        mean = people * (cases.sum() / max(people.sum(), SAME))
    else:
        mean = np.outer(cases.sum(axis=1), cases.sum(axis=0)) / max(float(cases.sum()), SAME)
    impossible = (cases > 0) & (mean <= 0)
    if impossible.any():
        day, place = (int(i) for i in np.argwhere(impossible)[0])
        raise ZeroPopulation(
            f"{cases[day, place]} cases where the null expects exactly none.",
            where=f"counts[{day}, {place}]",
            remedy="Give a population, or a small positive expectation.",
        )
    return np.ascontiguousarray(mean)


def _latest_sums(values: Floats, duration: int) -> Floats:
    """Sums over the latest 1, 2, … days, shape (duration, place)."""
    return np.cumsum(values[::-1][:duration], axis=0)


def _ratios(seen: Floats, mean: Floats, zones: Integers, total: float, conditional: bool) -> Floats:
    """Log-likelihood ratios, shape (duration, centre, size); −∞ where the zone cannot grow."""
    there = zones >= 0
    padded = np.where(there, zones, 0)
    c = np.cumsum(np.where(there, seen[:, padded], 0.0), axis=2)
    e = np.cumsum(np.where(there, mean[:, padded], 0.0), axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = c * np.log(c / e)
        if conditional:
            rest = np.where(total > c, (total - c) * np.log((total - c) / (total - e)), 0.0)
            ratio = ratio + rest
        else:
            ratio = ratio + e - c
    return np.where(there, np.where(c > e + SAME, ratio, 0.0), -np.inf)


def _pick(
    ratio: Floats,
    maxima: Floats,
    cases: Integers,
    mean: Floats,
    zones: Integers,
    most: int,
    total: float,
    conditional: bool,
) -> tuple[Cluster, ...]:
    time = cases.shape[0]
    taken = np.zeros(cases.shape[1], dtype=bool)
    clusters: list[Cluster] = []
    left = ratio.copy()
    while len(clusters) < most and left.max() > SAME:
        duration, centre, size = np.unravel_index(int(np.argmax(left)), left.shape)
        best = float(left[duration, centre, size])
        inside = zones[centre, : size + 1]
        taken[inside] = True
        start = time - int(duration) - 1
        observed = int(cases[start:, inside].sum())
        expected = float(mean[start:, inside].sum())
        risk = observed / expected
        if conditional:
            outside = (total - observed) / max(total - expected, SAME)
            risk = risk / outside if outside > 0 else np.inf
        reached = int((maxima >= best - SAME).sum())
        clusters.append(
            Cluster(
                places=tuple(sorted(int(p) for p in inside)),
                t_start=start,
                t_end=time,
                observed=observed,
                expected=expected,
                relative_risk=float(risk),
                log_likelihood_ratio=best,
                p_value=(1 + reached) / (1 + maxima.size),
            )
        )
        overlap = np.cumsum(np.where(zones >= 0, taken[zones], False), axis=1) > 0
        left[:, overlap] = -np.inf
    return tuple(clusters)


@compiled
def _best(seen: Floats, mean: Floats, zones: Integers, total: float, conditional: bool) -> float:
    """Highest ratio of one replicate; seen and mean are sums over the latest days, (duration, place)."""
    durations, places = seen.shape
    best = 0.0
    for d in range(durations):
        for centre in range(places):
            c = 0.0
            e = 0.0
            for k in range(zones.shape[1]):
                place = zones[centre, k]
                if place < 0:
                    break
                c += seen[d, place]
                e += mean[d, place]
                if c <= e + 1e-9:
                    continue
                # log x ≤ x − 1 bounds the ratio from above: most logarithms need not be taken.
                excess = c - e
                if conditional:
                    if c < total and total * excess * excess <= best * e * (total - e):
                        continue
                    value = c * np.log(c / e)
                    if c < total:
                        value += (total - c) * np.log((total - c) / (total - e))
                else:
                    if excess * excess <= best * e:
                        continue
                    value = c * np.log(c / e) - excess
                if value > best:
                    best = value
    return best


@compiled
def _accumulate(latest: Floats) -> None:
    for d in range(1, latest.shape[0]):
        for place in range(latest.shape[1]):
            latest[d, place] += latest[d - 1, place]


@compiled
def _poisson_maxima(
    mean: Floats, running_mean: Floats, zones: Integers, simulations: int, stream: int
) -> Floats:
    days, places = mean.shape
    maxima = np.zeros(simulations)
    for i in range(simulations):
        np.random.seed((stream + i) % SEEDS)
        latest = np.zeros((days, places))
        for d in range(days):
            for place in range(places):
                latest[d, place] = np.random.poisson(mean[days - 1 - d, place])
        _accumulate(latest)
        maxima[i] = _best(latest, running_mean, zones, 0.0, False)
    return maxima


@compiled
def _multinomial_maxima(
    total: int,
    cumulative: Floats,
    time: int,
    places: int,
    running_mean: Floats,
    zones: Integers,
    simulations: int,
    stream: int,
) -> Floats:
    durations = running_mean.shape[0]
    first = (time - durations) * places
    maxima = np.zeros(simulations)
    for i in range(simulations):
        np.random.seed((stream + i) % SEEDS)
        latest = np.zeros((durations, places))
        for _ in range(total):
            cell = int(np.searchsorted(cumulative, np.random.random(), side="right"))
            if cell >= first:
                cell = min(cell, time * places - 1)
                latest[time - 1 - cell // places, cell % places] += 1.0
        _accumulate(latest)
        maxima[i] = _best(latest, running_mean, zones, float(total), True)
    return maxima


@compiled
def _permutation_maxima(
    when: Integers,
    where: Integers,
    time: int,
    places: int,
    running_mean: Floats,
    zones: Integers,
    simulations: int,
    stream: int,
) -> Floats:
    durations = running_mean.shape[0]
    total = when.size
    maxima = np.zeros(simulations)
    for i in range(simulations):
        np.random.seed((stream + i) % SEEDS)
        latest = np.zeros((durations, places))
        day = when.copy()
        for n in range(total):
            # Fisher and Yates: case n gets a day not yet given.
            other = np.random.randint(n, total)
            day[n], day[other] = day[other], day[n]
            age = time - 1 - day[n]
            if age < durations:
                latest[age, where[n]] += 1.0
        _accumulate(latest)
        maxima[i] = _best(latest, running_mean, zones, float(total), True)
    return maxima
