"""The laws of the epidemic engine with full numbers of runs; `epidemic.py --laws` calls them.

Each law yields what was expected, what was found, and the tolerance it must hold. The equations share nothing with
the engine.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from yipan.engines.epidemic.course import MEASURES, Delay
from yipan.engines.epidemic.ensemble import processors, simulator
from yipan.engines.epidemic.examples import seir
from yipan.engines.epidemic.specification import Setting, Specification

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from unit.epidemic.test_equivalence import run as many_runs
from unit.epidemic.test_laws import by_age_as_places, infectious_till_the_end
from unit.epidemic.worlds import group, three_towns

INFECTIONS, THERE = MEASURES.index("infections"), MEASURES.index("hospital")
RUNS = 20_000
Law = dict[str, Any]


def all_laws(common: Specification) -> Iterator[Law]:
    """Yield every law, the quick ones first."""
    yield from growth_and_final_size(common)
    yield from extinction()
    yield from extinction_by_age(common)
    yield from equivalence()


def law(name: str, *, expected: float, found: float, tolerance: float, runs: int, unit: str) -> Law:
    """Return one law as a row."""
    return {
        "law": name,
        "expected": round(expected, 6),
        "found": round(found, 6),
        "tolerance": round(tolerance, 6),
        "unit": unit,
        "runs": runs,
        "holds": bool(abs(found - expected) <= tolerance),
    }


def extinct(spec: Specification, *, runs: int, seed: int) -> float:
    """Return the share of runs in which nobody is infected at the end."""
    run = simulator(infectious_till_the_end(spec), seed=seed, back_end="events")
    with ThreadPoolExecutor(processors()) as pool:
        dead = pool.map(lambda m: run(m)[THERE, -1].sum() == 0, range(runs))
        return float(np.mean(list(dead)))


def four_errors(q: float, runs: int) -> float:
    """Return four standard errors of a share."""
    return 4 * math.sqrt(q * (1 - q) / runs)


def extinction() -> Iterator[Law]:
    """Yield how often one import of a homogeneous group dies out: exponential, fixed, superspreading."""
    growth = math.exp((2.5 - 1) / 5 * 22)
    exact = (growth - 1) / (2.5 * growth - 1)  # Kendall 1948, to day 22; 0.4 in the end
    fixed = brentq(lambda q: math.exp(-2.5 * (1 - q)) - q, 0, 0.9)
    cases = [("exponential period", exact, group(days=22))]
    cases.append(("fixed period", fixed, group(days=15, infectious=Delay(5.0, family="fixed"))))
    for k in (0.1, 0.3, 1.0):
        nu = stats.gamma(k, scale=1 / k).ppf((np.arange(200_000) + 0.5) / 200_000)
        q = brentq(lambda q, nu=nu: np.mean(1 / (1 + nu * 2.5 * (1 - q))) - q, 0, 0.999)
        cases.append((f"superspreading, k = {k}", q, group(days=25, dispersion=k)))
    for seed, (name, q, spec) in enumerate(cases, start=21):
        yield law(
            f"extinction of one import: {name}", expected=q, found=extinct(spec, runs=RUNS, seed=seed),
            tolerance=four_errors(q, RUNS), runs=RUNS, unit="probability",
        )  # fmt: skip


def extinction_by_age(common: Specification) -> Iterator[Law]:
    """Yield how often one import of each fifth age dies out, against the multitype process."""
    people = common.population.sum(axis=0)[None] * 100
    contacts, beta = common.settings[0].contacts, float(common.transmission[0])
    m = beta * 5.0 * contacts * people.T / people  # m[a, b]: infections of age a by one of age b
    q = np.zeros(16)
    for _ in range(20_000):
        q = 1 / (1 + (1 - q) @ m)
    for age in (0, 5, 10, 15):
        seeds = np.zeros((1, 16), dtype=int)
        seeds[0, age] = 1
        spec = common.but(
            places=("one",), population=people, settings=(Setting("all", contacts),), mixing=None,
            controls=None, imports=None, immune=None, kinds=None, days=22,
            course=group().course, transmission=np.asarray(beta), seeds={"infectious": seeds},
        )  # fmt: skip
        # Towards the end some will still die out: with 3 in 1,000 of those alive more than that is not seen.
        yield law(
            f"extinction of one import of age {common.ages[age]}", expected=float(q[age]),
            found=extinct(spec, runs=RUNS // 4, seed=40 + age),
            tolerance=four_errors(float(q[age]), RUNS // 4) + 0.002, runs=RUNS // 4, unit="probability",
        )  # fmt: skip


def growth_and_final_size(common: Specification) -> Iterator[Law]:
    """Yield growth between 1,000 and 100,000 infections and the final size, whole and by age."""
    people = common.population.sum(axis=0)[None]
    start = common.seeds["infectious"].sum(axis=0)[None]
    one = common.but(
        places=("one",), population=people, mixing=None, controls=None, imports=None, immune=None,
        kinds=None, days=600, seeds={"infectious": start * 100}, transmission=common.transmission[:1].repeat(600),
    )  # fmt: skip
    C, beta = common.settings[0].contacts, float(common.transmission[0])
    N, began = people[0].astype(float), start[0] * 100
    for steps in (1, 3):
        K = beta * C * N[:, None] / N[None, :]
        size = 16 * 2 * steps
        J = np.zeros((size, size))
        for s in range(2 * steps):
            rate = steps / (3.0 if s < steps else 5.0)
            J[s * 16 : s * 16 + 16, s * 16 : s * 16 + 16] -= rate * np.eye(16)
            if s + 1 < 2 * steps:
                J[(s + 1) * 16 : (s + 2) * 16, s * 16 : s * 16 + 16] += rate * np.eye(16)
            if s >= steps:
                J[:16, s * 16 : s * 16 + 16] += K
        r = float(np.linalg.eigvals(J).real.max())
        spec = one.but(
            course=seir(steps=steps), days=90, population=people * 100, seeds={"infectious": start}
        )
        run, found = simulator(spec, seed=51), []
        for m in range(40):
            daily = run(m)[INFECTIONS].sum(axis=1)
            total = daily.cumsum()
            within = np.flatnonzero((total >= 1_000) & (total <= 100_000))
            found.append(np.polyfit(within, np.log(daily[within]), 1, w=np.sqrt(daily[within]))[0])
        yield law(
            f"growth rate, {steps} Erlang steps", expected=r, found=float(np.median(found)),
            tolerance=0.005 * r, runs=40, unit="per day",
        )  # fmt: skip
    z = np.full(16, 0.5)
    for _ in range(5_000):
        z = 1 - np.exp(-beta * C / N * 5.0 @ (z * (N - began) + began))
    expected = z * (N - began)
    run = simulator(one, seed=52)
    whole = [run(m)[INFECTIONS].sum() for m in range(20)]
    yield law(
        "final size", expected=float(expected.sum()), found=float(np.median(whole)),
        tolerance=0.002 * float(expected.sum()), runs=20, unit="persons",
    )  # fmt: skip
    run = simulator(by_age_as_places(one), seed=53)
    by_age = np.median([run(m)[INFECTIONS].sum(axis=0) for m in range(20)], axis=0)
    for a in range(16):
        yield law(
            f"final size of age {common.ages[a]}", expected=float(expected[a]), found=float(by_age[a]),
            tolerance=0.002 * float(expected[a]), runs=20, unit="persons",
        )  # fmt: skip


def equivalence() -> Iterator[Law]:
    """Yield how far back-ends, hand-over and reference are apart, as a share of what is allowed.

    Allowed: means 1 % and four standard errors, quantiles 2 % and four and a half (test_equivalence.py).
    """
    for dispersion in (np.inf, 0.4):
        world = three_towns(dispersion=dispersion)
        base = many_runs(world, back_end="events", runs=3_000, seed=61)
        others = [("cells", 3_000), ("hand-over", 3_000), ("reference", 300)]
        for name, runs in others:
            other = many_runs(world, back_end=name, runs=runs, seed=62)
            yield law(
                f"means of events and {name}, dispersion {dispersion}", expected=0.0,
                found=worst_mean(base, other), tolerance=1.0, runs=runs, unit="of what is allowed",
            )  # fmt: skip
        wrong = replace(world, transmission=world.transmission * 1.02)
        found = worst_mean(base, many_runs(wrong, back_end="events", runs=3_000, seed=63))
        yield {
            "law": f"an engine with β 2 % too high fails, dispersion {dispersion}", "expected": "> 1",
            "found": round(found, 3), "tolerance": 0.0, "unit": "of what is allowed", "runs": 3_000,
            "holds": found > 1.0,
        }  # fmt: skip


def worst_mean(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest difference of means as a share of 1 % and four standard errors."""
    error = np.sqrt(a.var(axis=0) / len(a) + b.var(axis=0) / len(b))
    middle = (a.mean(axis=0) + b.mean(axis=0)) / 2
    return float((abs(a.mean(axis=0) - b.mean(axis=0)) / (0.01 * middle + 4 * error + 1e-9)).max())
