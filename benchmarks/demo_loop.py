"""The whole loop on the demo province, as a newcomer's machine runs it.

    python benchmarks/demo_loop.py [--runs 3] [--villages 2000]

Each run starts from an empty YIPAN_HOME; a second run of the same command follows, which only looks.
Prints a table and writes benchmarks/results/demo_loop.json. DESIGN §7 asks for at most 60 s and 4 GiB
on 2 cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

RESULT = Path(__file__).parent / "results" / "demo_loop.json"


def run_once(home: str, villages: int) -> dict[str, Any]:
    """Run the demo in `home`; return its JSON with the wall time seen from outside."""
    started = time.perf_counter()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "yipan.cli",
            "demo",
            "--no-serve",
            "--json",
            "--villages",
            str(villages),
        ],
        env={**os.environ, "YIPAN_HOME": home, "YIPAN_DATABASE_URL": ""},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    outcome: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    outcome["wall_seconds"] = round(time.perf_counter() - started, 2)
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--villages", type=int, default=2000)
    asked = parser.parse_args()
    first, second = [], []
    for number in range(asked.runs):
        with tempfile.TemporaryDirectory() as home:
            first.append(run_once(home, asked.villages))
            second.append(run_once(home, asked.villages))
        print(
            f"run {number + 1}: first {first[-1]['wall_seconds']} s, second {second[-1]['wall_seconds']} s",
            file=sys.stderr,
        )
    peak_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    rows = [
        ("first run, wall s", [r["wall_seconds"] for r in first], 60),
        ("second run, wall s", [r["wall_seconds"] for r in second], None),
        ("peak MiB, whole tree of processes", [r["peak_mib"] for r in first], 4096),
    ]
    print(f"{'figure':<36}{'min':>9}{'median':>9}{'max':>9}{'limit':>9}")
    for name, values, limit in rows:
        print(
            f"{name:<36}{min(values):>9.1f}{statistics.median(values):>9.1f}{max(values):>9.1f}{limit or '':>9}"
        )
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(
        json.dumps(
            {
                "machine": {"python": platform.python_version(), "cpus": os.cpu_count()},
                "villages": asked.villages,
                "largest_process_mib": round(peak_mib, 1),
                **{
                    name: {"values": values, "median": statistics.median(values), "limit": limit}
                    for name, values, limit in rows
                },
                "outcome": first[-1],
            },
            indent=1,
            ensure_ascii=False,
        )
        + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
