"""How fast and how right the epidemic engine is, on the common work, beside peers where they are installed.

    python benchmarks/epidemic.py --own --json     # this engine alone, within a minute; one JSON line at the end
    python benchmarks/epidemic.py --laws           # the laws with full numbers of runs, about five minutes
    python benchmarks/epidemic.py                  # all of it, and the peers; writes results/epidemic.json

The common work: 158 places × 16 ages × 180 days, 100 million people, R0 2.5, latent 3 d, infectious 5 d,
50 infectious people in the first place; (a) uncontrolled, (b) transmission × 0.1 from day 20.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from yipan.engines.epidemic.course import MEASURES, Branch, Course, Delay, Stage
from yipan.engines.epidemic.ensemble import run_ensemble, simulator
from yipan.engines.epidemic.examples import seir
from yipan.engines.epidemic.parameters import load_parameters
from yipan.engines.epidemic.specification import AGE_GROUPS_16, Setting, Specification

RESULTS = Path(__file__).parent / "results"
INFECTIONS = MEASURES.index("infections")
PATIENTS = MEASURES.index("hospital")
SHARES = np.array([6.5, 6.8, 6.2, 5.5, 5.8, 7.5, 8.8, 7.2, 6.4, 7.6, 8.3, 7.2, 5.4, 4.6, 2.9, 3.3])
R0, LATENT, INFECTIOUS, SEEDS, CONTROL_DAY, CONTROL = 2.5, 3.0, 5.0, 50, 20, 0.1


def common_work(*, places: int = 158, days: int = 180, controlled: bool = False) -> Specification:
    """Return the common work: the same population, contacts, travel and seeds for every engine."""
    rng = np.random.default_rng(1)
    weight = rng.lognormal(0, 0.5, places)
    share = SHARES / SHARES.sum()
    population = np.maximum(1, np.round(100_000_000 * np.outer(weight / weight.sum(), share)))
    age = np.arange(16)
    apart = np.abs(age[:, None] - age[None, :])
    kernel = np.exp(-apart / 1.2) * 4 + np.exp(-((apart - 6) ** 2) / 3.0) * 1.2 + 0.4
    contacts = kernel * share[None, :]
    x, y = rng.random(places), rng.random(places)
    distance = np.hypot(x[:, None] - x, y[:, None] - y) + 0.02
    gravity = weight[None, :] / distance**1.5
    np.fill_diagonal(gravity, 0)
    mixing = 0.05 * gravity / gravity.sum(axis=1, keepdims=True)
    mixing[np.arange(places), np.arange(places)] = 0.95
    # β so that the next-generation matrix of one place has spectral radius R0.
    next_generation = contacts * share[:, None] / share[None, :]
    beta = R0 / (np.abs(np.linalg.eigvals(next_generation)).max() * INFECTIOUS)
    seeds = np.zeros((places, 16), dtype=np.int64)
    seeds[0, 5] = SEEDS
    controls = np.ones((days, places, 1))
    if controlled:
        controls[CONTROL_DAY:] = CONTROL
    return Specification(
        places=tuple(str(i) for i in range(places)),
        ages=AGE_GROUPS_16,
        population=population.astype(np.int64),
        settings=(Setting("all", contacts),),
        course=seir(latent_days=LATENT, infectious_days=INFECTIOUS),
        days=days,
        transmission=np.asarray(beta),
        mixing=mixing,
        controls=controls,
        seeds={"infectious": seeds},
    )


def full_model(base: Specification) -> Specification:
    """Return the same work with five settings and every stage of COVID-19 up to hospital and death."""
    parts = {"home": 0.25, "work": 0.25, "school": 0.15, "transport": 0.1, "community": 0.25}
    contacts = base.settings[0].contacts
    settings = tuple(
        Setting(name, contacts * share, local=name in {"home", "school"})
        for name, share in parts.items()
    )
    parameters = load_parameters("sars_cov_2_wild")
    course = parameters.course(AGE_GROUPS_16, tuple(parts))
    seeds = {"symptomatic": base.seeds["infectious"]}
    free = base.but(
        settings=settings, course=course, controls=np.ones((1, len(base.places), 5)), seeds=seeds
    )
    # The same growth, so that both works have the same epidemic to compute.
    return free.but(transmission=free.transmission * (growth_rate(base) / growth_rate(free)) ** 1.6)


def growth_rate(spec: Specification) -> float:
    """Return the growth rate per day of one place left to itself: the dominant eigenvalue of its system."""
    chain, A = spec.chain, len(spec.ages)
    N = spec.population[0].astype(float)
    m = chain.size
    J = np.zeros((m * A, m * A))
    Q = chain.generator()
    for a in range(A):
        J[a::A, a::A] += Q[a].T
    entry = int(chain.first[spec.course.index(spec.course.entry)])
    for f in chain.active:
        weight = chain.infectivity[f] * chain.presence[f]
        if weight.any():
            contacts = np.einsum("k,kab->ab", weight, spec.contacts[:, 0])
            J[entry * A : (entry + 1) * A, f * A : (f + 1) * A] += (
                spec.transmission[0] * contacts * N[:, None] / N[None, :]
            )
    keep = np.concatenate([np.arange(f * A, (f + 1) * A) for f in chain.active])
    return float(np.linalg.eigvals(J[np.ix_(keep, keep)]).real.max())


def timed(run: Callable[[int], object], *, members: int) -> float:
    """Return the median seconds of one member, the processor's own, so that neighbours do not count."""
    run(0)
    seconds = []
    for member in range(members):
        started = process_time()
        run(member)
        seconds.append(process_time() - started)
    return statistics.median(seconds)


