"""How good and how quick the two hands are: UK-63, sizes, Henan's robust plans, the supply chain beside BoARIO.

    python benchmarks/two_hands.py [--uk63 DIR] [--table DIR] [--peer PYTHON] [--only WORD …]

`--uk63` holds UK63.mat and problem.yaml; `--table` the national input–output table (io_2020_42.csv,
io42_to_gb_section.csv), without which Henan is left out; `--peer` is the interpreter of an environment
with BoARIO 0.7.2 (and progressbar2, which it needs and does not name). Prints a table and writes
benchmarks/results/two_hands.json; with `--only` only rows whose name holds a word are run and the others kept.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE)]

from henan_province import Henan, Table, blocks, read_table  # noqa: E402

from invented import invented  # noqa: E402
from yipan.engines.economy.optimise.bridge import Joint  # noqa: E402
from yipan.engines.economy.optimise.levels import allowing, rounded  # noqa: E402
from yipan.engines.economy.optimise.question import Question  # noqa: E402
from yipan.engines.economy.optimise.robust import Robust, exceeds, planned_for, robust  # noqa: E402
from yipan.engines.economy.optimise.search import (  # noqa: E402
    Plan,
    certificate,
    course_openings,
    even_share,
    optimise,
)
from yipan.engines.economy.supply import Economy, simulate  # noqa: E402
from yipan.engines.economy.uk63.course import Epidemic  # noqa: E402
from yipan.engines.economy.uk63.optimum import optimise as optimise_uk63  # noqa: E402
from yipan.engines.economy.uk63.problem import read_openings, read_problem  # noqa: E402

RESULT = HERE / "results" / "two_hands.json"
CASH = {"margin": 0.16, "fixed_cost": 0.1, "cash": 0.12}
RISK = 0.1
PROOF_MEMBERS, SEARCH_MEMBERS, COMPARED_MEMBERS = 2000, 500, 500
"""Of the search at most so many; fewer where fewer decide. All plans are compared on the same members."""

SEED = 20200224
TRIES = 8
STRESS, STRESS_BEDS = 1.2, 0.75
"""Of the stress case: transmission and beds against those of 3 February."""


def measured(
    name: str, target_s: float | None, run: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Run once and return wall and processor seconds beside what `run` tells."""
    wall, cpu = perf_counter(), process_time()
    told = run()
    row = {
        "what": name,
        "wall_s": round(perf_counter() - wall, 3),
        "cpu_s": round(process_time() - cpu, 3),
        "target_s": target_s,
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "load_at_end": round(os.getloadavg()[0], 1),
        **told,
    }
    limit = "" if target_s is None else f"  target {target_s:g} s"
    print(
        f"{name:52} {row['wall_s']:8.2f} s wall {row['cpu_s']:8.2f} s CPU{limit}  {told}",
        flush=True,
    )
    return row


# --- sizes, on an invented province of the reference case's size


def plan(**sizes: Any) -> dict[str, Any]:
    """Solve one province, round it to levels, and certify it."""
    question = invented(**sizes)
    if "margin" in sizes:
        question = question.but(relief=0.012 * float(question.capacity.sum()))
    started = perf_counter()
    found = optimise(question)
    solved = perf_counter() - started
    if found is None:
        return {"feasible": False}
    ordered = rounded(question, found)
    known = certificate(question, found)
    assert ordered is not None
    assert known is not None
    return {
        "optimise_s": round(solved, 2),
        "value": round(found.value, 1),
        "feasible": found.feasible,
        "most_beds_used": round(float((found.occupancy[1:] / question.beds).max()), 6),
        "steps": found.steps,
        "search_would_still_gain": round(found.promised, 5),
        "gap_to_optimum_of_its_envelope": round(known.envelope_gap, 5),
        "gap_to_economy_alone": round(known.bound_gap, 4),
        "levels_lose": round(ordered.loss, 4),
        "most_beds_used_in_levels": round(
            float((ordered.plan.occupancy[1:] / question.beds).max()), 6
        ),
        "levels_feasible": ordered.plan.feasible,
    }


# --- Henan, on the stochastic epidemic engine


def beds_run(joint: Joint, question: Question) -> Callable[[Plan, int, int], Any]:
    """Return the epidemic engine as the futures that judge a plan."""

    def run(plan: Plan, members: int, first: int) -> Any:
        return joint.beds(plan, question.group, members=members, first=first, seed=SEED)

    return run


