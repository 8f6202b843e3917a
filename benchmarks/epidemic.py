"""How fast and how right the epidemic engine is, on the common work, beside peers where they are installed.

    python benchmarks/epidemic.py --own --json     # this engine alone, within a minute; one JSON line at the end
    python benchmarks/epidemic.py --laws           # the laws with full numbers of runs; results/epidemic-laws.json
    python benchmarks/epidemic.py                  # this engine, costs, an ensemble; writes results/epidemic.json
    python benchmarks/epidemic.py --peers FOLDER   # and the peers, each in FOLDER/NAME, a virtual environment

The common work: 158 places × 16 ages × 180 days, 100 million people, R0 2.5, latent 3 d, infectious 5 d,
50 infectious people in the first place; (a) uncontrolled, (b) transmission × 0.1 from day 20. Seconds are the
processor's own, one thread, medians over the seeds.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time

import numpy as np

from yipan.engines.epidemic.course import MEASURES, Branch, Course, Delay, Stage
from yipan.engines.epidemic.ensemble import simulator
from yipan.engines.epidemic.examples import seir
from yipan.engines.epidemic.parameters import load_parameters
from yipan.engines.epidemic.specification import AGE_GROUPS_16, Setting, Specification

RESULTS = Path(__file__).parent / "results"
INFECTIONS = MEASURES.index("infections")
PATIENTS = MEASURES.index("hospital")
SHARES = np.array([6.5, 6.8, 6.2, 5.5, 5.8, 7.5, 8.8, 7.2, 6.4, 7.6, 8.3, 7.2, 5.4, 4.6, 2.9, 3.3])
R0, LATENT, INFECTIOUS, SEEDS, CONTROL_DAY, CONTROL = 2.5, 3.0, 5.0, 50, 20, 0.1


def common_work(
    *, places: int = 158, days: int = 180, controlled: bool = False, ages: int = 16
) -> Specification:
    """Return the common work: the same population, contacts, travel and seeds for every engine."""
    rng = np.random.default_rng(1)
    weight = rng.lognormal(0, 0.5, places)
    share = SHARES[:ages] / SHARES[:ages].sum()
    population = np.maximum(1, np.round(100_000_000 * np.outer(weight / weight.sum(), share)))
    age = np.arange(ages)
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
    seeds = np.zeros((places, ages), dtype=np.int64)
    seeds[0, min(5, ages - 1)] = SEEDS
    controls = np.ones((days, places, 1))
    if controlled:
        controls[CONTROL_DAY:] = CONTROL
    return Specification(
        places=tuple(str(i) for i in range(places)),
        ages=AGE_GROUPS_16[:ages],
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
    """Return the figures of this engine alone, medians over at least twenty seeds."""
    free, held = common_work(), common_work(controlled=True)
    a = timed(simulator(free, seed=1), members=20)
    b = timed(simulator(held, seed=1), members=60)
    full = timed(simulator(full_model(free), seed=1), members=20)
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
    for ages in (2, 4, 8, 16):
        run = simulator(common_work(ages=ages), seed=2)
        yield {"by": "ages, uncontrolled", "at": ages, "seconds": timed(run, members=3)}


def ensemble_of_a_thousand() -> dict[str, float]:
    """Return wall seconds and MiB of 1,000 members × 60 days of the controlled work on all processors.

    Run in a process of its own, so that the memory is that of the ensemble.
    """
    script = (
        "import sys, time, resource, json; sys.path.insert(0, sys.argv[1])\n"
        "from epidemic import common_work\n"
        "from yipan.engines.epidemic.ensemble import run_ensemble\n"
        "work = common_work(days=60, controlled=True)\n"
        "run_ensemble(work, members=2, seed=3)\n"
        "t = time.perf_counter(); run_ensemble(work, members=1000, seed=3)\n"
        "print(json.dumps([time.perf_counter() - t,"
        " resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, str(Path(__file__).parent)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    seconds, mib = json.loads(told.stdout.splitlines()[-1])
    return {
        "ensemble_1000_wall_seconds": round(seconds, 2),
        "ensemble_1000_mib": round(mib, 1),
        "processors": os.cpu_count() or 1,
    }


def peers(folder: Path) -> Iterator[dict[str, object]]:
    """Yield what each peer in `folder` took for the common work, in its own environment."""
    with tempfile.TemporaryDirectory() as scratch:
        for places in (158, 3_000):
            path = Path(scratch) / f"common-{places}.npz"
            write_common_work(path, places)
            for python in sorted(folder.glob("*/bin/python")):
                name = python.parents[1].name
                if places == 3_000 and name != "laser":
                    continue  # epydemix has no places, MEmilio's set-up alone takes minutes
                one = dict.fromkeys(
                    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
                )
                told = subprocess.run(
                    [python, Path(__file__).with_name("epidemic_peers.py"), name, path],
                    capture_output=True, text=True, check=False, env=os.environ | one,
                )  # fmt: skip
                if told.returncode:
                    print(f"{name} failed: {told.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                for line in told.stdout.splitlines():
                    if line.startswith("{"):
                        yield json.loads(line)


def write_common_work(path: Path, places: int) -> None:
    """Write the common work for engines that cannot import it."""
    work = common_work(places=places)
    rng = np.random.default_rng(1)
    rng.lognormal(0, 0.5, places)
    x, y = rng.random(places), rng.random(places)
    np.savez(
        path, population=work.population, contacts=work.settings[0].contacts,
        mixing=work.mixing.toarray(), beta=work.transmission[0], x=x, y=y,
    )  # fmt: skip


def drawn(costs: list[dict[str, float | str]]) -> str:
    """Return the costs as one SVG: seconds against infections, places and ages, both axes logarithmic."""
    panels = (
        ("infections", ("infections",)),
        ("places", ("places, controlled", "places, uncontrolled")),
        ("ages", ("ages, uncontrolled",)),
    )
    colours, width, height = ("#1b6ca8", "#c0392b"), 300, 260
    parts = []
    for k, (title, series) in enumerate(panels):
        rows = [c for c in costs if c["by"] in series]
        xs = [math.log10(float(c["at"])) for c in rows]
        ys = [math.log10(float(c["seconds"])) for c in rows]
        low_x, high_x, low_y, high_y = min(xs), max(xs), math.floor(min(ys)), math.ceil(max(ys))
        left = k * width + 56

        def at(
            x: float,
            y: float,
            *,
            left: int = left,
            box: tuple[float, ...] = (low_x, high_x, low_y, high_y),
        ) -> tuple[float, float]:
            a, b, c, d = box
            return left + (width - 80) * (x - a) / (b - a), 220 - 180 * (y - c) / (d - c)

        for e in range(low_y, high_y + 1):
            y = at(low_x, e)[1]
            parts.append(
                f'<line x1="{left}" x2="{left + width - 80}" y1="{y:.0f}" y2="{y:.0f}" stroke="#d5dde5"/>'
                f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">{10.0**e:g} s</text>'
            )
        for e in range(math.ceil(low_x), math.floor(high_x) + 1):
            x = at(e, low_y)[0]
            parts.append(f'<text x="{x:.0f}" y="238" text-anchor="middle">{short(10**e)}</text>')
        parts.append(
            f'<text x="{left + (width - 80) / 2:.0f}" y="256" text-anchor="middle" font-weight="600">{title}</text>'
        )
        for colour, name in zip(colours, series, strict=False):
            line = sorted((float(c["at"]), float(c["seconds"])) for c in rows if c["by"] == name)
            points = [at(math.log10(x), math.log10(y)) for x, y in line]
            parts.append(
                f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="'
                + " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
                + '"/>'
            )
            parts += [
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points
            ]
            if len(series) > 1:
                x, y = points[-1]
                parts.append(
                    f'<text x="{x:.0f}" y="{y - 8:.0f}" text-anchor="end" fill="{colour}">{name.split(", ")[1]}</text>'
                )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {3 * width} {height}" font-size="12" '
        'font-family="system-ui,sans-serif" fill="#1c2733" role="img"><title>Seconds a member</title>'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def short(value: int) -> str:
    """Return a power of ten as an axis tells it.

    >>> short(100), short(100_000), short(10_000_000)
    ('100', '100k', '10M')
    """
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value // size}{letter}"
    return str(value)


def machine() -> dict[str, str]:
    """Return what the figures were measured on."""
    cpu = Path("/proc/cpuinfo")
    named = [line.split(":")[1].strip() for line in cpu.read_text().splitlines() if line.startswith("model name")] if cpu.exists() else []  # fmt: skip
    load = "/".join(f"{v:.1f}" for v in os.getloadavg())
    return {
        "machine": named[0] if named else platform.machine(),
        "load_when_started": load,
        "python": platform.python_version(),
    }


def main() -> None:
    """Run what was asked for; the last line is JSON with --json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--own", action="store_true", help="this engine alone, within a minute")
    parser.add_argument("--laws", action="store_true", help="the laws with full numbers of runs")
    parser.add_argument("--peers", type=Path, metavar="FOLDER", help="environments of the peers")
    parser.add_argument("--json", action="store_true", help="print the figures as the last line")
    asked = parser.parse_args()
    where = machine()
    if asked.laws:
        laws(where)
        return
    figures: dict[str, object] = dict(own(quick=asked.own))
    if not asked.own:
        figures |= ensemble_of_a_thousand()
        found = list(costs())
        (Path(__file__).parents[1] / "docs/explanation/epidemic-cost.svg").write_text(
            drawn(found), encoding="utf-8"
        )
        figures["costs"] = found
        if asked.peers:
            figures["peers"] = list(peers(asked.peers))
        write("epidemic.json", where | figures)
    out = sys.stderr if asked.json else sys.stdout
    for name, value in figures.items():
        if not isinstance(value, list):
            print(f"{name:28} {value}", file=out)
    for row in figures.get("costs", []):  # type: ignore[attr-defined]
        print(f"{row['by']:24} {row['at']:>14,.0f} {row['seconds'] * 1e3:10.2f} ms", file=out)
    for row in figures.get("peers", []):  # type: ignore[attr-defined]
        print(
            f"{row['peer']:28} {row['work']} {row['places']:>5} places {row['ages']:>3} ages "
            f"{row['seconds']:10.4f} s {row['infections']:>12,}  {row['note']}",
            file=out,
        )
    if asked.json:
        print(json.dumps(figures))


def laws(where: dict[str, str]) -> None:
    """Hold every law, print and keep the result; ends with 1 if one does not hold."""
    from epidemic_laws import all_laws  # needs the tests beside it

    rows = []
    for row in all_laws(common_work()):
        rows.append(row)
        mark = "holds" if row["holds"] else "FAILS"
        print(f"{mark}  {row['law']:62} {row['expected']:>14} {row['found']:>14} ± {row['tolerance']}", flush=True)  # fmt: skip
    write("epidemic-laws.json", where | {"laws": rows})
    if not all(row["holds"] for row in rows):
        sys.exit(1)


def write(name: str, told: dict[str, object]) -> None:
    """Keep a result."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / name).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