def as_patients(course: Course) -> Course:
    """Return the course with every stage before the end counted, so that extinction can be read off."""
    return Course(
        tuple(
            Stage(s.name, s.delay, s.branches, s.infectivity, s.presence, frozenset({"hospital"}))
            if s.delay
            else s
            for s in course.stages
        )
    )


# --- the figures of --own


def final_size_error(spec: Specification, *, seeds: int) -> float:
    """Return the median relative error of the final size against the multigroup equation.

    All places together are one place here (they mix alike in age): S∞ = S0 exp(−Λ), where Λ sums what
    everybody ever infected, seeds among them, does over a mean infectious period.
    """
    N = spec.population.sum(axis=0).astype(float)
    start = spec.seeds["infectious"].sum(axis=0)
    one = spec.but(
        places=("all",), population=N.astype(np.int64)[None], mixing=None, days=700,
        controls=np.ones((1, 1, 1)), imports=None, immune=None, kinds=None,
        seeds={"infectious": start[None] * 100}, transmission=spec.transmission[:1].repeat(700),
    )  # fmt: skip
    start = start * 100
    caused = spec.transmission[0] * spec.settings[0].contacts / N[None, :] * INFECTIOUS
    z = np.full(16, 0.5)
    for _ in range(5_000):
        z = 1 - np.exp(-caused @ (z * (N - start) + start))
    expected = float((z * (N - start)).sum())
    run = simulator(one, seed=11)
    errors = [abs(run(m)[INFECTIONS].sum() / expected - 1) for m in range(seeds)]
    return statistics.median(errors)


def growth_error(spec: Specification, *, seeds: int) -> float:
    """Return the median relative error of the growth rate between 1,000 and 100,000 infections."""
    rate = growth_rate(spec)
    one = spec.but(
        places=("all",), population=spec.population.sum(axis=0)[None] * 100, mixing=None, days=90,
        controls=np.ones((1, 1, 1)), imports=None, immune=None, kinds=None,
        seeds={"infectious": spec.seeds["infectious"].sum(axis=0)[None]},
        transmission=spec.transmission[:1].repeat(90),
    )  # fmt: skip
    run = simulator(one, seed=12)
    found = []
    for m in range(seeds):
        daily = run(m)[INFECTIONS].sum(axis=1)
        total = daily.cumsum()
        within = np.flatnonzero((total >= 1_000) & (total <= 100_000))
        new = daily[within]
        found.append(np.polyfit(within, np.log(new), 1, w=np.sqrt(new))[0])
    return abs(statistics.median(found) / rate - 1)