def henan(
    day: date, table: Table, *, transmission: float = 1.0, beds: float = 1.0
) -> dict[str, Any]:
    """Tighten a county plan until its risk is met on members not used for it; set it beside other plans."""
    province = Henan(day, table)
    joint = province.joint
    joint = replace(
        joint,
        base=joint.base.but(transmission=joint.base.transmission * transmission),
        hospital=replace(joint.hospital, beds=joint.hospital.beds * beds),
    )
    province.__dict__["joint"] = joint
    question = province.question(tiers=False)
    run = beds_run(joint, question)
    started = perf_counter()
    tiers = province.question(tiers=True).group
    found = robust(
        question,
        risk=RISK,
        members=PROOF_MEMBERS,
        search_members=SEARCH_MEMBERS,
        tries=TRIES,
        orderable=True,
        alike={"uniform": np.zeros_like(tiers), "four tiers": tiers},
        run=run,
        progress=lambda n, f, c: print(
            f"    try {n}: factor {f:.3f}, exceeded in {c.share:.1%} of {c.members}", flush=True
        ),
    )
    assert found is not None
    loop = perf_counter() - started
    return {
        "counties": question.places,
        "sections": question.sectors,
        "weeks": question.weeks,
        "infected_at_start": round(float(joint.infectious().sum()), 1),
        "beds": round(float(joint.hospital.beds.sum())),
        "robust_loop_s": round(loop, 1),
        "target_loop_s": 120,
        "reached": found.reached,
        "factor": round(found.factor, 3),
        "family": found.family,
        "chance_on_fresh_members": found.chance.as_dict(),
        "members_run": found.members_run,
        "price_of_safety": round(found.price_of_safety, 5),
        "frontier": [
            {
                "family": t.family,
                "factor": round(t.factor, 3),
                "value": round(t.value, 1),
                "chance": t.chance.as_dict(),
            }
            for t in found.tried
        ],
        "plans": compared(joint, question, tiers, found),
    }


def compared(
    joint: Joint, question: Question, tiers: Any, found: Robust
) -> dict[str, dict[str, Any]]:
    """Return value added over the weeks and the chance of too few beds of plans in levels, on the same members."""
    none, everybody = np.ones(question.weeks), np.zeros_like(tiers)
    plans: dict[str, Plan | None] = {
        "hold": allowing(question, *course_openings(question, none, 0.0)),
        "even opening, not in levels": allowing(
            question, *course_openings(question, none, even_share(question))
        ),
        "uniform, deterministic": planned_for(
            question, 1.0, steps=8, orderable=True, group=everybody
        ),
        "four tiers, deterministic": planned_for(
            question, 1.0, steps=8, orderable=True, group=tiers
        ),
        "counties, deterministic": found.tried[0].plan,
        "counties, robust": found.plan,
    }
    told = {}
    for name, one in plans.items():
        if one is None:
            told[name] = {"feasible": False}
            continue
        needed = joint.beds(one, question.group, members=COMPARED_MEMBERS, first=0, seed=SEED)
        told[name] = {"value": round(one.value, 1), "chance": exceeds(question, needed).as_dict()}
        print(f"    {name}: {told[name]}", flush=True)
    return told


# --- the supply chain


def chain(sectors: int = 42) -> Economy:
    """Return one invented economy at rest."""
    rng = np.random.default_rng(0)
    needs = rng.gamma(0.4, 1.0, (sectors, sectors))
    needs *= 0.5 / needs.sum(axis=0)
    output = np.linalg.solve(np.eye(sectors) - needs, rng.uniform(1, 10, sectors))
    return Economy(
        needs=needs,
        output=output,
        value_share=1 - needs.sum(axis=0),
        stock_steps=np.full(sectors, 10.0),
    )


def supply_chain() -> dict[str, Any]:
    """Simulate 42 sectors for 180 days, twenty times."""
    economy = chain()
    opening = np.random.default_rng(1).random((180, 42))
    simulate(economy, opening=opening)
    started = process_time()
    for _run in range(20):
        simulate(economy, opening=opening)
    return {"ms_each": round((process_time() - started) * 1000 / 20, 2), "target_ms": 10}


PEER = """
import json, logging, time, warnings
warnings.filterwarnings("ignore"); logging.disable(logging.CRITICAL)
import numpy as np, pandas as pd, pymrio
from boario.extended_models import ARIOPsiModel
from boario.simulation import Simulation
rng = np.random.default_rng(0)
n = 42
needs = rng.gamma(0.4, 1.0, (n, n)); needs *= 0.5 / needs.sum(axis=0)
output = np.linalg.solve(np.eye(n) - needs, rng.uniform(1, 10, n))
at = pd.MultiIndex.from_product([["here"], [f"s{k:02d}" for k in range(n)]], names=["region", "sector"])
Z = pd.DataFrame(needs * output, index=at, columns=at)
Y = pd.DataFrame((output - needs @ output)[:, None], index=at, columns=pd.MultiIndex.from_product([["here"], ["final"]], names=["region", "category"]))
io = pymrio.IOSystem(Z=Z, Y=Y).calc_all()
started = time.process_time()
model = ARIOPsiModel(io)
sim = Simulation(model, n_temporal_units_to_sim=180)
ready = time.process_time()
sim.loop()
print(json.dumps({"sectors": n, "loop_s": round(time.process_time() - ready, 3), "with_model_s": round(time.process_time() - started, 3)}))
"""


