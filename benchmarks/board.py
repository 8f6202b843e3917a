"""What the board costs: server time, queries and bytes of each page and of what its pictures read.

    YIPAN_HOME=… python benchmarks/board.py [--runs 20]

Needs a home in which `yipan demo` has run. Prints a table and writes benchmarks/results/board.json.
The aim is less than 200 ms of server time for the board and 100 kB for a first load.
"""

from __future__ import annotations

# ruff: noqa: E402  Django must be set up before its models are imported
import argparse
import gzip
import json
import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yipan.kernel.settings")

import django

django.setup()

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from yipan.access.models import User
from yipan.web.assets import DIST, asset_file, preloads

RESULT = Path(__file__).parent / "results" / "board.json"
PATHS = {
    "board": "/",
    "wall": "/wall/",
    "map data": "/board/map.json",
    "boundaries": "/board/topology.json",
    "one number": "/numbers/rt/",
    "search": "/search/?q=gu&stay=1",
    "API": "/api/board",
}
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def measure(client: Client, path: str, runs: int) -> dict[str, Any]:
    """Return milliseconds (median, of the processor, 95 %), queries and compressed bytes of an address."""
    client.get(path)  # what is read once in a process
    took, worked = [], []
    for _run in range(runs):
        began, busy = time.perf_counter(), time.process_time()
        answer = client.get(path)
        took.append(1000 * (time.perf_counter() - began))
        worked.append(1000 * (time.process_time() - busy))
    with CaptureQueriesContext(connection) as asked:
        client.get(path)
    packed = answer.headers.get("Content-Encoding") == "gzip"
    return {
        "status": answer.status_code,
        "median_ms": round(statistics.median(took), 1),
        "cpu_ms": round(statistics.median(worked), 1),
        "p95_ms": round(statistics.quantiles(took, n=20)[-1], 1),
        "queries": len(asked),
        "kB_gzip": round(
            len(answer.content if packed else gzip.compress(answer.content)) / 1000, 1
        ),
    }


def static_bytes() -> dict[str, float]:
    """Return the compressed size of each built file that the board loads."""
    names = [asset_file(source) for source in ("css/yipan.css", "shell.ts", "pictures.ts")]
    names += [name for source in ("shell.ts", "pictures.ts") for name in preloads(source)]
    return {
        name: round(len(gzip.compress((DIST / name).read_bytes(), 9)) / 1000, 1)
        for name in dict.fromkeys(names)
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20)
    asked = parser.parse_args()
    client = Client(
        HTTP_HOST="127.0.0.1", headers={"accept": "text/html", "accept-encoding": "gzip"}
    )
    client.force_login(User.objects.get(username="commander"), backend=BACKEND)
    rows = {name: measure(client, path, asked.runs) for name, path in PATHS.items()}
    static = static_bytes()
    first = sum(static.values()) + sum(
        rows[name]["kB_gzip"]
        for name in ("board", "map data", "boundaries")
        if rows[name]["status"] == 200
    )
    print(
        f"{'':12} {'status':>6} {'median ms':>10} {'cpu ms':>8} {'p95 ms':>8} {'queries':>8} {'kB gzip':>8}"
    )
    for name, row in rows.items():
        print(
            f"{name:12} {row['status']:>6} {row['median_ms']:>10} {row['cpu_ms']:>8} {row['p95_ms']:>8}"
            f" {row['queries']:>8} {row['kB_gzip']:>8}"
        )
    print(f"static: {static}")
    print(f"first load of the board: {first:.0f} kB")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(
        json.dumps(
            {
                "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
                "load_1min": round(
                    os.getloadavg()[0], 1
                ),  # others on the machine stretch wall time
                "database": connection.vendor,
                "runs": asked.runs,
                "pages": rows,
                "static_kB_gzip": static,
                "first_load_kB_gzip": round(first, 1),
            },
            indent=2,
        )
        + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
