"""Both back-ends, their hand-over and the reference are one law; an engine that is a little wrong fails."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from unit.epidemic.worlds import three_towns
from yipan.engines.checks import Floats
from yipan.engines.epidemic import members as running
from yipan.engines.epidemic.course import MEASURES, STOCKS
from yipan.engines.epidemic.ensemble import simulator
from yipan.engines.epidemic.specification import Response, Specification

RUNS = 300


def statistics(counts: np.ndarray) -> Floats:
    """Return for each measure: totals (or peaks) of the whole and of each town, and of the first half."""
    found = []
    for m, name in enumerate(MEASURES):
        size = (lambda c: c.max(axis=0)) if name in STOCKS else (lambda c: c.sum(axis=0))
        found += [size(counts[m].sum(axis=1)), *(size(counts[m, :, i]) for i in range(3))]
        found.append(size(counts[m, : counts.shape[1] // 2].sum(axis=1)))
    return np.array(found, dtype=np.float64)


def run(spec: Specification, *, back_end: str, runs: int, seed: int) -> Floats:
    """Return statistics of many runs, shape (run, statistic); `hand-over` changes back-end again and again."""
    if back_end != "hand-over":
        simulate = simulator(spec, seed=seed, back_end=back_end, steps_per_day=2)  # type: ignore[arg-type]
    else:
        plan = replace(running.make_ready(spec, steps_per_day=2), cells_above=150, events_below=148)

        def simulate(member: int) -> np.ndarray:
            return running.simulate(plan, seed=seed, member=member)

    return np.stack([statistics(simulate(m)) for m in range(runs)])


def differ(a: Floats, b: Floats) -> list[str]:
    """Return what differs: means by 1 % and four standard errors, quantiles by 2 % and theirs."""
    found = []
    error = np.sqrt(a.var(axis=0) / len(a) + b.var(axis=0) / len(b))
    middle = np.maximum((a.mean(axis=0) + b.mean(axis=0)) / 2, 1e-9)
    for q in np.flatnonzero(abs(a.mean(axis=0) - b.mean(axis=0)) > 0.01 * middle + 4 * error):
        found.append(f"mean of {q}: {a.mean(axis=0)[q]:.2f} and {b.mean(axis=0)[q]:.2f}")
    for p in (0.1, 0.5, 0.9):
        low, high = np.quantile(a, p, axis=0), np.quantile(b, p, axis=0)
        error = np.hypot(quantile_error(a, p), quantile_error(b, p))
        for q in np.flatnonzero(abs(low - high) > 0.02 * middle + 4.5 * error + 1):
            found.append(f"quantile {p} of {q}: {low[q]:.2f} and {high[q]:.2f}")
    return found


def quantile_error(runs: Floats, p: float) -> Floats:
    """Return the standard error of a quantile, by the bootstrap."""
    again = np.random.default_rng(0).integers(0, len(runs), (100, len(runs)))
    return np.std([np.quantile(runs[rows], p, axis=0) for rows in again], axis=0)


@lru_cache
def events(dispersion: float) -> Floats:
    return run(three_towns(dispersion=dispersion), back_end="events", runs=RUNS, seed=1)


@pytest.mark.parametrize("dispersion", [np.inf, 0.4])
@pytest.mark.parametrize(
    ("back_end", "runs"), [("cells", RUNS), ("hand-over", RUNS), ("reference", 40)]
)
def test_back_ends_are_equal_in_law(back_end: str, runs: int, dispersion: float) -> None:
    other = run(three_towns(dispersion=dispersion), back_end=back_end, runs=runs, seed=2)
    assert not differ(events(dispersion), other)


@pytest.mark.parametrize(
    "mutation",
    [
        {"transmission": np.linspace(0.075, 0.09, 60) * 1.04},
        {"age_infectivity": np.array([1.2, 0.9])},
        {"mixing": np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.0, 0.3, 0.7]])},
        {"imports": None},
        {"redirects": ()},
    ],
)
def test_an_engine_that_is_a_little_wrong_fails(mutation: dict[str, object]) -> None:
    wrong = run(three_towns(**mutation), back_end="events", runs=RUNS, seed=2)
    assert differ(events(np.inf), wrong)


def test_transposed_contacts_fail() -> None:
    spec = three_towns()
    turned = tuple(replace(s, contacts=s.contacts.T) for s in spec.settings)
    wrong = run(spec.but(settings=turned), back_end="events", runs=RUNS, seed=2)
    assert differ(events(np.inf), wrong)


def test_renaming_and_splitting_places_changes_nothing() -> None:
    """The big town in two halves that mix at random is the big town; the order of places is nothing."""
    spec = three_towns(redirects=(), controls=None, imports=None)
    theta = spec.mixing.toarray()
    order = [2, 0, 0, 1]  # small, half, half, middle
    half = np.array([1.0, 0.5, 0.5, 1.0])
    split = theta[np.ix_(order, order)] * half[None, :]

    def divided(table: np.ndarray) -> np.ndarray:
        return np.stack([table[2], table[0] // 2, table[0] - table[0] // 2, table[1]])

    other = spec.but(
        places=("small", "east", "west", "middle"),
        population=divided(spec.population),
        mixing=split,
        settings=tuple(replace(s, local=False) for s in spec.settings),
        controls=None,
        imports=None,
        kinds=None,
        immune=divided(spec.immune),
        seeds={n: divided(t) for n, t in spec.seeds.items()},
    )
    whole = spec.but(settings=other.settings)
    one = run(whole, back_end="events", runs=RUNS, seed=3)
    simulate = simulator(other, seed=4, back_end="events")
    two = []
    for m in range(RUNS):
        c = simulate(m)
        two.append(statistics(np.stack([c[:, :, 1] + c[:, :, 2], c[:, :, 3], c[:, :, 0]], axis=2)))
    assert not differ(one, np.stack(two))


JOURNEYS = np.array([[0.0, 900.0, 60.0], [900.0, 0.0, 0.0], [60.0, 0.0, 0.0]])
ANSWER = Response(cases=6, window_days=7, after_days=2, lasts_days=14, left=np.array([0.9, 0.2]))


@lru_cache
def travelling() -> Floats:
    return run(
        three_towns(journeys=JOURNEYS, response=ANSWER), back_end="events", runs=RUNS, seed=6
    )


@pytest.mark.parametrize(
    ("back_end", "runs"), [("cells", RUNS), ("hand-over", RUNS), ("reference", 40)]
)
def test_journeys_and_responses_are_equal_in_law(back_end: str, runs: int) -> None:
    world = three_towns(journeys=JOURNEYS, response=ANSWER)
    assert not differ(travelling(), run(world, back_end=back_end, runs=runs, seed=7))


@pytest.mark.parametrize("without", ["journeys", "response"])
def test_journeys_and_responses_both_matter(without: str) -> None:
    given = {"journeys": JOURNEYS, "response": ANSWER} | {without: None}
    assert differ(travelling(), run(three_towns(**given), back_end="events", runs=RUNS, seed=7))