def peer(python: str) -> dict[str, Any]:
    """Time BoARIO's own loop for 180 days on an economy of as many sectors, one region."""
    ran = subprocess.run([python, "-c", PEER], capture_output=True, text=True, check=False)
    if ran.returncode:
        return {"failed": ran.stderr.strip().splitlines()[-1:]}
    return {"boario": json.loads(ran.stdout.strip().splitlines()[-1])}


# --- UK-63


def uk63(directory: Path, limit: float, floor: float | None) -> dict[str, Any]:
    """Reach an optimum from a cold start."""
    found = optimise_uk63(read_problem(directory), hospital_limit=limit, education_floor=floor)
    return {
        "gdp_bn": round(found.value_bn, 3),
        "peak_hospital": round(found.peak, 1),
        "r_end": round(found.R_end, 6),
        "upper_bound_bn": round(found.bound_bn, 2),
        "gap": round(found.gap, 4),
        "price_per_bed_m": round(found.price_per_bed_m, 3),
        "price_per_0_01_r_bn": round(found.price_per_0_01_R_bn, 3),
        "steps": found.steps,
        "converged": found.converged,
    }


def stored(directory: Path, name: str) -> dict[str, Any]:
    """Simulate a stored optimum again."""
    problem = read_problem(directory)
    openings = read_openings(directory / f"{name}.mat", problem)
    path = Epidemic(problem).run(openings)
    return {
        "gdp_bn": round(problem.value_bn(openings), 3),
        "peak_hospital": round(path.peak, 1),
        "r_end": round(path.R_end, 6),
    }


def main() -> None:
    """Measure everything asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--uk63", type=Path)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--peer")
    parser.add_argument("--only", nargs="*", default=[])
    asked = parser.parse_args()
    todo: list[tuple[str, float | None, Callable[[], dict[str, Any]]]] = [
        ("supply chain, 42 sectors × 180 days", None, supply_chain),
        (
            "4 tiers × 42 sectors × 12 weeks",
            20,
            lambda: plan(places=158, sectors=42, weeks=12, areas=18, tiers=4),
        ),
        (
            "158 counties × 42 sectors × 4 weeks, with cash",
            30,
            lambda: plan(places=158, sectors=42, weeks=4, areas=18, **CASH),
        ),
    ]
    if asked.peer:
        todo.insert(1, ("BoARIO 0.7.2, 180 days", None, lambda: peer(asked.peer)))
    if asked.uk63 is not None:
        for name, limit, floor in (
            ("A1", 12_000, None), ("B2", 18_000, 0.8), ("limit 15,000", 15_000, None), ("floor 0.6", 18_000, 0.6),
        ):  # fmt: skip
            todo.append(
                (f"UK-63 {name}, cold start", 60, lambda n=limit, f=floor: uk63(asked.uk63, n, f))
            )
        for name in ("A1", "B2"):
            todo.append(
                (f"UK-63 {name}, stored optimum again", None, lambda n=name: stored(asked.uk63, n))
            )
    if asked.table is not None:
        table = blocks(read_table(asked.table))
        for name, case in (
            ("24 February", {"day": date(2020, 2, 24)}),
            ("3 February", {"day": date(2020, 2, 3)}),
            ("stress", {"day": date(2020, 2, 3), "transmission": STRESS, "beds": STRESS_BEDS}),
            ("no beds to speak of", {"day": date(2020, 2, 3), "beds": 0.1}),
        ):
            todo.append((f"Henan, {name}", None, lambda c=case: henan(table=table, **c)))
    if not asked.only:
        RESULT.unlink(missing_ok=True)
    for name, target, run in todo:
        if not asked.only or any(word in name for word in asked.only):
            keep(measured(name, target, run))


def keep(row: dict[str, Any]) -> None:
    """Put one row into the file of results, in the place of the last of its name."""
    RESULT.parent.mkdir(exist_ok=True)
    rows = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else []
    rows = [r for r in rows if r["what"] != row["what"]] + [row]
    text = json.dumps(sorted(rows, key=lambda r: r["what"]), indent=1, ensure_ascii=False)
    RESULT.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