def extinction_of_one_import(*, runs: int) -> float:
    """Return the share of single imports that die out; target 1 / R0 = 0.400."""
    course = as_patients(
        Course((Stage("infectious", Delay(5.0), (Branch("recovered"),), 1.0), Stage("recovered")))
    )
    spec = Specification(
        places=("one",), ages=("all",), population=np.array([[10**9]]),
        settings=(Setting("all", np.ones((1, 1))),), course=course, days=22,
        transmission=np.asarray(R0 / 5.0), seeds={"infectious": np.array([[1]])},
    )  # fmt: skip
    run = simulator(spec, seed=13, back_end="events")
    return float(np.mean([run(m)[PATIENTS, -1].sum() == 0 for m in range(runs)]))


def own(*, quick: bool = True) -> dict[str, float]:
    """Return the figures of this engine alone."""
    free, held = common_work(), common_work(controlled=True)
    a = timed(simulator(free, seed=1), members=9)
    b = timed(simulator(held, seed=1), members=60)
    full = timed(simulator(full_model(free), seed=1), members=5)
    large = timed(simulator(common_work(places=3_000, controlled=True), seed=1), members=40)
    return {
        "a_seconds": round(a, 4),
        "b_seconds": round(b, 6),
        "b_3000_seconds": round(large, 6),
        "full_ratio": round(full / a, 2),
        "final_size_error": round(final_size_error(free, seeds=20), 6),
        "growth_error": round(growth_error(free, seeds=21), 5),
        "extinction_one_import": round(
            extinction_of_one_import(runs=4_000 if quick else 20_000), 4
        ),
        "mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


# --- more figures


def costs() -> Iterator[dict[str, float | str]]:
    """Yield how the cost of one member grows with infections, places and ages."""
    for control in (0.05, 0.1, 0.2, 0.3, 0.35, 0.4, 0.5, 1.0):
        controls = np.ones((180, 158, 1))
        controls[CONTROL_DAY:] = control
        run = simulator(common_work().but(controls=controls), seed=2)
        infections = float(np.mean([run(m)[INFECTIONS].sum() for m in range(3)]))
        yield {"by": "infections", "at": infections, "seconds": timed(run, members=5)}
    for places in (20, 158, 600, 3_000):
        run = simulator(common_work(places=places, controlled=True), seed=2)
        yield {"by": "places, controlled", "at": places, "seconds": timed(run, members=20)}
    for places in (20, 158, 600):
        run = simulator(common_work(places=places), seed=2)
        yield {"by": "places, uncontrolled", "at": places, "seconds": timed(run, members=3)}


def ensemble_of_a_thousand() -> dict[str, float]:
    """Return wall seconds and MiB of 1,000 members × 60 days of the controlled work on all processors."""
    started = perf_counter()
    run_ensemble(common_work(days=60, controlled=True), members=1_000, seed=3)
    return {
        "ensemble_1000_wall_seconds": round(perf_counter() - started, 2),
        "mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def main() -> None:
    """Run what was asked for; the last line is JSON with --json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--own", action="store_true", help="this engine alone, within a minute")
    parser.add_argument("--laws", action="store_true", help="the laws with full numbers of runs")
    parser.add_argument("--json", action="store_true", help="print the figures as the last line")
    asked = parser.parse_args()
    figures: dict[str, object] = dict(own(quick=not asked.laws))
    if not asked.own:
        figures |= ensemble_of_a_thousand()
        figures["costs"] = list(costs())
        RESULTS.mkdir(exist_ok=True)
        told = {
            "machine": platform.processor() or platform.machine(),
            "python": platform.python_version(),
        }
        text = json.dumps(told | figures, indent=2) + "\n"
        (RESULTS / "epidemic.json").write_text(text, encoding="utf-8")
    for name, value in figures.items():
        if not isinstance(value, list):
            print(f"{name:28} {value}", file=sys.stderr if asked.json else sys.stdout)
    for row in figures.get("costs", []):  # type: ignore[attr-defined]
        print(f"{row['by']:24} {row['at']:>14,.0f} {row['seconds'] * 1e3:10.2f} ms")
    if asked.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
