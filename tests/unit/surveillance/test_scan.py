"""The space-time scan against brute force: likelihood ratios exactly, p values by another road."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from yipan.engines.errors import OutOfRange, ShapeMismatch, UnknownPlace, ZeroPopulation
from yipan.engines.surveillance.scan import (
    NULLS,
    Null,
    adjacency_zones,
    baseline_from_history,
    circular_zones,
    scan,
)

LON, LAT = np.array([0.0, 1.0, 2.5, 4.5, 7.0]), np.zeros(5)
PEOPLE = np.array([10.0, 20.0, 5.0, 40.0, 25.0])
LINE = np.eye(5, k=1) + np.eye(5, k=-1)


def given(null: Null, counts: np.ndarray) -> dict[str, np.ndarray]:
    """What each null needs beside the counts."""
    if null == "expectation":
        return {"expected": np.full(counts.shape, counts.mean())}
    return {"population": PEOPLE} if null == "population" else {}


def plain_expectation(null: Null, counts: np.ndarray) -> np.ndarray:
    total = counts.sum()
    mean = np.zeros(counts.shape)
    for t, p in itertools.product(*(range(n) for n in counts.shape)):
        if null == "expectation":
            mean[t, p] = counts.mean()
        elif null == "population":
            mean[t, p] = total * PEOPLE[p] / (PEOPLE.sum() * counts.shape[0])
        else:
            mean[t, p] = counts[t].sum() * counts[:, p].sum() / total
    return mean


def brute_force(
    null: Null, counts: np.ndarray, mean: np.ndarray, zones: np.ndarray, duration: int
) -> float:
    """The best log-likelihood ratio by the definition, zone by zone, cell by cell."""
    total, best = counts.sum(), 0.0
    for centre in range(zones.shape[0]):
        for size, days in itertools.product(range(1, zones.shape[1] + 1), range(1, duration + 1)):
            inside = zones[centre, :size]
            if (inside < 0).any():
                continue
            c = sum(counts[-d, p] for d in range(1, days + 1) for p in inside)
            e = sum(mean[-d, p] for d in range(1, days + 1) for p in inside)
            if c <= e:
                continue
            value = c * math.log(c / e)
            if null == "expectation":
                value += e - c
            elif c < total:
                value += (total - c) * math.log((total - c) / (total - e))
            best = max(best, value)
    return best


def redraw(null: Null, counts: np.ndarray, mean: np.ndarray, rng: np.random.Generator):
    if null == "expectation":
        return rng.poisson(mean)
    if null == "population":
        return rng.multinomial(counts.sum(), (mean / mean.sum()).ravel()).reshape(counts.shape)
    day, place = np.nonzero(counts)
    day, place = np.repeat(day, counts[day, place]), np.repeat(place, counts[day, place])
    again = np.zeros_like(counts)
    np.add.at(again, (rng.permutation(day), place), 1)
    return again


@pytest.mark.parametrize("null", NULLS)
@pytest.mark.parametrize("kind", ["circular", "adjacency"])
@pytest.mark.parametrize("seed", range(4))
def test_the_likelihood_ratio_is_the_definitions(null: Null, kind: str, seed: int) -> None:
    counts = np.random.default_rng(seed).poisson(1.5, (6, 5))
    zones = (
        circular_zones(LON, LAT, max_places=4)
        if kind == "circular"
        else adjacency_zones(LINE, LON, LAT, max_places=4)
    )
    found = scan(
        counts, zones, null=null, max_duration_days=3, simulations=0, seed=1, **given(null, counts)
    )
    wanted = brute_force(null, counts, plain_expectation(null, counts), zones, 3)
    assert found.clusters[0].log_likelihood_ratio == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("null", NULLS)
@pytest.mark.parametrize("seed", [11, 12])
def test_the_p_value_is_that_of_brute_force(null: Null, seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(1.0, (5, 5))
    counts[-2:, 1] += 1
    zones = circular_zones(LON, LAT, max_places=3)
    found = scan(
        counts, zones, null=null, max_duration_days=3, simulations=1999, seed=5,
        **given(null, counts),
    )  # fmt: skip
    mean = plain_expectation(null, counts)
    best = found.clusters[0].log_likelihood_ratio
    again = 600
    reached = sum(
        brute_force(null, redraw(null, counts, mean, rng), mean, zones, 3) >= best - 1e-9
        for _ in range(again)
    )
    theirs = (1 + reached) / (1 + again)
    error = math.sqrt(max(theirs * (1 - theirs), 0.01) * (1 / again + 1 / 1999))
    assert abs(found.clusters[0].p_value - theirs) < 4 * error


def test_the_permutation_p_value_is_that_of_all_permutations() -> None:
    counts = np.zeros((4, 5), dtype=int)
    counts[[0, 1, 2, 3, 3, 3], [4, 3, 0, 0, 0, 1]] = [1, 1, 1, 2, 2, 1]
    zones = circular_zones(LON, LAT, max_places=2)
    mean = plain_expectation("permutation", counts)
    day, place = np.nonzero(counts)
    day, place = np.repeat(day, counts[day, place]), np.repeat(place, counts[day, place])
    observed = brute_force("permutation", counts, mean, zones, 2)
    reached = every = 0
    for order in itertools.permutations(day):
        again = np.zeros_like(counts)
        np.add.at(again, (list(order), place), 1)
        reached += brute_force("permutation", again, mean, zones, 2) >= observed - 1e-9
        every += 1
    found = scan(
        counts, zones, null="permutation", max_duration_days=2, simulations=9999, seed=2
    ).clusters[0]
    assert found.p_value == pytest.approx(reached / every, abs=0.02)


@pytest.mark.parametrize("null", NULLS)
def test_where_nothing_happens_false_alarms_are_as_rare_as_promised(null: Null) -> None:
    rng = np.random.default_rng(3)
    mean = np.tile(PEOPLE / 12, (8, 1))
    zones = circular_zones(LON, LAT, max_places=3)
    alarms = 0
    for trial in range(200):
        counts = rng.poisson(mean)
        extra = {"expected": mean} if null == "expectation" else given(null, counts)
        found = scan(
            counts, zones, null=null, max_duration_days=4, simulations=199, seed=trial, **extra
        )
        alarms += bool(found.clusters) and found.clusters[0].p_value <= 0.05
    assert alarms <= 21  # binomial(200, 0.05) exceeds it with probability 0.0007


@pytest.mark.parametrize("null", NULLS)
def test_a_planted_cluster_is_found_where_it_is(null: Null) -> None:
    rng = np.random.default_rng(8)
    counts = rng.poisson(np.tile(PEOPLE / 12, (12, 1)))
    counts[-3:, 2] += 9
    found = scan(
        counts, circular_zones(LON, LAT, max_places=3), null=null, max_duration_days=7,
        simulations=199, seed=1, **given(null, counts),
    ).clusters[0]  # fmt: skip
    assert 2 in found.places
    assert found.t_end == 12
    assert found.p_value == 1 / 200
    assert found.observed > found.expected
    assert found.relative_risk > 1


def test_renaming_the_places_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    counts, order = rng.poisson(2, (6, 5)), rng.permutation(5)
    here = scan(
        counts, circular_zones(LON, LAT, max_places=3), null="population",
        max_duration_days=3, simulations=0, seed=1, population=PEOPLE,
    ).clusters[0]  # fmt: skip
    there = scan(
        counts[:, order], circular_zones(LON[order], LAT[order], max_places=3), null="population",
        max_duration_days=3, simulations=0, seed=1, population=PEOPLE[order],
    ).clusters[0]  # fmt: skip
    assert {int(order[p]) for p in there.places} == set(here.places)
    assert there.log_likelihood_ratio == pytest.approx(here.log_likelihood_ratio)


def test_the_same_seed_gives_the_same_maxima() -> None:
    counts = np.random.default_rng(1).poisson(2, (6, 5))
    zones = circular_zones(LON, LAT, max_places=3)
    runs = [
        scan(counts, zones, null="permutation", max_duration_days=3, simulations=50, seed=s)
        for s in (7, 7, 8)
    ]
    np.testing.assert_array_equal(runs[0].simulated_maxima, runs[1].simulated_maxima)
    assert (runs[0].simulated_maxima != runs[2].simulated_maxima).any()


def test_clusters_share_no_place_and_fall_in_strength() -> None:
    counts = np.random.default_rng(6).poisson(2, (6, 5))
    counts[-1, [0, 4]] += 9
    found = scan(
        counts, circular_zones(LON, LAT, max_places=2), null="permutation",
        max_duration_days=2, simulations=99, seed=1,
    ).clusters  # fmt: skip
    inside = [place for cluster in found for place in cluster.places]
    assert len(inside) == len(set(inside))
    strength = [cluster.log_likelihood_ratio for cluster in found]
    assert strength == sorted(strength, reverse=True)


def test_no_case_no_cluster() -> None:
    zones = circular_zones(LON, LAT, max_places=2)
    nothing = np.zeros((4, 5))
    for null in NULLS:
        extra = {"expected": np.ones((4, 5))} if null == "expectation" else given(null, nothing)
        found = scan(nothing, zones, null=null, max_duration_days=2, simulations=9, seed=1, **extra)
        assert found.clusters == ()


def test_every_adjacency_zone_is_connected() -> None:
    rng = np.random.default_rng(9)
    touch = np.triu(rng.random((12, 12)) < 0.2, 1)
    touch = touch | touch.T
    zones = adjacency_zones(touch, rng.uniform(0, 5, 12), rng.uniform(0, 5, 12), max_places=6)
    for row in zones:
        inside = [int(p) for p in row if p >= 0]
        for k, place in enumerate(inside[1:], 1):
            assert any(touch[place, other] for other in inside[:k])


def test_zones_of_an_island_end_with_it() -> None:
    alone = np.zeros((5, 5))
    zones = adjacency_zones(alone, LON, LAT, max_places=3)
    assert zones.tolist() == [[p, -1, -1] for p in range(5)]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"max_duration_days": 0}, OutOfRange),
        ({"simulations": -1}, OutOfRange),
        ({"null": "population"}, OutOfRange),
        ({"expected": np.ones((3, 5))}, ShapeMismatch),
        ({"expected": np.zeros((4, 5))}, ZeroPopulation),
        ({"zones": np.full((5, 2), 9)}, UnknownPlace),
        ({"zones": np.zeros((4, 2), dtype=int)}, ShapeMismatch),
        ({"counts": -np.ones((4, 5))}, OutOfRange),
    ],
)
def test_what_cannot_be_scanned_is_refused(change: dict, error: type[Exception]) -> None:
    call = {
        "counts": np.ones((4, 5)),
        "zones": circular_zones(LON, LAT, max_places=2),
        "null": "expectation",
        "max_duration_days": 2,
        "simulations": 0,
        "seed": 1,
        "expected": np.ones((4, 5)),
        **change,
    }
    with pytest.raises(error):
        scan(call.pop("counts"), call.pop("zones"), **call)


def test_an_adjacency_of_one_way_is_refused() -> None:
    with pytest.raises(OutOfRange, match="touches"):
        adjacency_zones(np.eye(5, k=1), LON, LAT, max_places=2)


def test_a_baseline_of_a_place_without_history_is_small_and_positive() -> None:
    counts = np.zeros((8, 5))
    counts[:, 0] = 4
    baseline = baseline_from_history(counts, history_days=7)
    assert baseline.shape == (1, 5)
    assert 0 < baseline[0, 1] < 0.2 < baseline[0, 0]
    with pytest.raises(OutOfRange):
        baseline_from_history(counts, history_days=8)
