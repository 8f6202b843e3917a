"""How long the two hands take: UK-63, the tier and the county form, the robust loop, the supply chain.

    python benchmarks/two_hands.py [--uk63 DIR]

Prints a table and writes benchmarks/results/two_hands.json. The province is invented; only its size is
that of the reference case.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from invented import invented  # noqa: E402
from yipan.engines.economy.optimise.robust import robust  # noqa: E402
from yipan.engines.economy.optimise.search import optimise  # noqa: E402
from yipan.engines.economy.supply import Economy, simulate  # noqa: E402
from yipan.engines.economy.uk63.optimum import optimise as optimise_uk63  # noqa: E402
from yipan.engines.economy.uk63.problem import read_problem  # noqa: E402

CASH = {"margin": 0.16, "fixed_cost": 0.1, "cash": 0.12}


def measured(name: str, target_s: float, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run once and return wall and processor seconds beside what `run` tells."""
    wall, cpu = perf_counter(), process_time()
    told = run()
    row = {
        "what": name,
        "wall_s": round(perf_counter() - wall, 3),
        "cpu_s": round(process_time() - cpu, 3),
        "target_s": target_s,
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        **told,
    }
    print(
        f"{name:46} {row['wall_s']:9.3f} s wall {row['cpu_s']:9.3f} s CPU  target {target_s:7.2f} s  {told}",
        flush=True,
    )
    return row


def plan(**sizes: Any) -> dict[str, Any]:
    """Solve one province."""
    question = invented(**sizes)
    if "margin" in sizes:
        question = question.but(relief=0.012 * float(question.capacity.sum()))
    found = optimise(question, steps=4)
    if found is None:
        return {"feasible": False}
    return {
        "value": round(found.value, 1),
        "gap_to_bound": round(found.gap, 4),
        "feasible": found.feasible,
        "steps": found.steps,
    }


def robust_plan() -> dict[str, Any]:
    """Tighten a province of tiers until the chance of too few beds is within 10 %."""
    question = invented(places=158, sectors=8, weeks=12, areas=18, tiers=4)
    question = question.but(infectious=question.infectious * 20, beds=question.beds * 20)
    found = robust(question, risk=0.1, members=2000, seed=1, steps=3, tries=6)
    if found is None:
        return {"reached": False}
    return {
        "reached": found.reached,
        "factor": round(found.factor, 3),
        "chance": found.chance.as_dict(),
        "price_of_safety": round(found.price_of_safety, 4),
        "deterministic_chance": found.frontier[0][2].as_dict(),
    }


def supply_chain() -> dict[str, Any]:
    """Simulate 42 sectors for 180 days, ten times."""
    rng = np.random.default_rng(0)
    needs = rng.gamma(0.4, 1.0, (42, 42))
    needs *= 0.5 / needs.sum(axis=0)
    output = np.linalg.solve(np.eye(42) - needs, rng.uniform(1, 10, 42))
    economy = Economy(
        needs=needs, output=output, value_share=1 - needs.sum(axis=0), stock_steps=np.full(42, 10.0)
    )
    opening = rng.random((180, 42))
    started = process_time()
    for _run in range(10):
        simulate(economy, opening=opening)
    return {"ms_each": round((process_time() - started) * 100, 2)}


def uk63(directory: Path, limit: float, floor: float | None) -> dict[str, Any]:
    """Reach a published optimum from a cold start."""
    found = optimise_uk63(read_problem(directory), hospital_limit=limit, education_floor=floor)
    return {
        "gdp_bn": round(found.value_bn, 3),
        "peak": round(found.peak, 1),
        "r_end": round(found.R_end, 6),
        "bound_bn": round(found.bound_bn, 2),
    }


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uk63", type=Path, help="folder of UK63.mat and problem.yaml")
    directory = parser.parse_args().uk63
    rows = [measured("supply chain, 42 sectors × 180 days, 10 runs", 0.1, supply_chain)]
    rows.append(
        measured(
            "4 tiers × 42 sectors × 12 weeks",
            20,
            lambda: plan(places=158, sectors=42, weeks=12, areas=18, tiers=4),
        )
    )
    rows.append(
        measured(
            "158 counties × 42 sectors × 4 weeks, with cash",
            30,
            lambda: plan(places=158, sectors=42, weeks=4, areas=18, **CASH),
        )
    )
    rows.append(measured("robust, 4 tiers × 8 sectors × 12 weeks", 120, robust_plan))
    if directory is not None:
        rows.append(measured("UK-63 A1, cold start", 60, lambda: uk63(directory, 12_000, None)))
        rows.append(measured("UK-63 B2, cold start", 60, lambda: uk63(directory, 18_000, 0.8)))
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "two_hands.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
